"""Recorded data: rows of a file with a time and the values of one device."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

from broker.topics import METRIC_NAME
from simulators import tables
from simulators.tables import RecordingError

DAY = timedelta(days=1)
# The platform stores nothing older.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
# Not the minutes and seconds of 00:24:00.
END_OF_DAY = re.compile(r"(?<![\d:])24:00(:00(\.0+)?)?(?!\d)")
ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")


@dataclass(frozen=True)
class Row:
    """What a device measured at a time, in seconds since 1970."""

    time: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class Recording:
    """Rows in the order of time.

    Attributes:
        rows: at least one.
        skipped_values: cells that hold no number.
        skipped_rows: rows without any value, and those of a 29 February that the year has not.
    """

    rows: Sequence[Row]
    skipped_values: int = 0
    skipped_rows: int = 0


@dataclass(frozen=True)
class Layout:
    """How a file is to be read.

    Attributes:
        columns: the column of each metric; None: every column is the metric of its name.
        time_columns: joined by a space they are the time.
        time_format: ``iso`` (ISO 8601), ``epoch`` (seconds since 1970), ``epoch-ms``, or a format
            of strptime. 24:00 is understood as the end of the day. Parquet's own times need none.
        zone: of times that do not tell their own.
        year: replaces the year of every row; None keeps it.
    """

    columns: Mapping[str, str] | None
    time_columns: Sequence[str]
    time_format: str = "iso"
    zone: tzinfo = field(default=UTC)
    year: int | None = None


def read(path: Path, layout: Layout) -> Recording:
    """Read a CSV, JSON Lines or Parquet file, which its name tells.

    Raises:
        RecordingError: no such file, no such column, an unreadable time, or nothing to play.
    """
    rows: list[Row] = []
    skipped_values = skipped_rows = 0
    columns = layout.columns or every_metric(path, layout)
    for line, cells in tables.rows_of(path, [*layout.time_columns, *columns.values()]):
        try:
            time = time_of([cells.get(column) for column in layout.time_columns], layout)
        except (ValueError, OverflowError) as error:
            raise RecordingError(f"{path}, line {line}: cannot read the time: {error}") from error
        found = {metric: number(cells.get(column)) for metric, column in columns.items()}
        values = {metric: value for metric, value in found.items() if value is not None}
        skipped_values += len(found) - len(values)
        if time is None or not values:
            skipped_rows += 1
        else:
            rows.append(Row(time, values))
    if not rows:
        raise RecordingError(f"{path} has no line with a value in the columns that were named")
    return Recording(sorted(rows, key=lambda row: row.time), skipped_values, skipped_rows)


def every_metric(path: Path, layout: Layout) -> dict[str, str]:
    """Every column that is no time, as the metric of its name."""
    names = [name for name in tables.columns_of(path) if name not in layout.time_columns]
    for name in names:
        if not METRIC_NAME.fullmatch(name):
            raise RecordingError(
                f"{path}: {name!r} is no name of a metric: say with `--map METRIC=COLUMN` which "
                "columns to play"
            )
    return {name: name for name in names}


def number(cell: Any) -> float | None:
    """The number that a cell holds; None where it holds none."""
    try:
        value = float(cell)
    except (ValueError, TypeError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def time_of(cells: Sequence[Any], layout: Layout) -> float | None:
    """Seconds since 1970; None for a 29 February in a year that has none.

    Raises:
        ValueError: the cells are no time in the layout's format.
    """
    [only, *others] = cells
    if isinstance(only, datetime) and not others:
        return in_year(only if only.tzinfo else only.replace(tzinfo=layout.zone), layout)
    text = " ".join(str("" if cell is None else cell).strip() for cell in cells)
    try:
        return parse_time(text, layout)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r}: {error}") from error


def parse_time(text: str, layout: Layout) -> float | None:
    """Seconds since 1970 of a text.

    Raises:
        ValueError: the text is no time in the layout's format.
    """
    ends_a_day = END_OF_DAY.search(text) is not None
    moment = parse_moment(END_OF_DAY.sub("00:00\\1", text), layout.time_format)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=layout.zone)
    # The day's end only now: 31 December, 24:00 is the beginning of the next year, whatever it is.
    time = in_year(moment, layout)
    return time + DAY.total_seconds() if time is not None and ends_a_day else time


def in_year(moment: datetime, layout: Layout) -> float | None:
    """Seconds since 1970 of a moment, in the year that the layout wants."""
    if layout.year is not None:
        try:
            moment = moment.replace(year=layout.year)
        except ValueError:
            return None
    return moment.timestamp()


def parse_moment(text: str, time_format: str) -> datetime:
    """A moment, naive where the text does not tell its zone."""
    match time_format:
        case "iso":
            return datetime.fromisoformat(text)
        case "epoch":
            return datetime.fromtimestamp(float(text), UTC)
        case "epoch-ms":
            return datetime.fromtimestamp(float(text) / 1000, UTC)
    return datetime.strptime(text, time_format)  # noqa: DTZ007  # the caller gives it its zone


def parse_zone(text: str) -> timezone:
    """The zone that ``+05:30`` names.

    Raises:
        ValueError: it is no offset.
    """
    found = ZONE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no offset like +05:30")
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)


def shifted(rows: Sequence[Row], now: float) -> list[Row]:
    """The rows moved by whole days, so that the last is less than a day before ``now``.

    The time of day stays true: noon's sun is still noon's.
    """
    days = math.floor((now - rows[-1].time) / 86_400)
    return [Row(row.time + days * 86_400, row.values) for row in rows]


def beginning_at(rows: Sequence[Row], time: float) -> list[Row]:
    """The rows moved so that the first is at ``time``."""
    later = time - rows[0].time
    return [Row(row.time + later, row.values) for row in rows]


def ending_now(rows: Sequence[Row], now: float, speed: float, seconds: float) -> list[Row]:
    """The last of the rows: so many that a replay meets the present after ``seconds``."""
    begin = now + seconds - seconds * speed
    return [row for row in rows if begin < row.time <= now + seconds]


def require_playable(rows: Sequence[Row], now: float) -> None:
    """Raise RecordingError where the platform would reject the rows, or they are yet to come."""
    if not rows:
        raise RecordingError("nothing of the recording falls into the time that is played")
    first = datetime.fromtimestamp(rows[0].time, UTC)
    hint = "use `--shift now`, or `--year`"
    if rows[0].time < EARLIEST:
        raise RecordingError(f"the recording begins {first:%Y-%m-%d}, before 2000: {hint}")
    if rows[0].time > now:
        raise RecordingError(f"the recording begins in the future, {first:%Y-%m-%d %H:%M}: {hint}")
