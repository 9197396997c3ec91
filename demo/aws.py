# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""AWS on this machine, for real boto3 clients: moto behind a front that answers for training jobs as AWS does."""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Self
from urllib.parse import parse_qsl

from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sagemaker.models import sagemaker_backends
from werkzeug.test import Client
from werkzeug.wrappers import Response

from .calls import Answer, AwsError, Call, Fault, answer_response, error_response
from .clock import SimulatedClock
from .fleet import Job, describe
from .sagemaker import Record, TrainingJobs

MOST_ARNS = 100

CREDENTIAL_SCOPE = re.compile(r'Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/')

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
    """

    def __init__(
        self, clock: SimulatedClock, jobs: Iterable[Job] = (), *, roles: Mapping[str, str | None] | None = None
    ) -> None:
        self.calls: list[Call] = []
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
            'GetResources': self._get_resources,
            'AssumeRole': self._assume_role,
        }
        self.add(jobs)

    @property
    def endpoint_url(self) -> str:
        return 'http://{}:{}'.format(*self._server.server_address)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for account, region in self._jobs:
            sagemaker_backends[account][region].training_jobs.clear()

    def add(self, jobs: Iterable[Job]) -> None:
        """Let the jobs exist, each from its creation time on. One replaces another of its name, account and region."""
        for job in jobs:
            self._put(job.arn, Record(job.name, job.created, partial(describe, job)), job.tags)

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

    def fail(
        self,
        code: str,
        message: str = 'Simulated failure.',
        status: int = 400,
        *,
        operation: str,
        account: str | None = None,
        region: str | None = None,
        name: str | None = None,
        times: int | None = None,
        spared: int = 0,
    ) -> Fault:
        """Answer the operation's calls with an error; of several that match, the one registered first.

        `name` is that of the job, or role, asked about. The result ends the fault: by `remove()` or as a context.
        """
        fault = Fault(AwsError(code, message, status), operation, account, region, name, times, spared)
        with self._lock:
            self._faults.append(fault)
        return fault

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

    def respond(self, headers: Message, body: bytes) -> Response:
        """The answer to one request."""
        with self._lock:
            call = self._call(headers, body)
            try:
                for fault in self._faults:
                    if fault.strikes(call):
                        raise fault.error.with_traceback(None)
                answer = self._operations.get(call.operation, _no_answer)(call)
            except AwsError as error:
                self.calls.append(replace(call, outcome=error.code))
                return error_response(error, headers['Content-Type'])
            if answer is not None:
                self.calls.append(call)
                return answer_response(answer)
            response = MOTO.post('/', headers=list(headers.items()), data=body)
            outcome = 'ok' if response.status_code < 400 else response.headers.get('X-Amzn-Errortype', response.status)
            self.calls.append(replace(call, outcome=outcome))
            return response

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
        return self._jobs[call.account, call.region].page(call.parameters, self._clock.now)

    def _describe_training_job(self, call: Call) -> Answer:
        return self._jobs[call.account, call.region].describe(call.subject, self._clock.now)

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
        response = self._aws.respond(self.headers, self.rfile.read(int(self.headers['Content-Length'])))
        self.send_response(response.status_code)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.data)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are in `SimulatedAws.calls`."""
