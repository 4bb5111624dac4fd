"""The command line against a running API."""

import json
import shlex
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from paho.mqtt.client import MQTTMessage
from typer.testing import CliRunner, Result

from cli import audit, devices, identity, models, organisations, rejections, tail
from registry.history import live
from tests.integration.registry.conftest import RunningRegistry, World, reject
from tests.parts import RunningBroker, RunningIngest, wait_until

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


def test_rejections_are_listed_and_counted(
    run: Command, world: World, connection: psycopg.Connection
) -> None:
    now = datetime.now(UTC)
    reject(connection, now, reason="quota", detail="[red]too much[/nothing]")
    reject(connection, now, reason="bad-time", replayed_at=now)
    reject(connection, now, device="guest-1", reason="quota")

    def listed(options: str) -> list[tuple[str, str]]:
        rows = json.loads(run(f"rejections list {options} --json").output)
        return sorted((row["device_id"], row["reason"]) for row in rows)

    assert listed("") == [("guest-1", "quota"), ("sunny-1", "quota")]
    assert listed("sunny-1") == [("sunny-1", "quota")]
    assert listed("sunny-1 --all") == [("sunny-1", "bad-time"), ("sunny-1", "quota")]
    assert listed("--tenant guest") == [("guest-1", "quota")]
    assert listed("--park porto --reason bad-time --all") == [("sunny-1", "bad-time")]
    assert listed("sunny-1 --to 2026-01-01T00:00:00Z") == []
    assert "[red]too much[/nothing]" in run("rejections list sunny-1").output
    few = run("rejections list --all --limit 2")
    assert "these are the newest 2" in few.output
    assert "these are the newest" not in run("rejections list --all --limit 3").output
    counted = json.loads(run("rejections summary --json").output)
    assert [(item["reason"], item["count"]) for item in counted["items"]] == [
        ("quota", 2),
        ("bad-time", 1),
    ]
    assert "guest-1 (1), sunny-1 (1)" in run("rejections summary").output


