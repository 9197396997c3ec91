# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import json
import time
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datadog_checks.sagemaker_training.scrub import LONGEST_KEPT, MOST_KEPT, REDACTED, Scrubber
from datadog_checks.sagemaker_training.text import well_formed

SECRET = 'hunter2-not-a-real-one'


@pytest.mark.parametrize(
    'key',
    [
        'password', 'DB_PASSWORD', 'dbPassword', 'db-passwd', 'my.pwd', 'passphrase', 'secret', 'clientSecret',
        'AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID', 'api_key', 'API-KEY', 'apikey', 'WANDB_API_KEY', 'private.key',
        'token', 'hf_token', 'HFToken', 'hftoken', 'GITHUB_TOKEN', 'accessToken', 'api_tokens', 'session_token',
        'credential', 'GOOGLE_CREDENTIALS', 'aPiKeY',
        'pass', 'DB_PASS', 'dbpass', 'OPENAI_KEY', 'GITHUB_PAT', 'sig', 'Authorization', 'auth', 'ssh_key',
        'connectionString',
        'DD_APP_KEY', 'application_key', 'AZURE_STORAGE_KEY', 'storageKey', 'client_key', 'SNOWFLAKE_PASS', 'jwt',
        'auth_tokens', 'HF_TOKENS', 'HF_IMAGE_TOKEN', 'WANDB_SOURCE_TOKEN', 'SECRET_SYSTEM_TOKEN', 'MAX_LENGTH_SECRET',
        'ADMIN_TOKEN', 'backend_token', 'SLACK_BOT_TOKEN', 'pass_word', 'pwd1', 'apikey1', 'token_1', 'TOKEN_PROD',
        'creds', 'AWS_CREDS', 'cookies', 'KAGGLE_KEY', 'fernet_key', 'Ocp-Apim-Subscription-Key', 'conn_str',
        'DOCKER_AUTH_CONFIG',
    ],
)  # fmt: skip
def test_a_telling_key_hides_its_value(key: str) -> None:
    assert Scrubber().mapping({key: SECRET}) == {key: REDACTED}


@pytest.mark.parametrize(
    'key',
    [
        'epochs', 'learning_rate', 'max_tokens', 'tokenizer_name', 'eos_token', 'pad_token_id', 'max_new_tokens',
        'num_tokens', 'token_type_ids', 'tokenizer', 'author', 'passes', 'kms_key_id', 'key', 'id_column', 'compass',
        'valid_tokens', 'maxTokens',
        'placeholder_token', 'initializer_token', 'class_token', 'tgt_token', 'forward_pass', 'low_pass', 'pass@1',
        'pass_at_k', 'auth_loss', 'user_tokens', 'path', 'pattern', 'sigma', 'signal',
        'bypass', 'num_pass', 'pass_through', 'total_tokens', 'tokens_per_second', 'time_per_output_token',
        'chunkToken', 'image_start_token', 'decoderStartToken', 'use_mask_token', 'ms_per_token', 'num_key_value_heads',
        'key_dim', 'token_dropout', 'secretary', 'monkey', 'keyboard', 'mapping', 'app_name', 'pass_width',
        'train_pass', 'mm_use_im_patch_token', 'fim_prefix_token', 'word_delimiter_token', 'normalize_by_token',
        'InvalidToken',
    ],
)  # fmt: skip
def test_an_ordinary_hyperparameter_stays(key: str) -> None:
    assert Scrubber().mapping({key: 'bert-base'}) == {key: 'bert-base'}


@pytest.mark.parametrize(
    'value',
    [
        'AKIAIOSFODNN7EXAMPLE',
        'ASIAIOSFODNN7EXAMPLE',
        'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJlLW5vdC1yZWFs',
        'hf_abcdefghijklmnopqrstuvwxyz',
        'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
        'github_pat_11ABCDEFG0abcdefghij',
        'glpat-abcdefghij0123456789',
        'sk-abcdefghijklmnopqrstuvwx',
        'sk-proj-abcdefghijklmnopqrstuvwx-yz',
        'sk-ant-api03-Ab3-xYz9_Qr7-LmN0pQrStUv',
        'sk-proj-Ab3d-EfGh1234-IjKlMnOp',
        'nvapi-abcdefghij-0123456789',
        'gsk_abcdefghijklmnopqrst',
        'dckr_pat_abcdefghij-0123456789',
        'hvs.abcdefghij0123456789',
        'SG.abcdefghijklmnopqrst.uvwxyz',
        'AKIAIOSFODNN7EXAMPLE, wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
        'lsv2_pt_abcdefghij0123456789',
        'GOCSPX-abcdefghij0123456789',
        'IQoJb3JpZ2luX2VjEXAMPLEabcdefghij',
        'xoxb-1234567890-abcdefghij',
        '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----',
        '-----BEGIN CERTIFICATE-----\nMIIEow cut off',
    ],
)
def test_a_telling_value_is_hidden_wherever_it_stands(value: str) -> None:
    assert Scrubber().text(f'started with {value}') == f'started with {REDACTED}'
    assert Scrubber().text(f'"{{\\n{value}\\n}}"').startswith(f'"{{\\n{REDACTED}')
    assert Scrubber().mapping({'model': value}) == {'model': REDACTED}


