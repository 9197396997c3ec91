# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What tells of a secret: the name of its key, its own form, or what stands before it."""

import re

_CASE_CHANGE = re.compile(r'(?<=[a-z0-9])(?=[A-Z])')
_SEPARATORS = re.compile(r'[^a-z0-9]+')

# Matched against the key in lower case, its words joined by underscores.
_TELLING_KEY = re.compile(
    r'passw|pass_word|passphrase|pass_?code|(?:^|_)(?:pwd|pw)\d*(?:_|$)|pwd$'
    r'|(?:^|_)(?:admin|db|ftp|http|mongo|my|mysql|pg|postgres|redis|root|smtp|sql|ssh|user)?pass$'
    r'|secret(?!ar[iy]|s?_?manager)|credential|(?:^|_)creds?(?:_|$)'
    r'|(?:^|_)authorization|(?:^|_)auth$|auth_?(?:code|config|header|key)'
    r'|(?:^|_)(?:bearer|cookies?|dsn|jwt|pat|sig|signature)$|(?:^|_)conn(?:ection)?_?str(?:ing)?$'
    r'|(?:access|account|api|app|application|client|encryption|fernet|hmac|jwt|license|master|private|service|shared'
    r'|signing|ssh|storage|subscription)_?keys?\d*(?:_|$)'
    r'|(?:anthropic|azure|cohere|comet|datadog|gemini|github|google|groq|hf|huggingface|kaggle|langchain|mistral|neptune'
    r'|ngc|openai|pinecone|slack|stripe|wandb)_?key$'
    r'|(?:^|_)(?:access|api|auth|bearer|device|github|gitlab|hf|oauth|refresh|security|service|session|slack|wandb)'
    r'_?tokens?(?:_|$)'
    r'|(?:^|_)token_(?:dev|prod|staging|test)$|token(?:_(?:value|secret|key))?_?\d*$'
)
# One of these is in every telling key, so a text without any has none; the search is cheap, finding all keys is not.
STEM = re.compile('auth|bearer|conn|cookie|cred|dsn|jwt|key|pass|pat|pw|secret|sig|token', re.IGNORECASE)
# The vocabulary of language models, where a token is a piece of text (eos_token), that of errors and that of loops.
# A word that may as well name a service (image, source) counts only among its like: not in HF_IMAGE_TOKEN.
_LIKE_IMAGE = (
    'assistant|audio|begin|blank|chunk|class|context|decoder|delimiter|distillation|end|expired|first|identity|image'
    '|initializer|input|instance|invalid|label|lang|last|middle|modifier|new|next|output|patch|pooling|prefix|prompt'
    '|source|src|start|stop|suffix|system|target|text|tgt|trigger|unexpected|unrecognized|valid|video'
)
_INNOCENT_KEY = re.compile(
    r'(?:error|exception)$'
    r'|(?:^|_)(?:bos|by|cls|eos|eot|mask|max|min|newline|num|pad|per|placeholder|sentinel|sep|special|unk)_?token$'
    r'|^(?:(?:add|default|fim|im|is|max|min|mm|num|per|time|to|use|user|vision|word'
    rf'|{_LIKE_IMAGE})_)*(?:{_LIKE_IMAGE})_?token$'
    r'|(?:^|_)(?:all|backward|band|by|does|each|extra|first|forward|full|high|is|last|low|max|min|multi|n|num|one|per'
    r'|second|single|test|tests|third|total|train|two|warmup)_pass$'
)


def is_telling(key: str) -> bool:
    """Whether the name alone says that the value is a secret, whatever its case or separators."""
    spellings = [_SEPARATORS.sub('_', each.lower()).strip('_') for each in (_CASE_CHANGE.sub('_', key), key)]
    return any(map(_TELLING_KEY.search, spellings)) and not any(map(_INNOCENT_KEY.search, spellings))


# Where a word begins: also behind the letter of an escaped newline, and behind %3D.
_START = r'(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9A-Fa-f]{2}))'
# What the keys and tokens of services begin with, and what follows.
_TOKENS = '|'.join(
    (
        # With the secret key, where that stands beside the id.
        r'(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b(?:["\']?[\s,:]\s*["\']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?',
        r'eyJ[\w-]{8,1024}+\.[\w-]{4,}(?:\.[\w-]*)?',
        r'(?:hf|gh[oprsu]|npm|dop_v1|gsk|r8|[rsp]k_(?:live|test)|lsv2_[ps][kt])_[A-Za-z0-9]{16,}',
        r'(?:github_pat_|dckr_[op]at_|glpat-|glsa_|pypi-AgE|nvapi-|hvs\.|GOCSPX-|shpat_|wandb_v1_|whsec_)[\w-]{16,}',
        r'(?:ABSK|ATATT3x|FwoGZXIvYXdz|IQoJb3JpZ2lu)[\w+/=-]{16,}|dapi[0-9a-f]{32}|SG\.[\w-]{16,}\.[\w-]+',
        r'sk-(?:admin|ant|or|proj|svcacct)-[\w-]{16,}|sk-[A-Za-z0-9_]{20,}',
        r'(?:xapp|xox[a-z])-[\w-]{10,}|AIza[\w-]{35}|ya29\.[\w-]+',
    )
)
VALUE = re.compile(
    r'-----BEGIN (?:[A-Z0-9]+ )*(?:BLOCK|CERTIFICATE|KEY|MESSAGE)-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)'
    rf'|{_START}(?:{_TOKENS})'
    r'|(?<=://)[^\s/@:"\']{16,256}+(?=(?::[^\s/@"\',]{0,256})?@)'
    r'|(?i:(?<=\bbearer )|(?<=\bbasic ))(?=\S*[\d=])[\w.~+/=-]{8,}',
    re.DOTALL,
)
# In a command line, a call or an address, a secret stands behind these.
BEFORE = re.compile(
    r'hooks\.slack\.com/|\.webhook\.office\.com/|/api/webhooks/'
    r'|(?:-u (?<=\s-u )|--user )(?=["\']?[^\s:/]{1,64}:(?!//))(?!\d+:\d+\b)'
    r'|docker login (?:(?:-u|--username) \S+ )?-p |redis-cli -a |sshpass -p\s*'
    r'|wandb login\s+(?:--(?:host\s+)?\S+\s+)*+(?![-&|;])|wandb\.login\((?:key\s*=\s*)?(?=["\'])'
    r'|\blogin\s+\S+\s+password\s+'
)
# scheme://user:password@host: the password may itself hold what a careful writer would have escaped.
URL_USER = re.compile(
    r'((?:://|:\\/\\/)[^\s/@:"\']{0,256}:)(?!\d{2,5}/)[^\s"\',]{1,256}(?=@)'
    r'|(%3A%2F%2F[^\s/@:%"\']{0,256}%3A)[^\s"\',]{1,256}(?=%40)',
    re.IGNORECASE,
)
