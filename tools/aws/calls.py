# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The requests AWS gets, the faults it may meet them with, and its answers on the wire."""

import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Required, Self, TypedDict
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

JSON = 'application/x-amz-json-1.1'

STS_ERROR = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    '<Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>'
)

Answer = Mapping[str, Any]


class AwsError(Exception):
    """An error answer: AWS's error code, its message and the HTTP status it comes with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """A request: when it came on the simulated monotonic clock, and `ok`, AWS's error code or what disturbed it."""

    time: float
    operation: str
    account: str
    region: str
    parameters: Mapping[str, Any]
    outcome: str = 'ok'

    @property
    def subject(self) -> str:
        """The name of the one job or role the request is about, if there is one."""
        arn = self.parameters.get('ResourceArn') or self.parameters.get('RoleArn') or ''
        return str(self.parameters.get('TrainingJobName') or arn.rpartition('/')[2])


class Scope(TypedDict, total=False):
    """The calls that a fault strikes: all that match but the first `spared`, `times` times or until it is removed.

    With `one_in`, of so many that match one is struck, drawn at random, the same in each run.
    `name` is that of the job, or role, asked about. What is left out or None matches everything and lasts for ever.
    """

    operation: Required[str]
    account: str | None
    region: str | None
    name: str | None
    times: int | None
    spared: int
    one_in: int


@dataclass(slots=True)
class Fault:
    """What befalls the calls of its scope: an error answer of the code `kind`, another body, or a disturbance."""

    kind: str
    error: AwsError | None
    operation: str
    change: Callable[[bytes], bytes] | None = None
    content_type: str | None = None
    account: str | None = None
    region: str | None = None
    name: str | None = None
    times: int | None = None
    spared: int = 0
    one_in: int = 1
    dice: random.Random = field(default_factory=lambda: random.Random(2026))
    removed: threading.Event = field(default_factory=threading.Event)

    def strikes(self, call: Call) -> bool:
        """Whether this call is struck; one time less is then left."""
        asked = (call.operation, call.account, call.region, call.subject)
        wanted = (self.operation, self.account, self.region, self.name)
        if self.removed.is_set() or self.times == 0:
            return False
        if any(want not in (None, got) for want, got in zip(wanted, asked, strict=True)):
            return False
        if self.spared:
            self.spared -= 1
            return False
        if self.dice.randrange(self.one_in):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def remove(self) -> None:
        """Let every later call pass, and let go of those that are held."""
        self.removed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def encode(answer: Answer) -> bytes:
    """The answer in AWS's JSON, where a timestamp is epoch seconds with milliseconds."""
    return json.dumps(answer, default=_epoch).encode()


def _epoch(value: datetime) -> float:
    return round(value.timestamp(), 3)


def answer_response(answer: Answer) -> Response:
    return Response(encode(answer), content_type=JSON)


def error_response(error: AwsError, content_type: str) -> Response:
    """The error as the protocol of the request has it: JSON, or STS's XML."""
    if content_type == JSON:
        body = json.dumps({'__type': error.code, 'message': error.message})
        return Response(body, error.status, {'x-amzn-ErrorType': error.code}, content_type=JSON)
    return Response(STS_ERROR.format(error.code, escape(error.message)), error.status, content_type='text/xml')
