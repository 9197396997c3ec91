# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Secrets in the places where training jobs have them, made up from a seed: kind x construction x context.

No secret stands in a file: what tells of a service and what follows it are joined only when a case is made.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from datadog_checks.sagemaker_training.scrub import Scrubber

HEX, DIGITS, LOWER, UPPER = '0123456789abcdef', string.digits, string.ascii_lowercase, string.ascii_uppercase
LETTERS, ALNUM = string.ascii_letters, string.ascii_letters + string.digits
BASE64, URL = ALNUM + '+/', ALNUM + '-_'
SEED = 2026


class Case(NamedTuple):
    """One secret in one place."""

    kind: str
    place: str
    shape: str  # 'text', 'arguments', 'command' (entrypoint and arguments) or 'mapping'
    given: object
    secret: str

    def leaks(self, scrubber: Scrubber) -> bool:
        """Whether the secret, or the greater part of it, is still there."""
        shown = scrubbed(scrubber, self.shape, self.given)
        half = len(self.secret) // 2
        return self.secret[half:] in shown or self.secret[:half] in shown


def scrubbed(scrubber: Scrubber, shape: str, given: object) -> str:
    match shape, given:
        case 'text', str():
            return scrubber.text(given)
        case 'arguments', list():
            return ' '.join(scrubber.arguments(given))
        case 'command', (list(entrypoint), list(arguments)):
            before = scrubber.arguments(entrypoint)
            return ' '.join(before + scrubber.arguments(arguments, after=' '.join(entrypoint)))
        case 'mapping', dict():
            return ' '.join(f'{key} {value}' for key, value in scrubber.mapping(given).items())
    raise AssertionError(shape)


def body(rng: random.Random, alphabet: str, length: int) -> str:
    """At least one character of each class that the alphabet has: a key without a digit is no typical one."""
    classes = [[c for c in alphabet if c in group] for group in (DIGITS, LOWER, UPPER)]
    while True:
        made = ''.join(rng.choices(alphabet, k=length))
        if all(set(made) & set(group) for group in classes if group and len(group) > 2) and made[0] in ALNUM:
            return made


def keys(rng: random.Random) -> list[str]:
    """What services hand out: hex, base64, letters and digits, a UUID."""
    uuid = '-'.join(body(rng, HEX, n) for n in (8, 4, 4, 4, 12))
    return [
        body(rng, HEX, 32),
        body(rng, HEX, 40),
        body(rng, ALNUM, 24),
        body(rng, BASE64, 40),
        body(rng, URL, 32),
        uuid,
    ]


def passwords(rng: random.Random) -> list[str]:
    """What people and password managers make up."""
    word = body(rng, LOWER, 7)
    return [
        f'{word}{rng.randint(10, 999)}',
        f'{word.title()}!{rng.randint(10, 99)}xy',
        body(rng, ALNUM + '!#%*+_.', 14),
    ]


def escaped(text: str) -> str:
    return json.dumps(text)


def _both(text: str) -> list[str]:
    """As it is, and as a string within JSON."""
    return [text, escaped(text)]


# 1. A key below a telling key has a value of its own.
PARENTS = (
    '{p}:\n  password: {s}\nepochs: 3',
    '{p}:\n  user: bob\n  password: {s}\nepochs: 3',
    '{p}:\n  value: {s}\nepochs: 3',
    'a: 1\n{p}:\n  - name: x\n    value: {s}\nepochs: 3',
    '{p}:\n- name: x\n  value: {s}\nepochs: 3',
    '{p}:\n    blob: {s}\n    user: bob\nepochs: 3',
    'x:\n  {p}:\n    inner:\n      blob: {s}\n  y: 1',
    '{p}: {{\n  "user": "bob",\n  "blob": "{s}"\n}}\nepochs: 3',
    '{p}: token: {s}',
    '{p}: password={s}',
    '{p}:\n  - {s}\n  - b\nepochs: 3',
    '{p}:\n  "blob": "{s}"\nepochs: 3',
)
PARENT_NAMES = ('credentials', 'auth', 'token', 'secrets', 'secret', 'api_keys', 'passwords', 'db_credentials')

