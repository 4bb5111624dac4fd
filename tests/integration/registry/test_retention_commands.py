"""`technopark retention …` against a running API."""

import json

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.integration.registry.conftest import RunningRegistry, World
from tests.integration.registry.test_retention import (
    connection,
    database_url,
    days_left,
    emptied,
    measure,
    registry,
    world,
)

__all__ = ["connection", "database_url", "emptied", "registry", "world"]  # fixtures


def test_the_commands_tell_what_would_go_set_it_and_let_it_go(
    registry: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TECHNOPARK_API_URL", registry.url)
    monkeypatch.setenv("TECHNOPARK_TOKEN", registry.admin_token)
    monkeypatch.setenv("COLUMNS", "200")
    for device in ("sunny-1", "other-1"):
        measure(connection, device, range(12))

    def call(*words: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(app, ["retention", *words], input=answer)

    tried = call("dry-run", "--tenant", "sunny", "--days", "5", "--json")
    assert tried.exit_code == 0, tried.output
    (due,) = json.loads(tried.stdout)["devices"]
    assert due["readings"] in (6, 7)
    refused = call("set", "--days", "5", "--tenant", "sunny", answer="n\n")
    assert refused.exit_code == 1
    assert "sunny-1" in refused.output
    assert call("show", "--json").stdout == "[]\n"
    assert call("set", "--days", "5", "--tenant", "sunny", answer="y\n").exit_code == 0
    assert call("run", "--json").stdout == f'{{"chunks": 0, "rows": {4 * due["readings"]}}}\n'
    assert max(days_left(connection, "sunny-1")) in (4, 5)
    shown = call("show", "sunny-1").output
    assert "tenant" in shown
    assert "UTC" in shown
    device = CliRunner().invoke(app, ["device", "show", "sunny-1"]).output
    assert "sunny: 5 days, from " in device
    assert "there are data since " in device
    assert call("set", "--days", "7", "--yes").exit_code == 0
    assert "chunks and" in call("run").output
    assert "nothing goes" in call("dry-run", "--device", "sunny-1").output
    assert call("set", "--days", "inherit", "--tenant", "sunny", "--yes").exit_code == 0
    assert [each["days"] for each in json.loads(call("show", "--json").stdout)] == [7]
    assert call("set", "--days", "soon").exit_code == 2
