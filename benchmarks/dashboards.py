"""`dashboards`: every panel of every dashboard on the past of `history`, as who looks at it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.past import END_US, TENANT, fill
from benchmarks.results import Table
from benchmarks.rounds import require_space
from dashboards.asking import COLUMN, choose, queries_of
from dashboards.asking import Asked as Query
from dashboards.catalogue import operator_dashboards, park_dashboards, tenant_dashboards
from dashboards.macros import Value, View, expand
from storage.grafana import Memory

Json = dict[str, Any]
Chosen = Mapping[str, Value]

END = datetime.fromtimestamp(END_US / 1_000_000, UTC)
RANGES = {
    "1 h": timedelta(hours=1),
    "24 h": timedelta(days=1),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
    "365 d": timedelta(days=365),
}
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
                # So long that the milliseconds are not cut off instead.
                panel = worst.panel[:38]
                result.add(board["title"], reader, str(count), panel, worst.range, ms)
    result.figures = {"panels": panels, "slowest_ms": slowest, "readings": readings}
    result.notes = [
        f"each panel of the last {', '.join(RANGES)}, on a wide screen; ended: the database ended "
        "it, since the role may ask no longer"
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
    """Look at all panels of a dashboard, in all ranges, with what is chosen when it is opened."""
    day = View.of(END - RANGES["24 h"], END, 24 * COLUMN)
    chosen, there = choose(grafana, board, day, everything=True)
    return [
        asked(grafana, each, name, {**chosen, **each.repeated})
        for name, length in RANGES.items()
        for each in queries_of(board, END - length, END, there)
        if each.kind != "annotation"
    ]


def asked(grafana: psycopg.Connection, query: Query, name: str, chosen: Chosen) -> Asked:
    """Ask a panel's query as often as patience allows."""
    statement = expand(query.target["rawSql"], query.view, chosen).encode()
    times: list[float] = []
    ended = False
    while not times or (len(times) < TIMES and times[0] < PATIENCE_S):
        started = time.perf_counter()
        try:
            grafana.execute(statement).fetchall()
        except psycopg.errors.QueryCanceled:
            ended = True
        times.append(time.perf_counter() - started)
    return Asked(query.title, name, statistics.median(times) * 1000, ended)
