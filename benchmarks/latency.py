"""`latency`: from PUBLISH until a query sees the row, at a steady rate, beside INSERT a message."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psycopg

from benchmarks import brokers, limits, machine, peers
from benchmarks.brokers import Broker, drain
from benchmarks.comparison import register
from benchmarks.end_to_end import count, empty, running, running_ingest
from benchmarks.load import METRICS
from benchmarks.peers import TABLE, Target
from benchmarks.results import Table
from benchmarks.senders import Crowd, Sender, Start, sending
from stack.runtime import Runtime
from tests.parts import USERS, wait_until

RATE = 2_000
# Each contestant has so many turns, one after the other, so that a noisy minute hits both.
TURNS = 3
WARM_UP = 4_000
POLL_SECONDS = 0.005
# One look asks for so many of the oldest messages that were not seen yet.
MOST_LOOKED_FOR = 500
# What was not seen so long after the last message was due is lost.
PATIENCE_SECONDS = 30
LIMIT_MS = 500

# A look is an index entry for each message that is on its way, and the planner is left no choice.
# One condition for all of them costs a third of a join, which would start a scan for each.
ONLY_INDEXES = """
SET enable_seqscan = off; SET enable_bitmapscan = off;
SET enable_hashjoin = off; SET enable_mergejoin = off
"""
LOOK = """
SELECT (extract(epoch FROM ts) * 1000000)::bigint FROM {table}
WHERE series_id = ANY(%b::int[])
  AND ts BETWEEN to_timestamp(0) + %b::bigint * interval '1 microsecond'
      AND to_timestamp(0) + %b::bigint * interval '1 microsecond'
"""


@dataclass
class Turn:
    """What one contestant did in one turn.

    Attributes:
        ms: from the moment at which a message was due until a query had seen it, of each message.
        looks_ms: between the ends of two looks: by so much a latency can be overstated.
        late_ms: how late messages were handed to the broker, which is part of their latency.
        lost: messages that were never seen.
    """

    ms: list[float] = field(default_factory=list)
    looks_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    lost: int = 0

    @classmethod
    def joined(cls, turns: Sequence[Turn]) -> Turn:
        """All turns of a contestant as one."""
        return cls(
            [ms for turn in turns for ms in turn.ms],
            [ms for turn in turns for ms in turn.looks_ms],
            [ms for turn in turns for ms in turn.late_ms],
            sum(turn.lost for turn in turns),
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` percent of all do not exceed: one that was measured, no mean."""
    return float(np.percentile(values, share, method="inverted_cdf"))


def due_us(start: Start, number: int) -> int:
    """The time that a message carries, in µs since 1970; see ``senders.Device.next``."""
    return start.epoch_us + int((number - start.first) * 1e6 / RATE)


def series_of(number: int) -> int:
    """The series of the last value of a message: all five are stored in one transaction."""
    return number % limits.DEVICES * len(METRICS) + len(METRICS)


def look(connection: psycopg.Connection, query: bytes, oldest: list[tuple[int, int]]) -> list[int]:
    """The times of those messages that are visible, of ``oldest``: their times and series."""
    if not oldest:
        return []
    series = [of_message for _, of_message in oldest]
    rows = connection.execute(query, [series, oldest[0][0], oldest[-1][0]], prepare=True)
    return [ts_us for (ts_us,) in rows]


def watch(connection: psycopg.Connection, table: str, start: Start, messages: int) -> Turn:
    """Look every 5 ms which messages are visible, until all are.

    Args:
        connection: to the database, in autocommit mode, of this alone.
        table: where the readings are to appear.
        start: when the first of them is due.
        messages: how many there will be.
    """
    connection.execute(ONLY_INDEXES)
    query = LOOK.format(table=table).encode()
    # The time that a message carries, in µs since 1970, to its series, the oldest first.
    turn, waiting, known = Turn(), dict[int, int](), 0
    looked_at = time.monotonic_ns()
    deadline = start.monotonic_ns + int((messages / RATE + PATIENCE_SECONDS) * 1e9)
    while (known < messages or waiting) and looked_at < deadline:
        time.sleep(max(0, POLL_SECONDS - (time.monotonic_ns() - looked_at) / 1e9))
        due = int((time.monotonic_ns() - start.monotonic_ns) * RATE / 1e9) + 1
        for number in range(start.first + known, start.first + min(messages, due)):
            waiting[due_us(start, number)] = series_of(number)
            known += 1
        seen = look(connection, query, list(waiting.items())[:MOST_LOOKED_FOR])
        before, looked_at = looked_at, time.monotonic_ns()
        turn.looks_ms.append((looked_at - before) / 1e6)
        now_us = start.epoch_us + (looked_at - start.monotonic_ns) / 1e3
        for ts_us in seen:
            if waiting.pop(ts_us, None):
                turn.ms.append((now_us - ts_us) / 1e3)
    turn.lost = len(waiting)
    return turn