# 2. Names that tell; those that tell only beside a value that looks random.
ANY_VALUE = (
    'DB_PASSWORD', 'pswd', 'privkey', 'priv_key', 'authentication_key', 'mailpass', 'rootpw', 'oauth', 'api_key',
    'HF_TOKEN', 'clientSecret', 'db.passwd', 'aws_secret_access_key', 'storageKey', 'SMTP_PASS', 'signing_key',
    'wandb-api-key', 'spring.datasource.password', 'fs.s3a.secret.key', 'PGPASSWORD', 'jwt_secret', 'bind_pw',
    'mlflow_tracking_token', 'NEPTUNE_API_TOKEN', 'user_pwd', 'refreshToken', 'ConnectionString', 'sasl.password',
)  # fmt: skip
RANDOM_VALUE = (
    'SERPER_KEY', 'TAVILY_KEY', 'AES_KEY', 'aws_key', 'key', 'KEY', 'hashKey', 'bingKey', 'team-key', 'mykey',
    'KEY1', 'es.key', 'TURBOPUFFER_KEY', 'cmkkey',
)  # fmt: skip
BESIDE = (
    '{k}={s}', '{k}: {s}', '{k}={s} epochs=3', '{k} = "{s}"', "{k}: '{s}'", '{{"{k}": "{s}", "epochs": 3}}',
    "{{'epochs': 3, '{k}': '{s}'}}", 'train.py --{k} {s} --epochs 3', 'train.py --{k}={s}', "['--{k}', '{s}']",
    'export {k}={s}; train', 'a: 1\n{k}: {s}\nb: 2', '<{k}>{s}</{k}>', 'docker run -e {k}={s} image',
    '[section]\n{k} = {s}\nepochs = 3', 'ENV {k} {s}', 'failed with {k}={s}, epochs=3', 'https://host/p?a=1&{k}={s}',
    "os.environ['{k}'] = '{s}'", '{{"name": "{k}", "value": "{s}"}}', "environ({{'{k}': '{s}', 'PATH': '/bin'}})",
    '- name: {k}\n  value: {s}', "[('{k}', '{s}')]", 'conf.set("{k}", "{s}")',
)  # fmt: skip

