"""Which rows a kind of panel can draw. Source: Grafana's documentation of each visualization."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from dashboards.asking import Answer, Asked

LATITUDES, LONGITUDES = {"latitude", "lat"}, {"longitude", "lon", "lng"}
MOST_POINTS = 60_000


def complaints(asked: Asked, answer: Answer) -> Iterator[str]:
    """What is wrong with the answer for the panel that asked."""
    if len(set(answer.columns)) < len(answer.columns):
        yield f"columns of the same name: {answer.columns}"
    if len(answer.rows) > MOST_POINTS:
        yield f"{len(answer.rows)} rows"
    if asked.kind == "annotation":
        if not {"time", "text"} <= set(answer.columns):
            yield f"a mark is of time and text: {answer.columns}"
    elif asked.target["format"] == "time_series":
        yield from of_lines(asked, answer)
    else:
        yield from of_table(asked, answer)


def of_lines(asked: Asked, answer: Answer) -> Iterator[str]:
    """Time, perhaps the name of the line, and numbers."""
    if "time" not in answer.columns:
        yield f"no time: {answer.columns}"
        return
    times = [moment for moment in values(answer, "time") if isinstance(moment, datetime)]
    if len(times) < len(answer.rows) or not all(moment.tzinfo for moment in times):
        yield "a time is none"
    elif times != sorted(times):
        yield "the times are not in order"
    others = [column for column in answer.columns if column not in ("time", "metric")]
    if "metric" in answer.columns and not all(isinstance(n, str) for n in values(answer, "metric")):
        yield "a line has no name"
    texts = asked.kind in ("state-timeline", "status-history")
    wrong = [column for column in others if not is_numeric(answer, column)]
    if not others or (wrong and not texts):
        yield f"no number: {wrong or answer.columns}"


def of_table(asked: Asked, answer: Answer) -> Iterator[str]:
    """By the kind of panel."""
    numbers = [column for column in answer.columns if is_numeric(answer, column)]
    names = {column.lower() for column in numbers}
    times = [column for column in answer.columns if is_time(answer, column)]
    match asked.kind:
        case "stat" | "gauge" | "bargauge" | "piechart":
            if len(answer.rows) > 100:
                yield f"{len(answer.rows)} rows cannot be read"
        case "barchart" | "histogram":
            if not numbers:
                yield f"no number: {answer.columns}"
        case "xychart" | "trend":
            if len(numbers) < 2:
                yield f"no two numbers: {answer.columns}"
        case "geomap":
            if not (names & LATITUDES and names & LONGITUDES):
                yield f"no place: {answer.columns}"
        case "state-timeline" | "status-history" | "heatmap" | "timeseries":
            if answer.rows and not times:
                yield f"no time: {answer.columns}"


def values(answer: Answer, column: str) -> list[object]:
    """Those of one column."""
    place = answer.columns.index(column)
    return [row[place] for row in answer.rows]


def is_numeric(answer: Answer, column: str) -> bool:
    """Whether nothing but numbers is in a column."""
    number = (int, float, Decimal)
    return all(
        value is None or (isinstance(value, number) and not isinstance(value, bool))
        for value in values(answer, column)
    )


def is_time(answer: Answer, column: str) -> bool:
    """Whether nothing but times is in a column."""
    return all(value is None or isinstance(value, datetime) for value in values(answer, column))
