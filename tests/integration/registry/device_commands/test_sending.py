"""Who sends commands, and which of them reach a device, through a real broker."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from cli.api import ApiError
from storage.commands import MOST_WAITING
from tests.integration.registry.device_commands.conftest import PATH, Site, device
from tests.parts import wait_until


def test_a_device_hears_name_and_parameters_and_how_long_they_are_good(site: Site) -> None:
    with device(site) as listener:
        sent = site.send("hold", ttl=90, speed=2400, note="é")
        listener.wait_for(sent)
    [message] = listener.heard
    assert message.topic == f"devices/sunny-1/commands/{sent['id']}"
    assert json.loads(message.payload) == {
        "name": "hold",
        "parameters": {"speed": 2400, "note": "é"},
    }
    assert (message.qos, message.retain) == (1, False)
    assert 80 < message.properties.MessageExpiryInterval <= 90  # type: ignore[union-attr]


def test_a_device_that_is_away_without_a_session_gets_no_command_ever(site: Site) -> None:
    site.secret("sunny-1")
    found = site.outcome(site.send(), "undelivered")
    assert "the device is offline" in found["reason"]
    assert (found["reply"], found["replied_at"]) == (None, None)
    with device(site) as listener:
        sent = site.send()
        listener.wait_for(sent)
    assert len(listener.heard) == 1


@pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311])
def test_a_session_keeps_commands_until_they_expire_and_a_late_answer_counts(
    site: Site, version: MQTTProtocolVersion
) -> None:
    with device(site, session=True, version=version):
        pass
    short, long = site.send("short", ttl=1), site.send("long")
    wait_until(lambda: site.command(short)["status"] != "sent", "the command to expire")
    assert [site.command(sent)["status"] for sent in (short, long)] == ["expired", "sent"]
    # The broker counts whole seconds.
    time.sleep(1)
    with device(site, session=True, version=version) as listener:
        listener.wait_for(long)
        listener.answer(long["id"], "here I am")
        assert site.outcome(long, "done")["reply"] == "here I am"
        assert [m.topic.rpartition("/")[2] for m in listener.heard] == [long["id"]]
        listener.answer(short["id"], "I did it")
        assert site.outcome(short, "done")["reply"] == "I did it"
    with device(site):
        pass  # ends the session


def test_without_the_broker_the_record_says_that_nothing_was_delivered(site: Site) -> None:
    publisher = site.registry.app.state.publisher
    site.broker.stop()
    wait_until(lambda: not publisher.connected, "the registry to notice")
    found = site.outcome(site.send(), "undelivered")
    assert "the broker does not answer" in found["reason"]
    site.broker.start()
    with device(site) as listener:
        wait_until(lambda: publisher.connected, "the registry at the broker")
        sent = site.send()
        listener.wait_for(sent)
        listener.answer(sent["id"], "again")
        site.outcome(sent, "done")


def test_the_same_key_sends_once(site: Site) -> None:
    def send() -> Any:
        return site.registry.request(
            "POST", f"/api/v1/{PATH}", site.world.tokens["owner"], json={"name": "stop"},
            headers={"Idempotency-Key": "press-1"},
        )  # fmt: skip

    with device(site) as listener:
        first, again = send(), send()
        assert (first.status_code, first.json()) == (201, again.json())
        last = site.send()
        listener.wait_for(last)
    assert len(listener.heard) == 2


def test_a_foreign_device_is_answered_as_none(site: Site) -> None:
    sent = site.send()
    for path, method, who in (
        (PATH, "POST", "stranger"),
        (PATH, "GET", "stranger"),
        (f"{PATH}/{sent['id']}", "GET", "stranger"),
        (f"devices/other-1/commands/{sent['id']}", "GET", "stranger"),
        (f"{PATH}/{sent['id']}x", "GET", "owner"),
    ):
        body = {"name": "stop"} if method == "POST" else None
        answer = site.registry.request(method, f"/api/v1/{path}", site.world.tokens[who], json=body)
        assert answer.status_code == 404, path
        assert answer.json()["detail"] in {"there is no such device", "there is no such command"}
        assert sent["id"] not in answer.text


def test_the_tenant_of_a_slot_sends_while_it_runs_and_each_sees_what_was_sent_in_its_time(
    site: Site,
) -> None:
    before = site.send("before")
    with device(site) as listener:
        site.connection.execute(
            "INSERT INTO bookings (device_id, tenant_id, during) "
            "VALUES ('sunny-1', 'other', tstzrange(now(), now() + INTERVAL '1 hour'))"
        )
        with pytest.raises(ApiError, match="while it is the tenant's") as refused:
            site.send("during")
        assert refused.value.status == 403
        during = site.as_("stranger").post(PATH, {"name": "during"})
        listener.wait_for(during)
        listener.answer(during["id"], "yes")
        wait_until(
            lambda: site.as_("stranger").get(f"{PATH}/{during['id']}")["status"] == "done",
            "the answer",
        )
    site.connection.execute(
        "UPDATE bookings SET during = tstzrange(lower(during), clock_timestamp())"
    )
    assert [item["id"] for item in site.as_("stranger").items(PATH)] == [during["id"]]
    own = {item["id"] for item in site.as_("owner").items(PATH)}
    assert before["id"] in own
    assert during["id"] not in own
    with pytest.raises(ApiError, match="while it is the tenant's"):
        site.as_("stranger").post(PATH, {"name": "after"})


def test_a_device_has_only_so_many_commands_on_their_way(site: Site) -> None:
    site.connection.execute("DELETE FROM commands")
    site.connection.execute(
        "INSERT INTO commands (device_id, name, params, expires_at) "
        "SELECT 'sunny-1', 'stop', '{}', now() + INTERVAL '1 hour' FROM generate_series(2, %s)",
        [MOST_WAITING],
    )
    with device(site) as listener:
        sent = site.send()
        with pytest.raises(ApiError, match="wait for an answer") as refused:
            site.send()
        assert refused.value.status == 409
        listener.wait_for(sent)
        listener.answer(sent["id"], "done")
        site.outcome(sent, "done")
        listener.wait_for(site.send())
    site.connection.execute("DELETE FROM commands")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "a\nb"}, "#/name"),
        ({"name": "stop", "params": [1]}, "#/params"),
        ({"name": "stop", "params": {"x": "y" * 17_000}}, "#/params"),
        ({"name": "stop", "ttl_seconds": 0}, "#/ttl_seconds"),
        ({"name": "stop", "parameters": {}}, "#/parameters"),
    ],
)
def test_a_broken_command_is_refused_by_its_field(
    site: Site, body: dict[str, object], pointer: str
) -> None:
    answer = site.registry.request("POST", f"/api/v1/{PATH}", site.world.tokens["owner"], json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_commands_go_with_the_time_of_their_tenant_and_a_retired_device_gets_none(
    site: Site,
) -> None:
    sent = site.as_("stranger").post("devices/other-1/commands", {"name": "stop"})
    site.connection.execute("UPDATE devices SET tenant_id = 'sunny' WHERE id = 'other-1'")
    assert list(site.as_("owner").items("devices/other-1/commands")) == []
    kept = site.as_("stranger").get(f"devices/other-1/commands/{sent['id']}")
    assert kept["name"] == "stop"
    with pytest.raises(ApiError, match="while it is the tenant's"):
        site.as_("stranger").post("devices/other-1/commands", {"name": "stop"})
    site.as_("owner").post("devices/other-1/retire")
    with pytest.raises(ApiError, match="retired"):
        site.as_("owner").post("devices/other-1/commands", {"name": "stop"})
