"""Recorded data: rows of a CSV file with a time and the values of one device."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path

DAY = timedelta(days=1)
# The platform stores nothing older.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
END_OF_DAY = re.compile(r"\b24:00(:00(\.0+)?)?(?!\d)")
ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")


class RecordingError(ValueError):
    """The file cannot be played; the message says where it is wrong and what helps."""


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
        columns: the column of each metric.
        time_columns: joined by a space they are the time.
        time_format: ``iso`` (ISO 8601), ``epoch`` (seconds since 1970), ``epoch-ms``, or a format
            of strptime. 24:00 is understood as the end of the day.
        zone: of times that do not tell their own.
        year: replaces the year of every row; None keeps it.
    """

    columns: Mapping[str, str]
    time_columns: Sequence[str]
    time_format: str = "iso"
    zone: tzinfo = field(default=UTC)
    year: int | None = None


def read_csv(path: Path, layout: Layout) -> Recording:
    """Read a file whose first line names the columns.

    The delimiter (comma, semicolon, tab or bar) is taken from that line.

    Raises:
        RecordingError: no such file, no such column, an unreadable time, or nothing to play.
    """
    rows: list[Row] = []
    skipped_values = skipped_rows = 0
    for line, cells in lines(path, [*layout.time_columns, *layout.columns.values()]):
        text = " ".join(cells[column].strip() for column in layout.time_columns)
        try:
            time = parse_time(text, layout)
        except (ValueError, OverflowError) as error:
            raise RecordingError(
                f"{path}, line {line}: cannot read the time {text!r}: {error}"
            ) from error
        found = {metric: number(cells[column]) for metric, column in layout.columns.items()}
        values = {metric: value for metric, value in found.items() if value is not None}
        skipped_values += len(found) - len(values)
        if time is None or not values:
            skipped_rows += 1
        else:
            rows.append(Row(time, values))
    if not rows:
        raise RecordingError(f"{path} has no line with a value in the columns that were named")
    return Recording(sorted(rows, key=lambda row: row.time), skipped_values, skipped_rows)


def lines(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line's number and its cells by column; a line that is cut short has empty cells."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            if not first.strip():
                raise RecordingError(f"{path} is empty")
            file.seek(0)
            delimiter = max(",;\t|", key=first.count)
            reader = csv.DictReader(file, delimiter=delimiter, restval="", restkey="")
            require_columns(path, needed, reader.fieldnames or ())
            for cells in reader:
                yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"cannot read {path}: {error}") from error


def require_columns(path: Path, needed: Sequence[str], there: Sequence[str]) -> None:
    """Raise RecordingError where a column is missing."""
    if missing := [column for column in needed if column not in there]:
        raise RecordingError(
            f"{path} has no column {', '.join(map(repr, missing))}; "
            f"it has {', '.join(map(repr, there))}"
        )


def number(text: str) -> float | None:
    """The number that a cell holds; None where it holds none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def parse_time(text: str, layout: Layout) -> float | None:
    """Seconds since 1970; None for a 29 February in a year that has none.

    Raises:
        ValueError: the text is no time in the layout's format.
    """
    ends_a_day = END_OF_DAY.search(text) is not None
    moment = parse_moment(END_OF_DAY.sub("00:00\\1", text), layout.time_format)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=layout.zone)
    if layout.year is not None:
        try:
            moment = moment.replace(year=layout.year)
        except ValueError:
            return None
    # Only now: 31 December, 24:00 is the beginning of the next year, whatever year that is.
    return (moment + DAY if ends_a_day else moment).timestamp()


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
