# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The page, shown on this machine."""

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

LIVE_SECONDS = 5

WAITING = f'''<!doctype html><title>Simulating</title><p>The past is being simulated.
<script>setTimeout(() => location.reload(), {LIVE_SECONDS * 1000})</script>'''


class PageServer:
    """Answers with its `page`, and at `data` with what this shows, which it asks for again and again; loopback only."""

    def __init__(self, port: int) -> None:
        self.page = WAITING
        self.data = b''
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
                is_data = self.path == '/data'
                body = server.data if is_data else server.page.encode()
                self.send_response(200)
                self.send_header('Content-Type', 'application/gzip' if is_data else 'text/html; charset=utf-8')
                self.send_header('Cache-Control', 'no-store')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                with suppress(ConnectionError):  # the browser was closed
                    self.wfile.write(body)

            def log_message(self, format: str, *_: object) -> None:
                """Requests are not worth a line each."""

        return Handler
