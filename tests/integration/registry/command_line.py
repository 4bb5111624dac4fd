"""The command line, run in this process against a running API."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli import audit, devices, identity, models, organisations, rejections, tail
from tests.integration.registry.conftest import RunningRegistry

Command = Callable[..., Result]

app = typer.Typer()
app.add_typer(devices.app, name="device")
app.command()(tail.tail)
app.command()(identity.login)
app.command()(audit.audit_log)
app.add_typer(models.app, name="model")
app.add_typer(rejections.app, name="rejections")
app.add_typer(identity.token, name="token")
for name in ("park", "lab", "tenant", "user"):
    app.add_typer(getattr(organisations, name), name=name)


@pytest.fixture
def run(registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs a command line in the name of the administrator."""
    return command(registry, monkeypatch, tmp_path)


def command(registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch, home: Path) -> Command:
    monkeypatch.setenv("TECHNOPARK_API_URL", registry.url)
    monkeypatch.setenv("TECHNOPARK_TOKEN", registry.admin_token)
    monkeypatch.setenv("TECHNOPARK_HOME", str(home / "home"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(line: str, status: int = 0, **arguments: object) -> Result:
        result = CliRunner().invoke(app, shlex.split(line), **arguments)  # type: ignore[arg-type]
        assert result.exit_code == status, result.output
        return result

    return run
