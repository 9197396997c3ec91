# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""AWS on this machine, for real boto3 clients: moto behind a front that answers for training jobs as AWS does."""

import json
import re
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler
from select import select
from socketserver import ThreadingTCPServer
from typing import Any, Self, Unpack
from urllib.parse import parse_qsl

from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sagemaker.models import sagemaker_backends
from werkzeug.http import http_date
from werkzeug.test import Client
from werkzeug.wrappers import Response

from .calls import Answer, AwsError, Call, Fault, Scope, answer_response, error_response
from .clock import SimulatedClock
from .fleet import Job, describe, summaries
from .past import PastJob, as_of, past_summaries
from .prices import PriceLists
from .sagemaker import DEFAULT_PAGE, Record, TrainingJobs

MOST_ARNS = 100

CREDENTIAL_SCOPE = re.compile(r'Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/')

# Not well-formed, so that it is no XML either, which is what STS answers.
PROXY_PAGE = '<!doctype html><html><title>Sign in</title><body><h1>Sign in to this network</h1><hr></body></html>'

# Shared, as its state is: making one costs as much as hundreds of requests.
MOTO = Client(DomainDispatcherApplication(create_backend_app), use_cookies=False)


@dataclass(slots=True)
class TaggedJob:
    """What moto needs of a training job to answer for its tags."""

    arn: str
    tags: list[dict[str, str]]


