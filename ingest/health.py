"""Ingest's own port: metrics for Prometheus, and whether it lives and is ready."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


@contextmanager
def serve(
    address: str, port: int, metrics: CollectorRegistry, problem: Callable[[], str | None]
) -> Iterator[None]:
    """Answer ``/metrics``, ``/live`` and ``/ready`` as long as the context is open.

    Args:
        address: where to listen.
        port: of the listener.
        metrics: what ``/metrics`` renders.
        problem: why the service is not ready; None where it is.

    Raises:
        OSError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self.answer(HTTPStatus.OK, generate_latest(metrics), CONTENT_TYPE_LATEST)
            elif self.path == "/live":
                self.answer(HTTPStatus.OK, b"ingest lives\n")
            elif self.path == "/ready":
                why = problem()
                status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
                self.answer(status, f"{why or 'ingest is ready'}\n".encode())
            else:
                self.answer(HTTPStatus.NOT_FOUND, b"try /metrics, /live or /ready\n")

        def answer(
            self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8"
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Probes are no news."""

    server = ThreadingHTTPServer((address, port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
