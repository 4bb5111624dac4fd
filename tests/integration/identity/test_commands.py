"""The commands by which people come in."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
import typer
from typer.testing import CliRunner, Result

from cli import identity, organisations
from tests.integration.identity.conftest import EMAIL, PASSWORD, sign_in
from tests.integration.registry.conftest import RunningRegistry, World

Command = Callable[..., Result]

app = typer.Typer()
app.command()(identity.login)
app.add_typer(identity.token, name="token")
app.add_typer(organisations.user, name="user")
TWICE = f"{PASSWORD}\n{PASSWORD}\n"


@pytest.fixture
def run(registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs a command line; what it asks for is ``typed``."""
    monkeypatch.setenv("TECHNOPARK_API_URL", registry.url)
    monkeypatch.setenv("TECHNOPARK_TOKEN", registry.admin_token)
    monkeypatch.setenv("TECHNOPARK_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def run(line: str, typed: str = "", status: int = 0) -> Result:
        result = CliRunner().invoke(app, shlex.split(line), input=typed)
        assert result.exit_code == status, result.output
        assert PASSWORD not in result.output
        return result

    return run


def test_from_the_first_token_to_a_member_who_logs_in(
    run: Command, registry: RunningRegistry, world: World, tmp_path: Path
) -> None:
    run("user set-password", f"\n{TWICE}")
    assert sign_in(registry, "admin@localhost").status_code == 201
    run("user set-password", f"wrong\n{TWICE}", status=1)
    invited = run("user invite maria@sunny.example tenant-member --tenant sunny").output
    [link] = re.findall(r"http\S+#tpi_\S+", invited)
    assert "welcome" in run("user accept", f"{link}\nMaria\n{TWICE}").output
    run("user accept", f"{link}\nMaria\n{TWICE}", status=1)
    run("login --email maria@sunny.example", f"{PASSWORD}\n")
    kept = (tmp_path / "token").read_text().strip()
    assert registry.as_(kept).get("me")["name"] == "Maria"
    [made] = registry.as_(kept).items("tokens")
    assert made["expires_at"] is not None


def test_login_asks_for_a_code_where_there_is_an_app(
    run: Command, owner: RunningRegistry, world: World, tmp_path: Path
) -> None:
    api = owner.as_(world.tokens["owner"])
    app = pyotp.TOTP(api.post("me/authenticator", {"password": PASSWORD})["secret"])
    codes = api.post("me/authenticator/confirm", {"code": app.now()})["recovery_codes"]
    assert "Code" in run(f"login --email {EMAIL}", f"{PASSWORD}\n{codes[0]}\n").output
    assert owner.as_((tmp_path / "token").read_text().strip()).get("me")["email"] == EMAIL
    run(f"login --email {EMAIL}", f"{PASSWORD}\n{codes[0]}\n", status=1)
    assert "Code" not in run(f"login --email {EMAIL}", "nonsense\n", status=1).output


def test_a_reset_link_and_an_invitation_for_a_user_by_commands(
    run: Command, registry: RunningRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = json.loads(run(f"user reset-password {world.ids['owner']} --json").output)
    run("user accept", f"{issued['token']}\n{TWICE}")
    assert sign_in(registry).status_code == 201
    line = f"user invite {EMAIL} viewer --park porto --until 2099-01-01 --json"
    link = json.loads(run(line).output)["link"]
    monkeypatch.setenv("TECHNOPARK_TOKEN", world.tokens["owner"])
    assert "viewer of porto" in run("user join", f"{link}\n").output


def test_tokens_have_scopes_and_a_last_day(run: Command) -> None:
    run('token add "night job" --scope read --scope devices:write --expires 2099-12-31')
    run("token add other --scope root", status=1)
    run("token add other --days 1 --expires 2099-12-31", status=2)
    made = json.loads(run("token list --json").output)[-1]
    assert made["scopes"] == ["read", "devices:write"]
    assert made["expires_at"] == "2100-01-01T00:00:00Z"
    assert "read, devices:write" in run("token list").output
    run(f"token revoke {made['id']}")
