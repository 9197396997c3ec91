# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import base64
import gzip
import json
import re
from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

import pytest
from rich.console import Console

from datadog_checks.base.stubs.aggregator import AggregatorStub
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.clock import SimulatedClock
from tools.aws.fleet import Job, is_open
from tools.aws.scenario import WEEK, living_fleet
from tools.aws.server import SimulatedAws
from tools.aws.workloads import PLANTED_SECRETS
from tools.browser.serve import PageServer
from tools.datadog.assets import Json
from tools.datadog.recording import Point, Recording, ServiceCheck
from tools.demo import day as demo_day
from tools.demo import live
from tools.demo.__main__ import DEMO_PAGE, DRY_RUN_PAGE, main
from tools.demo.live import documents
from tools.demo.report import by_job, render
from tools.demo.simulation import POLL_SECONDS, START, WEEK_POLL_SECONDS, week_before
from tools.demo.truth import counted_jobs, true_counts
from tools.preview.page import compressed

from .builders import NOW, REGION, answer

READ_ONLY = {'ListTrainingJobs', 'DescribeTrainingJob', 'GetResources', 'GetProducts', 'ListTags', 'GetCallerIdentity'}


@pytest.fixture(autouse=True)
def _process(aggregator: AggregatorStub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the command sets for its whole process must not stay: the stub's content, the tags it lets pass."""
    monkeypatch.setenv('DDEV_SKIP_GENERIC_TAGS_CHECK', 'true')
    monkeypatch.chdir(tmp_path)  # where the page is written to


def test_the_demo_reports_what_the_check_sent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('AWS_PROFILE', 'of whoever runs the demo')
    monkeypatch.setenv('HTTP_PROXY', 'http://127.0.0.1:9')
    monkeypatch.setattr(demo_day, 'week_before', lambda start: week_before(start)[-2:])
    assert main(['--hours', '2']) == 0
    printed = capsys.readouterr().out
    for section in ('Jobs of the last poll', 'Fleet', 'by team', 'by instance type', 'OK 123456789012', '"account_id"'):
        assert section in printed
    assert '<redacted>' in printed
    assert [secret for secret in PLANTED_SECRETS if secret in printed] == []
    made, naive = (int(number.replace(',', '')) for number in re.findall(r'([\d,]+)\s+(?:calls|\(computed)', printed))
    assert made == int(re.findall(r'^all .* (\d+) *$', printed, re.MULTILINE)[-1]), 'counted by AWS and by the check'
    assert naive > 5 * made
    assert max(len(line) for line in printed.splitlines() if str(tmp_path) not in line) <= 100

    last_poll = START + timedelta(hours=2, seconds=-POLL_SECONDS)
    fleet = living_fleet(START, hours=2)
    fleet_sums, _, *bills, counts, _ = (line.split()[1:] for line in printed.splitlines() if line.startswith('all '))
    assert int(fleet_sums[0]) == sum(is_open(job, last_poll) for job in fleet)
    # The first poll also sends the gauges of what ended, or gave up its warm pool, in the hour before.
    gone = [
        job for job in fleet if job.end <= last_poll and START - timedelta(hours=1) < max(job.end, _pool_until(job))
    ]
    failed = sum(job.status == 'Failed' for job in gone)
    assert [bill[:2] for bill in bills] == [[str(len(gone)), str(failed)]] * 2
    new = [
        sum(START - timedelta(seconds=POLL_SECONDS) < time <= last_poll for time in times)
        for times in zip(*((j.created, j.end) for j in fleet), strict=True)
    ]
    assert counts[:2] == list(map(str, new))
    assert f'In truth it is {new[0]} jobs created, {new[1]} finished' in printed
    assert 'and so they are counted' in printed
    costs = re.search(r'It cost \$([\d,.]+) as it was counted\. .* has \$([\d,.]+): ', ' '.join(printed.split()))
    assert costs
    counted, billed = (float(cost.replace(',', '')) for cost in costs.groups())
    assert counted == pytest.approx(billed, rel=0.25), 'as spot may run over both ends of two hours'
    assert re.search('^error .* failed$', printed, re.MULTILINE)
    page = Path(re.findall(r'drawn from this:\n(.+)$', printed, re.MULTILINE)[0])
    assert page == DEMO_PAGE.resolve()
    assert page != DRY_RUN_PAGE.resolve(), 'the page of an account is not overwritten'
    assert 1_000_000 < page.stat().st_size < 8_000_000


def shown_on(page: Path) -> Json:
    """What a page shows."""
    match = re.search(r'id="data">([\w+/=]+)<', page.read_text(encoding='utf-8'))
    assert match
    shown: Json = json.loads(gzip.decompress(base64.b64decode(match[1])))
    return shown


def widgets_of(shown: Json, name: str) -> list[Json]:
    dashboard = next(each for each in shown['dashboards'] if each['name'] == name)
    return [widget for group in dashboard['groups'] for widget in group['widgets']]


def _pool_until(job: Job) -> datetime:
    return job.warm_pool.until if job.warm_pool else job.end


@pytest.mark.parametrize('hours', ['0', '-1', 'nan', 'inf', 'many'])
def test_hours_that_are_no_time_are_refused(hours: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        main([f'--hours={hours}'])
    assert hours in capsys.readouterr().err


def test_a_dry_run_reads_the_account_it_is_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimulatedClock(NOW)
    with SimulatedAws(clock) as aws:
        aws.put(answer('churn-running', HyperParameters={'db_password': 'hunter2'}), {'team': 'growth'})
        monkeypatch.setenv('AWS_ENDPOINT_URL', aws.endpoint_url)
        monkeypatch.setenv('AWS_ACCESS_KEY_ID', 'test')
        monkeypatch.setenv('AWS_SECRET_ACCESS_KEY', 'test')
        assert main(['--dry-run', REGION, '--days', '0.05']) == 0
        assert {call.operation for call in aws.calls} <= READ_ONLY
        assert {call.region for call in aws.calls} == {REGION}
    printed = capsys.readouterr().out
    assert re.search(r'churn-running +training +2 x p5.48xlarge .* growth', printed)
    assert 'hunter2' not in printed
    shown = shown_on(DRY_RUN_PAGE)
    tables = (each for each in widgets_of(shown, 'overview') if each['type'] == 'query_table')
    running = next(each for each in tables if each['title'] == 'Jobs running')
    [first, last], blocks = running['window'], shown['blocks']
    asked = {query['block'] for request in running['requests'] for query in request['queries']}
    rows = [row for block in asked for row in blocks[block]['rows']]
    assert any(at < last and at + len(values) > first for _, at, values in rows), 'the last 15 minutes'


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        ([REGION], 'no credentials were found'),
        ([REGION, '--profile', 'nobody'], 'nobody'),
        (['Frankfurt'], 'eu-central-1'),
    ],
)
def test_a_dry_run_that_cannot_start_says_why_in_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['--dry-run', *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert says in line


@pytest.mark.parametrize('operation', ['ListTrainingJobs', 'DescribeTrainingJob'])
def test_a_dry_run_that_is_denied_says_what_to_allow(
    operation: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedAws(SimulatedClock(NOW)) as aws:
        aws.put(answer())
        aws.fail('AccessDeniedException', 'not authorized', operation=operation)
        for name, value in (('ENDPOINT_URL', aws.endpoint_url), ('ACCESS_KEY_ID', 'a'), ('SECRET_ACCESS_KEY', 'b')):
            monkeypatch.setenv(f'AWS_{name}', value)
        assert main(['--dry-run', REGION]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f'Allow `sagemaker:{operation}`' in line


def test_one_profile_that_fails_hides_no_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / 'config'
    config.write_text('[profile good]\naws_access_key_id = a\naws_secret_access_key = b\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(config))
    with SimulatedAws(SimulatedClock(NOW)) as aws:
        aws.put(answer('churn-running'))
        monkeypatch.setenv('AWS_ENDPOINT_URL', aws.endpoint_url)
        assert main(['--dry-run', REGION, '--profile', 'nobody', '--profile', 'good', '--days', '0.05']) == 1
    printed = capsys.readouterr()
    [line] = printed.err.splitlines()
    assert 'nobody' in line
    assert 'churn-running' in printed.out


def test_a_bad_poll_is_remembered_and_a_users_tag_does_not_pass_for_the_checks(aggregator: AggregatorStub) -> None:
    recording = Recording()
    for at, status in enumerate((SagemakerTrainingCheck.CRITICAL, SagemakerTrainingCheck.OK)):
        check = SagemakerTrainingCheck('sagemaker_training', {}, [{}])
        check.service_check('can_connect', status, tags=[f'region:{REGION}'])
        check.gauge('job.instances', 1, tags=[f'region:{REGION}', 'region:emea'])
        recording.take(at)
    assert recording.worst_status == SagemakerTrainingCheck.CRITICAL
    assert [point.tags['region'] for point in recording.points] == [REGION]


def test_a_report_of_nothing_is_a_report() -> None:
    printed = StringIO()
    recording = Recording()
    recording.take(0)
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


def test_a_day_and_the_same_day_a_week_before_are_told_alike(day: Recording) -> None:
    """Both are polled evenly, so that what a day counts is what happened in a day, to be compared with another."""
    before = START - WEEK
    polls = [at for at in day.polled_at if before.timestamp() <= at < START.timestamp() - POLL_SECONDS]
    assert {later - at for at, later in pairwise(polls)} == {WEEK_POLL_SECONDS}
    counted = Recording(polled_at=polls)
    for metric, by_tags in day.series.items():
        for tags, series in by_tags.items():
            counted.series[metric][tags] = series.within(before.timestamp(), before.timestamp() + 86_400)
    late = timedelta(seconds=WEEK_POLL_SECONDS)
    assert counted_jobs(counted) == true_counts(living_fleet(START), before - late, before + timedelta(days=1) - late)
    assert counted_jobs(counted).finished > 100


def test_a_live_page_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, 'week_before', lambda start: [start - timedelta(hours=1)])
    lives = documents(0.25)
    shown = []
    with PageServer(0) as server:
        assert server.url.startswith('http://127.0.0.1:')
        for document in (next(lives), next(lives)):
            server.data, server.page = compressed(document), 'the page'
            with urlopen(f'{server.url}data') as answer:
                shown.append(json.loads(gzip.decompress(answer.read())))
            with urlopen(server.url) as answer:
                assert answer.read() == b'the page'
            assert shown[-1] == json.loads(json.dumps(document))
    lives.close()
    assert shown[0]['live'] > 0
    assert shown[0]['start'] < shown[1]['start']


def test_a_port_that_is_taken_is_an_error_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    with PageServer(0) as server:
        port = server.url.split(':')[-1].strip('/')
        assert main(['--serve', port]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f'port {port}' in line


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        (['--dry-run', REGION, '--serve'], '--serve'),
        (['--dry-run'], '--from'),
        (['--dry-run', REGION, '--from', 'history.json'], '--from'),
        (['--from', 'history.json'], '--from goes with --dry-run'),
        (['--dry-run', REGION, '--days', '31'], '31'),
        (['--dry-run', REGION, '--threshold', 'warm_pool_idle'], 'warm_pool_idle'),
        (['--dry-run', REGION, '--threshold', 'warm=1'], 'no monitor is named warm'),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='2'):
        main(arguments)
    assert says in capsys.readouterr().err
