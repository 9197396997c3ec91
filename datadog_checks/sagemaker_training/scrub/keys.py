# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Which names tell that their value is a secret, which values are none whatever their name, and which look random."""

import re
from functools import lru_cache

_CASE_CHANGE = re.compile(r'(?<=[a-z0-9])(?=[A-Z])')
_SEPARATORS = re.compile(r'[^a-z0-9]+')

# All names are matched in lower case, their words joined by underscores.
# What is a secret whatever it looks like.
_PASSWORD = re.compile(
    r'passw|pass_word|passphrase|pass_?code|(?:^|_)pa?s{1,2}wo?r?d|pswd|pwd$|(?:^|_)pwd\d*(?:_|$)'
    r'|(?:admin|bind|db|ftp|ldap|mail|my|pg|root|smtp|ssh|sudo|user|vnc)_?pw\d*$'
    r'|secret(?!ar[iy]|s?_?manager)|credential|(?:^|_)creds?(?:_|$)|(?:^|_)authorization'
    r'|(?:^|_)(?:bearer|cookies?|dsn|jwt|pat|string_?data)$|(?:^|_)conn(?:ection)?_?str(?:ing)?$'
    r'|(?:^|_)(?:webhook(?:_?ur[il])?s?|mnemonic|seed_phrase|recovery_codes?|sas_ur[il]|authtoken)$'
    r'|(?:access|account|api|app|application|authentication|client|encryption|fernet|hmac|jwt|license|master|priv|private'
    r'|service|shared|signing|ssh|storage|subscription)_?keys?\d*(?:_|$)'
    r'|(?:anthropic|azure|cohere|comet|datadog|gemini|github|google|groq|hf|huggingface|kaggle|langchain|mistral|neptune'
    r'|ngc|openai|pinecone|slack|stripe|wandb)_?key$|auth_?(?:code|config|header|key)|oauth$'
)
# What may as well be a number, a switch or a piece of a model's vocabulary.
_LESS = re.compile(
    r'(?:^|_)pw\d*(?:_|$)|(?:^|_)auth$|(?:^|_)(?:sas|sig)$'
    r'|(?:^|_)(?:access|api|auth|bearer|device|github|gitlab|hf|oauth|refresh|security|service|session|slack|wandb)'
    r'_?tokens?(?:_|$)'
    r'|(?:^|_)token_(?:dev|prod|staging|test)$|token(?:_(?:value|secret|key))?_?\d*$'
    r'|(?:^|_)pass$|[a-z0-9](?<!by)(?<!com)(?<!sur)(?<!tres)(?<!under)(?<!over)(?<!multi)pass$'
)
# What is a secret only if it looks random, and what is none even then.
_KEY = re.compile(r'(?:^|[a-z0-9_])key\d*$|(?:^|_)(?:api|authentication|nonce|salt|signature)\d*$')
_NAMING_KEY = re.compile(
    r'(?:^|_)(?:bucket|cache|dedup|event|foreign|idempotency|image|issue|join|kms'
    r'|message|object|partition|primary|pub|public|record|routing|row|s3|shard|sort'
    r'|unique)_?key\d*$|monkey|turkey|hockey|donkey|jockey|whiskey'
)
# One of these is in every name that tells, in lower case: a text without any has none, which is found cheaply.
STEM = re.compile(
    '_api|auth|bearer|conn|cookie|cred|dsn|identified|jwt|key|mnemonic|nonce|pass|pat|phrase|pa?s?s?w|recovery|salt'
    '|sas|secret|sig|string_?data|token|webhook'
)
# Without one of these there is no value before its name.
PAIR_VALUE_STEM = re.compile('val|content|default|string', re.IGNORECASE)
# The vocabulary of language models, where a token is a piece of text (eos_token), that of errors and that of loops.
# A word that may as well name a service (image, source) counts only among its like: not in HF_IMAGE_TOKEN.
_LIKE_IMAGE = (
    'answer|assistant|audio|begin|blank|bot|chunk|class|context|decoder|delimiter|distillation|document|empty|end'
    '|entity|expired|fill|first|frame|human|identity|image|initializer|input|instance|invalid|label|lang|language|last'
    '|line|mask|media|middle|modifier|new|next|object|output|paragraph|patch|point|pooling|prefix|prompt|query|question'
    '|reasoning|region|row|sentence|sep|source|space|speaker|special|split|src|start|stop|suffix|system|tab|target|text'
    '|tgt|think|thinking|time|timestamp|tool|trigger|turn|unexpected|unknown|unrecognized|valid|video|word'
)
_ORDINARY = re.compile(
    r'(?:error|exception)$'
    r'|(?:passw(?:or)?d|secret|token|credential|key|auth)s?_(?:age|attempts?|count|dim|enabled|expir\w*|file_name|hash_fn'
    r'|arn|dir|file|len|length|max\w*|min\w*|name|path|policy|present|provider|ref|relative_uri|required|size|type|ttl'
    r'|version)$'
    r'|(?:^|_)secret_key_ref$'
    r'|(?:^|_)(?:beam_size|bod|bos|by|cls|eod|eom|eos|eot|ent|mask|max|min|newline|num|pad|per|placeholder|sentinel|sep'
    r'|special|unk|unused)_?token(?:_?\d*)$'
    r'|^(?:(?:add|default|fim|im|is|max|min|mm|num|per|time|to|use|user|vision|word'
    rf'|{_LIKE_IMAGE})_)*(?:{_LIKE_IMAGE})_?token(?:_\d+)?$'
    r'|(?:^|_)(?:all|backward|band|by|does|each|extra|first|forward|full|high|is|last|low|max|min|multi|n|num|one|per'
    r'|second|single|test|tests|third|total|train|two|warmup)_?pass$'
)


