"""What devices send now: what is new in series since the last look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from storage import queries
from storage.rows import Connection, Row, Scope, planned

QUERIES = queries.load("live_tail")
# Of one look; what is left comes with the next.
MAX_NEWS = 5000
# The newest value of a series is news to whoever begins to watch it.
JUST_BEFORE = timedelta(microseconds=1)

PAST = datetime.fromisoformat("0001-01-01T00:00:00Z")

# When each series was last looked at, by its number.
Seen = Mapping[int, datetime]


async def heads(
    connection: Connection,
    scope: Scope,
    devices: Sequence[str],
    metrics: Sequence[str] | None,
    limit: int,
) -> list[Row]:
    """The series of devices that the scope sees now or later; none: there is nothing to watch.

    Returns:
        ``id, device_id, metric, unit, during, ts``; of a device without a series ``id`` is None.
    """
    wanted = None if metrics is None else list(metrics)
    asked = {**scope.parameters(), "devices": list(devices), "metrics": wanted, "limit": limit}
    return await planned(connection, QUERIES["heads"], asked)


async def news(
    connection: Connection, watched: Sequence[Row], seen: Seen
) -> tuple[list[Row], dict[int, datetime]]:
    """What came since the last look, and until when that was.

    Args:
        connection: where.
        watched: of ``heads``.
        seen: until when each was looked at; one that is missing begins with its newest value.

    Returns:
        ``device_id, metric, ts, value, unit, flag`` in the order of time, and ``seen`` for the
        next look.
    """
    newer = [each for each in watched if each["ts"] and each["ts"] > seen.get(each["id"], PAST)]
    if not newer:
        return [], dict(seen)
    after = [seen.get(each["id"], each["ts"] - JUST_BEFORE) for each in newer]
    parameters = {
        "series": [each["id"] for each in newer],
        "after": after,
        "during": [each["during"] for each in newer],
        "first": min(after),
        "last": max(each["ts"] for each in newer),
        "limit": MAX_NEWS,
    }
    rows = await planned(connection, QUERIES["news"], parameters)
    looked = {**seen, **dict(zip(parameters["series"], after, strict=True))}
    if len(rows) < MAX_NEWS:
        looked |= {each["id"]: each["ts"] for each in newer}
    looked |= {row["series"]: row["ts"] for row in rows}
    by_id = {each["id"]: each for each in newer}
    return [told(row, by_id[row["series"]]) for row in rows], looked


def told(row: Row, head: Row) -> Row:
    """A reading or a state with what is known of its series."""
    names = {"device_id": head["device_id"], "metric": head["metric"]}
    return {**names, **{name: row[name] for name in ("ts", "value", "flag")}, "unit": head["unit"]}
