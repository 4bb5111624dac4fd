"""What Grafana makes of a query before it sends it: its macros and the dashboard's variables.

Nothing here runs in Grafana. It lets the same SQL be run, explained and tested without Grafana.
Source: Grafana documentation, "PostgreSQL query editor", macros, and "Advanced variable format
options"; for the exact text, Grafana's own engine with its TimescaleDB switch on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboards.intervals import DEFAULT_MINIMUM, interval_of, shown

Value = str | Sequence[str]

CALL = re.compile(r"\$(\w+)\(([^)]*)\)")
VARIABLE = re.compile(r"\$(?P<name>\w+)|\$\{(?P<braced>\w+)(?::(?P<style>[^}]+))?\}")
INTERVAL = re.compile(r"(\d+)(ms|s|m|h|d|w)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnknownMacroError(ValueError):
    """Grafana would refuse the query: it has no such macro, or not with these arguments."""


@dataclass(frozen=True)
class View:
    """What a person looks at: the time picker and the width of the panel.

    Attributes:
        start: beginning of the range, with a time zone.
        end: end of the range, with a time zone.
        interval: the span of one point, which Grafana chooses from range and width.
    """

    start: datetime
    end: datetime
    interval: timedelta

    @classmethod
    def of(
        cls, start: datetime, end: datetime, points: int, minimum: timedelta = DEFAULT_MINIMUM
    ) -> View:
        """The view of a panel that is so many points wide."""
        return cls(start, end, interval_of(end - start, points, minimum))


def expand(query: str, view: View, variables: Mapping[str, Value]) -> str:
    """The SQL that reaches the database.

    Args:
        query: with macros and variables.
        view: the range and resolution.
        variables: a string for a variable of one value, a list for one that takes several.

    Raises:
        UnknownMacroError: a macro or a variable does not exist.
    """
    known = {**variables, **built_in(view)}

    def value(found: re.Match[str]) -> str:
        name = found["name"] or found["braced"]
        if name in known:
            return formatted(known[name], found["style"])
        if name.startswith("__"):
            # A macro, or nothing at all, which is seen below.
            return found[0]
        raise UnknownMacroError(f"${name}")

    # The browser puts in the variables, and then the server the macros.
    query = VARIABLE.sub(value, query)
    calls = CALL.sub(lambda call: macro(name_of(call, query), arguments(call[2]), view), query)
    if unknown := re.search(r"\$\{?__\w+", calls):
        raise UnknownMacroError(unknown[0])
    return calls


def built_in(view: View) -> dict[str, str]:
    """The variables that Grafana has everywhere."""
    return {
        "__interval": shown(view.interval),
        "__interval_ms": str(view.interval // timedelta(milliseconds=1)),
        "__from": str((view.start - EPOCH) // timedelta(milliseconds=1)),
        "__to": str((view.end - EPOCH) // timedelta(milliseconds=1)),
    }


def arguments(text: str) -> list[str]:
    """The arguments of a call."""
    return [part.strip(" ") for part in text.split(",")] if text else []


def name_of(call: re.Match[str], query: str) -> str:
    """The macro that a call means: ``$__timeGroup(…),`` has the alias too, as it once had."""
    behind = query[query.index(call[0]) + len(call[0]) :]
    is_old = call[1] == "__timeGroup" and behind.startswith(",")
    return "__timeGroupAlias" if is_old else call[1]


def macro(name: str, values: list[str], view: View) -> str:
    """The text that stands in the place of one call."""
    start, end = (nanoseconds(moment) for moment in (view.start, view.end))
    match name, values:
        case "__time", [column, *_]:
            return f'{column} AS "time"'
        case "__timeEpoch", [column, *_]:
            return f'extract(epoch from {column}) as "time"'
        case "__timeFilter", [column, *_]:
            return f"{column} BETWEEN {literal(view.start)} AND {literal(view.end)}"
        case "__timeFrom", _:
            return literal(view.start)
        case "__timeTo", _:
            return literal(view.end)
        case "__timeGroup", [column, interval, *fill]:
            check(fill)
            return f"time_bucket('{seconds(interval):.3f}s',{column})"
        case "__unixEpochFilter", [column, *_]:
            return f"{column} >= {start // 10**9} AND {column} <= {end // 10**9}"
        case "__unixEpochNanoFilter", [column, *_]:
            return f"{column} >= {start} AND {column} <= {end}"
        case "__unixEpochNanoFrom", _:
            return str(start)
        case "__unixEpochNanoTo", _:
            return str(end)
        case "__unixEpochGroup", [column, interval, *fill]:
            check(fill)
            return f"floor(({column})/{seconds(interval):g})*{seconds(interval):g}"
        case (("__timeGroupAlias" | "__unixEpochGroupAlias"), _):
            return f'{macro(name.removesuffix("Alias"), values, view)} AS "time"'
    raise UnknownMacroError(f"${name}({', '.join(values)})")


def check(fill: list[str]) -> None:
    """Refuse a third argument that says nothing to Grafana: the database never sees it.

    It says what stands where no row is: NULL, the previous value, or a number.
    """
    if fill and not re.fullmatch(r"NULL|previous|-?\d+(\.\d+)?", fill[0]):
        raise UnknownMacroError(f"{fill[0]!r} fills no gap")


def literal(moment: datetime) -> str:
    """A time as Grafana writes it: RFC 3339 in UTC, without zeros at the end of a fraction."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"'{text.rstrip('0').rstrip('.') if '.' in text else text}Z'"


def nanoseconds(moment: datetime) -> int:
    """The time since 1970 in ns."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def seconds(interval: str) -> float:
    """The length of an interval such as ``5m``, quoted or not."""
    found = INTERVAL.fullmatch(interval.strip("'"))
    if found is None:
        raise UnknownMacroError(f"{interval!r} is no interval")
    return int(found[1]) * SECONDS[found[2]]


def sql_string(value: str) -> str:
    """A literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


# `${name:style}`: how each of the values is written.
STYLES: Mapping[str, Callable[[str], str]] = {
    "csv": str,
    "raw": str,
    "sqlstring": sql_string,
    "singlequote": lambda value: "'" + value.replace("'", "\\'") + "'",
    "doublequote": lambda value: '"' + value.replace('"', '\\"') + '"',
}


def formatted(value: Value, style: str | None) -> str:
    """A variable's value as Grafana writes it: several are quoted, a single one is not.

    Raises:
        UnknownMacroError: no such style.
    """
    parts = [value] if isinstance(value, str) else value
    if style is None:
        if isinstance(value, str):
            return value.replace("'", "''")
        style = "sqlstring"
    if style not in STYLES:
        raise UnknownMacroError(f"no format {style!r}")
    return ",".join(map(STYLES[style], parts))
