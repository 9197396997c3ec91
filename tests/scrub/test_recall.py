# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Measured, not sampled: how much of each kind is found, how much of what is ordinary is touched, how time grows."""

import json

import pytest

from datadog_checks.sagemaker_training.scrub import REDACTED, Scrubber

from .constructions import growth, slow
from .ordinary import settings, texts, touched
from .recall import missed_by_kind, table


def test_of_each_kind_at_least_95_of_100_are_found() -> None:
    missed = missed_by_kind()
    print(table(missed))
    few = {
        kind: [case.given for case in cases][:5] for kind, (count, cases) in missed.items() if len(cases) > count / 20
    }
    assert not few
    assert len(missed) >= 14


def test_of_a_thousand_ordinary_settings_at_most_two_are_touched() -> None:
    assert len(set(settings())) >= 1000
    found = list(touched(Scrubber()))
    assert len(found) <= 2 * (len(settings()) + len(texts())) / 1000, '\n'.join(found)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('credentials:\n  password: {}', 'credentials:\n  password: <redacted>'),
        ('auth:\n  type: basic\n  blob: {}\nepochs: 3', 'auth:\n  type: basic\n  blob: <redacted>\nepochs: 3'),
        ('secrets:\n  - name: x\n    value: {}\nb: 1', 'secrets:\n  - name: x\n    value: <redacted>\nb: 1'),
        ('secret: token: {}', 'secret: token: <redacted>'),
        ('password:\nepochs: 3 {}', 'password:\nepochs: 3 {}'),
        ('kind: Secret\nmetadata:\n  name: {}', 'kind: Secret\nmetadata:\n  name: {}'),
        ('s3://bucket/token={}/year=2026/part-0', 's3://bucket/token=<redacted>/year=2026/part-0'),
        ('https://host/p?token={}&epochs=3', 'https://host/p?token=<redacted>&epochs=3'),
        ('Server=h;Pwd={};Encrypt=yes', 'Server=h;Pwd=<redacted>;Encrypt=yes'),
        ('key={}, epochs=3', 'key={}, epochs=3'),
        ('password=ab(1{}', 'password=<redacted>'),
        ('token = os.environ.get("HF_TOKEN", "{}")', 'token = os.environ.get("HF_TOKEN", <redacted>)'),
    ],
)
def test_what_stands_around_a_secret_stays(text: str, expected: str) -> None:
    made_up = 'hunter2-not-a-real-one'
    for escape in (lambda x: x, lambda x: json.dumps(x)[1:-1]):
        assert Scrubber().text(escape(text.format(made_up))) == escape(expected.format(made_up))


def test_a_secret_within_a_key_goes_and_no_entry_with_it() -> None:
    assert Scrubber().mapping({'ftp://a:b1@host': '1', 'ftp://a:b2@host': '2', 'epochs': '3'}) == {
        f'ftp://a:{REDACTED}@host': '1',
        f'ftp://a:{REDACTED}@host 2': '2',
        'epochs': '3',
    }


def test_no_construction_takes_time_as_the_square_of_its_length() -> None:
    assert not list(slow(400))


@pytest.mark.parametrize(
    ('before', 'repeated'),
    [
        ('', 'key='), ('', 'key=\\0'), ('', ':*key'), ('', '--password ewog ['), ('', 'export Bearer '),
        ('', 'Bearer &'),
        ('/api/webhooks/', '\\\\n'), ('identified by ', '-%22]!'), ('', 'password=password('), ('', ';password=|'),
        ('(password is ', '$6$://:'), ('', '#token: '),
    ],
)  # fmt: skip
def test_what_once_grew_with_the_square(before: str, repeated: str) -> None:
    assert min(growth(before, repeated, 6000, repeats=3) for _ in range(3)) < 12
