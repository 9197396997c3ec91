# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.entry import Entry
from datadog_checks.sagemaker_training.outbox import Outbox
from tools.aws.clock import SimulatedClock

from .builders import NOW, answer, job
from .world import World


def entry_of(name: str, **fields: Any) -> Entry:
    return Entry(job(name, **fields), 0, None, (), NOW, None)


def test_of_a_job_that_took_the_name_of_a_deleted_one_only_the_newer_resource_is_sent() -> None:
    outbox, sent = Outbox(SimulatedClock(NOW)), []
    deleted, new = entry_of('job'), entry_of('job', CreationTime=NOW + timedelta(minutes=1))
    outbox.put(entry_of('other'), partial(sent.append, 'other'), is_refresh=True)
    outbox.put(deleted, partial(sent.append, 'deleted'), is_refresh=True)
    outbox.put(new, partial(sent.append, 'new'), is_refresh=False)
    assert len(outbox) == 2
    outbox.send(lambda: False)
    assert sent == ['new', 'other']
    assert not new.resource_waits


def test_a_resource_that_cannot_be_sent_is_one_jobs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f'job-{number}' for number in range(6)]
    for name in names:
        world.aws.put(answer(name))
    submit = SagemakerTrainingCheck.submit_generic_resource

    def submit_some(check: SagemakerTrainingCheck, **resource: Any) -> None:
        if resource['fields']['training_job_name'] == names[0]:
            raise ValueError('Simulated.')
        submit(check, **resource)

    monkeypatch.setattr(SagemakerTrainingCheck, 'submit_generic_resource', submit_some)
    check = world.check(collect_resource_tags=False)
    world.poll(check, after=60)
    assert sorted(world.resources()) == names[1:]
    assert sum(world.values('jobs.open')) == 6
    assert world.connection.status == check.OK
    assert len(world.poll(check, after=1)) <= 3, 'it is not described at each poll for this'
    monkeypatch.undo()
    for _ in range(6):
        world.poll(check, after=60)
        if names[0] in world.resources():
            return
    pytest.fail('it is sent once that can be done')
