# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Behind what a secret stands without a key: flags and words of known commands, addresses, calls."""

import re
from collections.abc import Iterator

# Between two words of a command line, also one that is written as a list of strings.
_GAP = r'(?:(?:\s|,|\\*["\']){1,12}+)'
# Before the secret, with its quote.
_LAST = r'(?:\\*["\']?[\s,]{1,12}+)'
_WORD = r'(?:(?![|;&\s,"\'])(?:\\(?!["\'])|[^\s,"\'\\]){1,200}+)'
# Not within a word, unless that is the letter of an escaped newline; behind a path.
_START = r'(?:(?<![\w.-])|(?<=\\[nrt]))'
# (programs and the words that make them ask for a secret, what stands right before it, maybe glued to it)
_COMMANDS = (
    ('curl', r'(?:-[a-zA-Z]{{0,4}}u|--user|-U|--proxy-user){last}?(?=\\*["\']?[^\s:"\'/]{{0,64}}["\']?:)'),
    (
        r'(?:docker|podman|buildah|nerdctl|oras|skopeo|crane(?:{gap}auth)?|helm(?:{gap}registry)?|az(?:{gap}acr)?){gap}login',
        '-p',
    ),
    ('mysql(?:dump|admin|check|import|show|sh)?|mariadb(?:-dump|-admin)?', r'-p(?=[^\s"\',\\])'),
    ('mongo(?:sh|dump|restore|import|export)?|snowsql|sqoop', '-p'),
    ('redis-cli', '-a'),
    ('sshpass', '-p'),
    ('twine(?:{gap}upload)?|ncftpput|rclone|ipmitool', '-p'),
    ('7z[ar]?|rar|unrar', r'-p(?=[^\s"\',\\])'),
    ('unzip|zip|zipcloak', '-P'),
    ('sqlcmd|bcp|mosquitto_(?:pub|sub)', '-P'),
    ('ldap(?:search|modify|add|whoami|passwd)', '-w'),
    ('openssl', r'-k|-(?:pass(?:in|out)?|passwd){gap}(?:pass:)?'),
    ('https?|xh', r'(?:-a|--auth)'),
    ('smbclient|rpcclient|net', r'-U{gap}?[^\s"\'%]{{1,64}}%'),
    ('lftp', r'-u{gap}?[^\s"\',]{{1,64}},'),
    ('ssh-keygen', '-[NP]'),
    ('prefect(?:{gap}cloud){gap}login', '-k'),
)
# What has no flag at all: a word, or the third.
_POSITIONS = (
    r'wandb{gap}login(?:{gap}--(?:host{gap})?[\w.:/=-]{{1,200}})*+{last}',
    r'(?:vault|cargo|kaggle){gap}login(?:{gap}-{word})*+{last}',
    r'(?:ngrok(?:{gap}config)?|flyctl|fly){gap}(?:add-)?auth-?token{gap}|conda{gap}token{gap}set{last}',
    r'mc{gap}(?:alias|config{gap}host){gap}(?:set|add){gap}{word}{gap}{word}{gap}{word}{last}',
    # echo S | docker login --password-stdin
    r'(?:echo|printf){last}(?=\\*["\']?[^\s|"\']{{6,200}}\\*["\']?\s*\|[^|\n]{{0,80}}(?:-stdin|login|passwd|sudo\s+-S))',
    r'htpasswd{gap}-\w*b\w*{gap}{word}{gap}{word}{last}',
    r'(?:login|user){gap}[^\s"\',]{{1,100}}{gap}password{last}',
)


def _with_gaps(form: str) -> str:
    return (
        form.replace('{gap}', _GAP)
        .replace('{last}', _LAST)
        .replace('{word}', _WORD)
        .replace('{{', '{')
        .replace('}}', '}')
    )


_FLAGGED = '|'.join(
    rf'(?:{_with_gaps(program)})(?:{_GAP}{_WORD}){{0,16}}?{_GAP}(?:{_with_gaps(flag)})' for program, flag in _COMMANDS
)
_SEVERAL_WORDS = re.compile(r'[\s,]')
# Any of their names: a text without one has no such command.
PROGRAM = re.compile(
    r'(?:curl|login|mysql\w*|mariadb[\w-]*|mongo\w*|snowsql|sqoop|redis-cli|sshpass|twine|ncftpput|rclone|ipmitool|7z[ar]?'
    r'|rar|unrar|zip|unzip|sqlcmd|bcp|mosquitto_[ps]ub|ldap[a-z]+|openssl|https?|xh|smbclient|rpcclient|net|lftp|prefect|echo|printf|ssh-keygen'
    r'|wandb|vault|cargo|kaggle|ngrok|fly(?:ctl)?|conda|mc|htpasswd|user|docker|podman|buildah|nerdctl|oras|skopeo|crane'
    r'|helm|az)(?=[\s,"\'\\])'
)
COMMAND = re.compile(rf'{_START}(?:(?:{_FLAGGED})(?:{_LAST}|=)?|{"|".join(map(_with_gaps, _POSITIONS))})(?![-&|;])')
# One of these is in every address and call.
_ADDRESS_HINT = re.compile(r'hook|telegram|literal|login\(|AI\(|Anthropic\(|Auth\(|Client\(|HfApi\(')
_ADDRESS = re.compile(
    r'hooks\.slack\.com/(?:services/|workflows/)?|\.webhook\.office\.com/|/api/webhooks/|api\.telegram\.org/bot'
    r'|--from-literal(?:=|\s)\\*["\']?[\w.-]{1,100}='
    r'|\blogin\(\s*\\*["\'][^"\'\n]{0,64}["\']\s*,\s*(?=\\*["\'])'
    r'|\b(?:wandb\.login|OpenAI|Anthropic|HfApi|\w{0,20}Client)\((?:key\s*=\s*)?(?=\\*["\'][^\s"\'/:]{16,256}\\*["\']\s*[,)])'
    r'|\bwandb\.login\((?:key\s*=\s*)?(?=\\*["\'])'
    r'|\b(?:HTTP)?(?:Basic|Digest|Proxy)Auth\(\s*\\*["\'][^"\'\n]{0,64}["\']\s*,\s*(?=\\*["\'])'
)


def secret_starts(text: str) -> Iterator[int]:
    """Where in a text a secret begins, for what stands before it."""
    position = 0 if _SEVERAL_WORDS.search(text) else len(text)
    while program := PROGRAM.search(text, position):
        position = program.end()
        if command := COMMAND.match(text, program.start()):
            yield command.end()
            position = max(position, command.end())
    if _ADDRESS_HINT.search(text):
        yield from (address.end() for address in _ADDRESS.finditer(text))
