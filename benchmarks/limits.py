"""The two halves that nothing can beat: the broker alone, and COPY alone."""

from __future__ import annotations

import time

import numpy as np
import psycopg

from benchmarks.brokers import Broker, connect
from benchmarks.load import CHANNELS, METRICS, SAMPLES, Load, publishing
from storage.writer import QUERIES, Readings, copy
from tests.parts import USERS

DEVICES = 1_000
START_US = 1_767_225_600_000_000


# The rows of (b) before its clock starts are of another hour than those that are timed.
HOUR_US = 3_600_000_000


def null_subscriber(broker: Broker, load: Load, qos: int) -> tuple[float, int]:
    """(a) The broker alone hands every message to a subscriber that forgets it.

    It has ingest's own session, so the broker queues for it as it does for ingest.

    Returns:
        Seconds until the last, and the number of messages that never came.
    """
    left = len(load.messages)
    with (
        connect(broker.port) as session,
        publishing(broker.port, USERS["_registry"], load.messages, qos, load.window),
    ):
        started = time.perf_counter()
        while left > 0 and time.perf_counter() - started < 60:
            packets = session.receive(1.0)
            left -= len(packets)
            session.acknowledge([p.packet_id for p in packets if p.packet_id is not None])
        return time.perf_counter() - started, left


def copy_alone(url: str, batches: list[Readings]) -> float:
    """(b) Seconds to bring the rows into the hypertable, a transaction a batch.

    As for all others, the chunk and the plans are there before the clock starts.
    """
    first = batches[0]
    warm_up = Readings(first.series, first.ts + HOUR_US, first.value)
    with psycopg.connect(url, autocommit=True) as connection:
        copy(connection, QUERIES["copy_readings"], warm_up.in_key_order())
        started = time.perf_counter()
        for rows in batches:
            copy(connection, QUERIES["copy_readings"], rows.in_key_order())
        return time.perf_counter() - started


def fleet_rows(count: int, batch: int) -> list[Readings]:
    """The rows of ``load.fleet``, ``batch`` messages in each part."""
    number = np.arange(count)
    ts = START_US + number.repeat(len(METRICS)) * 1000
    first = number % DEVICES * len(METRICS) + 1
    series = first.repeat(len(METRICS)) + np.tile(np.arange(len(METRICS)), count)
    value = np.random.default_rng(1).normal(20, 5, len(ts))
    rows = Readings(series.astype(np.int32), ts, value)
    return parts(rows, batch * len(METRICS))


def testbed_rows(count: int, first_series: int, batch: int) -> list[Readings]:
    """The rows of ``load.testbed``, ``batch`` messages in each part."""
    channel = np.arange(first_series, first_series + len(CHANNELS), dtype=np.int32)
    series = np.tile(channel.repeat(SAMPLES), count)
    sample = np.arange(count * SAMPLES).reshape(count, 1, SAMPLES)
    ts = START_US + np.broadcast_to(sample * 1000, (count, len(CHANNELS), SAMPLES)).ravel()
    value = np.random.default_rng(1).normal(0, 1, len(ts))
    return parts(Readings(series, ts, value), batch * len(CHANNELS) * SAMPLES)


def parts(rows: Readings, size: int) -> list[Readings]:
    """Pieces of ``size`` rows."""
    starts = [slice(start, start + size) for start in range(0, len(rows), size)]
    return [Readings(rows.series[s], rows.ts[s], rows.value[s]) for s in starts]