@pytest.mark.parametrize(
    'text',
    [
        'train.py --db-password {} --epochs 3',
        'train.py --db-password={} --epochs 3',
        'train.py --db-password "{}" --epochs 3',
        "train.py --db-password '{} with blanks' --epochs 3",
        "['train.py', '--db-password', '{}', '--epochs']",
        'export DB_PASSWORD={}; train --epochs 3',
        'db_password: {} epochs: 3',
        '{{"db_password": "{}", "epochs": 3}}',
        '{{"db_password": "with \\" {}", "epochs": 3}}',
        '"{{\\"db_password\\": \\"{}\\", \\"epochs\\": 3}}"',
        "{{'db_password': '{}', 'epochs': 3}}",
        'args: db.password={} epochs=3',
        'API key: {} epochs',
        'postgres://user:{}@host/db?epochs=3',
        'postgres://user:p@ss/{}@host/db?epochs=3',
        'https://{}@host/x?epochs=3',
        'Authorization: Bearer {} epochs',
        'password="{} cut off',
        'password: |\n    {}\nepochs: 3',
        'password: >-\n    {}\nepochs: 3',
        'train.py --password \\\n  {} --epochs 3',
        'password := {} epochs',
        '"password" => "{}", epochs',
        'api_keys:\n  - {}\nepochs: 3',
        '{{"passwords": ["a1", "{}"], "epochs": 3}}',
        '{{"credentials": {{"user": "bob", "blob": ["{}"]}}, "epochs": 3}}',
        'Authorization: Token {} epochs',
        '{{"name": "DB_PASSWORD", "value": "{}", "epochs": 3}}',
        '- name: DB_PASSWORD\n  value: {}\n- name: epochs',
        "[('password', '{}'), ('epochs', 3)]",
        'aws configure set aws_secret_access_key {} && epochs',
        'ENV DB_PASSWORD {}\nENV epochs 3',
        '<password>{}</password><epochs>3</epochs>',
        'curl -u bob:{} epochs',
        'https://host/blob?sig={} epochs',
        'wandb login {} && epochs',
        'wandb login --relogin --host https://host {} && epochs',
        'huggingface-cli login --token {} epochs',
        'sshpass -p {} ssh epochs',
        "sshpass -p 'with blanks {}' ssh epochs",
        'curl -u "bob:{}" epochs',
        'train.py --db_password -x{} --epochs 3',
        'train.py --db_password --X{} --epochs 3',
        'train.py --db_password=--{} --epochs 3',
        'password: -x{} epochs',
        'os.environ["HF_TOKEN"] = "{}"; epochs = 3',
        "os.environ['HF_TOKEN']='{}'; epochs = 3",
        'https://{}:x-oauth-basic@github.com/epochs',
        'https://{}:@api.stripe.com/epochs',
        'https://hooks.slack.com/services/T0/B0/{} epochs',
        'https://discord.com/api/webhooks/123/{} epochs',
        'https://example.webhook.office.com/webhookb2/{}@1-2/IncomingWebhook/3/4 epochs',
        'password%3D{} epochs',
        '?q=a%26password%3a{} epochs',
        '%7B%22password%22%3A%22{}%22 epochs',
        '{{"value": "{}", "name": "DB_PASSWORD", "epochs": 3}}',
        '{{"value": "with \\" {}", "name": "DB_PASSWORD"}}, epochs',
        '{{\\"value\\": \\"{}\\", \\"name\\": \\"DB_PASSWORD\\"}} epochs',
        '- value: {}\n  name: DB_PASSWORD\n- name: epochs',
        # What is quoted twice, as the SageMaker SDK quotes hyperparameters, and what stands behind an escaped newline.
        '{{\\"hf_token\\": \\"\\\\\\"{}\\\\\\"\\"}} epochs',
        '"a\\n--password {} epochs"',
        '"a\\nexport HF_TOKEN {} epochs"',
        '"x: 1\\nauth: {} epochs"',
        '"password: |\\n  {}", epochs',
        'C:\\token={} epochs',
        '--password ab<{} epochs',
        '--token AKIAIOSFODNN7EXAMPLE:{} epochs',
        "docker -e 'DB_PASSWORD=a {}' epochs",
        '["DB_PASSWORD=a {}", "epochs"]',
        'DB_PASSWORD=secret token={} epochs',
        "wandb.login(key='{}') epochs",
        'docker login -u AWS -p {} epochs',
        'redis-cli -a {} epochs',
        'machine host login user password {} epochs',
        'Authorization: OAuth {} epochs',
        'Account Key: {} epochs',
        'token: str = "{}"; epochs',
        'if token == "{}": epochs',
        r'https:\/\/bob:{}@host epochs',
        'https%3A%2F%2Fbob%3A{}%40host epochs',
        '{{"ParameterKey": "DBPassword", "ParameterValue": "{}"}}, epochs',
        '{{"ParameterValue": "{}", "ParameterKey": "DBPassword"}}, epochs',
    ],
)
def test_a_secret_in_running_text_is_hidden_and_what_surrounds_it_stays(text: str) -> None:
    scrubbed = Scrubber().text(text.format(SECRET))
    assert SECRET not in scrubbed
    assert REDACTED in scrubbed
    assert ('epochs' in scrubbed) == ('epochs' in text)


