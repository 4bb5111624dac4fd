"""The command line, where things change hands or end."""

import json
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.integration.registry.conftest import RunningRegistry, World
from tests.integration.registry.test_deletion import settle

Command = Callable[..., Result]


@pytest.fixture
def run(
    registry: RunningRegistry, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """Runs a command line in the name of somebody."""
    monkeypatch.setenv("TECHNOPARK_API_URL", registry.url)
    monkeypatch.setenv("TECHNOPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    tokens = {"admin": registry.admin_token, **world.tokens}

    def run(name: str, line: str, status: int = 0, typed: str | None = None) -> Result:
        monkeypatch.setenv("TECHNOPARK_TOKEN", tokens[name])
        result = CliRunner().invoke(app, shlex.split(line), input=typed)
        assert result.exit_code == status, result.output
        return result

    return run


def test_a_device_changes_hands(run: Command) -> None:
    offer = "transfer offer sunny-1 --to other --with-history"
    number = json.loads(run("owner", f"{offer} --message 'as agreed' --json").output)["id"]
    run("owner", offer, 1)
    assert "sunny-1" in run("stranger", "transfer list --state offered").output
    run("owner", f"transfer accept {number}", 1)
    accepted = run("stranger", f"transfer accept {number}").output
    assert "sunny-1 is yours" in accepted
    assert "tpd_" in accepted
    [device] = json.loads(run("stranger", "device list --search sunny-1 --json").output)
    assert device["tenant_id"] == "other"
    assert json.loads(run("owner", "tenant holdings sunny --json").output) == []
    assert "sunny-1" in run("stranger", "tenant holdings other").output


def test_an_offer_is_withdrawn_or_refused(run: Command) -> None:
    offer = "transfer offer sunny-1 --to other --json"
    run("owner", f"transfer withdraw {json.loads(run('owner', offer).output)['id']}")
    run("stranger", f"transfer refuse {json.loads(run('owner', offer).output)['id']}")
    listed = json.loads(run("owner", "transfer list --tenant sunny --json").output)
    assert [transfer["state"] for transfer in listed] == ["withdrawn", "refused"]


def test_a_slot_is_booked_and_cancelled(run: Command, connection: psycopg.Connection) -> None:
    connection.execute("UPDATE labs SET kind = 'testbed' WHERE id = 'porto-lab'")
    run("admin", "device set guest-1 --bookable")
    assert "guest-1" in run("stranger", "booking devices porto-lab").output
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    add = f"booking add guest-1 --tenant other --until {until}"
    booked = json.loads(run("stranger", f"{add} --json").output)
    assert booked["tenant_id"] == "other"
    assert "booked for a part of that time" in run("stranger", add, 1).output
    assert "other" not in run("owner", "booking list --lab porto-lab").output
    run("stranger", f"booking cancel {booked['id']}")
    assert json.loads(run("stranger", "booking list --device guest-1 --json").output) == []


def test_a_tenant_is_deleted_in_two_steps(
    run: Command, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("owner", "tenant delete sunny", 1, typed="sonny\n")
    run("owner", "tenant delete sunny", typed="sunny\n")
    run("owner", "tenant delete sunny --withdraw")
    run("owner", "tenant delete sunny --confirm sunny")
    run("owner", "tenant delete sunny --run --withdraw", 2)
    run("owner", "tenant delete sunny --run --yes", 1)
    run("admin", "tenant delete sunny --run", 1, typed="n\n")
    monkeypatch.setattr("cli.deletion.time.sleep", lambda _: settle(connection))
    assert "sunny is deleted: 1 devices" in run("admin", "tenant delete sunny --run --yes").output
    run("admin", "tenant show sunny", 1)
