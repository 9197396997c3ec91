# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What is a secret by its own form, wherever it stands: the keys and tokens of services, a row each."""

import re

# (service, form). No row may try more than a bounded number of ways for each place of a text.
FORMS = (
    ('1Password', r'ops_(?=[a-z]{0,40}[A-Z0-9])[\w+/=-]{40,}'),
    ('Amazon Bedrock', r'bedrock-api-key-[\w+/=-]{16,}|ABSK[\w+/=-]{16,}'),
    ('Anthropic, OpenAI, OpenRouter', r'sk-(?:admin|ant|lf|or|proj|svcacct)-[\w-]{16,}|sk-[A-Za-z0-9_]{20,}'),
    ('Artifactory', r'AKC(?=[A-Za-z]{0,40}\d)[A-Za-z0-9]{10,}|cmVmdGtu[A-Za-z0-9]{16,}'),
    ('Atlassian', r'(?:ATATT3x|ATCTT3x|ATBB)[\w+/=-]{16,}|BBDC-[\w+/=-]{20,}'),
    # With the secret key, where that stands beside the id.
    (
        'AWS',
        r'(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b(?:["\']?[\s,:]\s*["\']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?',
    ),
    ('AWS session', r'(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[\w+/=-]{16,}'),
    ('Azure', r'[A-Za-z0-9_~.]{3}\dQ~[\w~.-]{31,}'),
    ('Brevo', r'xkeysib-[0-9a-f-]{32,}'),
    ('Cerebras', r'csk-[a-z0-9]{32,}'),
    ('Cloudflare', r'cf(?:[au]t|k)_[\w-]{20,}'),
    ('Databricks', r'dapi[0-9a-f]{32}'),
    ('DigitalOcean', r'do[oprt]_v1_[0-9a-f]{16,}'),
    ('Docker', r'dckr_[op]at_[\w-]{16,}'),
    ('Doppler', r'dp\.(?:audit|ct|pt|sa|scim|st)\.[\w.-]{20,}'),
    ('Figma', r'figd_[\w-]{20,}'),
    ('Fireworks', r'fw_[A-Za-z0-9]{22,}'),
    ('Fly', r'f(?:o1|m[12][ar]?)_[\w+/=-]{24,}'),
    ('GitHub', r'gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_[\w-]{16,}'),
    (
        'GitLab',
        r'gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|rtr|soat|wt)-[\w.-]{16,}|GR1348941[\w-]{16,}|_gitlab_session=\w{16,}',
    ),
    ('Google', r'AIza[\w-]{35}|ya29\.[\w-]+|GOCSPX-[\w-]{16,}|1//0[\w-]{30,}'),
    ('Grafana', r'glc_[\w+/=-]{30,}|glsa_[\w-]{16,}'),
    ('Groq', r'gsk_[A-Za-z0-9]{16,}'),
    ('Hugging Face', r'hf_[A-Za-z0-9]{16,}|api_org_[A-Za-z0-9]{20,}'),
    ('Jina', r'jina_[\w-]{24,}'),
    ('JSON Web Token', r'eyJ[\w-]{8,1024}+\.[\w-]{4,}(?:\.[\w-]*)?'),
    ('LangSmith', r'lsv2_[ps][kt]_[A-Za-z0-9]{16,}'),
    ('Linear', r'lin_(?:api|oauth)_[A-Za-z0-9]{20,}'),
    ('LlamaCloud', r'llx-[\w-]{20,}'),
    ('Mailgun', r'key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])'),
    ('New Relic', r'NR(?:AK|BR|II|IQ|JS|RA)-[\w-]{16,}|[0-9a-z]{36}NRAL'),
    ('Notion', r'ntn_[A-Za-z0-9]{20,}'),
    ('npm', r'npm_[A-Za-z0-9]{16,}'),
    ('NuGet', r'oy2[a-z0-9]{43}'),
    ('NVIDIA', r'nvapi-[\w-]{16,}'),
    ('Octopus', r'API-[A-Z0-9]{25,27}(?!\w)'),
    ('Perplexity', r'pplx-[A-Za-z0-9]{20,}'),
    ('Pinecone', r'pcsk_[\w-]{20,}'),
    ('PlanetScale', r'pscale_(?:oauth|pw|tkn)_[\w=.-]{30,}'),
    ('PostHog', r'ph[acrsx]_\w{20,}'),
    ('Postman', r'PMAK-[0-9a-f]{20,}(?:-[0-9a-f]*)?|PMAT-[A-Z0-9]{20,}'),
    ('Prefect', r'pn[bu]_[A-Za-z0-9]{20,}'),
    ('Pulumi', r'pul-[0-9a-f]{30,}'),
    ('PyPI', r'pypi-AgE[\w-]{16,}'),
    ('ReadMe', r'rdme_[a-z0-9]{40,}'),
    ('Replicate', r'r8_[A-Za-z0-9]{16,}'),
    ('RubyGems', r'rubygems_[0-9a-f]{20,}'),
    ('SendGrid', r'SG\.[\w-]{16,}\.[\w-]+'),
    ('Sentry', r'sntry[su]_[\w+/=-]{20,}'),
    ('Shopify', r'shp(?:at|ca|pa|ss)_[\w-]{16,}'),
    ('Slack', r'(?:xapp|xox[a-z](?:\.xox[a-z])?)-[\w-]{10,}'),
    ('Sourcegraph', r'sgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}'),
    ('Square', r'sq0[a-z]{3}-[\w-]{20,}'),
    ('Stripe', r'[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[\w+/=-]{16,}'),
    ('Supabase', r'sbp_(?:v0_)?[0-9a-f]{30,}|sb_secret_[\w-]{20,}'),
    ('Tailscale', r'tskey-[\w-]{16,}'),
    ('Tavily', r'tvly-[\w-]{16,}'),
    ('Telegram', r'\d{8,10}:AA[\w-]{32,36}'),
    ('Terraform', r'[A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,}'),
    ('Together', r'tgp_v1_[\w-]{20,}'),
    ('Vault', r'hv[brs]\.[\w-]{16,}|s\.(?=[A-Za-z]{0,20}\d)[A-Za-z0-9]{24}(?!\w)'),
    ('Weights & Biases', r'wandb_v1_[\w-]{16,}'),
    ('xAI', r'xai-[A-Za-z0-9]{20,}'),
    ('age', r'AGE-SECRET-KEY-1[A-Z0-9]{20,}'),
    ('Akamai', r'akab-[a-z0-9]{16}-[a-z0-9]{16}'),
    ('Alibaba', r'LTAI[A-Za-z0-9]{12,}'),
    ('base64 of a DER key', r'MI[IG][A-Za-z0-9+/]{80,}={0,2}'),
    ('Braintree', r'access_token\$(?:production|sandbox)\$[\w$]{16,}'),
    ('Clojars', r'CLOJARS_[0-9a-f]{40,}'),
    ('Defined Networking', r'dnkey-[A-Z0-9]{26}-[A-Z0-9]{40,}'),
    ('Discord', r'[MNO][A-Za-z0-9_-]{23,27}\.[\w-]{6}\.[\w-]{27,}'),
    ('Docker Swarm', r'SWM(?:TKN|KEY)-1-[\w+/-]{20,}'),
    ('Dropbox', r'sl\.[\w-]{60,}'),
    ('Dynatrace', r'dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{30,}'),
    ('Heroku', r'HRKU-[\w-]{30,}'),
    ('Mailchimp', r'[A-Za-z0-9]{32}-us\d{1,2}(?!\w)'),
    ('Meta', r'EAA[A-Za-z0-9][A-Za-z0-9_-]{40,}|IG[A-Z]{3}[A-Za-z0-9]{60,}|\d{14,17}\|[\w-]{27}'),
    ('NATS', r'S[ACNOUX][A-Z2-7]{56}(?!\w)'),
    ('Netlify', r'nf[pc]_[A-Za-z0-9_]{30,}'),
    ('NTLM', r'TlRMTVNTU[\w+/=]{16,}'),
    ('Salesforce', r'00D[A-Za-z0-9]{12,15}![\w.]{40,}'),
    ('SonarQube', r'sq[apu]_[0-9a-f]{40}'),
    ('Twilio', r'(?:AC|SK)(?:[0-9a-f]{32}|[0-9A-F]{32})(?!\w)'),
    ('Vercel', r'vc[ackipr]_[A-Za-z0-9]{24,}'),
    ('WunderGraph', r'cosmo_[0-9a-f]{32}'),
    ('base64 of PEM', r'LS0tLS1CRUdJTi[\w+/=-]{16,}'),
)
# Of a user's password, as the system keeps it.
_HASH = (
    r'\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2(?:id?|d)|md5|pbkdf2[\w-]{0,16}|s(?:cr|ha1|crypt))\$[\w./$=,+-]{20,}'
    r'|pbkdf2_sha\d{1,3}\$\d{1,9}\$[\w+/=$-]{20,}|\{S?SHA\d{0,3}\}[\w+/=]{20,}'
)
_ANY = '|'.join(form for _, form in FORMS)
_TOKEN = re.compile(f'(?<![A-Za-z0-9])(?:{_ANY})')
# A word also begins behind the letter of an escaped newline, behind %3D and behind a terminal's colour.
_ESCAPE = re.compile(r'[\\%\x1b]')
_BEHIND_ESCAPE = r'(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9A-Fa-f]{2})|(?<=\[\dm)|(?<=\[\d\dm)'
_TOKEN_AMONG_ESCAPES = re.compile(f'(?:(?<![A-Za-z0-9])|{_BEHIND_ESCAPE})(?:{_ANY})')
# A text without so long a word has none.
_TOKEN_LIKE = re.compile(r'[\w+/=~.:-]{13}')
# (one of these is in the text, what then is a secret, what is left of it). A hint is found faster than a form.
HINTED: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (
        ('-----BEGIN',),
        re.compile(
            r'-----BEGIN (?:[A-Z0-9]+ )*(?:BLOCK|CERTIFICATE|KEY|MESSAGE)-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)',
            re.DOTALL,
        ),
        '',
    ),
    (('$', '{S'), re.compile(_HASH), ''),
    (('@',), re.compile(r'(?<=://)[^\s/@:"\']{16,256}+(?=(?::[^\s/@"\',]{0,256})?@)'), ''),
    (
        ('earer ', 'asic ', 'EARER ', 'ASIC '),
        re.compile(r'(?i:(?<=\bbearer )|(?<=\bbasic ))(?=\S*[\d=])[\w.~+/=-]{8,}'),
        '',
    ),
    # scheme://user:password@host: the password may itself hold what a careful writer would have escaped.
    (('@',), re.compile(r'((?:://|:\\/\\/)[^\s/:"\']{0,256}:)(?!\d{2,5}/)[^\s"\',]{1,256}(?=@)'), r'\1'),
    # jdbc:oracle:thin:user/password@host; a line of .pgpass
    ((':thin:', 'sqlplus '), re.compile(r'((?::thin:|sqlplus )[^\s/@"\']{1,64}/)[^\s@"\']{1,256}(?=@)'), r'\1'),
    (
        (':5432:', ':*:'),
        re.compile(r'((?:^|(?<=[\s"\'])|(?<=\\n))[\w.*-]{1,100}:(?:5432|\*):[\w*-]{1,64}:[\w*.-]{1,64}:)[^\s"\'\\]+'),
        r'\1',
    ),
    (('%40',), re.compile(r'(%3A%2F%2F[^\s/@:%"\']{0,256}%3A)[^\s"\',]{1,256}(?=%40)', re.IGNORECASE), r'\1'),
)
_HINT = re.compile('|'.join(re.escape(hint) for hints, _, _ in HINTED for hint in hints))
# JSON in base64, which is a secret if one is in it: see scrubber.py.
BASE64_JSON = re.compile(
    rf'(?:(?<![\w+.-])|{_BEHIND_ESCAPE})(?:ey[AJ]|ew[0o]|W(?:3si|wog))[A-Za-z0-9_+/-]{{16,}}={{0,2}}(?![\w.])'
)


def without_tokens(text: str, redacted: str) -> str:
    """`text` without what is a secret by its own form."""
    if _HINT.search(text):
        for hints, form, kept in HINTED:
            if any(hint in text for hint in hints):
                text = form.sub(kept + redacted, text)
    if _TOKEN_LIKE.search(text):
        form = _TOKEN_AMONG_ESCAPES if _ESCAPE.search(text) else _TOKEN
        text = form.sub(redacted, text)
    return text
