# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""One poll of each region: list, describe what changed, submit."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Lock
from traceback import format_tb
from typing import Any

from datadog_checks.base import AgentCheck, ConfigurationError
from datadog_checks.base.agent import datadog_agent
from datadog_checks.base.errors import CheckException
from datadog_checks.base.types import InitConfigType, InstanceType
from datadog_checks.base.utils.containers import hash_mutable_stable
from datadog_checks.base.utils.genresources import INCLUDE_ALL

from .aws import Account, Region
from .aws.errors import PROVIDE_CREDENTIALS, AwsError, Problem
from .aws.pace import Clock
from .config_models import ConfigMixin
from .config_models.names import unknown
from .counts import TRANSITIONS, News, count_samples, news
from .diagnose import diagnoses, unconnected
from .entry import Entry
from .events import events, transition_logs
from .families import families
from .health import health, message, poll_gauges, too_many_groups
from .job import TrainingJob
from .ledger import Ledger
from .log import CleanLog
from .memory import ANOTHER_AGENT, Memory
from .metrics import Sample, fleet_gauges, job_gauges
from .outbox import Outbox
from .poll import Answer, AskAll, Poll
from .presence import MOST_RELEASED, Presences, mark_polled, polled_before
from .resources import RESOURCE_TYPE, resource_digest, resource_fields
from .scrub import Scrubber
from .store import Read, Write
from .tags import GROUP_TAGS, JOB_TAGS, STATUS_TAGS, instance_names, metric_tags, tags
from .text import well_formed
from .workers import Workers

# A poll ends itself before the Agent starts the next one.
POLL_SHARE = 0.8
LISTING_SHARE = POLL_SHARE / 2
SENDING_SHARE = 0.9
# For what is read is told, too: at least so much of the interval, and as long as the poll has time.
NEWS_SHARE = 0.1

# The options that tell whose jobs an instance polls, and which; the regions have a state each.
OWN_IDENTITY = ('aws_profile', 'aws_access_key_id')
SELECTION = ('endpoint_url', 'name_include', 'name_exclude')

