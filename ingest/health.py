"""Ingest's own port: metrics for Prometheus, and whether it lives and is ready."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import ThreadingHTTPServer

import structlog
from prometheus_client import CollectorRegistry, MetricsHandler

# A client that connects and asks nothing is sent away.
PATIENCE_SECONDS = 10.0

log = structlog.get_logger()


def unready(*, broker: bool, database: bool, journal_full: bool = False) -> str | None:
    """Why the service is not ready, one line for each reason; None where it is.

    Args:
        broker: whether the broker is there.
        database: whether the database is.
        journal_full: whether nothing more is received until some of it is stored.
    """
    reasons = {
        "ingest is not connected to the broker": not broker,
        "ingest cannot reach the database; messages wait in its journal": not database,
        "the journal is full; messages wait in the broker": journal_full,
    }
    return "\n".join(reason for reason, holds in reasons.items() if holds) or None


@contextmanager
def serve(
    address: str,
    port: int,
    metrics: CollectorRegistry,
    problem: Callable[[], str | None],
    stuck: Callable[[], str | None],
) -> Iterator[None]:
    """Answer ``/metrics``, ``/live`` and ``/ready`` as long as the context is open.

    Args:
        address: where to listen.
        port: of the listener.
        metrics: what ``/metrics`` renders, as OpenMetrics where that is asked for.
        problem: why the service is not ready, a line for each reason; None where it is.
        stuck: why only a new start will help; None where the service lives.

    Raises:
        OSError: the port is taken.
    """

    class Handler(MetricsHandler):
        registry = metrics
        timeout = PATIENCE_SECONDS

        def do_GET(self) -> None:  # noqa: N802 - the library's name
            if self.path.partition("?")[0] == "/metrics":
                super().do_GET()
            elif self.path == "/live":
                self.answer(stuck(), "ingest lives")
            elif self.path == "/ready":
                self.answer(problem(), "ingest is ready")
            else:
                self.say(HTTPStatus.NOT_FOUND, "try /metrics, /live or /ready")

        def answer(self, why: str | None, well: str) -> None:
            self.say(HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK, why or well)

        def say(self, status: HTTPStatus, text: str) -> None:
            body = f"{text}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = Server((address, port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Server(ThreadingHTTPServer):
    """A server whose faults are lines of the log like all others."""

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that went away is no news; everything else is."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            log.error("no answer on ingest's own port", exc_info=error)
