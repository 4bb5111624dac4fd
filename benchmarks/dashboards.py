"""`dashboards`: every panel of every dashboard on the past of `history`, as who looks at it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.past import END_US, TENANT, fill
from benchmarks.results import Table
from benchmarks.rounds import require_space
from dashboards.catalogue import operator_dashboards, park_dashboards, tenant_dashboards
from dashboards.macros import View, expand, seconds
from storage.grafana import Memory

Json = dict[str, Any]
Chosen = dict[str, str | Sequence[str]]

END = datetime.fromtimestamp(END_US / 1_000_000, UTC)
RANGES = {
    "1 h": timedelta(hours=1),
    "24 h": timedelta(days=1),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
    "365 d": timedelta(days=365),
}
# Points in a panel, unless it says how many: its pixels.
POINTS = 1000
# Grafana's intervals in ms: of what it computes below the first, it takes the second.
# Source: Grafana, packages/grafana-data/src/datetime/rangeutil.ts, roundInterval.
INTERVALS = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000),
    (3500, 2000), (7500, 5000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000),
    (45_000, 30_000), (90_000, 60_000), (210_000, 120_000), (450_000, 300_000),
    (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000),
    (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000),
    (32_400_000, 21_600_000), (86_400_000, 43_200_000), (604_800_000, 86_400_000),
    (1_814_400_000, 604_800_000), (3_628_800_000, 2_592_000_000),
)  # fmt: skip
A_YEAR = 31_536_000_000
TIMES = 3
# A panel that takes longer is asked once.
PATIENCE_S = 1.0
LIMIT_MS = 300


@dataclass(frozen=True)
class Asked:
    """A query of a panel, and how long it took.

    Attributes:
        panel: its title.
        range: what was looked at.
        ms: until all rows were there; the median of some.
        ended: whether the database ended it, since the role may not ask for longer.
    """

    panel: str
    range: str
    ms: float
    ended: bool


def run(home: Path, url: str) -> Table:
    """Load our layout alone, and open every dashboard as the role by which Grafana reads for it."""
    require_space(home)
    readings = fill(url)
    result = Table(
        "dashboards",
        f"{readings:,} readings; the slowest panel of each dashboard, ms at the median",
        ["", "for", "panels", "slowest", "range", "ms"],
        limits={"slowest_ms": LIMIT_MS},
    )
    slowest, panels = 0.0, 0
    for key, boards in audiences().items():
        with connected(url, key) as grafana:
            for board in boards.values():
                asked = opened(grafana, board)
                count = len(asked) // len(RANGES)
                worst = max(asked, key=lambda each: each.ms, default=Asked("", "", 0, False))
                slowest, panels = max(slowest, worst.ms), panels + count
                ms = f"{worst.ms:.0f}" + (" ended" if worst.ended else "")
                reader = key.partition(":")[0]
                result.add(board["title"], reader, str(count), worst.panel, worst.range, ms)
    result.figures = {"panels": panels, "slowest_ms": slowest, "readings": readings}
    result.notes = [
        f"each panel of the last {', '.join(RANGES)}, {POINTS:,} points wide; ended: the database "
        "ended it, since the role may ask no longer"
    ]
    return result


def audiences() -> dict[str, Mapping[str, Json]]:
    """The dashboards of each kind of organisation, by the key of one of them."""
    return {
        "operators": operator_dashboards(),
        "park:bench": park_dashboards(),
        f"tenant:{TENANT}": tenant_dashboards(),
    }


def connected(url: str, key: str) -> psycopg.Connection:
    """A connection by the role of an organisation's data source."""
    with psycopg.connect(url, autocommit=True) as connection:
        role, password = Memory(connection).set_password(key)
    return psycopg.connect(make_conninfo(url, user=role, password=password), autocommit=True)


def opened(grafana: psycopg.Connection, board: Json) -> list[Asked]:
    """Look at all panels of a dashboard, in all ranges."""
    chosen = choices(grafana, board)
    return [
        asked(grafana, panel, target["rawSql"], name, chosen)
        for panel in panels_of(board)
        for target in panel.get("targets", ())
        if "rawSql" in target
        for name in RANGES
    ]


def panels_of(place: Json) -> Iterator[Json]:
    """The panels of a dashboard, those in rows too."""
    for panel in place.get("panels", ()):
        yield panel
        yield from panels_of(panel)


def choices(grafana: psycopg.Connection, board: Json) -> Chosen:
    """What is chosen at the top when the dashboard is opened: "All", else the first value."""
    chosen: Chosen = {}
    for variable in board.get("templating", {}).get("list", ()):
        name, everything = variable["name"], variable.get("allValue")
        if variable.get("includeAll") and everything:
            chosen[name] = [everything.strip("'")]
        elif variable["type"] == "query":
            values = found(grafana, variable["query"], chosen)
            wanted = values if variable.get("includeAll") else values[:1]
            chosen[name] = wanted if variable.get("multi") else "".join(wanted)
        else:
            current = (variable.get("current") or {}).get("value")
            chosen[name] = current or variable["query"].split(",")[0]
    return chosen


def found(grafana: psycopg.Connection, query: str, chosen: Chosen) -> list[str]:
    """The values of a variable: a column of this name, else the first."""
    cursor = grafana.execute(expand(query, view(RANGES["24 h"], {}), chosen).encode())
    names = [column.name for column in cursor.description or ()]
    at = names.index("__value") if "__value" in names else 0
    return [str(values[at]) for values in cursor.fetchall()]


def view(length: timedelta, panel: Json) -> View:
    """A range that ends where the readings do, in a panel."""
    milliseconds = length / timedelta(milliseconds=1) / panel.get("maxDataPoints", POINTS)
    interval = next((taken for below, taken in INTERVALS if milliseconds < below), A_YEAR)
    least = seconds(panel["interval"]) * 1000 if panel.get("interval") else 1
    return View(END - length, END, timedelta(milliseconds=max(interval, least)))


def asked(grafana: psycopg.Connection, panel: Json, query: str, name: str, chosen: Chosen) -> Asked:
    """Ask a panel's query as often as patience allows."""
    statement = expand(query, view(RANGES[name], panel), chosen).encode()
    times: list[float] = []
    ended = False
    while not times or (len(times) < TIMES and times[0] < PATIENCE_S):
        started = time.perf_counter()
        try:
            grafana.execute(statement).fetchall()
        except psycopg.errors.QueryCanceled:
            ended = True
        times.append(time.perf_counter() - started)
    return Asked(panel["title"], name, statistics.median(times) * 1000, ended)
