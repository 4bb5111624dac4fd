"""The command line against a running API."""

import json
from pathlib import Path

import pytest

from tests.integration.registry.command_line import Command, app, run
from tests.integration.registry.conftest import RunningRegistry, World

__all__ = ["run"]  # a fixture


def test_from_nothing_to_a_device_by_commands_alone(run: Command) -> None:
    run('park add porto "Porto Technopark" --time-zone Europe/Lisbon --latitude 41.15')
    run('lab add porto-solar "Solar roof" --park porto --testbed')
    run('tenant add sunny "Sunny Cells" --park porto')
    run("""model add pv "PV" --metric '{"metric": "power", "unit": "kW"}'""")
    added = run(
        'device add "Roof 1" --tenant sunny --model pv --lab porto-solar --tag roof '
        """--metadata '{"serial": 5}'"""
    )
    assert "sunny-roof-1" in added.output
    assert "tpd_" in added.output
    assert "mosquitto_pub -h 127.0.0.1 -p 1883 -q 1 -i sunny-roof-1" in added.output
    [device] = json.loads(run("device list --tag roof --json").output)
    assert (device["model_id"], device["lab_id"], device["metadata"]) == (
        "pv",
        "porto-solar",
        {"serial": 5},
    )
    assert "Roof 1" in run("device list").output
    assert [m["metric"] for m in json.loads(run("model show pv --json").output)["metrics"]] == [
        "power"
    ]
    for group in ("park", "lab", "tenant", "model"):
        assert len(json.loads(run(f"{group} list --json").output)) == 1
        assert run(f"{group} list").output


def test_a_park_is_changed_and_parks_and_tenants_choose_grafanas_language(run: Command) -> None:
    run('park add porto "Porto" --time-zone Europe/Lisbon --language id')
    run("park set porto --name Bandung --time-zone Asia/Jakarta --longitude 107.6")
    [park] = json.loads(run("park list --json").output)
    assert (park["name"], park["time_zone"], park["longitude"], park["language"]) == (
        "Bandung",
        "Asia/Jakarta",
        107.6,
        "id",
    )
    run("park set porto", 2)
    run("park set porto --language fr", 2)
    run("tenant add sunny Sunny --language id")
    assert json.loads(run("tenant show sunny --json").output)["language"] == "id"
    run("tenant set sunny --language en")
    assert json.loads(run("tenant show sunny --json").output)["language"] == "en"


def test_a_device_is_changed(run: Command, world: World) -> None:
    run('device set guest-1 --name "New name" --stage pilot --lab "" --tag a --tag b')
    shown = json.loads(run("device show guest-1 --json").output)
    assert (shown["name"], shown["stage"], shown["lab_id"], shown["tags"]) == (
        "New name",
        "pilot",
        None,
        ["a", "b"],
    )
    run("device set guest-1", 2)
    run("device set guest-1 --metadata nonsense", 2)


def test_a_quota_is_given_and_taken_away(run: Command, world: World) -> None:
    run("tenant add cloud Cloud --values-per-second 100")
    run("tenant set sunny --values-per-second 0.5 --kind industry")
    shown = json.loads(run("tenant show sunny --json").output)
    assert (shown["values_per_second"], shown["kind"], shown["name"]) == (0.5, "industry", "Sunny")
    quotas = {t["id"]: t["values_per_second"] for t in json.loads(run("tenant list --json").output)}
    assert quotas == {"cloud": 100, "guest": None, "other": None, "sunny": 0.5}
    run('tenant set sunny --values-per-second ""')
    assert json.loads(run("tenant show sunny --json").output)["values_per_second"] is None
    run("device add Two --tenant sunny --id sunny-2 --values-per-second 3")
    run("device set sunny-1 --values-per-second 20")
    for device, quota in (("sunny-1", 20), ("sunny-2", 3)):
        shown = json.loads(run(f"device show {device} --json").output)
        assert shown["values_per_second"] == quota
    run('device set sunny-1 --values-per-second ""')
    assert json.loads(run("device show sunny-1 --json").output)["values_per_second"] is None


def test_a_quota_that_cannot_be_is_told_by_name(run: Command, world: World) -> None:
    for command in ("tenant set sunny", "device set sunny-1", "tenant add cloud Cloud"):
        for text in ("many", "nan", "inf"):
            assert "is no number" in run(f"{command} --values-per-second {text}", 2).output
        refused = run(f"{command} --values-per-second -5", 1).output
        assert "values_per_second: give more than 0" in refused
    run("tenant set sunny", 2)


def test_a_metric_of_a_model_is_changed_and_the_others_stay(run: Command, world: World) -> None:
    run("""model add pv PV --metric '{"metric": "power"}' --metric '{"metric": "t"}'""")
    rule = {"metric": "power", "unit": "kW", "minimum": 0, "out_of_range": "reject"}
    run(f"model set pv --metric '{json.dumps(rule)}'")
    shown = json.loads(run("model show pv --json").output)
    power, t = shown["metrics"]
    usual = {"kind": "number", "maximum": None, "expected_interval_seconds": None}
    assert power == {**rule, **usual}
    assert (t["metric"], t["out_of_range"]) == ("t", "flag")
    run('model set pv --description "Ten of them"')
    shown = json.loads(run("model show pv --json").output)
    assert (shown["description"], shown["name"], len(shown["metrics"])) == ("Ten of them", "PV", 2)
    run("model set pv", 2)
    run("model set pv --metric power", 2)
    run("""model set pv --metric '{"metric": "power", "minimum": NaN}'""", 2)
    run("model set pv --metric '[]'", 2)
    bad = run("""model set pv --metric '{"metric": "t", "out_of_range": "reject"}'""", 1).output
    assert "give a minimum or a maximum" in bad