def measure(crowd: Crowd, url: str, table: str, messages: int) -> Turn:
    """Warm up, then publish and watch."""
    with psycopg.connect(url, autocommit=True) as connection:
        crowd.go(WARM_UP)
        there = partial(count, connection, table)
        wait_until(lambda: there() >= WARM_UP * len(METRICS), "the warm-up to be stored", 60, 0.2)
        (start,) = crowd.go(messages)
        turn = watch(connection, table, start, messages)
        (progress,) = crowd.settle()
    turn.late_ms = in_ms(progress.late_us)
    return turn


def in_ms(microseconds: array[int]) -> list[float]:
    """The same in milliseconds."""
    return [value / 1e3 for value in microseconds]


@contextmanager
def senders(broker: Broker) -> Iterator[Crowd]:
    """1,000 devices on one connection."""
    sender = Sender(
        "bench", broker.port, "_registry", USERS["_registry"], limits.DEVICES, float(RATE)
    )
    with sending([sender]) as crowd:
        yield crowd


def platform(broker: Broker, url: str, messages: int) -> Turn:
    """The platform."""
    empty(url, "readings, latest")
    with running_ingest(broker, url), senders(broker) as crowd:
        return measure(crowd, url, "readings", messages)


def insert(broker: Broker, url: str, messages: int) -> Turn:
    """The peer: paho and one INSERT a message."""
    empty(url, TABLE)
    drain(broker.port)
    target = Target(broker.port, USERS["_ingest"], url, WARM_UP, messages, 10**6)
    command = peers.INSERT_A_MESSAGE.command(target)
    with running(command, {}), senders(broker) as crowd:
        return measure(crowd, url, TABLE, messages)


CONTESTANTS: dict[str, Callable[[Broker, str, int], Turn]] = {
    "the platform": platform,
    peers.INSERT_A_MESSAGE.name: insert,
}


def run(programs: Runtime, home: Path, url: str, minutes: float) -> Table:
    """Every contestant in turns, ``minutes`` together for each."""
    register(url)
    peers.make_table(url)
    messages = round(minutes * 60 * RATE / TURNS)
    turns: dict[str, list[Turn]] = {name: [] for name in CONTESTANTS}
    with brokers.running_broker(programs, home / "broker-kill", brokers.KINDS["kill"]) as broker:
        for _ in range(TURNS):
            for name, contestant in CONTESTANTS.items():
                turns[name].append(contestant(broker, url, messages))
    with psycopg.connect(url) as connection:
        return table(turns, messages, machine.describe(programs, home, connection))


def table(turns: dict[str, list[Turn]], messages: int, about: dict[str, Any]) -> Table:
    """What people and machines read."""
    result = Table(
        "latency",
        f"ms from PUBLISH to visible; {RATE:,} messages of {len(METRICS)} values a second, "
        f"{limits.DEVICES:,} devices, QoS 1, {TURNS} turns of {messages:,}",
        ["", "p50", "p90", "p99", "max", "look p50", "look p99", "late p99", "lost"],
        about=about,
    )
    for name, own in turns.items():
        all_of_it = Turn.joined(own)
        figures = [percentile(all_of_it.ms, share) for share in (50, 90, 99, 100)]
        figures += [percentile(all_of_it.looks_ms, share) for share in (50, 99)]
        figures.append(percentile(all_of_it.late_ms, 99))
        result.add(name, *(f"{ms:.1f}" for ms in figures), str(all_of_it.lost))
        about.setdefault("turns", {})[name] = [
            {"lost": turn.lost}
            | {f"p{share}_ms": percentile(turn.ms, share) for share in (50, 90, 99, 100)}
            for turn in own
        ]
    ours, theirs = turns["the platform"], turns[peers.INSERT_A_MESSAGE.name]
    joined = Turn.joined(ours)
    result.figures = {
        "latency_p50_ms": percentile(joined.ms, 50),
        "latency_p99_ms": percentile(joined.ms, 99),
        "vs_insert_p99": median(
            percentile(their.ms, 99) / percentile(our.ms, 99)
            for our, their in zip(ours, theirs, strict=True)
        ),
        "lost": joined.lost,
    }
    result.limits = {"latency_p99_ms": LIMIT_MS, "lost": 0}
    return result