# By persistent cache id and region: an instance that is loaded anew waits for its former self to save its state.
_turns: dict[tuple[str, str], Lock] = {}

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
        self._ledgers: dict[str, Ledger] = {}
        self._memories: dict[str, Memory] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._warned = Lock()  # of too many groups, once: it is never released
        # The Agent has not told the check id yet, of which the instance's name or namespace is a part.
        whose = hash_mutable_stable((self.persistent_cache_id(), *map(self.instance.get, ('name', 'namespace'))))
        self._presences = Presences(f'{name}:{whose}_presence', *self._cache, self._scheduled_at)
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

        A cluster check may go on elsewhere. So it is noted when the state was released, which a restart of the Agent
        does not do: https://docs.datadoghq.com/containers/cluster_agent/clusterchecks/.
        """
        self._cancelled.set()
        self._presences.release(self._now())

    def _connect(self) -> None:
        config = self.config
        self._scrubber = Scrubber(config.sensitive_patterns or ())
        self._family = families(config.job_family_patterns or (), config.job_family_tag)
        self._own_names = instance_names(config.tags or (), config.service or self.shared_config.service)
        self._keeps_logs = bool(config.collect_transition_logs and not self.logs_enabled)
        if self._keeps_logs:
            self.log.warning(
                '`collect_transition_logs` has no effect: set `logs_enabled: true` in datadog.yaml, or DD_LOGS_ENABLED.'
            )
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
        try:
            with ThreadPoolExecutor(width, 'sagemaker_training') as executor, Workers(count, width) as workers:
                take_turn = partial(self._take_safe_turn, workers=workers, start=start)
                failures = list(filter(None, executor.map(take_turn, regions)))
        finally:
            regions.append(regions.pop(0))  # what comes last has the least time
        complete = [name for name, memory in self._memories.items() if memory.is_complete]
        self._presences.move_on(complete, self._now(), timedelta(seconds=self.config.min_collection_interval))
        if len(failures) == len(regions):
            raise CheckException(f'No region could be read. {failures[0]}')

    def _take_safe_turn(self, region: Region, workers: Workers, start: float) -> str | None:
        """As `_take_turn`, where no error of this region, foreseen or not, touches another one."""
        try:
            return self._take_turn(region, workers, start)
        except Exception as e:
            where = ''.join(format_tb(e.__traceback__))  # lines of source, and no values
            self._log_failure('%s: the poll ended with an error: %s\n%s', region.name, e, where)
            ledger = self._ledgers.get(region.name)
            account_id = (ledger and ledger.account_id) or self._role_account_id
            problem = Problem(
                f'The poll ended with an error, {type(e).__name__}, which the Agent has logged',
                'The next poll tries again; if it lasts, report it with the lines of the log.',
                '',
            )
            with suppress(Exception):
                scope = self._scope(region.name, account_id)
                self.service_check('can_connect', self.CRITICAL, tags=scope, message=message([problem]))
            return f'{region.name}: {problem}'

    def _log_failure(self, text: str, subject: str, error: Exception, *rest: object) -> None:
        self.log.warning(text, subject, f'{type(error).__name__}: {error}', *rest)

    def _take_turn(self, region: Region, workers: Workers, start: float) -> str | None:
        with self._turn(region.name), workers.share_of(region.name):
            if self._cancelled.is_set():
                return None
            if region.name not in self._ledgers:
                self._ledgers[region.name] = self._load_ledger(region.name)
            return self._poll(region, workers, start)

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
                    try:
                        self._put_resource(outbox, region.name, entry, answer, now)
                    except Exception as e:
                        self._log_failure('Job %s: it makes no resource: %s', entry.job.name, e)
                        entry.resource_sent_at = now  # it is tried again like one that has not changed
                    outbox.send(out_of_time=lambda: True)
            outbox.send(self._out_of_time(start, SENDING_SHARE))
        finally:
            self._submit_news(region.name, ledger, scope, now, start)
        is_read = ledger.listed_at == now
        is_kept = not self._memories[region.name].is_lost
        if is_read and account_id:
            is_kept &= mark_polled(self._polled_key(account_id, region.name), *self._cache, now)
        if is_read:
            grouped = [(entry.job, self._group_tags(entry)) for entry in ledger.entries.values()]
            self._submit_job_gauges(grouped, scope, now)
            self._submit_fleet_gauges(region.name, grouped, scope)
            self._warn_of_groups(region.name, grouped)
        problems = self._submit_service_check(poll, scope, is_read, is_kept)
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
            exclude=self.config.resource_fields_exclude or (),
        )
        refresh = timedelta(seconds=self.config.resource_refresh_seconds)
        digest = resource_digest(fields)
        if not entry.lacks_resource(digest, now, refresh):
            return

        def send() -> None:
            entry.resource_sent_at = now  # also if it cannot be: then it is tried again like one that has not changed
            try:
                self.submit_generic_resource(
                    type=RESOURCE_TYPE,
                    key=entry.job.arn,
                    fields=fields,
                    include=INCLUDE_ALL,  # type: ignore[arg-type]  # the base class means this constant too
                    seen_at=int(now.timestamp()),
                    expire_at=int((now + 3 * refresh).timestamp()),
                )
            except Exception as e:
                self._log_failure('Job %s: its resource could not be sent: %s', entry.job.name, e)
            else:
                entry.resource_digest = digest

        outbox.put(entry, send, is_refresh=digest == entry.resource_digest)

    def _submit_news(self, region: str, ledger: Ledger, scope: list[str], now: datetime, start: float) -> None:
        """Count, and tell, what is new. Each is marked as soon as it is submitted, and saved when all are.

        What there is no time for is as new at the next poll.
        """
        memory, interval = self._memories[region], self.config.min_collection_interval
        deadline = max(start + POLL_SHARE * interval, self._clock.monotonic() + NEWS_SHARE * interval)
        try:
            for entry in ledger.owed(now, with_tags=self.config.collect_resource_tags):
                try:
                    for new in news(entry.job, entry.counted, entry.since):
                        if new.name == TRANSITIONS and self._keeps_logs:
                            continue  # they come once the Agent takes logs
                        self._submit_one_news(region, entry, new, scope)
                        entry.counted[new.name] = new.now
                    entry.owed_at = None
                except Exception as e:
                    self._log_failure('Job %s: not counted yet, for an error: %s', entry.job.name, e)
                if memory.is_to_be_saved:
                    memory.save(ledger, self._clock.time())
                if self._clock.monotonic() >= deadline:
                    break
        finally:
            memory.save(ledger, self._clock.time())

    def _submit_one_news(self, region: str, entry: Entry, new: News, scope: list[str]) -> None:
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
            # A comma separates tags here; in one, Datadog keeps it as `_`, as it does in those of metrics.
            log_tags = ','.join(tag.replace(',', '_') for tag in group_tags + tags(job, JOB_TAGS))
            for number, log in enumerate(transition_logs(job, new), new.before + 1):
                stream, cursor = self._memories[region].note_log((job.arn, job.created), number)
                self.send_log(log | {'ddtags': log_tags}, cursor=cursor, stream=stream)
                entry.counted[TRANSITIONS] = number

    def _submit_job_gauges(self, grouped: list[GroupedJob], scope: list[str], now: datetime) -> None:
        if not self.config.collect_job_metrics:
            return
        keep = timedelta(hours=self.config.job_metrics_hours)
        for job, group_tags in grouped:
            if not job.described or (job.released and job.released + keep <= now):
                continue
            job_tags = scope + group_tags + tags(job, STATUS_TAGS) + tags(job, JOB_TAGS)
            try:
                for sample in job_gauges(job, now):
                    self.gauge(sample.name, sample.value, tags=[*job_tags, *sample.tags])
            except Exception as e:
                self._log_failure('Job %s: some of its gauges could not be sent: %s', job.name, e)

    def _submit_fleet_gauges(self, region: str, grouped: list[GroupedJob], scope: list[str]) -> None:
        """One value for each group of jobs, and a last 0 for a group that has become empty."""
        emptied = {group: 0.0 for group, value in self._fleets[region].items() if value}
        fleet = defaultdict(float, emptied)
        for job, group_tags in grouped:
            group = (*group_tags, *tags(job, STATUS_TAGS))
            try:
                for sample in fleet_gauges(job):
                    fleet[sample.name, (*group, *sample.tags)] += sample.value
            except Exception as e:
                self._log_failure("Job %s: it is missing in its fleet's gauges: %s", job.name, e)
        for (name, group), value in fleet.items():
            self.gauge(name, value, tags=[*scope, *group])
        self._fleets[region] = fleet

    def _warn_of_groups(self, region: str, grouped: list[GroupedJob]) -> None:
        if self._warned.locked():
            return
        message = too_many_groups([group_tags for _, group_tags in grouped])
        if message and self._warned.acquire(blocking=False):
            self.log.warning('%s: %s', region, self._scrubber.text(message))

    def _submit_service_check(self, poll: Poll, scope: list[str], is_read: bool, is_kept: bool) -> str:
        """Returns what went wrong, and what to do about it, in full. What passes by itself is only logged."""
        verdict, found = health(poll, is_read, is_kept)
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
        memory = Memory(region, self.read_persistent_cache, self.write_persistent_cache, self.get_log_cursor)
        self._memories[region] = memory
        ledger, warnings = memory.load(
            self._new_ledger, self._scheduled_at - MOST_RELEASED, partial(self._out_of_date, region)
        )
        for warning in warnings:
            self.log.warning('%s: %s', region, warning)
        return ledger

    def _out_of_date(self, region: str, ledger: Ledger) -> str:
        """Why the saved state cannot be gone on with: others may have counted since."""
        presence = self._presences[region]
        if not presence:
            return ''
        if presence.released_at:
            return ANOTHER_AGENT
        account_id = ledger.account_id or self._role_account_id or self._account.caller_account_id
        key, (read, _) = self._polled_key(account_id, region), self._cache
        polled_at = polled_before(key, read, self._scheduled_at, self._now())
        if polled_at and polled_at > presence.until:
            return f'another instance polled account {account_id}, at last {polled_at}, and this one has been away'
        return ''

    @property
    def _cache(self) -> tuple[Read, Write]:
        """The Agent's, whose keys are shared by all instances of the check."""
        return datadog_agent.read_persistent_cache, datadog_agent.write_persistent_cache

    def _polled_key(self, account_id: str | None, region: str) -> str:
        return f'{self.name}:polled_{account_id}_{region}'

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
