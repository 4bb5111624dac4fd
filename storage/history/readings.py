"""The readings of a series themselves, of the times in which it is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import numpy as np

from storage.history.columns import Times, Values, moment, open_cursor
from storage.history.series import QUERIES, Part, Series
from storage.rows import Connection

# So many readings come in one statement: 12 MB.
PORTION = 500_000


class Stretch(NamedTuple):
    """The readings of an unbroken time, or some of them.

    Attributes:
        part: the time.
        ts: (n,), in order.
        value: (n,).
    """

    part: Part
    ts: Times
    value: Values


async def portions(
    connection: Connection, series: Series, size: int = PORTION
) -> AsyncIterator[Stretch]:
    """The readings of a series in the order of time, a bounded number at once: for streams.

    Args:
        connection: where; between two portions nothing is open on it.
        series: with the times in which it is seen.
        size: of a portion at most. None spans two parts.
    """
    for part in series.parts:
        start = part.start
        while start < part.end:
            found = await portion(connection, series.id, part._replace(start=start), size)
            if len(found.ts):
                yield found._replace(part=part)
            if len(found.ts) < size:
                break
            start = int(found.ts[-1]) + 1


async def portion(connection: Connection, series_id: int, part: Part, size: int) -> Stretch:
    """The first readings of a time."""
    parameters = {
        "series": series_id,
        "start": moment(part.start),
        "end": moment(part.end),
        "limit": size,
    }
    async with open_cursor(connection) as cursor:
        await cursor.execute(QUERIES["readings"], parameters, prepare=False)
        row = await cursor.fetchone()
    if row is None or row[0] is None:
        return Stretch(part, np.empty(0, np.int64), np.empty(0))
    return Stretch(part, *row)


async def stretches(connection: Connection, series: Series) -> list[Stretch]:
    """All readings of a series, each of its parts whole; count them before."""
    found: dict[Part, list[Stretch]] = {}
    async for each in portions(connection, series):
        found.setdefault(each.part, []).append(each)
    return [
        Stretch(
            part,
            np.concatenate([each.ts for each in pieces]),
            np.concatenate([each.value for each in pieces]),
        )
        for part, pieces in found.items()
    ]