class SimulatedAws:
    """A server for boto3's `endpoint_url`. Static credentials are those of moto's default account, 123456789012.

    `roles` maps the ARNs of the roles that may be assumed to the external id each demands; without it any may be.
    Two at a time must not share an account: moto keeps its state in the process.

    Attributes:
        calls: what was asked so far
        skew: how far AWS's clock is ahead of `clock`, or, negative, behind it
        prices: what an hour of an instance costs
        page_overlap: how many jobs a page of ListTrainingJobs repeats from the end of the one before; less than a page
    """

    def __init__(
        self,
        clock: SimulatedClock,
        jobs: Iterable[Job | PastJob] = (),
        *,
        roles: Mapping[str, str | None] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self.skew = timedelta()
        self.page_overlap = 0
        self.prices = PriceLists()
        self._clock = clock
        self._roles = roles
        self._faults: list[Fault] = []
        self._jobs: defaultdict[tuple[str, str], TrainingJobs] = defaultdict(TrainingJobs)
        # Requests are answered one at a time: neither moto's backends nor the jobs here are made for threads.
        self._lock = threading.Lock()
        self._server = _Server(('127.0.0.1', 0), partial(_Handler, self))
        # What is answered here; where one of these returns None, and for everything else, moto answers.
        self._operations = {
            'ListTrainingJobs': self._list_training_jobs,
            'DescribeTrainingJob': self._describe_training_job,
            'ListTags': self._list_tags,
            'GetProducts': self.prices.get_products,
            'GetResources': self._get_resources,
            'AssumeRole': self._assume_role,
        }
        self.add(jobs)

    @property
    def endpoint_url(self) -> str:
        return 'http://{}:{}'.format(*self._server.server_address)

    @property
    def now(self) -> datetime:
        """The time in AWS."""
        return self._clock.now + self.skew

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for fault in self._faults:
            fault.remove()
        for account, region in self._jobs:
            sagemaker_backends[account][region].training_jobs.clear()

    def add(self, jobs: Iterable[Job | PastJob]) -> None:
        """Let the jobs exist, each from its creation time on. One replaces another of its name, account and region."""
        for job in jobs:
            if isinstance(job, PastJob):
                record = Record(job.name, job.created, partial(as_of, job), past_summaries(job))
            else:
                record = Record(job.name, job.created, partial(describe, job), summaries(job))
            self._put(job.arn, record, job.tags)

    def put(self, answer: Answer, tags: Mapping[str, str] | None = None) -> None:
        """Let a job exist that is described by this very answer, in place of the one with its ARN."""
        self._put(
            answer['TrainingJobArn'],
            Record(answer['TrainingJobName'], answer['CreationTime'], lambda now: answer),
            tags or {},
        )

    def remove(self, name: str, account: str, region: str) -> None:
        """Delete the job, if there is one; its name can then be used again."""
        with self._lock:
            self._jobs[account, region].remove(name)
            sagemaker_backends[account][region].training_jobs.pop(name, None)

    def fail(self, code: str, message: str = 'Simulated failure.', status: int = 400, **scope: Unpack[Scope]) -> Fault:
        """Answer the calls of the scope with an error; of several faults that match, the one registered first strikes.

        The result ends the fault: by `remove()` or as a context.
        """
        return self._register(Fault(code, AwsError(code, message, status), **scope))

    def disturb(self, kind: str, **scope: Unpack[Scope]) -> Fault:
        """Let the calls of the scope come to grief on the wire, in a way that `DISTURBANCES` has; else like `fail`."""
        if kind not in DISTURBANCES:
            raise ValueError(f'{kind!r} is none of {", ".join(DISTURBANCES)}')
        return self._register(Fault(kind, None, **scope))

    def rewrite(
        self, change: Callable[[bytes], bytes], content_type: str | None = None, **scope: Unpack[Scope]
    ) -> Fault:
        """Let the calls of the scope succeed, with what `change` makes of the body; else like `fail`."""
        return self._register(Fault('rewritten', None, change=change, content_type=content_type, **scope))

    def count(
        self,
        operation: str | None = None,
        *,
        account: str | None = None,
        region: str | None = None,
        outcome: str | None = None,
    ) -> int:
        """How many calls there were, of all or of those that match."""
        wanted = (operation, account, region, outcome)
        calls = ((call.operation, call.account, call.region, call.outcome) for call in self.calls)
        return sum(all(want in (None, got) for want, got in zip(wanted, call, strict=True)) for call in calls)

    def respond(self, headers: Message, body: bytes) -> tuple[Response, Fault | None]:
        """The answer to one request, and the fault that strikes it."""
        with self._lock:
            call = self._call(headers, body)
            fault = next((fault for fault in self._faults if fault.strikes(call)), None)
            try:
                if fault and fault.error:
                    raise fault.error.with_traceback(None)
                response, outcome = self._answer(call, headers, body)
                if fault and fault.change:
                    response.data = fault.change(response.data)
                    response.content_type = fault.content_type or response.content_type
            except AwsError as error:
                response, outcome = error_response(error, headers['Content-Type']), error.code
            self.calls.append(replace(call, outcome=fault.kind if fault else outcome))
            return response, fault

    def _register(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def _answer(self, call: Call, headers: Message, body: bytes) -> tuple[Response, str]:
        """The response of the operation, and its outcome for `Call`."""
        answer = self._operations.get(call.operation, _no_answer)(call)
        if answer is not None:
            return answer_response(answer), 'ok'
        response = MOTO.post('/', headers=list(headers.items()), data=body)
        outcome = 'ok' if response.status_code < 400 else response.headers.get('X-Amzn-Errortype', response.status)
        return response, outcome

    def _call(self, headers: Message, body: bytes) -> Call:
        scope = CREDENTIAL_SCOPE.search(headers['Authorization'])
        if scope is None:
            raise ValueError(f'no credential scope in {headers["Authorization"]!r}')
        target = headers.get('X-Amz-Target')
        parameters = json.loads(body) if target else dict(parse_qsl(body.decode()))
        return Call(
            time=self._clock.monotonic(),
            operation=target.rpartition('.')[2] if target else parameters['Action'],
            account=get_account_id_from(scope['key']),
            region=scope['region'],
            parameters=parameters,
        )

    def _put(self, arn: str, record: Record, tags: Mapping[str, str]) -> None:
        region, account = arn.split(':')[3:5]
        tagged = TaggedJob(arn, [{'Key': key, 'Value': value} for key, value in tags.items()])
        with self._lock:
            self._jobs[account, region].put(record)
            sagemaker_backends[account][region].training_jobs[record.name] = tagged  # type: ignore[assignment]

    def _list_training_jobs(self, call: Call) -> Answer:
        jobs, now = self._jobs[call.account, call.region], self.now
        page = jobs.page(call.parameters, now)
        if self.page_overlap and 'NextToken' in page:
            size = call.parameters.get('MaxResults', DEFAULT_PAGE) - self.page_overlap
            page['NextToken'] = jobs.page({**call.parameters, 'MaxResults': size}, now)['NextToken']
        return page

    def _describe_training_job(self, call: Call) -> Answer:
        return self._jobs[call.account, call.region].describe(call.subject, self.now)

    def _list_tags(self, call: Call) -> None:
        """Left to moto, which breaks on a job it does not know."""
        self._describe_training_job(call)

    def _get_resources(self, call: Call) -> Answer | None:
        """AWS gives the tags of a list of ARNs in one piece, where moto pages them."""
        arns = call.parameters.get('ResourceARNList')
        if arns is None:
            return None
        if len(arns) > MOST_ARNS:
            raise AwsError('InvalidParameterException', f'ResourceARNList must have at most {MOST_ARNS} items')
        jobs = sagemaker_backends[call.account][call.region].training_jobs
        found = ((arn, jobs.get(arn.rpartition('/')[2])) for arn in arns)
        tagged = [(arn, job.tags) for arn, job in found if job and job.arn == arn and job.tags]
        mapping = [{'ResourceARN': arn, 'Tags': tags} for arn, tags in tagged]
        return {'ResourceTagMappingList': mapping, 'PaginationToken': ''}

    def _assume_role(self, call: Call) -> None:
        """Left to moto, which lets anybody assume any role."""
        role, denied = call.parameters['RoleArn'], object()
        if self._roles is not None and self._roles.get(role, denied) not in (None, call.parameters.get('ExternalId')):
            caller = f'arn:aws:iam::{call.account}:user/simulated'
            message = f'User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}'
            raise AwsError('AccessDenied', message, 403)


def _no_answer(_: Call) -> None:
    return None


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    """Keeps connections alive, as AWS does: werkzeug's own server closes each after one answer."""

    protocol_version = 'HTTP/1.1'
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, aws: SimulatedAws, *connection: Any) -> None:
        self._aws = aws
        super().__init__(*connection)

    def do_POST(self) -> None:
        response, fault = self._aws.respond(self.headers, self.rfile.read(int(self.headers['Content-Length'])))
        if fault and fault.kind in DISTURBANCES:
            DISTURBANCES[fault.kind](self, response, fault)
        else:
            self.send(response, response.data)

    def send(self, response: Response, body: bytes) -> None:
        """Send the response with this as its body, whatever length it announces."""
        self.send_response_only(response.status_code)
        self.send_header('Date', http_date(self._aws.now))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are in `SimulatedAws.calls`."""


def _reset(handler: _Handler, *_: object) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    # Left to the server, an orderly end of the stream would come before the reset.
    socket.close(handler.connection.detach())


def _send_half(handler: _Handler, response: Response, _: Fault) -> None:
    handler.close_connection = True
    handler.send(response, response.data[: len(response.data) // 2])


def _send_page(handler: _Handler, *_: object) -> None:
    page = Response(PROXY_PAGE, content_type='text/html')
    handler.send(page, page.data)


def _hold(handler: _Handler, _: Response, fault: Fault) -> None:
    """Send nothing while the client waits and the fault lasts; then close the connection."""
    handler.close_connection = True
    while not fault.removed.is_set() and not select([handler.connection], [], [], 0.02)[0]:
        pass


# What `SimulatedAws.disturb` can do to an exchange, once the request has been read.
DISTURBANCES: dict[str, Callable[[_Handler, Response, Fault], None]] = {
    'reset': _reset,
    'truncated': _send_half,
    'not_json': _send_page,
    'silent': _hold,
}
