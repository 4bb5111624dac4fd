"""What Grafana makes of a query before it sends it: its macros and the dashboard's variables.

Nothing here runs in Grafana. It lets the same SQL be run, explained and tested without Grafana.
Source: Grafana documentation, "PostgreSQL query editor", macros; for the exact text, Grafana's
own engine with its TimescaleDB switch on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CALL = re.compile(r"\$(__\w+)\(([^)]*)\)")
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+):sqlstring\}")
INTERVAL = re.compile(r"(\d+)(ms|s|m|h|d|w)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


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


def expand(query: str, view: View, variables: Mapping[str, str | Sequence[str]]) -> str:
    """The SQL that reaches the database.

    Args:
        query: with macros and variables.
        view: the range and resolution.
        variables: a string for a variable of one value, a list for one that takes several.

    Raises:
        UnknownMacroError: a macro or a variable does not exist.
    """
    milliseconds = round(view.interval / timedelta(milliseconds=1))
    query = query.replace("$__interval_ms", str(milliseconds))
    query = query.replace("$__interval", f"{milliseconds}ms")
    query = CALL.sub(lambda call: macro(call[1], arguments(call[2]), view), query)
    return VARIABLE.sub(
        lambda found: variable(found[1] or found[2], variables, always_quoted=bool(found[2])), query
    )


def arguments(text: str) -> list[str]:
    """The arguments of a call."""
    return [part.strip() for part in text.split(",")]


def macro(name: str, values: list[str], view: View) -> str:
    """The text that stands in the place of one call."""
    match name, values:
        case "__timeFilter", [column]:
            return f"{column} BETWEEN {literal(view.start)} AND {literal(view.end)}"
        case "__timeFrom", _:
            return literal(view.start)
        case "__timeTo", _:
            return literal(view.end)
        # The third argument says how Grafana fills gaps in the answer; the database never sees it.
        case "__timeGroup", [column, interval, *_]:
            return f"time_bucket('{seconds(interval):.3f}s',{column})"
        case "__timeGroupAlias", _:
            return f'{macro("__timeGroup", values, view)} AS "time"'
    raise UnknownMacroError(f"${name}({', '.join(values)})")


def literal(moment: datetime) -> str:
    """A time as Grafana writes it: RFC 3339 in UTC, without a fraction that is zero."""
    return f"'{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z'"


def seconds(interval: str) -> float:
    """The length of an interval such as ``5m``, quoted or not."""
    found = INTERVAL.fullmatch(interval.strip("'"))
    if found is None:
        raise UnknownMacroError(f"{interval!r} is no interval")
    return int(found[1]) * SECONDS[found[2]]


def variable(
    name: str, variables: Mapping[str, str | Sequence[str]], *, always_quoted: bool
) -> str:
    """A variable's value as Grafana writes it: several are quoted, a single one is not.

    With the format ``sqlstring`` a single one is quoted too.
    """
    if name not in variables:
        raise UnknownMacroError(f"${name}")
    value = variables[name]
    if isinstance(value, str) and not always_quoted:
        return value.replace("'", "''")
    values = [value] if isinstance(value, str) else value
    return ",".join("'" + part.replace("'", "''") + "'" for part in values)
