"""Rounds of a long load: each is accounted for by number, then its rows make room for the next."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.load import METRICS
from benchmarks.senders import Crowd, Progress

# What is still on its way comes in pieces; after so long without one nothing more comes.
GRACE_SECONDS = 60.0
# Of the messages that are lost in a round, so many are named.
NAMED = 20
# Rows and their index, WAL, the broker's queue and ingest's journal of the largest round.
NEEDED_BYTES = 12 * 10**9

# Numbers are values (see `benchmarks.senders`), so each value of a sender is there once. What is
# outside of the round comes from an earlier one: its rows were gone when the broker, after a kill,
# sent the message again. While they were there, the key made that harmless.
ACCOUNT = """
WITH round AS (
    SELECT * FROM unnest(%s::text[], %s::float8[], %s::float8[]) AS round (sender, first, beyond)
)
SELECT round.sender,
       count(*) FILTER (WHERE value >= first AND value < beyond),
       count(DISTINCT value) FILTER (WHERE value >= first AND value < beyond),
       count(*) FILTER (WHERE value < first OR value >= beyond)
FROM readings JOIN series ON series.id = series_id
JOIN round ON sender = left(device_id, -6)
GROUP BY round.sender
"""
MISSING = """
SELECT number FROM generate_series(%s::int, %s::int) AS number
EXCEPT SELECT trunc(value)::int
FROM readings JOIN series ON series.id = series_id WHERE left(device_id, -6) = %s
ORDER BY number LIMIT %s
"""
CHUNKS = "SELECT count(*) FROM timescaledb_information.chunks"


@dataclass
class Books:
    """What was sent and what became of it, over all rounds.

    Attributes:
        messages: acknowledged.
        lost: values of acknowledged messages that never came.
        twice: values that are there more than once.
        again: values that came again after their round was closed and its rows were gone.
        resent: messages that the senders sent again, after a lost connection.
        chunks: of the database at the end of each round.
        missing: names some of the messages that are lost, by sender and number.
    """

    messages: int = 0
    lost: int = 0
    twice: int = 0
    again: int = 0
    resent: int = 0
    chunks: list[int] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _closed: dict[str, int] = field(default_factory=dict)

    def close(self, connection: psycopg.Connection, crowd: Crowd) -> None:
        """End a round: wait until all of it is acknowledged and there, account, and make room.

        Args:
            connection: to the database, in autocommit mode.
            crowd: what the round was sent by.
        """
        self.account(connection, crowd.settle())
        connection.execute("TRUNCATE readings")

    def account(self, connection: psycopg.Connection, progress: Sequence[Progress]) -> None:
        """Hold what the senders sent since the last account against what is there."""
        names = [one.name for one in progress]
        firsts = [self._closed.get(one.name, 0) for one in progress]
        beyonds = [one.sent for one in progress]
        sent = sum(beyonds) - sum(firsts)
        wait_for(connection, sent * len(METRICS))
        rows = connection.execute(ACCOUNT, [names, firsts, beyonds]).fetchall()
        there, different, outside = (sum(row[n] for row in rows) for n in (1, 2, 3))
        if different < sent * len(METRICS):
            for name, first, beyond in zip(names, firsts, beyonds, strict=True):
                numbers = connection.execute(MISSING, [first, beyond - 1, name, NAMED])
                self.missing += [f"{name} {number}" for (number,) in numbers]
        self.messages += sent
        self.lost += sent * len(METRICS) - different
        self.twice += there - different
        self.again += outside
        self.resent = sum(one.resent for one in progress)
        self.chunks.append(count(connection, CHUNKS))
        self._closed.update(zip(names, beyonds, strict=True))


def wait_for(connection: psycopg.Connection, rows: int) -> None:
    """Until so many readings are there. Where they never are, the account will say it."""
    there, since = 0, time.monotonic()
    while there < rows and time.monotonic() < since + GRACE_SECONDS:
        time.sleep(0.5)
        if (now := count(connection, "SELECT count(*) FROM readings")) > there:
            there, since = now, time.monotonic()


def count(connection: psycopg.Connection, query: str) -> int:
    """The one number that a query gives."""
    row: Sequence[int] | None = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


def require_space(folder: Path) -> None:
    """Refuse to begin where the load could fill the disk.

    Raises:
        SystemExit: says how much is free and how much is needed.
    """
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise SystemExit(
            f"this load needs {NEEDED_BYTES / 1e9:.0f} GB of free disk, and {folder} has "
            f"{free / 1e9:.1f} GB: free some, or set TMPDIR to a folder on another disk"
        )