def test_rejections_are_replayed_until_nothing_remains(
    wired: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    heard: list[MQTTMessage],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = command(wired, monkeypatch, tmp_path)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(1203):
        reject(connection, start + timedelta(seconds=number))
    reject(connection, start, reason="bad-status", topic="devices/sunny-1/status")
    reject(connection, start - timedelta(seconds=1), reason="too-large", size=70_000)
    some = run("rejections replay sunny-1 --reason quota --from 2026-03-01T00:20:00Z --json")
    assert json.loads(some.stdout) == {"replayed": 3, "skipped": 0, "not_kept": 0}
    rest = run("rejections replay sunny-1").output
    assert "1,200 messages of sunny-1 were replayed" in rest
    assert "1 were left out" in rest
    assert "1 were too long" in rest
    wait_until(lambda: len(heard) == 1203, "the messages")
    assert "0 messages" in run("rejections replay sunny-1 --reason quota").output
    again = run("rejections replay sunny-1 --reason quota --again --json").stdout
    assert json.loads(again)["replayed"] == 1203


def test_a_replay_that_fails_half_way_tells_how_far_it_came(
    wired: RunningRegistry,
    broker: RunningBroker,
    world: World,
    connection: psycopg.Connection,
    heard: list[MQTTMessage],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = command(wired, monkeypatch, tmp_path)
    for number in range(1001):
        reject(connection, datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number))
    real_calls = rejections.calls

    def failing(*arguments: Any) -> Iterator[Any]:
        for answer in real_calls(*arguments):
            yield answer
            broker.kill()
            wait_until(lambda: not wired.app.state.publisher.connected, "the loss is noticed")

    monkeypatch.setattr(rejections, "calls", failing)
    output = run("rejections replay sunny-1", 1).output
    assert "1,000 messages of sunny-1 were replayed" in output
    assert "technopark: the broker does not answer: 0 of 1 messages were replayed" in output


def test_a_wrong_question_about_rejections_is_told_in_a_sentence(
    run: Command, world: World
) -> None:
    assert "'clock-ahead'" in run("rejections list --reason bad-luck", 2).output
    assert "'clock-ahead'" in run("rejections replay sunny-1 --reason bad-luck", 2).output
    assert "leave DEVICE out" in run("rejections list sunny-1 --tenant sunny", 2).output
    run("rejections list --limit 0", 2)
    run("rejections replay", 2)
    turned = "--from 2026-03-02T00:00:00Z --to 2026-03-01T00:00:00Z"
    for line in ("list", "summary", "list sunny-1", "replay sunny-1"):
        assert (
            "to: this end is before the beginning" in run(f"rejections {line} {turned}", 1).output
        )
    assert "no such device" in run("rejections replay not-there", 1).output
    assert "no such device" in run("rejections list not-there", 1).output
    assert "0 messages" in run("rejections replay sunny-1 --reason quota").output


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


def test_tail_prints_values_as_they_come(
    wired: RunningRegistry,
    ingest: RunningIngest,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)
    run = command(wired, monkeypatch, tmp_path)
    secret = wired.admin.post("devices/sunny-1/secrets")["secret"]

    def send(value: bytes) -> None:
        path = "/api/v1/devices/sunny-1/telemetry"
        wired.request("POST", path, secret, content=b'{"power": %b}' % value)

    send(b"1")
    wait_until(lambda: wired.admin.get("devices/sunny-1/latest")["items"], "the first value")
    later = threading.Timer(0.5, send, [b"2"])
    later.start()
    lines = run("tail sunny-1 --for 1.5 --json").output.splitlines()
    later.join()
    assert [json.loads(line)["value"] for line in lines] == [1, 2]
    assert "power = 2" in run("tail sunny-1 --for 0").output


def test_tail_prints_each_rejection_once(
    run: Command, world: World, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "POLL_SECONDS", 0.05)
    connection.execute(
        "INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size) "
        "SELECT now(), 'sunny-1', n::text, 'bad-time', n::text, '', 0 FROM generate_series(1, 3) n"
    )
    lines = run("tail sunny-1 --rejected --for 0.4").output.splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"bad-time: {n}" for n in (1, 2, 3)]


def test_tail_shows_a_value_outside_its_range(
    run: Command, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO series (device_id, metric, kind, unit) VALUES "
        "('sunny-1', 'low', 'number', 'kW'), ('sunny-1', 'usual', 'number', NULL)"
    )
    connection.execute("INSERT INTO readings SELECT id, now(), -3 FROM series")
    connection.execute("INSERT INTO latest SELECT series_id, ts, value FROM readings")
    connection.execute(
        "INSERT INTO flags SELECT l.series_id, l.ts, 'below-range' FROM latest l "
        "JOIN series s ON s.id = l.series_id WHERE s.metric = 'low'"
    )
    low, usual = run("tail sunny-1 --for 0").output.splitlines()
    assert low.endswith("low = -3 kW  ⚠ below range")
    assert usual.endswith("usual = -3")


def test_the_line_that_is_shown_for_a_new_device_works(
    wired: RunningRegistry,
    broker: RunningBroker,
    ingest: RunningIngest,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What `mosquitto_pub` does with the line's options, done by another client."""
    monkeypatch.setenv("TECHNOPARK_MQTT_PORT", str(broker.port))
    output = command(wired, monkeypatch, tmp_path)("device add Roof --tenant sunny").output
    words = shlex.split(output[output.index("mosquitto_pub") :].replace("\\\n", " "))
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["-p"] == str(broker.port)
    wait_until(lambda: broker.accepts(options["-u"], options["-P"]), "the device is let in", 2)
    with broker.client(options["-u"], options["-P"]) as client:
        client.publish(options["-t"], options["-m"], 1).wait_for_publish(5)
        latest = "devices/sunny-roof/latest"
        wait_until(lambda: wired.admin.get(latest)["items"], "the reading", 2)
    assert wired.admin.get(latest)["items"][0]["value"] == 21.5
