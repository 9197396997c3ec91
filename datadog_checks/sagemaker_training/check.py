# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""One poll of each region: list, describe what changed, submit."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Lock
from typing import Any

from datadog_checks.base import AgentCheck, ConfigurationError
from datadog_checks.base.errors import CheckException
from datadog_checks.base.types import InitConfigType, InstanceType
from datadog_checks.base.utils.containers import hash_mutable_stable
from datadog_checks.base.utils.genresources import INCLUDE_ALL

from . import state
from .aws import Account, Region
from .config_models import ConfigMixin
from .config_models.names import unknown
from .counts import TRANSITIONS, News, count_samples, news
from .diagnose import diagnoses, unconnected
from .entry import Entry
from .errors import PROVIDE_CREDENTIALS, AwsError, Problem
from .events import events, transition_logs
from .families import families
from .health import health, message, poll_gauges, too_many_groups
from .job import TrainingJob
from .ledger import Ledger
from .log import CleanLog
from .metrics import Sample, fleet_gauges, job_gauges
from .outbox import Outbox
from .pace import Clock
from .poll import Answer, AskAll, Poll
from .resources import RESOURCE_TYPE, resource_digest, resource_fields
from .scrub import Scrubber
from .tags import GROUP_TAGS, JOB_TAGS, STATUS_TAGS, instance_names, metric_tags, tags
from .text import well_formed
from .workers import Workers

# A poll ends itself before the Agent starts the next one.
POLL_SHARE = 0.8
LISTING_SHARE = POLL_SHARE / 2
SENDING_SHARE = 0.9

# The options that tell whose jobs an instance polls, and which; the regions have a state each.
OWN_IDENTITY = ('aws_profile', 'aws_access_key_id')
SELECTION = ('endpoint_url', 'name_include', 'name_exclude')

# By persistent cache id and region: an instance that is loaded anew waits for its former self to save its state.
_turns: dict[tuple[str, str], Lock] = {}

# An instance that only had its configuration changed is back on the schedule by then; later, others may have polled.
MOST_RELEASED = timedelta(minutes=1)

type FleetKey = tuple[str, tuple[str, ...]]
type GroupedJob = tuple[TrainingJob, list[str]]


def name_filter(include: Iterable[str], exclude: Iterable[str]) -> Callable[[str], bool]:
    """Whether a job's name is wanted: none of `exclude` is found in it, and one of `include` if there are any."""
    included, excluded = ([re.compile(pattern) for pattern in patterns] for patterns in (include, exclude))

    def is_wanted(name: str) -> bool:
        if any(pattern.search(name) for pattern in excluded):
            return False
        return not included or any(pattern.search(name) for pattern in included)

    return is_wanted


