# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The last days of an account, read over HTTP from the simulated AWS and lived through again."""

import base64
import gzip
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from datadog_checks.base.stubs import aggregator as stub
from datadog_checks.base.stubs.aggregator import AggregatorStub
from tests.builders import FIGURES, NOW, REGION, ago, answer, ended
from tests.world import InterruptibleClock
from tools.aws.clock import SimulatedClock
from tools.aws.fleet import Job
from tools.aws.past import past_jobs
from tools.aws.scenario import ACCOUNTS, REGIONS, living_fleet, quiet_history
from tools.aws.server import SimulatedAws
from tools.aws.workloads import PLANTED_SECRETS
from tools.backtest.history import History, HistoryError, load, save
from tools.browser.screenshots import NO_BROWSER, go, installed, launched, opened
from tools.datadog.recording import Recording
from tools.demo.dry_run import DryRun, dry_run, read
from tools.demo.replay import as_in_the_account, replay_polls
from tools.demo.simulation import every, simulate

READ_ONLY = {'ListTrainingJobs', 'DescribeTrainingJob', 'GetResources', 'GetProducts'}
HOURS = 3
BEGAN = NOW - timedelta(hours=HOURS)
TWO_HOURS = 1 / 12  # in days


class Ran(NamedTuple):
    """What a dry run came to."""

    code: int
    printed: str
    errors: str
    calls: Sequence[str]
    page: Path
    clock: InterruptibleClock


class Lived(NamedTuple):
    """What a dry run that succeeded has left."""

    printed: str
    page: Path
    history: Path


type Run = Callable[..., Ran]