def test_a_place_is_given_and_taken_away(run: Command, world: World) -> None:
    run("device add Far --tenant sunny --id far --latitude -6.87 --longitude 107.54")
    run("device set far --latitude -6.9")
    shown = json.loads(run("device show far --json").output)
    assert (shown["latitude"], shown["longitude"]) == (-6.9, 107.54)
    run('device set far --latitude "" --longitude ""')
    shown = json.loads(run("device show far --json").output)
    assert (shown["latitude"], shown["longitude"]) == (None, None)
    assert "latitude" in run("device set far --latitude 91", 1).output
    assert "is no number" in run("device set far --longitude east", 2).output


def test_the_history_of_a_device_and_the_audit_log_are_read(run: Command, world: World) -> None:
    run('device set sunny-1 --stage pilot --name "Prima دو"')
    newest, made = json.loads(run("device history sunny-1 --json").output)
    assert newest["after"] == {"name": "Prima دو", "stage": "pilot"}
    assert made["operation"] == "created"
    told = run("audit-log --subject sunny-1 --tenant sunny --kind device").output
    assert "Administrator" in told
    assert "127.0.0.1" in told
    assert "stage: prototype → pilot" in told
    few = run("audit-log --limit 1 --json").output
    assert "newest 1: --limit shows more" in few
    assert run("audit-log --from 2100-01-01T00:00:00Z --json").output.strip() == "[]"
    assert "no such device" in run("device history not-there", 1).output


def test_secrets_are_rotated_and_revoked(run: Command, world: World) -> None:
    first = json.loads(run("device rotate sunny-1 --json").output)
    assert "tpd_" in run("device rotate sunny-1 --overlap 60").output
    run(f"device revoke sunny-1 {first['id']}")
    run("device revoke sunny-1", 1, input="n\n")
    assert "1 revoked" in run("device revoke sunny-1 --yes").output
    secrets = json.loads(run("device show sunny-1 --json").output)["secrets"]
    assert all(secret["revoked_at"] for secret in secrets)


def test_a_device_is_retired_only_after_a_question(run: Command, world: World) -> None:
    run("device retire sunny-1", 1, input="n\n")
    run("device retire sunny-1", input="y\n")
    assert json.loads(run("device show sunny-1 --json").output)["stage"] == "retired"


def test_users_roles_and_tokens(run: Command, world: World) -> None:
    run("user add maria@example.org Maria")
    maria = next(u for u in json.loads(run("user list --json").output) if u["name"] == "Maria")
    run(f"user grant {maria['id']} mentor --tenant sunny --until 2030-12-31")
    [role] = json.loads(run(f"user roles {maria['id']} --json").output)
    assert (role["role"], role["until"]) == ("mentor", "2030-12-31")
    run(f"user ungrant {maria['id']} {role['id']}")
    assert json.loads(run(f"user roles {maria['id']} --json").output) == []
    issued = json.loads(run(f"token add x --days 3 --user {maria['id']} --json").output)
    assert issued["token"].startswith("tpa_")
    assert "tpa_" not in run(f"token list --user {maria['id']}").output
    run(f"token revoke {issued['id']}")
    run(f"token revoke {issued['id']}", 1)


def test_login_keeps_a_checked_token_that_only_its_owner_can_read(
    run: Command,
    registry: RunningRegistry,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("TECHNOPARK_TOKEN")
    assert "technopark login" in run("device list", 1).output
    run("login tpa_wrong", 1)
    run("login 'not a tökén'", 1)
    kept = tmp_path / "home" / "token"
    assert not kept.exists()
    for name in ("stranger", "owner"):
        assert f"you are {name}" in run("login", input=world.tokens[name] + "\n").output
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [d["id"] for d in json.loads(run("device list --json").output)] == ["sunny-1"]


def test_a_refusal_is_one_sentence_and_exit_status_1(run: Command, world: World) -> None:
    assert run("device show not-there", 1).output.strip() == "technopark: there is no such device"
    assert "tenant_id: there is no such tenant" in run("device add x --tenant nowhere", 1).output
    assert "id: a device id has" in run("device add x --tenant sunny --id UP", 1).output
    run("device add", 2)


def test_a_name_is_never_taken_for_markup(run: Command, world: World) -> None:
    run('device set sunny-1 --name "[red]x[/nothing]"')
    assert "[red]x[/nothing]" in run("device show sunny-1").output
    assert "[red]x[/nothing]" in run("device list").output


def test_without_the_platform_the_command_says_so(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHNOPARK_API_URL", "http://127.0.0.1:1")
    assert "is the platform running? `technopark up`" in run("device list", 1).output
    monkeypatch.setenv("TECHNOPARK_API_URL", "nonsense")
    assert "nonsense" in run("device list", 1).output


def test_every_command_has_an_example(run: Command) -> None:
    for group in app.registered_groups:
        assert group.typer_instance
        for registered in group.typer_instance.registered_commands:
            assert registered.callback
            assert "Example: technopark " in (registered.callback.__doc__ or "")
            name = registered.name or registered.callback.__name__.replace("_", "-")
            assert "Example" in run(f"{group.name} {name} --help").output
    for registered in app.registered_commands:
        assert "Example: technopark " in (
            (registered.callback and registered.callback.__doc__) or ""
        )
