"""Every query of every dashboard, for everybody who has it, on both editions.

It runs as the role by which Grafana reads, over ranges that reach each of the rollups, with "All"
and with single choices. No answer has anything of another tenant, all have the shape that their
panels draw, and Sunny, who has data, sees some everywhere.
"""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from PIL import Image

from dashboards.asking import (
    Answer,
    Asked,
    Session,
    ask,
    choose,
    queries_of,
    view_of,
)
from dashboards.catalogue import operator_dashboards, panels_of, park_dashboards, tenant_dashboards
from dashboards.macros import UnknownMacroError
from tests.integration.dashboards.shapes import complaints
from tests.integration.dashboards.worlds import LIMIT, TEXT, World, world_of
from tests.previews.page import picture

RANGES = {"1 h": 1, "24 h": 24, "30 d": 30 * 24, "1 year": 365 * 24}
# Range, and whether "All" is chosen; on the Community edition, which is slow here, the second half.
CASES = {
    "tenant:sunny": [("1 h", True), ("30 d", False), ("24 h", True), ("1 year", False)],
    "tenant:shady": [("1 h", False), ("30 d", True)],
    "tenant:odd": [("1 year", True), ("24 h", False)],
    "tenant:empty": [("1 h", True), ("1 year", False)],
    "park:cimahi": [("24 h", False), ("30 d", True)],
    "operators": [("1 year", False), ("24 h", True)],
}
# What may have no rows although Sunny has data, by dashboard and title, and why.
MAY_BE_EMPTY: dict[tuple[str, str], str] = {
    ("technopark-emotorcycle", "Consumption"): "in an hour without a ride there is none",
    ("technopark-emotorcycle", "Consumption by day"): "as above",
    ("technopark-quality", "Longest silences"): "its devices send all the time",
    ("technopark-quality", "Completeness of the eight least complete devices"): (
        "in an hour there is seldom a whole hour of the clock"
    ),
    ("technopark-quality", "Completeness of their metrics"): "as above",
}
# No text of Sunny's is among those of others.
OF_SUNNY = ("Sunny", "sunny", "pv-inverter-1", "battery-pack-1", "motor-bench-1", "e-motorcycle-1")


@pytest.fixture(scope="module", params=["apache", "community"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Everybody's data, on an edition."""
    with world_of(request, request.param) as made:
        yield made


def boards_of(key: str) -> dict[str, dict[str, Any]]:
    """The dashboards that somebody has."""
    if key == "operators":
        return dict(operator_dashboards())
    return dict(park_dashboards() if key.startswith("park:") else tenant_dashboards())


def leaks(key: str, answer: Answer) -> list[str]:
    """What is in an answer and is not for who asked."""
    found = []
    text = str(answer.rows)
    if key not in ("tenant:shady", "operators"):
        found += [TEXT] if TEXT in text else []
        numbers: list[Any] = [cell for row in answer.rows for cell in row
                              if isinstance(cell, (int, float, Decimal))]  # fmt: skip
        found += [str(number) for number in numbers if not abs(number) < LIMIT]
    if key.startswith("tenant:") and key != "tenant:sunny":
        found += [name for name in OF_SUNNY if name in text]
    return found


def wrong(session: Session, key: str, world: World, times: dict[str, float]) -> Iterator[str]:
    """Everything that is wrong with what somebody is shown; ``times`` gets each query's seconds."""
    cases = CASES[key]
    if world.edition == "community":
        cases = cases[len(cases) // 2 :]
    for board, (span, everything) in itertools.product(boards_of(key).values(), cases):
        start = world.end - timedelta(hours=RANGES[span])
        whole = view_of({"gridPos": {"w": 24}}, start, world.end)
        where = f"{span}, {'all' if everything else 'single'}"
        try:
            chosen, there = choose(session, board, whole, everything=everything)
        except (psycopg.Error, UnknownMacroError) as error:
            yield f"{board['uid']}: variables ({where}): {error}"
            continue
        yield from (f"{board['uid']}: a variable shows {leak}"
                    for leak in leaks(key, Answer(["value"], [(str(there),)])))  # fmt: skip
        for asked in queries_of(board, start, world.end, there):
            began = time.perf_counter()
            try:
                answer = ask(
                    session, asked.target["rawSql"], asked.view, {**chosen, **asked.repeated}
                )
            except (psycopg.Error, UnknownMacroError) as error:
                yield f"{asked.name} ({where}): {error}"
                continue
            times[f"{asked.name} ({where})"] = time.perf_counter() - began
            yield from (f"{asked.name} ({where}): {what}" for what in complaints(asked, answer))
            yield from (f"{asked.name} ({where}) shows {what}" for what in leaks(key, answer))
            if key == "tenant:sunny" and everything and is_empty(board, asked, answer):
                yield f"{asked.name} ({where}) is empty: {chosen}"


def is_empty(board: dict[str, Any], asked: Asked, answer: Answer) -> bool:
    """Whether a panel that should have rows has none."""
    title = asked.name.removeprefix(f"{board['uid']}: ").rpartition(" [")[0]
    is_panel = asked.kind != "annotation" and (board["uid"], title) not in MAY_BE_EMPTY
    return is_panel and not any(cell is not None for row in answer.rows for cell in row)


@pytest.mark.parametrize("key", CASES)
def test_everybody_sees_the_own_in_every_panel_and_nothing_of_others(
    world: World, key: str
) -> None:
    times: dict[str, float] = {}
    with world.session(key) as session:
        found = list(wrong(session, key, world, times))
    panels = sum(len(panels_of(board)) for board in boards_of(key).values())
    slowest = max(times, key=times.__getitem__)
    print(  # noqa: T201 - what was run, for whoever asks with -s
        f"\n{world.edition}, {key}: {panels} panels, {len(times)} queries, "
        f"{sum(' shows ' in each for each in found)} leaks; "
        f"the slowest {slowest} in {times[slowest] * 1000:.0f} ms"
    )
    assert not found, "\n".join(found)


def test_what_is_anothers_would_be_found(world: World) -> None:
    with world.session("operators") as session:
        for column in ("device", "value"):
            rows = session.execute(f"SELECT {column} FROM latest".encode()).fetchall()
            assert leaks("tenant:sunny", Answer([column], rows)), column
        rows = session.execute("SELECT device FROM latest").fetchall()
        assert leaks("tenant:empty", Answer(["device"], rows))


@pytest.mark.parametrize("world", ["apache"], indirect=True)
@pytest.mark.parametrize("uid", ["technopark-motor", "technopark-device"])
def test_a_dashboard_is_drawn_as_a_small_picture(world: World, uid: str) -> None:
    with world.session("tenant:sunny") as session:
        drawn = picture(session, boards_of("tenant:sunny")[uid], world.end)
    with Image.open(io.BytesIO(drawn)) as opened:
        assert opened.width > 1400
        assert opened.height > 1000
    # Large enough not to be empty, and small enough for the docs.
    assert 20_000 < len(drawn) < 200_000