# 3. (service, what it begins with, alphabet, length); a list where something stands within.
TOKENS: tuple[tuple[str, str | Callable[[random.Random], str], str, int], ...] = (
    ('Amazon Bedrock', 'bedrock-api-key-', BASE64, 120), ('Hugging Face organisation', 'api_org_', LETTERS, 34),
    ('Pinecone', 'pcsk_', ALNUM + '_', 70), ('xAI', 'xai-', ALNUM, 80), ('Perplexity', 'pplx-', ALNUM, 48),
    ('Tavily', 'tvly-', ALNUM, 32), ('Jina', 'jina_', ALNUM, 60), ('LlamaCloud', 'llx-', ALNUM, 48),
    ('Together', 'tgp_v1_', URL, 43), ('GitLab runner', 'glrt-', URL, 20), ('GitLab CI job', 'glcbt-', URL, 24),
    ('GitLab deploy', 'gldt-', URL, 20), ('GitLab trigger', 'glptt-', HEX, 40), ('GitLab OAuth', 'gloas-', HEX, 64),
    ('GitLab feed', 'glft-', URL, 20), ('GitLab mail', 'glimt-', ALNUM, 25), ('GitLab agent', 'glagent-', URL, 50),
    ('Artifactory', 'AKC', ALNUM, 70), ('Artifactory reference', 'cmVmdGtu', ALNUM, 56), ('Bitbucket', 'ATBB', ALNUM,
    32),
    ('Bitbucket Data Center', 'BBDC-', BASE64, 44), ('RubyGems', 'rubygems_', HEX, 48),
    ('DigitalOcean OAuth', 'doo_v1_', HEX, 64), ('DigitalOcean refresh', 'dor_v1_', HEX, 64),
    ('Azure', lambda rng: body(rng, ALNUM, 3) + '8Q~', ALNUM + '_~.-', 34), ('Vault batch', 'hvb.', URL, 140),
    ('Vault recovery', 'hvr.', URL, 90), ('Terraform', lambda rng: body(rng, ALNUM, 14) + '.atlasv1.', URL, 64),
    ('Doppler', 'dp.pt.', ALNUM, 43), ('Pulumi', 'pul-', HEX, 40), ('Prefect', 'pnu_', ALNUM, 36),
    ('Grafana Cloud', 'glc_', BASE64, 80), ('Sentry organisation', 'sntrys_', BASE64, 100), ('Sentry user', 'sntryu_',
    HEX, 64),
    ('New Relic', 'NRAK-', UPPER + DIGITS, 27), ('Postman', 'PMAK-', HEX, 24), ('Linear', 'lin_api_', ALNUM, 40),
    ('1Password', 'ops_', ALNUM, 250), ('Tailscale', 'tskey-auth-', ALNUM, 30), ('Figma', 'figd_', URL, 40),
    ('Notion', 'ntn_', ALNUM, 46), ('PostHog', 'phx_', ALNUM, 43), ('Supabase', 'sbp_', HEX, 40),
    ('Cloudflare user', 'cfut_', ALNUM, 48), ('Cloudflare account', 'cfat_', ALNUM, 48), ('Shopify shared', 'shpss_',
    HEX, 32),
    ('Shopify private', 'shppa_', HEX, 32), ('Telegram', lambda rng: f'{rng.randint(10**8, 10**10 - 1)}:AA', URL, 33),
    ('age', 'AGE-SECRET-KEY-1', UPPER + DIGITS, 58), ('Hugging Face', 'hf_', ALNUM, 34), ('GitHub', 'ghp_', ALNUM, 36),
    ('OpenAI', 'sk-proj-', URL, 100), ('Anthropic', 'sk-ant-api03-', URL, 95), ('Slack', 'xoxb-', DIGITS + '-' + ALNUM,
    50),
    ('AWS', 'AKIA', UPPER + '234567', 16), ('Google', 'AIza', URL, 35), ('npm', 'npm_', ALNUM, 36),
    ('Groq', 'gsk_', ALNUM, 52), ('Replicate', 'r8_', ALNUM, 37), ('NVIDIA', 'nvapi-', URL, 64),
    ('crypt SHA-512', lambda rng: '$6$' + body(rng, ALNUM, 8) + '$', ALNUM + './', 86),
    ('bcrypt', '$2b$12$', ALNUM + './', 53), ('crypt MD5', lambda rng: '$1$' + body(rng, ALNUM, 8) + '$', ALNUM + './',
    22),
    ('Argon2', '$argon2id$v=19$m=65536,t=3,p=4$', BASE64, 60), ('yescrypt', '$y$j9T$', ALNUM + './', 60),
    ('Mailgun', 'key-', HEX, 32), ('Databricks', 'dapi', HEX, 32), ('Langfuse', 'sk-lf-', HEX, 32),
    ('Fireworks', 'fw_', ALNUM, 24), ('Brevo', 'xkeysib-', HEX, 64), ('Square', 'sq0csp-', URL, 43),
    ('PlanetScale', 'pscale_tkn_', URL, 43), ('ReadMe', 'rdme_', LOWER + DIGITS, 70), ('Sourcegraph', 'sgp_', HEX, 40),
    ('Heroku', 'HRKU-', URL, 60), ('SonarQube', 'squ_', HEX, 40), ('Vercel', 'vcp_', ALNUM, 56),
    ('Netlify', 'nfp_', ALNUM, 36), ('Docker Swarm', 'SWMTKN-1-', LOWER + DIGITS, 50), ('PostHog project', 'phs_',
    ALNUM, 43),
    ('Postman collection', 'PMAT-', UPPER + DIGITS, 26), ('NATS', 'SU', UPPER + '234567', 56), ('GitLab workspace',
    'glwt-', URL, 30),
    ('Dynatrace', lambda rng: f'dt0c01.{body(rng, UPPER + DIGITS, 24)}.', UPPER + DIGITS, 64), ('NuGet', 'oy2',
    LOWER + DIGITS, 43), ('Cerebras', 'csk-', LOWER + DIGITS, 48), ('Fly', 'fo1_', URL, 43),
)  # fmt: skip
ANYWHERE = (
    '{s}', 'started with {s}', 'model: {s}', '{{"model": "{s}"}}', '"{{\\"a\\": \\"{s}\\"}}"',
    'train.py --model {s} -v',
    "['--x', '{s}']", '<a>{s}</a>', 'x("{s}")', 'got {s}, stopped', 'line\\n{s}\\nline', 'https://host/{s}/x', 'X={s}',
    '\x1b[93m{s}\x1b[0m',
)  # fmt: skip

