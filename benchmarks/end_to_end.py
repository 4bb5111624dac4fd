"""`ingest`: from the publisher to committed rows, beside its two halves and a plain INSERT."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import paho.mqtt.client as mqtt
import psutil
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.load import messages, publishing
from benchmarks.results import Table
from broker.config import INGEST_USER
from broker.session import Session
from storage.writer import QUERIES, Readings, copy
from tests.parts import USERS, RunningBroker, RunningIngest, ingest_settings, wait_until

COUNT = 100_000
VALUES = 5
DEVICES = 1_000
INSERTS = 2_000


@dataclass
class Sides:
    """What the comparison runs on: one broker and one database for all."""

    broker: RunningBroker
    url: str


def null_subscriber(sides: Sides, qos: int) -> float:
    """(a) Seconds for the broker to hand every message to a subscriber that forgets it."""
    batch = messages(COUNT, DEVICES)
    with (
        Session(
            "127.0.0.1", sides.broker.port, INGEST_USER, USERS[INGEST_USER], ["devices/+/telemetry"]
        ) as session,
        publishing(sides.broker.port, USERS["_registry"], batch, qos),
    ):
        seen, started = 0, time.perf_counter()
        while seen < COUNT and time.perf_counter() - started < 60:
            packets = session.receive(1.0)
            seen += len(packets)
            session.acknowledge([p.packet_id for p in packets if p.packet_id is not None])
        return time.perf_counter() - started


def copy_alone(sides: Sides) -> float:
    """(b) Seconds to COPY the same rows, in batches as ingest makes them."""
    rows, size = COUNT * VALUES, 5_000 * VALUES
    ts = 1_767_225_600_000_000 + np.arange(COUNT, dtype=np.int64).repeat(VALUES) * 1000
    device = np.arange(COUNT, dtype=np.int32).repeat(VALUES) % DEVICES
    series = device * VALUES + np.tile(np.arange(VALUES, dtype=np.int32), COUNT) + 1
    value = np.random.default_rng(1).normal(20, 5, rows)
    with psycopg.connect(sides.url, autocommit=True) as connection:
        started = time.perf_counter()
        for start in range(0, rows, size):
            part = slice(start, start + size)
            columns = Readings(series[part], ts[part], value[part]).in_key_order()
            copy(connection, QUERIES["copy_readings"], columns)
        seconds = time.perf_counter() - started
        connection.execute("TRUNCATE readings")
    return seconds


@dataclass
class Run:
    """One end-to-end run: wall and CPU seconds of ingest, and the rows that are missing."""

    seconds: float
    cpu: float
    lost: int


def platform(sides: Sides, qos: int) -> Run:
    """(c) Seconds until every row is counted in the database."""
    ingest = RunningIngest(ingest_settings(sides.url, sides.broker.port, ingest_linger_ms=20))
    ingest.start()
    batch = messages(COUNT, DEVICES)
    process = psutil.Process()
    try:
        with publishing(sides.broker.port, USERS["_registry"], batch, qos):
            cpu, started = sum(process.cpu_times()[:2]), time.perf_counter()
            wait_until(
                lambda: ingest.count("readings_stored") >= COUNT * VALUES, "all readings", 60
            )
            seconds = time.perf_counter() - started
            spent = sum(process.cpu_times()[:2]) - cpu
    finally:
        ingest.stop()
    with psycopg.connect(sides.url, autocommit=True) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM readings").fetchone() or (0,)
        connection.execute("TRUNCATE readings, latest")
    return Run(seconds, spent, COUNT * VALUES - stored)


def paho_with_inserts(sides: Sides) -> float:
    """(d) Messages per second of what most begin with: one INSERT for each message."""
    done = 0
    with psycopg.connect(sides.url, autocommit=True) as connection:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=INGEST_USER)
        client.username_pw_set(INGEST_USER, USERS[INGEST_USER])

        def insert(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            nonlocal done
            connection.execute(
                "INSERT INTO readings SELECT 1 + row_number() OVER (), "
                "to_timestamp((m->>'ts')::float8 / 1000 + %s), value::float8 "
                "FROM (SELECT %s::jsonb) AS given (m), jsonb_each_text(m->'values')",
                [done, message.payload.decode()],
            )
            done += 1

        client.on_message = insert
        subscribed: list[object] = []

        def subscribe(*_: object) -> None:
            client.subscribe("devices/+/telemetry", 1)

        client.on_connect = subscribe
        client.on_subscribe = lambda *_: subscribed.append(1)
        client.connect("127.0.0.1", sides.broker.port)
        client.loop_start()
        wait_until(lambda: subscribed, "the subscription")
        batch = messages(INSERTS, DEVICES)
        with publishing(sides.broker.port, USERS["_registry"], batch, 1):
            started = time.perf_counter()
            wait_until(lambda: done >= INSERTS, "all messages", 120)
            seconds = time.perf_counter() - started
        client.disconnect()
        client.loop_stop()
        connection.execute("TRUNCATE readings")
    return INSERTS / seconds


def register(url: str) -> None:
    """The devices of the load, so that their series can be made."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO tenants (id, name, kind) VALUES ('bench', 'B', 'startup')")
        connection.execute(
            "INSERT INTO devices (id, tenant_id, name) "
            "SELECT 'bench-' || lpad(n::text, 5, '0'), 'bench', 'b' FROM generate_series(0, %s) n",
            [DEVICES - 1],
        )


def run(broker: RunningBroker, url: str) -> Table:
    """Both levels of service; the platform's first run makes the series and is not counted."""
    register(url)
    sides = Sides(broker, url)
    platform(sides, 1)
    table = Table(
        "ingest",
        f"{COUNT:,} messages of {VALUES} values from {DEVICES:,} devices, durable broker queue",
        ["", "msg/s", "values/s", "seconds", "lost"],
    )
    copying = copy_alone(sides)
    table.add("(b) COPY of the rows", "", f"{COUNT * VALUES / copying:,.0f}", f"{copying:.2f}", "")
    for qos in (0, 1):
        null, whole = null_subscriber(sides, qos), platform(sides, qos)
        rate = COUNT / whole.seconds
        table.add(f"(a) null subscriber, QoS {qos}", f"{COUNT / null:,.0f}", "", f"{null:.2f}", "")
        table.add(
            f"(c) the platform, QoS {qos}",
            f"{rate:,.0f}",
            f"{rate * VALUES:,.0f}",
            f"{whole.seconds:.2f}",
            str(whole.lost),
        )
    inserts = paho_with_inserts(sides)
    table.add("(d) paho, INSERT a message", f"{inserts:,.0f}", f"{inserts * VALUES:,.0f}", "", "")
    table.figures = {
        "vs_limit": (null + copying) / whole.seconds,
        "vs_insert": rate / inserts,
        "cpu_per_100k": whole.cpu * 100_000 / COUNT,
        "lost": whole.lost,
    }
    return table
