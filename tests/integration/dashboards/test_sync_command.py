"""`technopark dashboards sync`, `share` and `tenant alerts` from the command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from cli.main import app
from registry.identity.authenticator import cipher_of
from tests.conftest import cloned
from tests.integration.dashboards.fake_grafana import PASSWORD, FakeGrafana, running_grafana
from tests.integration.registry.conftest import RunningRegistry, registry_settings, serving
from tests.parts import free_port

KEY = "a-key-of-many-letters"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def database(server: str, template: str) -> Iterator[str]:
    with cloned(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def registry(
    database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningRegistry, psycopg.Connection[Any]]]:
    folder = tmp_path_factory.mktemp("registry")
    with psycopg.connect(database, autocommit=True) as connection:
        settings = registry_settings(database, folder, free_port(), identity_key=KEY)
        with serving(settings, connection) as running:
            running.admin.post("tenants", {"id": "sunny", "name": "Sunny", "kind": "startup"})
            running.admin.post("devices", {"id": "roof-1", "tenant_id": "sunny", "name": "Roof"})
            yield running, connection


@pytest.fixture(scope="module")
def grafana() -> Iterator[FakeGrafana]:
    with running_grafana() as running:
        yield running


@pytest.fixture
def run(
    database: str,
    registry: tuple[RunningRegistry, Any],
    grafana: FakeGrafana,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """Runs a command line as the operator of the platform."""
    for name, value in {
        "HOME": str(tmp_path / "home"),
        "API_URL": registry[0].url,
        "TOKEN": registry[0].admin_token,
        "DATABASE_URL": database,
        "IDENTITY_KEY": KEY,
        "GRAFANA_URL": f"http://127.0.0.1:{grafana.port}",
        "GRAFANA_ADMIN_PASSWORD": PASSWORD,
    }.items():
        monkeypatch.setenv(f"TECHNOPARK_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")

    def run(line: str, status: int = 0, **arguments: Any) -> Result:
        result = CliRunner().invoke(app, shlex.split(line), **arguments)
        assert result.exit_code == status, result.output
        return result

    return run


def test_a_tenants_alerts_and_a_shared_device_reach_grafana(
    run: Run, grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "123456:" + "s" * 35
    run("tenant alerts sunny --silent-minutes 5 --rejected-percent '' --telegram-chat 42")
    shown = run("tenant alerts sunny --telegram-token --json", input=f"{token}\n")
    assert token not in shown.output
    run("dashboards share roof-1 --until 2099-12-31 --delay 2h --round 0")
    assert "roof-1" in run("dashboards shared").output
    assert "changes would be made" in run("dashboards sync --dry-run").output
    plan = json.loads(run("dashboards sync --json").stdout)
    assert plan["failures"] == []
    org = grafana.org("Sunny (sunny)")
    assert "INTERVAL '5 minutes'" in json.dumps(org["rules"]["technopark-silent"])
    assert "technopark-rejections" not in org["rules"]
    assert org["points"]["technopark-telegram"]["settings"]["bottoken"] == token
    assert token not in json.dumps(plan)
    assert grafana.org("Technopark showcases")["public"]
    assert "nothing to change" in run("dashboards sync").output
    monkeypatch.setenv("TECHNOPARK_GRAFANA_LANGUAGE", "id")
    assert "dashboard Ringkasan armada perangkat" in run("dashboards sync").output
    run("dashboards unshare roof-1")
    assert "was not shown" in run("dashboards unshare roof-1").output
    assert "remove" in run("dashboards sync").output
    assert grafana.org("Technopark showcases")["public"] == {}


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("GRAFANA_ADMIN_PASSWORD", "wrong", "needs the user name and password of a server"),
        ("GRAFANA_ADMIN_PASSWORD", "glsa_token", "token counts in one organisation only"),
        ("GRAFANA_URL", "http://127.0.0.1:1/", "does not answer"),
        ("IDENTITY_KEY", "another-key-of-letters", "is not the one that closed the secrets"),
        ("DATABASE_URL", "postgresql://x:y@127.0.0.1:1/z", "the database: "),
    ],
)
def test_what_is_wrong_is_one_sentence_and_status_1(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    registry: Any,
    variable: str,
    value: str,
    sentence: str,
) -> None:
    secret = cipher_of(SecretStr(KEY)).encrypt(b"https://hook.example/x")
    registry[1].execute(
        "INSERT INTO alert_settings (tenant_id, webhook_url) VALUES ('sunny', %s) "
        "ON CONFLICT (tenant_id) DO UPDATE SET webhook_url = excluded.webhook_url",
        [secret],
    )
    monkeypatch.setattr("dashboards.sync.PAUSES", ())
    monkeypatch.setenv(f"TECHNOPARK_{variable}", value)
    told = run("dashboards sync", 1).output
    assert sentence in told
    assert "Traceback" not in told


def test_what_was_done_before_grafana_went_away_is_told(
    run: Run, grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.sync.PAUSES", ())
    grafana.reset()
    grafana.fault = lambda number, _moment: 503 if number > 20 else None
    try:
        plan = json.loads(run("dashboards sync --json", 1).stdout)
    finally:
        grafana.reset()
    assert plan["changes"] > 1
    assert "answered 503" in plan["failures"][0]


def test_a_setting_that_is_missing_or_broken_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TECHNOPARK_GRAFANA_ADMIN_PASSWORD")
    monkeypatch.setenv("TECHNOPARK_GRAFANA_DB_ADDRESS", "nowhere")
    told = run("dashboards sync", 2).output
    assert "TECHNOPARK_GRAFANA_ADMIN_PASSWORD" in told
    assert "TECHNOPARK_GRAFANA_DB_ADDRESS" in told


@pytest.mark.parametrize("delay", ["soon", "1 hour", "1w", ""])
def test_a_delay_that_is_none_is_refused(run: Run, delay: str) -> None:
    told = run(f"dashboards share roof-1 --until 2099-12-31 --delay '{delay}'", 2).output
    assert f"{delay!r} is no length of time" in told