# 4. {c} is S for a command line; {u} a user.
COMMANDS = (
    ['wandb', 'login', '{s}'], ['wandb', 'login', '--relogin', '{s}'], ['docker', 'login', '-u', 'AWS', '-p', '{s}',
    'host'],
    ['docker', 'login', '-p', '{s}', '-u', 'AWS', 'host'], ['podman', 'login', 'host', '-u', 'a', '-p', '{s}'],
    ['curl', '-u', 'bob:{s}', 'https://host'], ['curl', '-s', '-o', 'f', '-u', 'bob:{s}', 'https://host'],
    ['curl', '-ubob:{s}', 'https://host'], ['curl', '--user', 'bob:{s}', 'u'], ['curl', '-fsSL', 'https://h', '-u',
    'bob:{s}'],
    ['sshpass', '-p', '{s}', 'ssh', 'host'], ['sshpass', '-p{s}', 'ssh', 'host'], ['redis-cli', '-a', '{s}', 'ping'],
    ['redis-cli', '-h', 'h', '-a', '{s}'], ['redis-cli', '-h', 'h', '-p', '6379', '-a', '{s}'], ['mysql', '-p{s}',
    'db'],
    ['mysql', '-uroot', '-p{s}', 'db'], ['mysqldump', '-u', 'root', '-h', 'db', '-p{s}', 'x'],
    ['az', 'acr', 'login', '-n', 'r', '-u', 'bob', '-p', '{s}'], ['helm', 'registry', 'login', 'h', '-u', 'a', '-p',
    '{s}'],
    ['twine', 'upload', '-u', 'a', '-p', '{s}', 'dist'], ['unzip', '-P', '{s}', 'a.zip'], ['vault', 'login', '{s}'],
    ['az', 'login', '-u', 'a', '-p', '{s}'], ['mosquitto_pub', '-u', 'a', '-P', '{s}'], ['ldapsearch', '-D', 'x', '-w',
    '{s}'],
    ['mongosh', '-u', 'a', '-p', '{s}'], ['sqlcmd', '-S', 'h', '-U', 'sa', '-P', '{s}'], ['7z', 'x', '-p{s}', 'a.7z'],
    ['aws', 'configure', 'set', 'aws_secret_access_key', '{s}'], ['pip', 'config', 'set', 'global.password', '{s}'],
    ['huggingface-cli', 'login', '--token', '{s}'], ['train.py', '--db-password', '{s}'], ['train.py', '--api-key={s}'],
    ['openssl', 'enc', '-k', '{s}', '-in', 'f'], ['openssl', 'rsa', '-passin', 'pass:{s}'], ['mc', 'alias', 'set', 'm',
    'https://h', 'id', '{s}'],
    ['ngrok', 'authtoken', '{s}'], ['http', '-a', 'bob:{s}', 'https://host'], ['smbclient', '//h/s', '-U', 'bob%{s}'],
    ['dvc', 'remote', 'modify', '--local', 'r', 'password', '{s}'], ['htpasswd', '-b', 'f', 'bob', '{s}'],
)  # fmt: skip