class SagemakerTrainingCheck(AgentCheck, ConfigMixin):
    """Polls the training jobs of one AWS account; `clock` stands in for the standard library's `time`."""

    __NAMESPACE__ = 'sagemaker_training'

    def __init__(
        self, name: str, init_config: InitConfigType, instances: list[InstanceType], clock: Clock = time
    ) -> None:
        super().__init__(name, init_config, instances)
        self._scrubber = Scrubber()
        self.log = CleanLog(self.log, self._clean)  # type: ignore[assignment]  # which the base class is fine with
        self._clock = clock
        self._cancelled = Event()
        self._scheduled_at = self._now()
        self._released_at: datetime | None = None
        self._ledgers: dict[str, Ledger] = {}
        self._saved: dict[str, str] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._warned = Lock()  # of too many groups, once: it is never released
        self.check_initializations.append(self._connect)
        self.diagnosis.register(self._diagnose)

    def persistent_cache_id(self) -> str:
        """The same as long as the jobs are: a new tag, interval, region, external id or session token replays nothing.

        The base package's config_set_persistent_cache_id leaves out the names of the options, and so would mix up an
        instance that includes some names with one that excludes them.
        """
        who = ('assume_role_arn',) if self.instance.get('assume_role_arn') else OWN_IDENTITY
        return hash_mutable_stable({name: self.instance.get(name) or None for name in (*who, *SELECTION)})

    def log_typos_in_options(self, user_config: Any, models_config: Any, level: str) -> set[str]:
        """Of every option that nobody reads, where the base package's tells only those that are very much like one."""
        sentences = unknown(user_config or {}, type(models_config).model_fields)
        for sentence in sentences.values():
            self.log.warning('%s: %s', level, Scrubber(()).text(sentence))
        return set(sentences)

    def cancel(self) -> None:
        """Called by the Agent when it unschedules the instance: the poll under way ends with the calls it has begun.

        A cluster check may go on elsewhere. So the state says when it was released, which a restart of the Agent does
        not do: https://docs.datadoghq.com/containers/cluster_agent/clusterchecks/.
        """
        self._released_at = self._now()
        self._cancelled.set()
        for region in list(self._ledgers):
            self._release(region)

    def _connect(self) -> None:
        config = self.config
        self._scrubber = Scrubber(config.sensitive_patterns or ())
        self._family = families(config.job_family_patterns or (), config.job_family_tag)
        self._own_names = instance_names(config.tags or (), config.service or self.shared_config.service)
        try:
            self._account = self._new_account()
        except AwsError as e:
            problem = self._clean_problem(e.problem)
            for region in self.config.regions or ():
                scope = self._scope(region, self._role_account_id)
                self.service_check('can_connect', self.CRITICAL, tags=scope, message=message([problem]))
            raise ConfigurationError(f'{problem} {PROVIDE_CREDENTIALS}') from None
        except ConfigurationError as e:
            raise ConfigurationError(self._clean(str(e))) from None
        self._fleets: dict[str, dict[FleetKey, float]] = {region.name: {} for region in self._account.regions}

    def _new_account(self) -> Account:
        for secret in filter(None, (self.config.aws_secret_access_key, self.config.aws_session_token)):
            self.register_secret(secret)
        self._scrubber = Scrubber(self.config.sensitive_patterns or ())
        return Account(self.config, self.proxies, self._clock)

    def _clean(self, text: str) -> str:
        """What the Agent logs or shows, without secrets. Texts are cut after this: half a secret is not recognized."""
        return self._scrubber.text(self.sanitize(text))

    def _clean_problem(self, problem: Problem) -> Problem:
        return Problem(*map(self._clean, problem))

    def _diagnose(self) -> None:
        """For `agent diagnose`: of an instance that may never have run. It shares only the rates with the polls."""
        try:
            self.load_configuration_models()
            config = self.config
            is_included = name_filter(config.name_include or (), config.name_exclude or ())
            findings = diagnoses(self._new_account(), config, is_included)
        except (AwsError, ConfigurationError) as e:
            findings = iter([unconnected(e)])
        for verdict, *texts in findings:
            name, diagnosis, description, remediation = map(self._clean, texts)
            getattr(self.diagnosis, verdict)(name, diagnosis, self.name, description, remediation)

    def check(self, _: InstanceType) -> None:
        start = self._clock.monotonic()
        regions = self._account.regions
        count = self.config.max_concurrency
        width = min(len(regions), count)
        with ThreadPoolExecutor(width, 'sagemaker_training') as executor, Workers(count, width) as workers:
            take_turn = partial(self._take_turn, workers=workers, start=start)
            failures = list(filter(None, executor.map(take_turn, regions)))
        regions.append(regions.pop(0))  # what comes last has the least time
        if len(failures) == len(regions):
            raise CheckException(f'No region could be read. {failures[0]}')

    def _take_turn(self, region: Region, workers: Workers, start: float) -> str | None:
        try:
            with self._turn(region.name):
                if self._cancelled.is_set():
                    return None
                if region.name not in self._ledgers:
                    self._ledgers[region.name] = self._load_ledger(region.name)
                with workers.share_of(region.name):
                    return self._poll(region, workers, start)
        finally:
            if self._cancelled.is_set():
                self._release(region.name)

    def _release(self, region: str) -> None:
        """Say in the saved state that it was released; a poll under way does so at its end, and a successor's stays."""
        turn = self._turn(region)
        if not turn.acquire(blocking=False):
            return
        try:
            is_ours = self.read_persistent_cache(f'ledger_{region}') == self._saved.get(region, '')
            if is_ours and region in self._ledgers:
                self._save_ledger(region, self._ledgers[region])
        finally:
            turn.release()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)

    def _turn(self, region: str) -> Lock:
        """Held by the one check of this Agent that polls the same jobs now."""
        return _turns.setdefault((self.persistent_cache_id(), region), Lock())

    def _poll(self, region: Region, workers: Workers, start: float) -> str | None:
        """One poll of one region; why it could not be read, if it could not.

        A listing that breaks off after its first page is no failure: the next poll goes on with it.
        """
        began = self._clock.monotonic()
        now = self._now()
        ledger = self._ledgers[region.name]
        known_account = ledger.account_id
        ledger.prune(now, timedelta(hours=self.config.job_metrics_hours))
        poll = Poll(region, ledger, now, self._scrubber)
        try:
            poll.list_changes(page_cost=self._page_cost, out_of_time=self._out_of_time(start, LISTING_SHARE))
        except AwsError as e:
            poll.problems.append(e)
        if known_account not in (None, ledger.account_id):
            self.log.warning(
                '%s: the credentials are those of account %s now, not of %s. This is a first start.',
                region.name,
                ledger.account_id,
                known_account,
            )
            self._ledgers[region.name] = self._new_ledger()
            self._outboxes.pop(region.name, None)
            return self._poll(region, workers, start)
        account_id = ledger.account_id or self._role_account_id or self._account.caller_account_id
        scope = self._scope(region.name, account_id)
        outbox = self._outboxes.setdefault(region.name, Outbox(self._clock))
        ask_all = partial(workers.map, region.name, max(1, int(region.rate('DescribeTrainingJob'))))
        try:
            for entry, answer in self._describe(poll, ask_all, self._out_of_time(start, POLL_SHARE)):
                if self.config.collect_resources:
                    self._put_resource(outbox, region.name, entry, answer, now)
                    outbox.send(out_of_time=lambda: True)
            outbox.send(self._out_of_time(start, SENDING_SHARE))
        finally:
            self._submit_news(region.name, ledger, scope, now)
        is_read = ledger.listed_at == now
        if is_read:
            grouped = [(entry.job, self._group_tags(entry)) for entry in ledger.entries.values()]
            self._submit_job_gauges(grouped, scope, now)
            self._submit_fleet_gauges(region.name, grouped, scope)
            self._warn_of_groups(region.name, grouped)
        problems = self._submit_service_check(poll, scope, is_read)
        known = {self._family(entry.job.name, entry.tags) for entry in ledger.entries.values()}
        gauges = poll_gauges(
            ledger,
            now,
            duration=self._clock.monotonic() - began,
            pending_resources=len(outbox),
            job_families=len(known - {''}),
        )
        self._submit_poll_metrics(region.name, gauges, scope)
        return None if is_read else f'{region.name}: {problems}'

    def _describe(self, poll: Poll, ask_all: AskAll, out_of_time: Callable[[], bool]) -> Iterator[tuple[Entry, Answer]]:
        config = self.config
        resource_refresh = timedelta(seconds=config.resource_refresh_seconds)
        yield from poll.describe(
            poll.ledger.due(
                poll.now,
                timedelta(seconds=config.open_job_refresh_seconds),
                resource_refresh if config.collect_resources else None,
            ),
            tags_refresh=resource_refresh if config.collect_resource_tags else None,
            ask_all=ask_all,
            out_of_time=out_of_time,
        )

    def _put_resource(self, outbox: Outbox, region: str, entry: Entry, answer: Answer, now: datetime) -> None:
        """Let the job's resource be sent if it has changed, or would expire before long."""
        fields = resource_fields(
            answer,
            account_id=entry.job.account_id,
            region=region,
            tags=entry.tags,
            scrubber=self._scrubber,
            collect_environment_values=self.config.collect_environment_values,
        )
        refresh = timedelta(seconds=self.config.resource_refresh_seconds)
        digest = resource_digest(fields)
        if not entry.lacks_resource(digest, now, refresh):
            return

        def send() -> None:
            self.submit_generic_resource(
                type=RESOURCE_TYPE,
                key=entry.job.arn,
                fields=fields,
                include=INCLUDE_ALL,  # type: ignore[arg-type]  # the base class means this constant too
                seen_at=int(now.timestamp()),
                expire_at=int((now + 3 * refresh).timestamp()),
            )
            entry.resource_digest, entry.resource_sent_at = digest, now

        outbox.put(entry, send, is_refresh=digest == entry.resource_digest)

    def _submit_news(self, region: str, ledger: Ledger, scope: list[str], now: datetime) -> None:
        """Count, and tell, what is new. Each is marked as soon as it is submitted, and saved when all are."""
        try:
            for entry in ledger.owed(now, with_tags=self.config.collect_resource_tags):
                try:
                    for new in news(entry.job, entry.counted, entry.since):
                        self._submit_one_news(region, ledger, entry, new, scope)
                        entry.counted[new.name] = new.now
                    entry.owed_at = None
                except Exception as e:
                    reason = f'{type(e).__name__}: {e}'
                    self.log.error('%s: %s: not counted yet, for an error: %s', region, entry.job.name, reason)
        finally:
            self._save_ledger(region, ledger)

    def _submit_one_news(self, region: str, ledger: Ledger, entry: Entry, new: News, scope: list[str]) -> None:
        job, group_tags = entry.job, scope + self._group_tags(entry)
        job_tags = group_tags + tags(job, STATUS_TAGS) + tags(job, JOB_TAGS)
        family = self._family(job.name, entry.tags)
        # First, as what fails is all tried again.
        samples, told = list(count_samples(job, new)), list(events(job, new, family))
        if self.config.collect_events:
            for word, event in told:
                if word in self.config.event_on:
                    self.event(event | {'tags': job_tags})
        for sample in samples:
            self.count(sample.name, sample.value, tags=[*group_tags, *sample.tags])
        if self.config.collect_transition_logs and new.name == TRANSITIONS:
            log_tags = ','.join(group_tags + tags(job, JOB_TAGS))
            for number, log in enumerate(transition_logs(job, new), new.before + 1):
                ledger.logged[job.arn, job.created] = number
                self.send_log(log | {'ddtags': log_tags}, cursor=state.cursor(ledger), stream=region)

    def _submit_job_gauges(self, grouped: list[GroupedJob], scope: list[str], now: datetime) -> None:
        if not self.config.collect_job_metrics:
            return
        keep = timedelta(hours=self.config.job_metrics_hours)
        for job, group_tags in grouped:
            if not job.described or (job.released and job.released + keep <= now):
                continue
            job_tags = scope + group_tags + tags(job, STATUS_TAGS) + tags(job, JOB_TAGS)
            for sample in job_gauges(job, now):
                self.gauge(sample.name, sample.value, tags=[*job_tags, *sample.tags])

    def _submit_fleet_gauges(self, region: str, grouped: list[GroupedJob], scope: list[str]) -> None:
        """One value for each group of jobs, and a last 0 for a group that has become empty."""
        emptied = {group: 0.0 for group, value in self._fleets[region].items() if value}
        fleet = defaultdict(float, emptied)
        for job, group_tags in grouped:
            group = (*group_tags, *tags(job, STATUS_TAGS))
            for sample in fleet_gauges(job):
                fleet[sample.name, (*group, *sample.tags)] += sample.value
        for (name, group), value in fleet.items():
            self.gauge(name, value, tags=[*scope, *group])
        self._fleets[region] = fleet

    def _warn_of_groups(self, region: str, grouped: list[GroupedJob]) -> None:
        if self._warned.locked():
            return
        message = too_many_groups([group_tags for _, group_tags in grouped])
        if message and self._warned.acquire(blocking=False):
            self.log.warning('%s: %s', region, self._scrubber.text(message))

    def _submit_service_check(self, poll: Poll, scope: list[str], is_read: bool) -> str:
        """Returns what went wrong, and what to do about it, in full. What passes by itself is only logged."""
        verdict, found = health(poll, is_read)
        problems = list(map(self._clean_problem, found))
        in_full = ' '.join(map(str, problems))
        if in_full:
            self.log.warning('%s', in_full)
        status = getattr(self, verdict)
        self.service_check('can_connect', status, tags=scope, message=message(problems) if status else '')
        return in_full

    def _submit_poll_metrics(self, region: str, gauges: Iterable[Sample], scope: list[str]) -> None:
        for sample in gauges:
            self.gauge(sample.name, sample.value, tags=scope)
        for (operation, outcome), attempts in self._account.take_attempts(region).items():
            self.count('api.requests', attempts, tags=[*scope, f'operation:{operation}', f'outcome:{outcome}'])

    def _new_ledger(self) -> Ledger:
        config = self.config
        is_included = name_filter(config.name_include or (), config.name_exclude or ())
        return Ledger(timedelta(hours=config.history_hours), is_included)

    def _load_ledger(self, region: str) -> Ledger:
        ledger = self._new_ledger()
        try:
            text = self._saved[region] = self.read_persistent_cache(f'ledger_{region}')
            if text and not state.restore(ledger, text, self._scheduled_at - MOST_RELEASED):
                self.log.info('%s: another Agent may have polled meanwhile. This is a first start.', region)
                return ledger
        except ValueError:
            self.log.warning(
                '%s: the saved state is damaged or of another version. This is a first start: what happened to jobs '
                'since the last poll is not counted, and jobs that ended become resources within `history_hours`.',
                region,
            )
        try:
            if cursor := self.get_log_cursor(region):
                state.restore_cursor(ledger, cursor)
        except ValueError:
            self.log.warning('%s: the saved cursor of the transition logs is damaged. Some may be sent again.', region)
        return ledger

    def _save_ledger(self, region: str, ledger: Ledger) -> None:
        text = state.dump(ledger, self._released_at)
        if text != self._saved.get(region, ''):
            self.write_persistent_cache(f'ledger_{region}', text)
            self._saved[region] = text
        ledger.saved()

    def _group_tags(self, entry: Entry) -> list[str]:
        family = self._family(entry.job.name, entry.tags)
        asked = metric_tags(entry.tags, self.config.resource_tags_as_metric_tags, self._own_names)
        return [*tags(entry.job, GROUP_TAGS), *([f'job_family:{family}'] if family else ()), *asked]

    def _scope(self, region: str, account_id: str | None) -> list[str]:
        own = [f'region:{region}', *map(well_formed, self.config.tags or ())]
        return [f'aws_account:{account_id}', *own] if account_id else own

    @property
    def _role_account_id(self) -> str | None:
        arn = self.config.assume_role_arn
        return arn.split(':')[4] if arn else None

    @property
    def _page_cost(self) -> float:
        """What listing a page at every poll costs, in Describes of one open job: a share of AWS's rate each."""
        config = self.config
        polls_per_describe = config.open_job_refresh_seconds / config.min_collection_interval
        return config.describe_requests_per_second / config.list_requests_per_second * polls_per_describe

    def _out_of_time(self, start: float, share: float) -> Callable[[], bool]:
        deadline = start + share * self.config.min_collection_interval
        return lambda: self._cancelled.is_set() or self._clock.monotonic() >= deadline
