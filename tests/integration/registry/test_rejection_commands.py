"""`technopark rejections …` against a running API."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from paho.mqtt.client import MQTTMessage

from cli import rejections
from tests.integration.registry.command_line import Command, command, run
from tests.integration.registry.conftest import RunningRegistry, World, reject
from tests.parts import RunningBroker, wait_until

__all__ = ["run"]  # a fixture


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