# 5. Sentences, for what people make up and what services hand out; source.
SAID_RANDOM = (
    'Invalid token {s}', 'API key {s} is not valid', 'Error: invalid api key: {s}', 'Incorrect API key provided: {s}',
    'authentication failed for token {s}.', 'The token {s} has expired', 'using key {s} for host',
    'bad credentials {s}',
    'Unknown access token "{s}"', 'using secret key {s}', 'with token: {s}',
)  # fmt: skip
SAID = (
    'wrong password "{s}"', "CREATE USER bob PASSWORD '{s}'", "CREATE USER 'bob'@'%' IDENTIFIED BY '{s}'",
    'wrong password {s}', 'the password is {s}', "ALTER ROLE bob WITH ENCRYPTED PASSWORD '{s}' LOGIN",
    "login as bob with password '{s}' failed", 'Password "{s}" is too short', "password for bob was '{s}'",
    'passphrase is "{s}"',
)  # fmt: skip
SOURCE = (
    'os.environ.get("HF_TOKEN", "{s}")', 'token = os.environ.get("HF_TOKEN") or "{s}"', 'api_key: str | None = "{s}"',
    'HTTPBasicAuth("user", "{s}")', "os.getenv('DB_PASSWORD', '{s}')", 'api_key: Optional[str] = "{s}"',
    'password: str = "{s}"', 'x = requests.get(u, auth=("bob", "{s}"))',
    'boto3.client("s3", aws_secret_access_key="{s}")',
    'const apiKey = process.env.API_KEY || "{s}";', 'token = f("x") if y else "{s}"', 'self.password = "{s}"',
    'login(token="{s}")', 'wandb.login(key="{s}")', 'parser.add_argument("--password", default="{s}")',
    'parser.add_argument("--api_key", type=str, default="{s}")', 'os.environ.setdefault("HF_TOKEN", "{s}")',
    'password = password or "{s}"', '${{DB_PASSWORD:-{s}}}', '${{HF_TOKEN:={s}}}', 'if password == "{s}":',
    'String password = "{s}";', 'System.setProperty("db.password", "{s}")', 'os.putenv("DB_PASSWORD", "{s}")',
    'comet_ml.Experiment(api_key="{s}", project_name="x")', "neptune.init_run(api_token='{s}')", "client_secret=r'{s}'",
    "password=b'{s}'", 'cfg["password"] = f"{s}"', '"password": SecretStr("{s}")',
)  # fmt: skip
HEADERS = (
    'Authorization: Bearer {s}', 'Authorization: Token {s}', 'Authorization: Custom {s}', 'Authorization: {s}',
    'authorization: ApiKey {s}', "{{'Authorization': 'Bearer {s}'}}", '"Authorization": "Splunk {s}"',
    "curl -H 'Authorization: Bearer {s}' https://host", 'Cookie: session={s}; theme=dark', 'Cookie: a=b; session={s}',
    "{{'Cookie': 'session={s}'}}", 'Set-Cookie: sid={s}; Path=/', 'X-Api-Key: {s}', 'Proxy-Authorization: Basic {s}',
    'X-Auth-Token: {s}', 'PRIVATE-TOKEN: {s}', 'Authorization=GenieKey {s}', 'Authorization: token={s}',
    'Authorization: Digest username="a", response="{s}"',
)  # fmt: skip
PAIRS = (
    '{{"name": "DB_PASSWORD", "value": "{s}"}}', '{{"name": "DB_PASSWORD", "type": "SecureString", "value": "{s}"}}',
    '{{"key": "token", "val": "{s}"}}', '{{"param": "password", "default": "{s}"}}',
    '{{"Key": "api_key", "Value": "{s}"}}',
    '{{"name": "password", "description": "the password, secret", "value": "{s}"}}',
    '{{"value": "{s}", "name": "DB_PASSWORD"}}',
    '{{"value": "{s}", "type": "x", "name": "DB_PASSWORD"}}',
    '{{"ParameterKey": "DBPassword", "ParameterValue": "{s}"}}',
    '- name: DB_PASSWORD\n  secure: true\n  value: {s}', '- name: DB_PASSWORD\n  value: {s}', 'name=password,value={s}',
    "{{'name': 'HF_TOKEN', 'default': '{s}'}}", 'Name=token,Type=String,Value={s}', '- key: api_key\n  val: "{s}"',
    '{{"parameter": "password", "value": "{s}"}}', '{{"variable": "HF_TOKEN", "content": "{s}"}}',
)  # fmt: skip
MARKUP = (
    '<property name="password" value="{s}"/>', '<password>{s}</password>', '<password>\n  {s}\n</password>',
    '<user name="bob" password="{s}"/>', '<add key="ApiKey" value="{s}" />',
    '<property name="db.password">{s}</property>',
    '<name>fs.s3a.secret.key</name>\n<value>{s}</value>',
    '<property><name>db.password</name><value>{s}</value></property>',
    '<password type="plain">{s}</password>', "<param name='token' value='{s}'>", '<Password><![CDATA[{s}]]></Password>',
    '<entry key="api.key">{s}</entry>',
)  # fmt: skip
OPERATORS = tuple(
    f'{{k}}{blank}{operator}{blank}{quote}{{s}}{quote}'
    for operator in ('?=', '::=', '+=', '!==', '=', ':', ':=', '==', '===', '!=', '=>', '||=')
    for blank in ('', ' ')
    for quote in ('', '"')
)
LINES = (
    'password: |\n  {s}\nepochs: 3', 'password: >-\n  {s}\nepochs: 3', 'password: |\n  a\n  {s}\nepochs: 3',
    'a:\n  secret: |2-\n      {s}\n  epochs: 3', 'epochs: 3\npassword: some words {s}\nb: 1',
    'password: "some words {s}"',
    "password='some words {s}'", 'Password:\n{s}\n', 'password = """\n{s}\n"""', '--password \\\n {s}',
    '- --password\n- {s}\n- --epochs', '["--password",\n "{s}"]', 'password: >\n\n  {s}\n', 'token: # mine\n  {s}\n',
    'password: &anchor {s}\n', 'password: !!str {s}\n', 'password: !vault |\n  {s}\n', 'A=1\nDB_PASSWORD=my {s}\nB=2',
)  # fmt: skip
MAPPING_KEYS = (
    'password={s}',
    '--db-password {s}',
    '--token={s}',
    'https://bob:{s}@host/',
    'Authorization: Bearer {s}',
)
URLS = (
    'postgres://user:{s}@host/db', 'https://{s}@github.com/a/b', 'https://host/blob?sig={s}&x=1',
    'redis://:{s}@host:6379/0',
    'git+https://x-access-token:{s}@github.com/a/b.git', 'https://hooks.slack.com/services/T0/B0/{s}',
    'jdbc:mysql://host/db?user=a&password={s}', 'mongodb+srv://a:{s}@h/?x',
    'Server=h;Database=d;Uid=a;Pwd={s};Encrypt=yes',
    'https://discord.com/api/webhooks/123/{s}', 'AccountName=a;AccountKey={s};EndpointSuffix=core.windows.net',
    '--index-url https://bob:{s}@pypi.corp/simple', 'postgresql+psycopg2://u:{s}@h:5432/d',
    'jdbc:sqlserver://h;user=sa;password={s};',
)  # fmt: skip