@pytest.mark.parametrize(
    'text',
    [
        'arn:aws:sagemaker:us-east-1:123456789012:training-job/token-classification',
        's3://bucket/tokens/model.tar.gz',
        '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.1-gpu',
        'AlgorithmError: CUDA out of memory. --max_tokens 512 --tokenizer_name=bert',
        'http://host:8080/path and mail@example.com',
        'sk-learn-churn-model',
        'sk-learn-churn-20261123T181200Z',
        'AlgorithmError: basic validation failed',
        '123456789012.dkr.ecr.us-east-1.amazonaws.com/auth-model:1.2',
        'python -u train.py s3://bucket/key',
        'train.py --password --verbose --epochs 3',
        'train.py --use-token  -v --fp16=true',
        '[{"name": "epochs", "value": "3"}, {"value": "4", "name": "batch"}, {"name": "max_tokens", "value": "5"}]',
        'https://host/api/webhooks/ and params["epochs"] = 3 and a%3Db',
        'wandb login --relogin && train.py',
        '{"parameter": "password", "type": "string"}',
        'is not authorized to perform: secretsmanager:GetSecretValue on resource: '
        'arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf',
        'InvalidToken: The provided token is malformed',
        '-----BEGIN EPOCH 1-----\nloss=3\nRuntimeError: CUDA out of memory',
        'docker run --user 1000:1000 image',
        'http://mlflow:5000/api/2.0/models/m@champion',
        'wandb: ERROR api_key not configured (no-tty). call wandb.login(key=[your_api_key])',
        'ERROR: pypi-installation-of-package-failed',
        'Authentication: NoCredentialsError: no credentials were found',
        'ListTrainingJobs: ExpiredToken: The security token included in the request is expired',
        '',
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert Scrubber().text(text) == text


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['--db-password', SECRET, '--epochs', '3'], ['--db-password', REDACTED, '--epochs', '3']),
        ([f'--token={SECRET}', '3'], [f'--token={REDACTED}', '3']),
        (['--token=', SECRET, '3'], ['--token=', REDACTED, '3']),
        ([f'--token=my {SECRET}', '3'], [f'--token={REDACTED}', '3']),
        (['-e', f'PASSWORD=my {SECRET}', '3'], ['-e', f'PASSWORD={REDACTED}', '3']),
        (['train.py --password', SECRET, '3'], ['train.py --password', REDACTED, '3']),
        (['DB_PASSWORD', SECRET, '3'], ['DB_PASSWORD', REDACTED, '3']),
        (['-c', f'train.py --password {SECRET}', '3'], ['-c', f'train.py --password {REDACTED}', '3']),
        (['--use-token', '--fast', '3'], ['--use-token', '--fast', '3']),
        (['--use-token', '-v', '3'], ['--use-token', '-v', '3']),
        (['--token', f'-x{SECRET}', '3'], ['--token', REDACTED, '3']),
        (['--token', f'--X{SECRET}', '3'], ['--token', REDACTED, '3']),
        (['--password', '=', SECRET, '3'], ['--password', '=', REDACTED, '3']),
        (['--password', '', SECRET, '3'], ['--password', '', REDACTED, '3']),
        (['wandb', 'login', SECRET, '3'], ['wandb', 'login', REDACTED, '3']),
        (['curl', '-u', f'bob:{SECRET}', '3'], ['curl', '-u', REDACTED, '3']),
        (['docker', 'login', '-u', 'AWS', '-p', SECRET, '3'], ['docker', 'login', '-u', 'AWS', '-p', REDACTED, '3']),
        (['sshpass', '-p', SECRET, 'ssh', '3'], ['sshpass', '-p', REDACTED, 'ssh', '3']),
        (['redis-cli', '-a', SECRET, '3'], ['redis-cli', '-a', REDACTED, '3']),
        (['docker', 'run', '--user', '1000:1000', '3'],) * 2,
        (
            [f'train.py --password {SECRET} --token=a b', '3'],
            [f'train.py --password {REDACTED} --token={REDACTED}', '3'],
        ),
        (['train.py', '--max_tokens', '3', '--tokenizer_name', 'bert'],) * 2,
    ],
)
def test_the_pieces_of_a_command_line(arguments: list[str], expected: list[str]) -> None:
    assert Scrubber().arguments(arguments) == expected


