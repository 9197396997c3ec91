# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import logging
import re
from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from datadog_checks.base.stubs.aggregator import AggregatorStub
from demo.__main__ import main
from demo.aws import SimulatedAws
from demo.clock import SimulatedClock
from demo.recording import Point, Recording, ServiceCheck
from demo.report import by_job, render
from demo.workloads import PLANTED_SECRETS

from .builders import NOW, REGION, answer

READ_ONLY = {'ListTrainingJobs', 'DescribeTrainingJob', 'GetResources', 'ListTags', 'GetCallerIdentity'}


@pytest.fixture(autouse=True)
def _process(aggregator: AggregatorStub, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the command sets for its whole process must not stay: the stub's content, the tags it lets pass, the log."""
    monkeypatch.setenv('DDEV_SKIP_GENERIC_TAGS_CHECK', 'true')
    yield
    logging.disable(logging.NOTSET)


def test_the_demo_reports_what_the_check_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--hours', '2']) == 0
    printed = capsys.readouterr().out
    for section in ('Jobs of the last poll', 'Fleet', 'by team', 'by instance type', 'OK 123456789012', '"account_id"'):
        assert section in printed
    assert '<redacted>' in printed
    assert [secret for secret in PLANTED_SECRETS if secret in printed] == []
    made, naive = (int(number.replace(',', '')) for number in re.findall(r'([\d,]+) (?:calls|\(computed)', printed))
    assert made == int(re.findall(r'^all .* (\d+) *$', printed, re.MULTILINE)[-1]), 'counted by AWS and by the check'
    assert naive > 5 * made
    assert max(map(len, printed.splitlines())) <= 100


def test_a_dry_run_reads_the_account_it_is_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimulatedClock(NOW)
    with SimulatedAws(clock) as aws:
        aws.put(answer('churn-running', HyperParameters={'db_password': 'hunter2'}), {'team': 'growth'})
        monkeypatch.setenv('AWS_ENDPOINT_URL', aws.endpoint_url)
        monkeypatch.setenv('AWS_ACCESS_KEY_ID', 'test')
        monkeypatch.setenv('AWS_SECRET_ACCESS_KEY', 'test')
        assert main(['--dry-run', REGION]) == 0
        assert {call.operation for call in aws.calls} <= READ_ONLY
        assert {call.region for call in aws.calls} == {REGION}
    printed = capsys.readouterr().out
    assert re.search(r'churn-running +training +2 x p5.48xlarge .* growth', printed)
    assert 'hunter2' not in printed


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        ([REGION], 'no credentials were found'),
        ([REGION, '--profile', 'nobody'], 'nobody'),
        (['Frankfurt'], '`regions`'),
    ],
)
def test_a_dry_run_that_cannot_start_says_why_in_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['--dry-run', *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert says in line


def test_a_dry_run_that_is_denied_says_what_to_allow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedAws(SimulatedClock(NOW)) as aws:
        aws.fail('AccessDeniedException', 'not authorized', operation='ListTrainingJobs')
        for name, value in (('ENDPOINT_URL', aws.endpoint_url), ('ACCESS_KEY_ID', 'a'), ('SECRET_ACCESS_KEY', 'b')):
            monkeypatch.setenv(f'AWS_{name}', value)
        assert main(['--dry-run', REGION]) == 2
    assert 'Allow `sagemaker:ListTrainingJobs`' in capsys.readouterr().err


def test_a_report_of_nothing_is_a_report() -> None:
    printed = StringIO()
    recording = Recording()
    recording.take()
    recording.service_checks = [ServiceCheck(2, {'region': REGION}, 'Allow [something].')]
    render(recording, Console(width=100, file=printed))
    assert 'none was sent' in printed.getvalue()
    assert 'CRITICAL no account us-east-1 Allow [something].' in printed.getvalue()


def test_gauges_are_gathered_by_job() -> None:
    tags = {'region': REGION, 'training_job_name': 'a'}
    points = [
        Point('job.instances', 2, tags),
        Point('job.volume_size', 30, tags),
        Point('job.instances', 1, tags | {'training_job_name': 'b'}),
        Point('jobs.open', 2, {'region': REGION}),
    ]
    assert [sorted(job) for job in by_job(points)] == [['job.instances', 'job.volume_size'], ['job.instances']]
