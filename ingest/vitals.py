"""Ingest's own figures in the database: by a thread and a connection of their own. ADR 0027.

Nothing else of ingest waits for them, and what cannot be written is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog
from prometheus_client.registry import Collector

from service.vitals import figures
from storage import vitals

SECONDS = 15.0
# A statement takes no longer, not even where somebody holds a lock.
OPTIONS = "-c statement_timeout=5s"
# At the end it is not waited longer for the thread.
PATIENCE_SECONDS = 1.0

log = structlog.get_logger()


@contextmanager
def written(database_url: str, worker: int, metrics: Collector) -> Iterator[None]:
    """Write the metrics now, and every 15 s as long as the context is open.

    Args:
        database_url: where.
        worker: its number, from 1; the source is ``ingest-1``.
        metrics: what is written.
    """
    ended = threading.Event()
    arguments = (database_url, f"ingest-{worker}", metrics, ended)
    thread = threading.Thread(target=write_until, args=arguments, name="vitals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(PATIENCE_SECONDS)


def write_until(database_url: str, source: str, metrics: Collector, ended: threading.Event) -> None:
    """Write again and again, on a new connection after each fault, until ``ended`` is set."""
    while not ended.is_set():
        try:
            with psycopg.connect(
                database_url,
                autocommit=True,
                connect_timeout=5,
                application_name="technopark-ingest-vitals",
                options=OPTIONS,
            ) as connection:
                while not ended.is_set():
                    vitals.write(connection, source, figures([metrics]))
                    ended.wait(SECONDS)
        except psycopg.Error as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            log.warning("vitals are not written", sqlstate=error.sqlstate, error=why)
            ended.wait(SECONDS)
