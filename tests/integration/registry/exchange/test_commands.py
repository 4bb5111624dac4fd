"""The command line takes data along and brings it in."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from cli import exchange
from tests.integration.registry.exchange.conftest import Site

Command = Callable[..., Result]

app = typer.Typer()
app.add_typer(exchange.exports, name="export")
app.add_typer(exchange.imports, name="import")


@pytest.fixture
def run(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs a command line in the name of Sunny's owner, in an empty folder."""
    monkeypatch.setenv("TECHNOPARK_API_URL", site.registry.url)
    monkeypatch.setenv("TECHNOPARK_TOKEN", site.world.tokens["owner"])
    monkeypatch.setenv("TECHNOPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(line: str, status: int = 0) -> Result:
        result = CliRunner().invoke(app, shlex.split(line))
        assert result.exit_code == status, result.output
        return result

    return run


def test_readings_leave_by_name_of_the_file_and_come_back(run: Command, tmp_path: Path) -> None:
    run("export readings a.parquet --device sunny-1 --metric power --metric temp")
    assert pq.read_table(tmp_path / "a.parquet").num_rows == 600
    run("export readings a.csv --tenant sunny --until 2026-03-01T22:01:00Z")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4
    run("export states s.csv --device sunny-1")
    assert "eco 4" in (tmp_path / "s.csv").read_text()
    told = run("import history a.parquet --tenant sunny").output
    assert "readings: 600 in the file, 0 of them new" in told
    run("export readings a.txt --device sunny-1", status=2)
    run("export readings a.csv", status=2)
    run("export readings b.csv --device nowhere-1", status=1)
    assert not (tmp_path / "b.csv").exists()


def test_a_tenant_leaves_and_a_clash_is_named(run: Command, tmp_path: Path) -> None:
    run("export archive sunny")
    told = run("import archive sunny.tar --tenant sunny", status=1).output
    assert "sunny-model" in told
    result = json.loads(run("import archive sunny.tar --tenant sunny --merge --json").output)
    assert result["result"]["readings"] == {"given": 900, "stored": 0}
    (tmp_path / "sunny.tar").write_bytes(b"nonsense")
    assert "archive" in run("import archive sunny.tar --tenant sunny", status=1).output


def test_faulty_rows_of_history_are_shown(run: Command, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("ts;speed\n2026-01-01T00:00:00Z;1,5\nyesterday;2,5\n")
    told = run("import history h.csv --tenant sunny --device sunny-2", status=1).output
    assert "3" in told
    assert "yesterday" in told
    told = run("import history h.csv --tenant sunny --device sunny-2 --valid-only").output
    assert "readings: 1 in the file, 1 of them new" in told
