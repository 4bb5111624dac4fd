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

from cli.main import app
from tests.integration.identity.conftest import EMAIL, PASSWORD, sign_in
from tests.integration.registry.conftest import RunningRegistry, World

Command = Callable[..., Result]

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


def test_an_app_is_enabled_shown_and_disabled_by_commands(
    run: Command, owner: RunningRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHNOPARK_TOKEN", world.tokens["owner"])
    assert "not enabled" in run("user totp status").output
    run("user totp enable", "wrong password\n", status=1)

    secrets: list[str] = []
    enrol = pyotp.random_base32

    def noted() -> str:
        secrets.append(enrol())
        return secrets[-1]

    def code() -> str:
        return pyotp.TOTP(secrets[-1]).now()

    monkeypatch.setattr(pyotp, "random_base32", noted)
    refused = run("user totp enable", f"{PASSWORD}\n" + "000000\n" * 3, status=1)
    assert refused.output.count("is the phone's clock right?") == 2
    assert "not enabled" in run("user totp status").output

    monkeypatch.setattr(typer, "prompt", answers(PASSWORD, "000000", code))
    shown = run("user totp enable").output
    assert "█" in shown
    assert " ".join(re.findall("....", secrets[-1])) in shown
    codes = re.findall(r"^  (\w{4}-\w{4}-\w{4}-\w{4})$", shown, re.MULTILINE)
    assert len(codes) == 10
    assert "10 recovery codes" in run("user totp status").output


def answers(*given: str | Callable[[], str]) -> Callable[..., str]:
    """What a person types, the last as soon as it can be known."""
    left = list(given)

    def prompt(*_: object, **__: object) -> str:
        answer = left.pop(0)
        return answer if isinstance(answer, str) else answer()

    return prompt


def test_an_app_is_removed_with_a_recovery_code_or_by_an_administrator(
    run: Command, owner: RunningRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enrol() -> list[str]:
        api = owner.as_(world.tokens["owner"])
        app = pyotp.TOTP(api.post("me/authenticator", {"password": PASSWORD})["secret"])
        codes = api.post("me/authenticator/confirm", {"code": app.now()})["recovery_codes"]
        return [str(code) for code in codes]

    enrol()
    run(f"user totp reset {EMAIL}", "n\n", status=1)
    assert "removed" in run(f"user totp reset {EMAIL}", "y\n").output
    codes = enrol()
    monkeypatch.setenv("TECHNOPARK_TOKEN", world.tokens["owner"])
    assert "10 recovery codes" in run("user totp status").output
    assert json.loads(run("user totp status --json").output)["recovery_codes"] == 10
    run("user totp disable", f"{PASSWORD}\n000000\n", status=1)
    assert "removed" in run("user totp disable", f"{PASSWORD}\n{codes[0]}\n").output


def test_an_invitation_is_listed_and_withdrawn_and_says_that_no_mail_is_sent(
    run: Command, registry: RunningRegistry, world: World
) -> None:
    invited = run("user invite maria@sunny.example mentor --tenant sunny --language id").output
    assert "No mail is sent" in invited
    [waiting] = json.loads(run("user invitations --json").output)
    assert (waiting["email"], waiting["language"]) == ("maria@sunny.example", "id")
    run(f"user uninvite {waiting['id']}")
    assert json.loads(run("user invitations --json").output) == []


def test_a_role_without_its_place_or_misspelt_is_a_usage_error_that_tells_what_to_type(
    run: Command, registry: RunningRegistry
) -> None:
    for line, told in {
        "mentor": "--tenant",
        "park-manager --tenant sunny": "--park",
        "viewer": "--park",
        "platform-admin --park porto": "leave out",
        "menter --tenant sunny": "tenant-member",
    }.items():
        assert told in run(f"user invite maria@sunny.example {line}", status=2).output, line
    assert "e-mail address" in run("user roles maria", status=2).output


def test_users_are_named_by_address_and_deleted(
    run: Command, registry: RunningRegistry, world: World
) -> None:
    run('user add maria@sunny.example "Maria" --language id')
    run("user grant maria@sunny.example viewer --tenant sunny")
    [role] = json.loads(run("user roles Maria@Sunny.example --json").output)
    run(f"user ungrant maria@sunny.example {role['id']}")
    run("user delete maria@sunny.example", "n\n", status=1)
    run("user delete maria@sunny.example --yes")
    assert "you see nobody" in run("user roles maria@sunny.example", status=1).output
