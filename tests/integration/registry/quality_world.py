"""A month of a device, of which it is known what is wrong with it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import psycopg

from ingest.batch import Batch, Message
from ingest.known import Known
from ingest.metrics import Metrics
from ingest.writer import Writer

# March in Lisbon, where the device's tenant is at home: the 29th has 23 hours.
START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 3, 31, 23, tzinfo=UTC)
MONTH = {"from": START.isoformat(), "to": END.isoformat()}
MINUTES = 30 * 1440 + 23 * 60
# Beginning and number of readings, one a minute, that are missing. Two are a pause, and no gap.
MISSING = [
    ("2026-03-05 06:00+00", 360),
    ("2026-03-10 10:00+00", 2),
    ("2026-03-29 10:00+00", 30),
    ("2026-03-31 22:00+00", 60),
]
# What came by ingest, on this day.
THE_15TH = datetime(2026, 3, 15, tzinfo=UTC)
LATE, DUPLICATES, OUTSIDE, REFUSED = 100, 50, 20, 7


def furnish(connection: psycopg.Connection, url: str) -> None:
    """Give Sunny's device a model, and its month."""
    connection.execute(
        """
        INSERT INTO model_metrics (model_id, metric, unit, minimum, maximum,
                                   expected_interval_seconds)
        VALUES ('common', 'power', 'kW', 0, 100, 60);
        UPDATE devices SET model_id = 'common' WHERE id = 'sunny-1';
        INSERT INTO series (device_id, metric, kind, unit)
        VALUES ('sunny-1', 'power', 'number', 'kW');
        INSERT INTO device_statuses VALUES
            ('sunny-1', '2026-03-19 12:00+00', true), ('sunny-1', '2026-03-20 00:00+00', false),
            ('sunny-1', '2026-03-20 02:00+00', true);
        """
    )
    connection.execute(
        "INSERT INTO readings SELECT s.id, t, 50 FROM series s, "
        "generate_series(%s::timestamptz, %s::timestamptz - interval '1 minute', '1 minute') t "
        "WHERE t NOT BETWEEN '2026-03-15 00:00+00' AND '2026-03-15 23:59:59+00' AND NOT EXISTS ("
        "    SELECT FROM unnest(%s::timestamptz[], %s::int[]) AS gap (first, n)"
        "    WHERE t >= gap.first AND t < gap.first + gap.n * interval '1 minute')",
        [START, END, [first for first, _ in MISSING], [n for _, n in MISSING]],
    )
    send(url)


def send(url: str) -> None:
    """The readings of the 15th, by ingest: 1,000 in time, 340 a bit later, the others late."""
    writer = Writer(url, Known(), Metrics(), threading.Event())
    delays = [1.2] * 1000 + [1.7] * (440 - LATE) + [3700] * LATE
    sent = [
        message(THE_15TH + timedelta(minutes=n), 200 if n < OUTSIDE else 50, delay)
        for n, delay in enumerate(delays)
    ]
    again = [message(THE_15TH + timedelta(minutes=n), 50, 2) for n in range(DUPLICATES)]
    refused = [message(THE_15TH, float("nan"), 1 + n) for n in range(REFUSED)]
    for portion in (sent, again + refused):
        batch = Batch(writer.known)
        for each in portion:
            batch.add(each)
        writer.write(batch)
    writer.close()


def message(moment: datetime, value: float, delay: float) -> Message:
    """A reading that came so many seconds after its time."""
    body = {"ts": moment.isoformat(), "values": {"power": value}}
    arrival = round((moment.timestamp() + delay) * 1e6)
    return Message("devices/sunny-1/telemetry", json.dumps(body).encode(), None, arrival)