def test_sensitive_patterns_add_keys_and_values() -> None:
    scrubber = Scrubber(['(?i)patient', r'\b\d{3}-\d{2}-\d{4}\b'])
    assert scrubber.mapping({'PatientName': 'Jo', 'note': 'id 123-45-6789'}) == {
        'PatientName': REDACTED,
        'note': f'id {REDACTED}',
    }


@given(st.text(), st.from_regex(r'-?[A-Za-z0-9!#%*+_.]{6,20}', fullmatch=True))
def test_a_password_flag_hides_its_value_in_any_text(prefix: str, secret: str) -> None:
    assert secret not in Scrubber().text(f'{prefix} --password {secret}').removeprefix(prefix)


@given(st.text())
def test_any_text_is_redacted_in_part_or_left_as_it_is(text: str) -> None:
    once = Scrubber().text(text)
    assert REDACTED in once or once == well_formed(text)


@given(st.text(), st.text())
def test_half_a_character_does_not_keep_a_text_from_being_encoded(before: str, after: str) -> None:
    text = f'{before}\ud800{after}'
    scrubber = Scrubber()
    scrubbed = [*scrubber.mapping({text: text}).items(), *scrubber.arguments([text, f'{text} --token=a'])]
    assert json.dumps(scrubbed, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ('before', 'repeated'),
    [
        ('token=\\"', '\\'),
        ('name=token', '\n'),
        ('', 'password' + 100 * ' '),
        ('', 'value=\\"a\\",'),
        ('', 'value="a\nname='),
        ('', 'name=token,'),
        ('', '"token" '),
        ('', '\\'),
        ('', 'wandb login --host '),
        ('wandb login ', '--host '),
        ('', '://' + 20 * 'a' + ':'),
        ('', 'image_'),
        ('', 'password%3D%22'),
        ('', 'environ["token"]'),
        ('', '--password -'),
        ('', 'eyJ-'),
        ('', 'eyJsk-'),
        ('', 'value=token={'),
        ('', '"token=a '),
        ('', '\\ntoken='),
    ],
)
def test_the_time_grows_with_the_text_and_not_with_its_square(before: str, repeated: str) -> None:
    def seconds(length: int) -> float:
        text = before + repeated * (length // len(repeated))
        return min(timeit.repeat(lambda: Scrubber().text(text), timer=time.process_time, number=1, repeat=3))

    assert seconds(32_000) < 20 * max(seconds(4_000), 0.001)  # 8 times as long; a square would be 64 times


def test_what_is_remembered_has_an_end_and_holds_no_secret() -> None:
    scrubber = Scrubber()
    for number in range(3 * MOST_KEPT):
        for text in (f'plain {number}', f'password=secret-{number}', f'{number:0{LONGEST_KEPT + 1}}'):
            assert scrubber.text(text) == scrubber.text(text)
    assert 0 < len(scrubber._innocent) <= MOST_KEPT
    assert not any('secret' in text or len(text) > LONGEST_KEPT for text in scrubber._innocent)
