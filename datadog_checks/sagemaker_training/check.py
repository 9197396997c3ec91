# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The life of an instance: its options, the turns of its regions, its end, and what goes wrong. The only AgentCheck."""

import time
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

from .aws import Account, Region
from .aws.errors import PROVIDE_CREDENTIALS, AwsError, Problem
from .aws.pace import Clock
from .config_models import ConfigMixin
from .config_models.names import unknown
from .diagnose import diagnoses, unconnected
from .health import message
from .ledger import Ledger
from .log import CleanLog
from .memory import ANOTHER_AGENT, Memory
from .presence import MOST_RELEASED, Presences, mark_polled, polled_before
from .pricelist import RegionPrices, shared_list
from .region import FollowedRegion
from .scrub import Scrubber
from .settings import Settings, name_filter
from .store import Read, Write
from .submit import Submission
from .workers import Workers

# The options that tell whose jobs an instance polls, and which; the regions have a state each.
OWN_IDENTITY = ('aws_profile', 'aws_access_key_id')
SELECTION = ('endpoint_url', 'name_include', 'name_exclude')

# By persistent cache id and region: an instance that is loaded anew waits for its former self to save its state.
_turns: dict[tuple[str, str], Lock] = {}


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
        self._followed: dict[str, FollowedRegion] = {}
        self._warned = Lock()  # of what is told once: it is never released
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
        self._settings = Settings(config, config.service or self.shared_config.service, self._scrubber)
        if config.collect_transition_logs and not self.logs_enabled:
            self.log.warning(
                '`collect_transition_logs` has no effect: set `logs_enabled: true` in datadog.yaml, or DD_LOGS_ENABLED.'
            )
        try:
            self._account = self._new_account()
        except AwsError as e:
            problem = Problem(*map(self._clean, e.problem))
            for region in config.regions or ():
                self._send_critical(region, self._settings.role_account_id, problem)
            raise ConfigurationError(f'{problem} {PROVIDE_CREDENTIALS}') from None
        except ConfigurationError as e:
            raise ConfigurationError(self._clean(str(e))) from None

    def _send_critical(self, region: str, account_id: str | None, problem: Problem) -> None:
        scope = self._settings.scope(region, account_id)
        self.service_check('can_connect', self.CRITICAL, tags=scope, message=message([problem], self._agent))

    def _new_account(self) -> Account:
        for secret in filter(None, (self.config.aws_secret_access_key, self.config.aws_session_token)):
            self.register_secret(secret)
        self._scrubber = Scrubber(self.config.sensitive_patterns or ())
        return Account(self.config, self.proxies, self._clock)

    def _clean(self, text: str) -> str:
        """What the Agent logs or shows, without secrets. Texts are cut after this: half a secret is not recognized."""
        return self._scrubber.text(self.sanitize(text))

    def _diagnose(self) -> None:
        """For `agent diagnose`: of an instance that may never have run. It shares only the rates with the polls."""
        try:
            self.load_configuration_models()
            is_included = name_filter(self.config.name_include or (), self.config.name_exclude or ())
            unpriced = {name: region.prices.unpriced for name, region in self._followed.items()}
            findings = diagnoses(self._new_account(), self.config, is_included, unpriced)
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
        complete = [name for name, region in self._followed.items() if region.memory.is_complete]
        self._presences.move_on(complete, self._now(), timedelta(seconds=self.config.min_collection_interval))
        if len(failures) == len(regions):
            raise CheckException(f'No region could be read. {failures[0]}')

    def _take_safe_turn(self, region: Region, workers: Workers, start: float) -> str | None:
        """As `_take_turn`, where no error of this region, foreseen or not, touches another one."""
        try:
            return self._take_turn(region, workers, start)
        except Exception as e:
            where = ''.join(format_tb(e.__traceback__))  # lines of source, and no values
            self.log.warning('%s: the poll ended with an error: %s: %s\n%s', region.name, type(e).__name__, e, where)
            followed = self._followed.get(region.name)
            problem = Problem(
                f'The poll ended with an error, {type(e).__name__}, which the Agent has logged',
                'The next poll tries again; if it lasts, report it with the lines of the log.',
                '',
            )
            with suppress(Exception):
                account_id = (followed and followed.ledger.account_id) or self._settings.role_account_id
                self._send_critical(region.name, account_id, problem)
            return f'{region.name}: {problem}'

    def _take_turn(self, region: Region, workers: Workers, start: float) -> str | None:
        with self._turn(region.name), workers.share_of(region.name):
            if self._cancelled.is_set():
                return None
            if region.name not in self._followed:
                self._followed[region.name] = self._follow(region)
            return self._followed[region.name].poll(workers, start)

    @property
    def _agent(self) -> str:
        """The host name of this Agent."""
        return str(datadog_agent.get_hostname() or '')

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)

    def _turn(self, region: str) -> Lock:
        """Held by the one check of this Agent that polls the same jobs now."""
        return _turns.setdefault((self.persistent_cache_id(), region), Lock())

    def _follow(self, region: Region) -> FollowedRegion:
        """The region as it was left by the last poll of this Agent, or new."""
        memory = Memory(region.name, self.read_persistent_cache, self.write_persistent_cache, self.get_log_cursor)
        ledger, warnings = memory.load(
            self._settings.new_ledger, self._scheduled_at - MOST_RELEASED, partial(self._out_of_date, region.name)
        )
        for warning in warnings:
            self.log.warning('%s: %s', region.name, warning)
        prices = shared_list(self.name, self.config.endpoint_url, region.name, self._clock, *self._cache)
        submission = Submission(
            self,
            region.name,
            self._settings,
            clock=self._clock,
            clean=self._clean,
            agent=self._agent,
            sends_logs=bool(self.logs_enabled),
            warn_once=self._warn_once,
        )
        return FollowedRegion(
            region,
            self._account,
            self._settings,
            submission,
            memory,
            ledger,
            RegionPrices(region, self._settings, prices, self._clock, self.persistent_cache_id()),
            clock=self._clock,
            is_cancelled=self._cancelled.is_set,
            note_listed=lambda account, now: mark_polled(self._polled_key(account, region.name), *self._cache, now),
        )

    def _warn_once(self, text: str) -> None:
        if self._warned.acquire(blocking=False):
            self.log.warning('%s', text)

    def _out_of_date(self, region: str, ledger: Ledger) -> str:
        """Why the saved state cannot be gone on with: others may have counted since."""
        presence = self._presences[region]
        if not presence:
            return ''
        if presence.released_at:
            return ANOTHER_AGENT
        account_id = ledger.account_id or self._settings.role_account_id or self._account.caller_account_id
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