def _spellings(name: str) -> list[str]:
    return [_SEPARATORS.sub('_', each.lower()).strip('_') for each in (_CASE_CHANGE.sub('_', name), name)]


@lru_cache(4096)
def tells(name: str) -> str:
    """What a name says, whatever its case or separators: nothing, or that its value is a secret

    'always', 'mostly' (unless it is a number, a switch or of a model's vocabulary), or 'random' (if it looks so).
    """
    spellings = _spellings(name)
    if any(map(_ORDINARY.search, spellings)):
        return ''
    for pattern, how in ((_PASSWORD, 'always'), (_LESS, 'mostly')):
        if any(map(pattern.search, spellings)):
            return how
    is_key = any(map(_KEY.search, spellings)) and not any(map(_NAMING_KEY.search, spellings))
    return 'random' if is_key else ''


def is_secret(how: str, value: str) -> bool:
    """Whether the value of a name that tells `how` is a secret."""
    if how in ('', 'pattern') or len(value) > _LONGEST_ORDINARY:
        return how in ('pattern', 'always', 'mostly') or (how == 'random' and looks_random(value))
    match how:
        case 'always':
            return not _IS_NO_SECRET.fullmatch(value)
        case 'mostly':
            return not (_IS_NO_SECRET.fullmatch(value) or _IS_NO_TOKEN.fullmatch(value))
    return looks_random(value)


_LONGEST_ORDINARY = 64
# Switches, types, words of sentences, names of exceptions, and what stands for a value that is elsewhere: ${NAME},
# $SOME_NAME, {{ name }}, %(name)s, ****.
_IS_NO_SECRET = re.compile(
    r'[\\"\'\s]*(?:(?i:true|false|yes|no|on|off|none|null|nil|nan|undefined|str|string|bytes|int|bool'
    r'|required|missing|invalid|expired|unknown|denied|mfa|not|must|field'
    r'|already|at|by|cannot|could|does|for|from|has|in|is|of|on|to|was|with)'
    r'|[A-Z]\w*(?:Error|Exception)'
    r'|(?:self|cls|args|opts?|cfg|config|conf|settings|os|process|env|params|kwargs|options|ctx|request)'
    r'(?:\.[A-Za-z_]\w*)+'
    r'|\$\{\w+\}|\$[A-Z][A-Z0-9]*_[A-Z0-9_]+|\$\([^)]*\)|\{\{[^{}]*\}\}|%\(\w+\)s|\*{3,}|<redacted>)?[\\"\'\s)\]},.:;]*'
)
# Small numbers, <image>, <|eod|>, [MASK], and what has hardly a letter or digit.
_IS_NO_TOKEN = re.compile(
    r'[\\"\'\s]*(?:[-+]?\d{0,5}(?:\.\d{1,6})?(?:e[-+]?\d{1,3})?|</?\|?[\w /:-]{1,40}\|?>|\[[A-Za-z_ ]{1,30}\d{0,4}\]'
    r'|[^\x00-\x7f]?\W{0,3}\w{0,2}|auto|default)[\\"\'\s)\]},.;%]*(?:s|ms|%)?'
)

_RUNS = re.compile(r'[A-Z]?[a-z]+|[A-Z]+|\d+|[!#$%^&*~]+')
_SEGMENT = re.compile(r'[A-Za-z0-9!#$%^&*~]+')
_ALPHABET = re.compile(r'[\w+/=.~!@#$%^&*-]{8,}')
_PATH = re.compile(r'(?:^|/)(?:[a-z][a-z_-]{3,}|[\w-]*\.[a-z]{1,5}\d?|\.{1,2})(?=/|$)|^/')
_DATED = re.compile(r'(?:19|20)\d\d[01]\d[0-3]\d\d*')
_LONG_WORD = 24
_EXCEPTION = re.compile(r'(?:[A-Z][a-z]*)+(?:Error|Exception)')
_AROUND = '"\'\\ ,;:.()[]{}<>\n'


def looks_random(value: str) -> bool:
    """Whether nobody would think of it: no word, path, number below 6 digits, date, column's or layer's name."""
    value = value.strip(_AROUND)
    if not _ALPHABET.fullmatch(value) or _PATH.search(value) or _EXCEPTION.fullmatch(value):
        return False
    if value.isdecimal():
        return not _DATED.fullmatch(value)
    segments = _SEGMENT.findall(value)
    changes = sum(len(_RUNS.findall(segment)) - 1 for segment in segments)
    if changes >= max(3, len(value) / 7):
        return True
    return any(len(segment) >= _LONG_WORD and (changes or not segment.isdecimal()) for segment in segments)


def looks_made_up(value: str) -> bool:
    """Whether it is no word of a sentence: letters and digits, or signs within."""
    value = value[:200].strip(_AROUND)
    has_digit, has_letter = any(map(str.isdigit, value)), any(map(str.isalpha, value))
    return len(value) >= 6 and ((has_digit and has_letter) or bool(_SIGN_WITHIN.search(value)))


_SIGN_WITHIN = re.compile(r'\w[!#$%^&*+@]\w')
