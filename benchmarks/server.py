# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A fast AWS: answers about jobs that do not change, encoded once, at the start. It runs in a process of its own.

    python -m benchmarks.server OPEN_JOBS FINISHED_JOBS

Prints its URL when it is ready. A GET answers how many calls of each kind there were since the last GET.
"""

import asyncio
import json
import re
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tools.aws.calls import JSON, encode
from tools.aws.fleet import Job, describe, summarize

from .jobs import finished_jobs, open_jobs
from .polls import NOW

TARGET = re.compile(rb'x-amz-target: *\w+\.(\w+)', re.IGNORECASE)
LENGTH = re.compile(rb'content-length: *(\d+)', re.IGNORECASE)
END_OF_HEAD = b'\r\n\r\n'
HEAD = f'HTTP/1.1 200 OK\r\nx-amzn-RequestId: 3f1c9a7e-0000\r\nContent-Type: {JSON}\r\nContent-Length: '.encode()


class Aws:
    """The answers for the jobs of one account and region."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.calls: Counter[str] = Counter()
        jobs = sorted(jobs, key=lambda job: job.created, reverse=True)
        answers = [describe(job, NOW) for job in jobs]
        self._ages = [-round(job.created.timestamp(), 3) for job in jobs]
        self._summaries = [encode(summarize(answer)) for answer in answers]
        self._descriptions = {job.name: encode(answer) for job, answer in zip(jobs, answers, strict=True)}
        self._tags = {
            job.arn: encode({'ResourceARN': job.arn, 'Tags': [{'Key': k, 'Value': v} for k, v in job.tags.items()]})
            for job in jobs
            if job.tags
        }
        self._operations: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
            'ListTrainingJobs': self._page,
            'DescribeTrainingJob': lambda parameters: self._descriptions[parameters['TrainingJobName']],
            'GetResources': self._resources,
        }

    def answer(self, operation: str, body: bytes) -> bytes:
        if not operation:
            calls, self.calls = self.calls, Counter()
            return json.dumps(calls).encode()
        self.calls[operation] += 1
        return self._operations[operation](json.loads(body))

    def _page(self, parameters: Mapping[str, Any]) -> bytes:
        """The newest first, as everybody here asks for them."""
        before, after = parameters.get('CreationTimeBefore'), parameters.get('CreationTimeAfter')
        first = bisect_right(self._ages, -before) if before else 0
        last = bisect_left(self._ages, -after) if after else len(self._ages)
        first = int(parameters.get('NextToken', first))
        end = min(first + parameters['MaxResults'], last)
        more = b',"NextToken":"%d"' % end if end < last else b''
        return b'{"TrainingJobSummaries":[%s]%s}' % (b','.join(self._summaries[first:end]), more)

    def _resources(self, parameters: Mapping[str, Any]) -> bytes:
        tagged = filter(None, map(self._tags.get, parameters['ResourceARNList']))
        return b'{"ResourceTagMappingList":[%s],"PaginationToken":""}' % b','.join(tagged)


class Connection(asyncio.Protocol):
    """One client's connection, which stays open."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._received = b''

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(END_OF_HEAD)
        length, target = LENGTH.search(head), TARGET.search(head)
        if not end or len(body) < (int(length[1]) if length else 0):
            return
        self._received = b''  # clients wait for the answer before they ask again
        answer = self._aws.answer(target[1].decode() if target else '', body)
        self._transport.write(HEAD + b'%d' % len(answer) + END_OF_HEAD + answer)


async def serve(aws: Aws) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(aws), '127.0.0.1')
    host, port = server.sockets[0].getsockname()
    print(f'http://{host}:{port}', flush=True)
    await server.serve_forever()


if __name__ == '__main__':
    open_count, finished_count = map(int, sys.argv[1:])
    asyncio.run(serve(Aws(open_jobs(open_count) + finished_jobs(finished_count))))