def _texts(kind: str, forms: tuple[str, ...], secrets: list[str], rng: random.Random, **names: str) -> Iterator[Case]:
    for form in forms:
        secret = rng.choice(secrets)
        for text in _both(form.format(s=secret, **names)):
            yield Case(kind, f'{form} {names or ""}', 'text', text, secret)


def cases(seed: int = SEED) -> Iterator[Case]:
    rng = random.Random(seed)
    for name in PARENT_NAMES:
        yield from _texts('parents', PARENTS, keys(rng) + passwords(rng), rng, p=name)
    for name in ANY_VALUE:
        yield from _beside('keys, any value', name, keys(rng) + passwords(rng), rng)
    for name in RANDOM_VALUE:
        yield from _beside('keys, random value', name, keys(rng), rng)
    yield from tokens(rng)
    for words in COMMANDS:
        yield from commands(words, rng)
    yield from _placed(rng)
    yield from _in_jobs(rng)
    for name in ('password', 'api_key', 'HF_TOKEN'):
        yield from _texts('operators', OPERATORS, keys(rng) + passwords(rng), rng, k=name)
    for form in MAPPING_KEYS:
        for secret in keys(rng):
            if '/' not in secret:
                yield Case('mapping keys', form, 'mapping', {form.format(s=secret): '3'}, secret)


