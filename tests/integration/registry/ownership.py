"""What the tests of ownership share: readings at given days, and who reads which of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import psycopg

from cli.api import Api

FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    """Noon of a day in March; the day's number is what is measured then."""
    return FIRST + timedelta(days=number - 1, hours=12)


def measure(connection: psycopg.Connection, device: str, days: range, metric: str = "t") -> None:
    """Store a reading on each of the days, its value the day's number."""
    row = connection.execute(
        "INSERT INTO series (device_id, metric, kind) VALUES (%s, %s, 'number') RETURNING id",
        [device, metric],
    ).fetchone()
    assert row
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO readings VALUES (%s, %s, %s)", [(row[0], day(n), n) for n in days]
        )
    connection.execute(
        "INSERT INTO latest (series_id, ts, value) VALUES (%s, %s, %s)",
        [row[0], day(days[-1]), days[-1]],
    )


def hand_over(connection: psycopg.Connection, device: str, tenant: str, number: int) -> None:
    """Let the device be the tenant's from the beginning of a day on."""
    moment = FIRST + timedelta(days=number - 1)
    connection.execute("UPDATE devices SET tenant_id = %s WHERE id = %s", [tenant, device])
    connection.execute(
        "UPDATE device_owners SET during = tstzrange(lower(during), %(moment)s) "
        "WHERE device_id = %(device)s AND upper(during) = ("
        "    SELECT lower(during) FROM device_owners "
        "    WHERE device_id = %(device)s AND upper_inf(during))",
        {"device": device, "moment": moment},
    )
    connection.execute(
        "UPDATE device_owners SET during = tstzrange(%s, NULL) "
        "WHERE device_id = %s AND upper_inf(during)",
        [moment, device],
    )


def book(connection: psycopg.Connection, device: str, tenant: str, days: range) -> None:
    """Let the device be the tenant's from the first of the days until before the last."""
    start, end = (FIRST + timedelta(days=number - 1) for number in (days.start, days.stop))
    connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) VALUES (%s, %s, tstzrange(%s, %s))",
        [device, tenant, start, end],
    )


def days_read(api: Api, device: str, metric: str = "t", **more: str) -> list[int]:
    """The days of which the person reads the values, in pages of two."""
    found = api.items(f"devices/{device}/readings", metric=metric, limit=2, **more)
    return [int(reading["value"]) for reading in found]


def newest(api: Api, device: str) -> Mapping[str, int]:
    """The newest value of each metric that the person sees."""
    return {each["metric"]: int(each["value"]) for each in api.items(f"devices/{device}/latest")}
