# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Everything that is sent of one region: gauges, counts, events, logs, resources and its service check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import chain

from .aws.errors import Problem
from .aws.pace import Clock
from .catalogue import Catalogue
from .cost import cost_rates, cost_samples, job_costs
from .counts import TOTALS, TRANSITIONS, News, count_samples, news
from .entry import Entry
from .events import events, transition_logs
from .health import health, message, poll_gauges, too_many_groups
from .ledger import Ledger
from .memory import Memory
from .metrics import fleet_gauges, job_gauges
from .poll import Poll
from .prices import Prices
from .runs import longest_run, see
from .settings import Settings
from .sink import Sink
from .tags import JOB_TAGS, STATUS_TAGS, tags
from .usage import INSTANCE_TIMES

type FleetKey = tuple[str, tuple[str, ...]]
type GroupedJob = tuple[Entry, list[str]]


class Submission:
    """Of one region, through `sink`, by the `agent` of that host name.

    `clean` takes the secrets out of what the Agent logs or shows. Without `sends_logs`, transitions wait until the
    Agent takes logs.
    """

    def __init__(
        self,
        sink: Sink,
        region: str,
        settings: Settings,
        *,
        clock: Clock,
        clean: Callable[[str], str],
        agent: str,
        sends_logs: bool,
        warn_once: Callable[[str], None],
    ) -> None:
        self._sink = sink
        self._region = region
        self._settings = settings
        self._config = settings.config
        self._clock = clock
        self._clean = clean
        self._agent = agent
        self._sends_logs = sends_logs
        self._warn_once = warn_once
        self.resources = Catalogue(sink, region, settings, clock, self.log_failure)
        self._fleet: dict[FleetKey, float] = {}
        self._unsent: dict[FleetKey, float] = {}  # use whose sending failed: it counts with the next poll's
        self._grouped: dict[Entry, list[str]] = {}  # group tags, for as long as a poll takes
        self._is_advised = False  # about too many groups

    def news(
        self, ledger: Ledger, memory: Memory, scope: list[str], now: datetime, deadline: float, prices: Prices
    ) -> None:
        """Count, and tell, what is new. Each is marked as soon as it is submitted, and saved when all are.

        What there is no time for until the `deadline`, on the monotonic clock, is as new at the next poll.
        """
        self._grouped.clear()
        used: list[tuple[Entry, list[News]]] = []
        sums = defaultdict(float, self._unsent)
        try:
            for entry in ledger.owed(now, with_tags=self._config.collect_resource_tags):
                try:
                    times = self._news_of(ledger, memory, entry, scope, now)
                    self._add_use(sums, entry, times, prices)
                    used.append((entry, times))
                    self._log_excess(entry)
                except Exception as e:
                    self.log_failure(f'Job {entry.job.name}: not counted yet, for an error', e)
                if memory.is_to_be_saved:
                    memory.save(ledger, self._clock.time())
                if self._clock.monotonic() >= deadline:
                    break
            self._send_use(sums, scope)
            for entry, times in used:
                entry.used(times, prices)
        finally:
            memory.save(ledger, self._clock.time())

    def _news_of(self, ledger: Ledger, memory: Memory, entry: Entry, scope: list[str], now: datetime) -> list[News]:
        """Submits what happened to one job, and returns what it has used, which is submitted with that of others."""
        is_news, times = False, []
        keeps_transitions = self._config.collect_transition_logs and not self._sends_logs
        totals = TOTALS if entry.owed_at else INSTANCE_TIMES
        for new in news(entry.job, entry.counted, entry.since, entry.seen_at, totals):
            if new.name in INSTANCE_TIMES:
                times.append(new)
            elif not (new.name == TRANSITIONS and keeps_transitions):
                self._one_news(memory, entry, new, scope)
                entry.counted[new.name] = new.now
                is_news = True
        if entry.owed_at:
            family = self._settings.family(entry.job.name, entry.tags)
            see(ledger.longest_runs, family, entry.job, now, is_news=is_news)
        return times

    def _one_news(self, memory: Memory, entry: Entry, new: News, scope: list[str]) -> None:
        job, group_tags = entry.job, scope + self._group_tags(entry)
        job_tags = group_tags + tags(job, STATUS_TAGS) + tags(job, JOB_TAGS)
        family = self._settings.family(job.name, entry.tags)
        # First, as what fails is all tried again.
        samples, told = list(count_samples(job, new)), list(events(job, new, family))
        if self._config.collect_events:
            for word, event in told:
                if word in self._config.event_on:
                    self._sink.event(event | {'tags': job_tags})
        for sample in samples:
            self._sink.count(sample.name, sample.value, tags=[*group_tags, *sample.tags])
        if self._config.collect_transition_logs and new.name == TRANSITIONS:
            # A comma separates tags here; in one, Datadog keeps it as `_`, as it does in those of metrics.
            log_tags = ','.join(tag.replace(',', '_') for tag in group_tags + tags(job, JOB_TAGS))
            for number, log in enumerate(transition_logs(job, new), new.before + 1):
                stream, cursor = memory.note_log((job.arn, job.created), number)
                self._sink.send_log(log | {'ddtags': log_tags}, cursor=cursor, stream=stream)
                entry.counted[TRANSITIONS] = number

    def _add_use(self, sums: defaultdict[FleetKey, float], entry: Entry, times: list[News], prices: Prices) -> None:
        """What jobs have used has one count for each group of them: of most polls, this is all the news."""
        job = entry.job
        samples = [sample for new in times for sample in count_samples(job, new)]
        if prices:
            samples += [sample for new in times for sample in cost_samples(job, new, prices)]
        for sample in samples:
            sums[sample.name, (*self._group_tags(entry), *sample.tags)] += sample.value

    def _send_use(self, sums: Mapping[FleetKey, float], scope: list[str]) -> None:
        self._unsent = {}
        for (name, group), value in sums.items():
            if not self._is_sent(self._sink.count, name, value, [*scope, *group]):
                self._unsent[name, group] = value

    def _log_excess(self, entry: Entry) -> None:
        for name, seconds in entry.excess_to_tell():
            text = 'Job %s: %s has counted %d seconds more of each instance than AWS bills'
            self._sink.log.info(text, entry.job.name, name, seconds)

    def _group_tags(self, entry: Entry) -> list[str]:
        if entry not in self._grouped:
            self._grouped[entry] = self._settings.group_tags(entry)
        return self._grouped[entry]

    def gauges(self, ledger: Ledger, scope: list[str], now: datetime, prices: Prices) -> None:
        """Of each job, and of the fleet."""
        grouped = [(entry, self._group_tags(entry)) for entry in ledger.entries.values()]
        if self._config.collect_job_metrics:
            self._job_gauges(ledger, grouped, scope, now, prices)
        self._fleet_gauges(grouped, scope, prices)
        if not self._is_advised and (advice := too_many_groups([group_tags for _, group_tags in grouped])):
            self._is_advised = True
            self._warn_once(f'{self._region}: {advice}')
        self._grouped.clear()

    def _job_gauges(
        self, ledger: Ledger, grouped: list[GroupedJob], scope: list[str], now: datetime, prices: Prices
    ) -> None:
        keep = timedelta(hours=self._config.job_metrics_hours)
        for entry, group_tags in grouped:
            job = entry.job
            if not job.described or (job.released and job.released + keep <= now):
                continue
            job_tags = scope + group_tags + tags(job, STATUS_TAGS) + tags(job, JOB_TAGS)
            try:
                longest = longest_run(ledger.longest_runs, self._settings.family(job.name, entry.tags))
                costs = job_costs(job, entry.seen_at, entry.spent, prices) if prices else ()
                for name, value, own_tags in chain(job_gauges(job, now, longest), costs):
                    self._sink.gauge(name, value, tags=[*job_tags, *own_tags] if own_tags else job_tags)
            except Exception as e:
                self.log_failure(f'Job {job.name}: some of its gauges could not be sent', e)

    def _fleet_gauges(self, grouped: list[GroupedJob], scope: list[str], prices: Prices) -> None:
        """One value for each group of jobs, and a last 0 for a group that has become empty."""
        fleet = defaultdict(float, {group: 0.0 for group, value in self._fleet.items() if value})
        for job, group_tags in ((entry.job, group_tags) for entry, group_tags in grouped):
            group = (*group_tags, *tags(job, STATUS_TAGS))
            try:
                for sample in chain(fleet_gauges(job), cost_rates(job, prices) if prices else ()):
                    fleet[sample.name, (*group, *sample.tags)] += sample.value
            except Exception as e:
                self.log_failure(f"Job {job.name}: it is missing in its fleet's gauges", e)
        for (name, group), value in fleet.items():
            self._is_sent(self._sink.gauge, name, value, [*scope, *group])
        self._fleet = fleet

    def _is_sent(self, send: Callable[..., None], name: str, value: float, all_tags: list[str]) -> bool:
        """Whether it could be: what cannot, of one group, does not keep back that of others."""
        try:
            send(name, value, tags=all_tags)
        except Exception as e:
            self.log_failure(f'{name} could not be sent', e)
            return False
        return True

    def service_check(self, poll: Poll, scope: list[str], is_read: bool, is_kept: bool, prices: Problem | None) -> str:
        """Returns what went wrong, and what to do about it, in full. What passes by itself is only logged."""
        verdict, found = health(poll, is_read, is_kept, prices)
        problems = [Problem(*map(self._clean, problem)) for problem in found]
        in_full = ' '.join(map(str, problems))
        if in_full:
            self._sink.log.warning('%s', in_full)
        status = getattr(self._sink, verdict)
        told = message(problems, self._agent) if status else ''
        self._sink.service_check('can_connect', status, tags=scope, message=told)
        return in_full

    def poll_metrics(
        self,
        ledger: Ledger,
        scope: list[str],
        now: datetime,
        duration: float,
        attempts: Mapping[tuple[str, str], int],
    ) -> None:
        """Of the poll itself, which took `duration` seconds; `attempts` at calls by (operation, outcome)."""
        families = {self._settings.family(entry.job.name, entry.tags) for entry in ledger.entries.values()} - {''}
        for sample in poll_gauges(
            ledger, now, duration=duration, pending_resources=len(self.resources), job_families=len(families)
        ):
            self._sink.gauge(sample.name, sample.value, tags=scope)
        for (operation, outcome), number in attempts.items():
            self._sink.count('api.requests', number, tags=[*scope, f'operation:{operation}', f'outcome:{outcome}'])

    def warn_of_another_account(self, known: str | None, now: str | None) -> None:
        self.warn(f'the credentials are those of account {now} now, not of {known}. This is a first start.')
        self.resources.forget()
        self._unsent = {}

    def warn(self, text: str) -> None:
        self._sink.log.warning('%s: %s', self._region, text)

    def log_failure(self, what: str, error: Exception) -> None:
        self._sink.log.warning('%s: %s', what, f'{type(error).__name__}: {error}')
