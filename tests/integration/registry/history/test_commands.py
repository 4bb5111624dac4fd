"""`technopark history` and `technopark tail`."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli import history, tail
from registry.history import live
from tests.integration.registry.history.conftest import Site

Run = Callable[..., str]

app = typer.Typer()
app.command()(history.history)
app.command()(tail.tail)
DAYS = "--from 2026-03-28T00:00:00Z --to 2026-03-30T00:00:00Z"


@pytest.fixture
def run(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command line in the name of an owner of Sunny."""
    monkeypatch.setenv("TECHNOPARK_API_URL", site.registry.url)
    monkeypatch.setenv("TECHNOPARK_TOKEN", site.world.tokens["owner"])
    monkeypatch.setenv("TECHNOPARK_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")

    def run(line: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, shlex.split(line))
        assert result.exit_code == status, result.output
        return result.output

    return run


def test_a_table_of_days(run: Run) -> None:
    shown = run(
        f"history sunny-1 power {DAYS} --by day --tz Asia/Jakarta --aggregate avg,max,count"
    )
    lines = [line.split() for line in shown.splitlines()]
    assert lines[0] == ["time", "metric", "unit", "avg", "max", "count"]
    assert lines[1] == ["2026-03-28", "00:00:00+07:00", "power", "kW", "2.995098", "6", "1020"]
    assert len(lines) == 4


def test_several_devices_are_named_in_their_lines(run: Run) -> None:
    shown = run(f"history sunny-1,sunny-2 power {DAYS} --aggregate count")
    assert [line.split()[2] for line in shown.splitlines()[1:]] == ["sunny-1", "sunny-2"]


def test_a_thinned_table_says_so(run: Run) -> None:
    shown = run(f"history sunny-1 power {DAYS} --points 20")
    assert " of 2,880 points" in shown


def test_json_is_that_of_the_api(run: Run) -> None:
    answer = json.loads(run(f"history sunny-1 power door {DAYS} --by week --fill null --json"))
    assert [item["metric"] for item in answer["items"]] == ["door", "power"]
    assert answer["fill"] == "null"


def test_csv_has_every_reading(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run(f"history sunny-1 power {DAYS} --csv"))))
    assert len(rows) == 2880
    assert rows[1]["value"] == "1.0"


def test_nothing_is_said_in_words(run: Run) -> None:
    assert "nothing in this time" in run("history sunny-1 power --from -2h --to -1h")


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("history sunny-1 powr", 1, "there is no metric powr"),
        ("history sunny-1 power --from 2026-03-01", 1, "which time zone?"),
        ("history sunny-1 power --csv --json", 2, "CSV or JSON, not both"),
        ("history other-1 power --csv", 1, "no such device"),
        ("tail sunny-1 --metric power --rejected", 2, "rejections have no metric"),
    ],
)
def test_what_is_wrong_is_said(run: Run, line: str, status: int, says: str) -> None:
    assert says in run(line, status)


def test_tail_shows_chosen_metrics(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)
    assert "door = " in run("tail sunny-1 --for 0")
    assert "door = " not in run("tail sunny-1 --metric power --for 0")