def _in_jobs(rng: random.Random) -> Iterator[Case]:
    """What real jobs write, a line each; %R is a random key, %H a hexadecimal one, %P a password."""
    for line in (Path(__file__).parent / 'places.txt').read_text(encoding='utf-8').splitlines():
        marks = {'%R': body(rng, ALNUM, 24), '%H': body(rng, HEX, 40), '%P': passwords(rng)[0]}
        text = line
        for mark, made in marks.items():
            text = text.replace(mark, made)
        secret = next(made for mark, made in marks.items() if mark in line)
        yield Case('jobs', line, 'text', text, secret)
        if '\\n' in line:
            yield Case('jobs', line, 'text', text.replace('\\n', '\n'), secret)


def _beside(kind: str, name: str, secrets: list[str], rng: random.Random) -> Iterator[Case]:
    yield from _texts(kind, BESIDE, secrets, rng, k=name)
    for secret in secrets:
        yield Case(kind, name, 'mapping', {name: secret}, secret)
        yield Case(kind, name, 'arguments', ['train.py', f'--{name}', secret, '--epochs', '3'], secret)
        yield Case(kind, name, 'arguments', ['train.py', f'--{name}={secret}'], secret)


def _placed(rng: random.Random) -> Iterator[Case]:
    """Where neither a name nor a form tells, but what stands around the secret."""
    for _ in range(6):
        yield from _texts('sentences', SAID_RANDOM, keys(rng), rng)
        yield from _texts('sentences', SAID, keys(rng) + passwords(rng), rng)
        yield from _texts('source', SOURCE, keys(rng) + passwords(rng), rng)
        yield from _texts('headers', HEADERS, keys(rng), rng)
        yield from _texts('pairs', PAIRS, keys(rng) + passwords(rng), rng)
        yield from _texts('markup', MARKUP, keys(rng) + passwords(rng), rng)
        yield from _texts('lines', LINES, keys(rng) + passwords(rng), rng)
        yield from _texts('addresses', URLS, [body(rng, ALNUM, 24), body(rng, HEX, 32)], rng)


def tokens(rng: random.Random) -> Iterator[Case]:
    for service, prefix, alphabet, length in TOKENS:
        for form in ANYWHERE:
            start = prefix if isinstance(prefix, str) else prefix(rng)
            made = body(rng, alphabet, length)
            yield Case('tokens', f'{service}: {form}', 'text', form.format(s=start + made), made)
        yield Case('tokens', service, 'mapping', {'model': start + made}, made)
        yield Case('tokens', service, 'arguments', ['--model', start + made], made)
    for _ in range(20):
        pem = f'-----BEGIN {"PRIVATE"} KEY-----\n{body(rng, BASE64, 64)}\n-----END {"PRIVATE"} KEY-----\n'
        login = {'auths': {'https://host': {'auth': body(rng, BASE64, 24)}}}
        account = {'type': 'service_account', 'private_key_id': body(rng, HEX, 40), 'private_key': pem}
        for inner in (pem, json.dumps(login), json.dumps(account), json.dumps(login, indent=2)):
            whole = base64.b64encode(inner.encode()).decode()
            for form in ANYWHERE:
                yield Case('tokens', f'base64: {form}', 'text', form.format(s=whole), whole.rstrip('='))


def commands(words: list[str], rng: random.Random) -> Iterator[Case]:
    for secret in [*keys(rng)[:3], *passwords(rng)]:
        if '%' in secret or '!' in secret:
            continue
        line = [word.format(s=secret) for word in words]
        place = ' '.join(words)
        yield Case('commands', place, 'arguments', line, secret)
        yield Case('commands', f'shell: {place}', 'arguments', ['sh', '-c', ' '.join(line)], secret)
        for split in range(1, len(line)):
            yield Case('commands', f'{split}: {place}', 'command', (line[:split], line[split:]), secret)
        quoted = [f'"{word}"' if secret in word and not word.startswith('-') else word for word in line]
        for text in (' '.join(line), ' '.join(quoted), json.dumps(line), str(line), f'RUN {" ".join(line)} && ls'):
            for each in _both(text):
                yield Case('commands', place, 'text', each, secret)
