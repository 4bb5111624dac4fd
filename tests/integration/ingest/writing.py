"""What tests do with a writer: messages go in as batches, rows are looked at."""

from __future__ import annotations

import json
import threading

import psycopg

from ingest.batch import Batch, Message
from ingest.known import Known
from ingest.metrics import Metrics
from ingest.writer import Writer
from tests.parts import wait_until

T0_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
ARRIVAL = T0_MS * 1000 + 3_600_000_000  # µs
READINGS = "SELECT value FROM readings ORDER BY ts"
REASONS = "SELECT reason, replayed_at IS NULL FROM rejections ORDER BY ts, reason"


def writing(url: str) -> Writer:
    return Writer(url, Known(), Metrics(), threading.Event())


def message(body: object, n: int = 0, device: str = "dev-a", channel: str = "telemetry") -> Message:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(f"devices/{device}/{channel}", payload, None, ARRIVAL + n)


def store(writer: Writer, *messages: Message) -> None:
    batch = Batch(writer.known)
    for each in messages:
        batch.add(each)
    writer.write(batch)


def until_heard(writer: Writer) -> None:
    """The database sends word of a change when it is committed, not with the commit."""
    before = writer.known.generation

    def heard() -> bool:
        writer.idle()
        return writer.known.generation > before

    wait_until(heard, "word of the change")


def rows(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query.encode()).fetchall()