def set_up(aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever gives the command."""
    for name, value in (('ENDPOINT_URL', aws.endpoint_url), ('ACCESS_KEY_ID', 'a'), ('SECRET_ACCESS_KEY', 'b')):
        monkeypatch.setenv(f'AWS_{name}', value)


@pytest.fixture
def clock() -> InterruptibleClock:
    return InterruptibleClock(NOW)


@pytest.fixture
def aws(
    clock: InterruptibleClock, monkeypatch: pytest.MonkeyPatch, aggregator: AggregatorStub
) -> Iterator[SimulatedAws]:
    monkeypatch.setenv('DDEV_SKIP_GENERIC_TAGS_CHECK', 'true')
    with SimulatedAws(clock) as simulated:
        yield simulated


@pytest.fixture
def run(
    aws: SimulatedAws,
    clock: InterruptibleClock,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    def ran(*regions: str, days: float = TWO_HOURS, **asked: Any) -> Ran:
        set_up(aws, monkeypatch)
        printed = StringIO()
        page = tmp_path / 'page.html'
        console = Console(width=100, file=printed, highlight=False, emoji=False)
        code = dry_run(DryRun(regions, [None], days, **asked), page, console, clock)
        called = [call.operation for call in aws.calls]
        return Ran(code, printed.getvalue(), capsys.readouterr().err, called, page, clock)

    return ran


@pytest.fixture(scope='module')
def fleet() -> list[Job]:
    return living_fleet(BEGAN, HOURS, ACCOUNTS[:1], REGIONS[:1])


@pytest.fixture(scope='module')
def lived(fleet: list[Job], tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A dry run of the fleet, and of a job that was stopped at a limit: once, for all that look at it."""
    stub.reset()
    folder, printed, clock = tmp_path_factory.mktemp('lived'), StringIO(), InterruptibleClock(NOW)
    over = {'TrainingJobStatus': 'Stopped', 'SecondaryStatus': 'MaxRuntimeExceeded', 'TrainingEndTime': ago(minutes=30)}
    with pytest.MonkeyPatch.context() as patch, SimulatedAws(clock, fleet) as aws:
        aws.put(answer('stopped', **over, **FIGURES))
        patch.setenv('DDEV_SKIP_GENERIC_TAGS_CHECK', 'true')
        set_up(aws, patch)
        asked = DryRun([REGION], [None], TWO_HOURS, folder / 'history.json')
        console = Console(width=100, file=printed, highlight=False, emoji=False)
        assert dry_run(asked, folder / 'page.html', console, clock) == 0
    stub.reset()
    return Lived(printed.getvalue(), folder / 'page.html', folder / 'history.json')


def without_moving(resources: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is not told of the past, or goes with the next refresh only."""
    moving = {'progress_info', 'final_metric_data_list', 'last_modified_time'}
    return {
        arn: {name: value for name, value in fields.items() if name not in moving} for arn, fields in resources.items()
    }


def sent(recording: Recording) -> dict[str, dict[Any, float]]:
    """What was counted, and the last gauges of jobs and of the fleet; progress is not told of the past."""
    gauges = [point for point in recording.job_points if not point.metric.startswith('job.progress')]
    fleet = [point for point in recording.points if point.metric.startswith(('jobs.', 'instances.', 'warm_pools.'))]
    # A sum of dollars depends, in its last digit, on where the moments of the polls have cut it.
    return {
        what: {(point.metric, frozenset(point.tags.items())): round(point.value, 6) for point in points}
        for what, points in (('counts', recording.totals), ('gauges', gauges), ('fleet', fleet))
    }


def test_what_is_played_again_is_what_was_sent_live(
    fleet: list[Job], aws: SimulatedAws, clock: InterruptibleClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    polls = [*every(600, BEGAN, NOW), NOW]
    live = simulate(fleet, polls).recording
    aws.add(fleet)
    set_up(aws, monkeypatch)
    read_ = read(DryRun([REGION], [None], HOURS / 24), [], Console(quiet=True), clock)
    assert read_
    save(read_, tmp_path / 'history.json')
    history = load(tmp_path / 'history.json')
    assert len(history.jobs) > 100
    jobs = past_jobs(history.jobs, history.read_at)
    again = simulate(jobs, polls, prepare=partial(as_in_the_account, history)).recording
    expected, played = sent(live), sent(again)
    assert {'usage.cost', 'jobs.finished'} < {metric for metric, _ in expected['counts']}
    assert played == expected
    assert [event['msg_title'] for event in again.events] == [event['msg_title'] for event in live.events]
    assert without_moving(again.resources) == without_moving(live.resources)


def test_no_secret_is_kept_or_drawn(lived: Lived) -> None:
    for text in (lived.history.read_text(), shown_on(lived.page), lived.printed):
        assert 'redacted' in text
        assert [secret for secret in PLANTED_SECRETS if secret in text] == []
    assert lived.history.stat().st_mode & 0o077 == 0


def shown_on(page: Path) -> str:
    """What the page shows, as text."""
    data = re.search(r'id="data">([\w+/=]+)<', page.read_text(encoding='utf-8'))
    assert data
    return gzip.decompress(base64.b64decode(data[1])).decode()


@pytest.mark.skipif(not installed(), reason=NO_BROWSER)
def test_no_widget_of_what_such_jobs_tell_is_empty(lived: Lived) -> None:
    with launched() as browser:
        drawn = opened(browser, lived.page)
        for dashboard in ('overview', 'cost_and_efficiency'):
            go(drawn, f'#{dashboard}')
            assert drawn.locator('.widget').count() > 20
            assert drawn.locator('.widget:has(.no-data)').all_inner_texts() == []
            assert drawn.get_by_text('cannot draw').all_inner_texts() == []


def test_it_says_what_it_asks_for_and_asks_for_no_more(aws: SimulatedAws, run: Run) -> None:
    aws.add(quiet_history(NOW, finished=1_500, days=10))
    ran = run(REGION)
    # One has ended every 9.6 minutes; those that did so up to a day before are read, too.
    alive = 162
    listed, described = ran.calls.count('ListTrainingJobs'), ran.calls.count('DescribeTrainingJob')
    assert (listed, described, ran.calls.count('GetResources')) == (15, alive, 2)
    assert 1 <= ran.calls.count('GetProducts') <= 3
    assert set(ran.calls) <= READ_ONLY
    assert '1,500 jobs listed, of which' in ran.printed
    assert f'takes {described + 2} calls' in ran.printed
    assert 'First, the list prices of us-east-1: 1 to 3 calls' in ' '.join(ran.printed.split())
    assert ran.code == 0


class TimedText(StringIO):
    """Notes when something is written to it."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__()
        self.times = [clock.monotonic()]
        self._clock = clock

    def write(self, text: str) -> int:
        self.times.append(self._clock.monotonic())
        return super().write(text)


def test_a_line_tells_how_far_it_is_every_ten_seconds(
    aws: SimulatedAws, clock: InterruptibleClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.add(quiet_history(NOW, finished=3_000, days=30))
    set_up(aws, monkeypatch)
    printed, failures = TimedText(clock), []
    history = read(DryRun([REGION], [None], 7), failures, Console(width=100, file=printed, highlight=False), clock)
    assert (len(history.jobs), failures) == (800, [])
    assert clock.monotonic() > 90
    times = [*printed.times, clock.monotonic()]
    assert max(later - earlier for earlier, later in zip(times, times[1:], strict=False)) <= 10
    lines = printed.getvalue()
    assert re.search(r'^Listing us-east-1: [\d,]+ jobs, 1\d\d a second, \d+s left$', lines, re.MULTILINE)
    assert re.search(r'^Describing us-east-1: [\d,]+ jobs, (9|10|11) a second, \d+s left$', lines, re.MULTILINE)


@pytest.mark.parametrize(('sleeps', 'says'), [(5, 'jobs created before'), (60, 'older jobs of us-east-1 are missing')])
def test_ctrl_c_goes_on_with_what_there_is(
    sleeps: int, says: str, aws: SimulatedAws, clock: InterruptibleClock, run: Run
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    aws.add(quiet_history(NOW, finished=2_000, days=20))
    clock.sleeps_left, clock.interrupt = sleeps, interrupt
    ran = run(REGION, days=0.1)
    assert ran.code == 1
    assert says in ran.printed.splitlines()[-1]
    assert 'Verdict' in ran.printed


def test_a_job_that_may_not_be_described_is_counted_and_told_of(aws: SimulatedAws, run: Run) -> None:
    aws.add(quiet_history(NOW, finished=8, days=0.08))
    aws.fail('AccessDeniedException', 'not authorized', operation='DescribeTrainingJob', name='done-3')
    ran = run(REGION)
    assert ran.code == 1
    assert 'jobs        6 created, 8 completed' in ran.printed
    last = ran.printed.partition('Nothing was sent')[2]
    assert '1 jobs could not be described' in last
    assert '`sagemaker:DescribeTrainingJob`' in last


def test_tags_that_are_denied_are_missed(aws: SimulatedAws, run: Run) -> None:
    aws.put(answer(), {'team': 'nlp'})
    for operation in ('GetResources', 'ListTags'):
        aws.fail('AccessDeniedException', 'not authorized', operation=operation)
    ran = run(REGION)
    assert 'AWS resource tags are missing' in ran.printed.partition('Nothing was sent')[2]
    assert ran.code == 1


def test_dollars_are_those_of_the_list_prices_that_the_account_is_told(
    aws: SimulatedAws, run: Run, tmp_path: Path
) -> None:
    figures = {'TrainingTimeInSeconds': 2400, 'BillableTimeInSeconds': 2400}
    aws.prices.hours = {'ml.p5.48xlarge': 30.0}
    aws.put(ended('broken', status='Failed', at=ago(minutes=10), **figures))
    other = {'InstanceType': 'ml.new.large', 'InstanceCount': 1}
    aws.put(ended('other', at=ago(minutes=10), **figures, ResourceConfig=other))
    plan = {'TrainingPlanArn': f'arn:aws:sagemaker:{REGION}:123456789012:training-plan/p5'}
    planned = answer()['ResourceConfig'] | plan
    aws.put(ended('planned', at=ago(minutes=10), **figures, ResourceConfig=planned))
    overran = {'TrainingJobStatus': 'Stopped', 'SecondaryStatus': 'MaxRuntimeExceeded'}
    aws.put(ended('overran', at=ago(minutes=10), **figures, ResourceConfig=planned) | overran)
    kept = tmp_path / 'history.json'
    first = run(REGION, save_to=kept)
    again = run(load_from=kept)
    assert 'GetProducts' in first.calls
    assert again.calls == first.calls, 'AWS is not asked again'
    for ran in (first, again):
        assert 'There are no dollars' not in shown_on(ran.page)
        told = ' '.join(ran.printed.partition('Verdict')[2].split())
        assert 'dollars 40.00 USD at list prices' in told
        assert 'no price for ml.new.large; what runs in a training plan counts 0' in told
        assert 'failures 2 of 4 ended jobs, 50%: 1 max_runtime_exceeded, 1 other' in told
        assert '1 of 1 jobs failed or were stopped, after 1.3 instance-hours (40.00 USD)' in told
        assert ran.code == 0


def test_where_prices_are_denied_there_are_no_dollars_and_a_line_says_what_to_allow(
    aws: SimulatedAws, run: Run
) -> None:
    aws.put(ended(at=ago(minutes=10), TrainingTimeInSeconds=2400, BillableTimeInSeconds=2400))
    aws.fail('AccessDeniedException', 'not authorized', operation='GetProducts')
    ran = run(REGION)
    assert 'USD' not in ran.printed
    assert 'There are no dollars in it' in shown_on(ran.page)
    last = ran.printed.partition('Nothing was sent')[2]
    assert 'us-east-1: the list prices are missing' in last
    assert 'Allow `pricing:GetProducts`' in last
    assert ran.code == 1
    assert ran.calls.count('GetProducts') == 1


def test_a_region_that_has_no_prices_gets_no_made_up_ones(aws: SimulatedAws, run: Run) -> None:
    aws.prices.hours = {}
    aws.put(ended(at=ago(minutes=10), TrainingTimeInSeconds=2400, BillableTimeInSeconds=2400))
    ran = run(REGION)
    assert 'dollars     not known' in ran.printed
    last = ' '.join(ran.printed.partition('Nothing was sent')[2].split())
    assert 'AWS lists no training instance for us-east-1' in last
    assert '`' not in last


def test_what_may_not_be_described_at_all_is_not_asked_for_again(aws: SimulatedAws, run: Run) -> None:
    aws.add(quiet_history(NOW, finished=40, days=0.08))
    aws.fail('AccessDeniedException', 'not authorized', operation='DescribeTrainingJob')
    ran = run(REGION)
    assert ran.code == 2
    assert ran.calls.count('DescribeTrainingJob') < 40
    assert 'Allow `sagemaker:DescribeTrainingJob`' in ran.errors


def test_what_fails_at_first_is_asked_for_again(aws: SimulatedAws, run: Run) -> None:
    aws.add(quiet_history(NOW, finished=8, days=0.08))
    aws.fail('InternalServerError', 'sorry', status=500, operation='DescribeTrainingJob', name='done-3', times=3)
    ran = run(REGION)
    assert ran.code == 0
    assert 'jobs        6 created, 8 completed' in ran.printed


def test_a_region_that_fails_hides_no_other(aws: SimulatedAws, run: Run) -> None:
    aws.put(answer())
    aws.fail('AccessDeniedException', 'not authorized', operation='ListTrainingJobs', region='eu-west-1')
    ran = run('eu-west-1', REGION)
    assert ran.code == 1
    [line] = ran.errors.splitlines()
    assert 'Allow `sagemaker:ListTrainingJobs`' in line
    assert 'Allow `sagemaker:ListTrainingJobs`' in ran.printed.partition('Nothing was sent')[2]
    assert '1 open at the end' in ran.printed


def test_where_nothing_runs_the_regions_are_named_that_have_jobs(aws: SimulatedAws, run: Run) -> None:
    aws.put(answer(region='eu-west-1'))
    ran = run(REGION)
    assert 'us-east-1: no training job was alive' in ran.printed
    assert ran.calls == ['ListTrainingJobs']
    assert ran.code == 0
    again = run(REGION, find_regions=True)
    assert re.findall(r'^(.+): 1 training jobs$', again.printed, re.MULTILINE) == ['eu-west-1']
    asked = [call.region for call in aws.calls[2:]]
    assert len(asked) == len(set(asked)) > 15


def test_the_monitors_are_asked_with_the_thresholds_that_are_tried(aws: SimulatedAws, run: Run) -> None:
    aws.put(answer(SecondaryStatus='Training', StoppingCondition={'MaxRuntimeInSeconds': 6_000}))
    row = r'^near_max_runtime +(\d+) +(\d+) +\d+ +(\S+)'
    shipped, tried = (
        re.findall(row, run(REGION, thresholds=thresholds).printed, re.MULTILINE)
        for thresholds in ({}, {'near_max_runtime': 40})
    )
    assert shipped == [('0', '0', '95')]
    assert tried == [('1', '0', '40')]


def test_a_week_is_polled_as_the_check_polls_where_it_is_recent() -> None:
    polls = replay_polls(NOW - timedelta(days=7, seconds=7), NOW + timedelta(seconds=7))
    steps = [(later - earlier).total_seconds() for earlier, later in zip(polls, polls[1:], strict=False)]
    assert (polls[0], polls[-1]) == (NOW - timedelta(days=7, minutes=5), NOW + timedelta(minutes=1))
    assert steps == [300] * (6 * 288 + 1) + [60] * 1441


@pytest.mark.parametrize(
    ('content', 'says'),
    [
        ('', 'is no file that --save has written'),
        ('[1]', 'is no file that --save has written'),
        ('{"sagemaker_training_history": 0}', 'is of another version'),
        (None, 'cannot be read'),
    ],
)
def test_a_file_that_is_no_history_is_named(content: str | None, says: str, run: Run, tmp_path: Path) -> None:
    file = tmp_path / 'history.json'
    if content is not None:
        file.write_text(content)
    ran = run(load_from=file)
    assert ran.code == 2
    [line] = ran.errors.splitlines()
    assert str(file) in line
    assert says in line
    assert ran.calls == []


def test_a_history_is_loaded_as_it_was_saved_and_one_that_cannot_be_saved_is_not_read(run: Run, tmp_path: Path) -> None:
    history = History(NOW - timedelta(days=7), NOW, [(answer(), {'team': 'nlp'})], {REGION: 3}, [], ['a remark'])
    history.prices[REGION] = {'ml.p5.48xlarge': 63.296}
    save(history, tmp_path / 'history.json')
    loaded = load(tmp_path / 'history.json')
    assert (loaded.since, loaded.read_at, loaded.listed, loaded.remarks) == (
        history.since,
        history.read_at,
        history.listed,
        history.remarks,
    )
    assert (loaded.jobs, loaded.prices) == (history.jobs, history.prices)
    with pytest.raises(HistoryError, match='cannot be written'):
        save(history, tmp_path)
    ran = run(REGION, save_to=tmp_path / 'nowhere' / 'history.json')
    assert ran.code == 2
    assert 'cannot be written' in ran.errors
    assert ran.calls == []
