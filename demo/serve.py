# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The page of a fleet that lives on, shown on this machine."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from . import preview
from .frames import Window
from .scenario import living_fleet
from .simulation import POLL_SECONDS, START, every, simulated, week_before

LIVE_SECONDS = 5
# Less often, as a page that is drawn anew loses what was unfolded on it.
RELOAD_SECONDS = 3 * LIVE_SECONDS
LIVE_DAYS = 7
SHOWN_SECONDS = 86_400

WAITING = f'''<!doctype html><title>Simulating</title><p>The past is being simulated.
<script>setTimeout(() => location.reload(), {LIVE_SECONDS * 1000})</script>'''


def pages(hours: float) -> Iterator[str]:
    """The page after each poll, from `hours` after the start on, with the day before each."""
    first = START + timedelta(hours=hours)
    end = first + timedelta(days=LIVE_DAYS)
    fleet = living_fleet(START, (end - START) / timedelta(hours=1))
    polls = [*week_before(START), *every(POLL_SECONDS, START, end)]
    for simulation in simulated(fleet, polls, collect_transition_logs=True):
        recording = simulation.recording
        now = recording.polled_at[-1] + POLL_SECONDS
        if now >= first.timestamp():
            shown = preview.document(recording, Window(now - SHOWN_SECONDS, now, POLL_SECONDS))
            yield preview.page(shown | {'live': RELOAD_SECONDS})


class PageServer:
    """Answers each request with its `page`; loopback only."""

    def __init__(self, port: int) -> None:
        self.page = WAITING
        self._server = ThreadingHTTPServer(('127.0.0.1', port), self._handler())
        self.url = f'http://127.0.0.1:{self._server.server_port}/'

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = server.page.encode()
                self.send_response(200)
                self.send_header('Content-Type', 'text/html; charset=utf-8')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                with suppress(ConnectionError):  # the browser was closed
                    self.wfile.write(body)

            def log_message(self, format: str, *_: object) -> None:
                """Requests are not worth a line each."""

        return Handler
