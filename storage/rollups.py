"""The job that keeps the rollups where TimescaleDB does not: ADRs 0019 and 0031.

Each step is one short transaction, and can be done twice. Many processes may call it: they take
turns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from storage import queries
from storage.rows import Connection, Row, every, first, only

QUERIES = queries.load("rollups")
# An hour is summed up so long after its end: what comes later is late, and costs a second time.
SETTLING = timedelta(minutes=5)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A series with so many readings in an hour is dense: of it ten minutes are kept. A row of theirs is
# as large as two readings, and stands for five or more.
DENSE = 30
# So many stale hours are summed up in one step at most.
STALE = 2000
# Hours times series in one step.
MOST = 1_000_000
# What a step should take; ingest and queries go on meanwhile.
STEP_SECONDS = 0.5


@dataclass
class Rollups:
    """Who keeps them, and how much it does in one step.

    Attributes:
        effort: hours times series; it follows from how long the last step took.
        settling: how long after its end an hour is summed up.
    """

    effort: int = 2000
    settling: timedelta = SETTLING

    async def keep(self, connection: Connection) -> None:
        """Do all that is due now.

        Args:
            connection: READ COMMITTED, not in autocommit mode; it is committed again and again.
        """
        while await self.step(connection):
            pass

    async def catch_up(self, connection: Connection, pause: float = 0.1) -> None:
        """Return when nothing is due any more, and nobody has to be waited for."""
        while True:
            await self.keep(connection)
            turn = await first(connection, QUERIES["take_turn"], {})
            await connection.commit()
            if turn and (turn["native"] or turn["watermark"] == turn["frontier"]):
                return
            await asyncio.sleep(pause)

    async def step(self, connection: Connection) -> bool:
        """Do one thing, and commit it.

        Returns:
            Whether there may be more to do.
        """
        more = await self.due(connection)
        await connection.commit()
        return more

    async def due(self, connection: Connection) -> bool:
        """What ``step`` does."""
        turn = await first(connection, QUERIES["take_turn"], {})
        if turn is None or turn["native"]:
            return False
        if turn["watermark"] == turn["frontier"]:
            return (
                await self.renew(connection)
                or await self.extend(connection, turn["watermark"])
                or await announce(connection, self.settling)
            )
        if not turn["asked"]:
            await connection.execute(QUERIES["ask"])
            return True
        if not turn["settled"]:
            return await self.renew(connection)
        return await self.fill(connection, turn)

    async def fill(self, connection: Connection, turn: Row) -> bool:
        """Sum up the hours after the watermark, of all series, and move it behind them.

        Returns:
            False where another process came in between.
        """
        start, end = await self.window(connection, turn)
        after = 0
        while start < end and (series := await self.next_series(connection, after, end - start)):
            with self.measured():
                await sum_up_hours(connection, series, start, end)
                await sum_up_tens(connection, series, start, end, "begin_tens")
                if end == day_of(start) + DAY:
                    await sum_up_day(connection, series, start)
            await connection.commit()
            after = series[-1]
            if await first(connection, QUERIES["take_turn"], {}) is None:
                return False
        bounds = {"watermark": turn["watermark"], "end": end}
        return bool((await connection.execute(QUERIES["move_watermark"], bounds)).rowcount)

    async def window(self, connection: Connection, turn: Row) -> tuple[datetime, datetime]:
        """The hours to be summed up next: at most those of a day; equal where there is nothing."""
        bounds = {"watermark": turn["watermark"], "frontier": turn["frontier"]}
        readings = await first(connection, QUERIES["next_readings"], bounds)
        if readings is None:
            return turn["frontier"], turn["frontier"]
        start: datetime = readings["start"]
        # Where few series keep a step busy, an hour at a time.
        end = start + HOUR if self.effort < DAY / HOUR else day_of(start) + DAY
        return start, min(end, turn["frontier"])

    async def next_series(self, connection: Connection, after: int, length: timedelta) -> list[int]:
        """The series of one step over so long a time; empty after the last."""
        limit = max(1, int(self.effort / (length / HOUR)))
        rows = await every(connection, QUERIES["next_series"], {"after": after, "limit": limit})
        return [row["id"] for row in rows]

    async def renew(self, connection: Connection) -> bool:
        """Sum up stale hours anew; False where there are none."""
        day = (await only(connection, QUERIES["oldest_stale"], {}))["day"]
        if day is None:
            return False
        # All hours between the first and the last are summed up, those of a day at the most.
        limit = max(1, min(STALE, self.effort // 24))
        taken = await only(connection, QUERIES["take_stale"], {"day": day, "limit": limit})
        with self.measured():
            hours = taken["series"], taken["start"], taken["end"]
            await sum_up_hours(connection, *hours)
            await sum_up_tens(connection, *hours, "want_tens")
            await sum_up_day(connection, taken["series"], taken["start"])
        return True

    async def extend(self, connection: Connection, watermark: datetime) -> bool:
        """Keep ten minutes of a day more, of series that were dense before; False: of none."""
        bounds = {"watermark": watermark}
        day = (await only(connection, QUERIES["last_wanted"], bounds))["day"]
        if day is None:
            return False
        parameters = {"day": day, "limit": max(1, self.effort // 24), **bounds}
        rows = await every(connection, QUERIES["extend_tens"], parameters)
        with self.measured():
            end = min(day + DAY, watermark)
            await sum_up_tens(connection, [row["id"] for row in rows], day, end)
        return True

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Do more in the next step, or less; much less where this one is ended by the server."""
        started = time.monotonic()
        try:
            yield
        except psycopg.errors.QueryCanceled:
            self.effort = max(self.effort // 8, 1)
            raise
        seconds = time.monotonic() - started
        if seconds < STEP_SECONDS / 2:
            self.effort = min(self.effort * 2, MOST)
        elif seconds > STEP_SECONDS * 2:
            self.effort = max(self.effort // 2, 1)


def day_of(moment: datetime) -> datetime:
    """The beginning of its day in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def announce(connection: Connection, settling: timedelta) -> bool:
    """Move the frontier, if an hour more has passed."""
    cursor = await connection.execute(QUERIES["announce"], {"settling": settling})
    return cursor.rowcount > 0


async def sum_up_hours(
    connection: Connection, series: list[int], start: datetime, end: datetime
) -> None:
    """Sum up hours of some series; planned for these bounds, so that only their chunks are read."""
    parameters = {"series": series, "start": start, "end": end}
    await connection.execute(QUERIES["sum_up_hours"], parameters, prepare=False)


async def sum_up_tens(
    connection: Connection, series: list[int], start: datetime, end: datetime, note: str = ""
) -> None:
    """Sum up the ten minutes of those of the series that are dense.

    Args:
        connection: where.
        series: which.
        start: of the time, a full hour.
        end: of the time, a full hour.
        note: the query that first notes which of them have become dense: ``begin_tens`` after the
            watermark, ``want_tens`` before it.
    """
    parameters = {"series": series, "start": start, "end": end, "dense": DENSE}
    for name in filter(None, (note, "forget_some_tens", "sum_up_tens")):
        await connection.execute(QUERIES[name], parameters, prepare=False)


async def sum_up_day(connection: Connection, series: list[int], moment: datetime) -> None:
    """Sum up the hours of the day of ``moment``, of some series."""
    parameters = {"series": series, "start": day_of(moment), "end": day_of(moment) + DAY}
    await connection.execute(QUERIES["sum_up_days"], parameters, prepare=False)


async def lag(connection: Connection) -> Row:
    """How far the rollups are behind: ``seconds``, and ``stale``, hours of series to be renewed."""
    return await only(connection, QUERIES["lag"], {})


async def forget(connection: Connection, start: datetime, end: datetime) -> None:
    """Take away the rollups of a chunk of readings that was dropped, which no trigger tells.

    With the Community edition there is nothing to do: its next refresh sees that they are gone.

    Args:
        connection: in the transaction that has dropped the chunk before.
        start: of the chunk, which holds whole days in UTC.
        end: of the chunk.
    """
    for name in ("forget_tens", "forget_hours", "forget_days", "forget_stale"):
        await connection.execute(QUERIES[name], {"start": start, "end": end})
