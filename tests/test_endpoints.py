# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Certificates and FIPS: what the check trusts and which endpoints it reaches."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from datadog_checks.base.utils.diagnose import Diagnosis
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.demo.__main__ import main

from .builders import NOW, REGION
from .lives import LAST, assert_each_fact_once, connection, lives, poll, start
from .world import World


class Tls(NamedTuple):
    """A world whose AWS shows a certificate of an authority that nobody knows, and the file with this authority."""

    world: World
    bundle: Path

    def check(self, **options: Any) -> SagemakerTrainingCheck:
        port = urlsplit(self.world.aws.endpoint_url).port
        return start(self.world, endpoint_url=f'https://localhost:{port}', **options)


@pytest.fixture
def tls(world: World, tmp_path: Path) -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'localhost')])
    today = datetime.now(NOW.tzinfo)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName('localhost')]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, secret = tmp_path / 'bundle.pem', tmp_path / 'key.pem'
    pem = serialization.Encoding.PEM
    bundle.write_bytes(certificate.public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, secret)
    server = world.aws._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return Tls(world, bundle)


def trust_by_variable(name: str) -> Callable[[pytest.MonkeyPatch, Path, Path], dict[str, Any]]:
    def trust(monkeypatch: pytest.MonkeyPatch, bundle: Path, _: Path) -> dict[str, Any]:
        monkeypatch.setenv(name, str(bundle))
        return {}

    return trust


def trust_by_profile(monkeypatch: pytest.MonkeyPatch, bundle: Path, folder: Path) -> dict[str, Any]:
    path = folder / 'config'
    path.write_text(f'[profile ml]\naws_access_key_id = test\naws_secret_access_key = test\nca_bundle = {bundle}\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    return {'aws_access_key_id': None, 'aws_secret_access_key': None, 'aws_profile': 'ml'}


@pytest.mark.parametrize(
    ('word', 'trust'),
    [
        ('AWS_CA_BUNDLE', trust_by_variable('AWS_CA_BUNDLE')),
        ('REQUESTS_CA_BUNDLE', trust_by_variable('REQUESTS_CA_BUNDLE')),
        ('`ca_bundle` in the AWS profile', trust_by_profile),
    ],
)
def test_a_certificate_that_is_not_trusted_names_the_ca_bundle_which_helps(
    tls: Tls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    trust: Callable[[pytest.MonkeyPatch, Path, Path], dict[str, Any]],
) -> None:
    check = tls.check()
    error = poll(tls.world, check, 0)
    for message in (error, connection(tls.world).message):
        assert 'SSLError' in message
        assert word in message
    check = tls.check(**trust(monkeypatch, tls.bundle, tmp_path))
    assert poll(tls.world, check, 1) == ''
    assert connection(tls.world).status == check.OK


def test_somebody_at_a_terminal_is_told_how_to_name_the_ca_bundle(
    tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    port = urlsplit(tls.world.aws.endpoint_url).port
    for name, value in (
        ('ENDPOINT_URL', f'https://localhost:{port}'),
        ('ACCESS_KEY_ID', 'a'),
        ('SECRET_ACCESS_KEY', 'b'),
    ):
        monkeypatch.setenv(f'AWS_{name}', value)
    assert main(['--dry-run', REGION]) == 2
    [line] = capsys.readouterr().err.splitlines()
    for word in ('SSLError', 'certificate verify failed', 'a proxy that inspects TLS', 'AWS_CA_BUNDLE=/path'):
        assert word in line
    assert 'Agent' not in line


def test_a_ca_bundle_that_is_no_file_is_named_too(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AWS_CA_BUNDLE', '/no/such/bundle.pem')
    poll(tls.world, tls.check(), 0)
    assert 'AWS_CA_BUNDLE' in connection(tls.world).message


@pytest.mark.parametrize('by_environment', [False, True], ids=['boto_config', 'environment'])
def test_with_fips_endpoints_tags_are_read_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch, by_environment: bool
) -> None:
    """Only SageMaker and STS are within reach, as they have such endpoints."""
    for service in ('SAGEMAKER', 'STS'):
        monkeypatch.setenv(f'AWS_ENDPOINT_URL_{service}', world.aws.endpoint_url)
    monkeypatch.setenv('AWS_USE_FIPS_ENDPOINT', str(by_environment).lower())
    nowhere = {'proxies': {'https': 'http://127.0.0.1:1'}, 'retries': {'total_max_attempts': 1}}
    world.aws.add(lives())
    check = start(
        world, endpoint_url=None, boto_config=nowhere | ({} if by_environment else {'use_fips_endpoint': True})
    )
    for minute in range(LAST + 1):
        assert poll(world, check, minute) == ''
        assert (connection(world).status, connection(world).message) == (check.OK, '')
    assert_each_fact_once(world, lives(), 'team:nlp')
    assert {diagnosis['result'] for diagnosis in json.loads(check.get_diagnoses())} == {Diagnosis.DIAGNOSIS_SUCCESS}
