"""Commands to devices, through a real broker, and what the devices answer."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import typer
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from typer.testing import CliRunner, Result

from cli import device_commands
from cli.api import Api, ApiError
from registry.mosquitto.replies import MAX_REPLY
from stack.runtime import Runtime
from storage.commands import MOST_WAITING, QUERIES
from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    populate,
    registry_settings,
    serving,
)
from tests.parts import RunningBroker, free_port, wait_until

PATH = "devices/sunny-1/commands"
# A reason that is no sentence, in an answer that is too long to be kept as it is.
REFUSED = b'{"status": "refused", "reason": %s}%s'
REFUSED_TEXT = (REFUSED % (b"[" * 900 + b"]" * 900, b" " * 4096)).decode()[:MAX_REPLY]

app = typer.Typer()
app.command()(device_commands.command)
app.command()(device_commands.commands)


@dataclass
class Site:
    """A registry, its broker and its world, for all tests of this file."""

    broker: RunningBroker
    registry: RunningRegistry
    connection: psycopg.Connection
    world: World
    secrets: dict[str, str] = field(default_factory=dict)

    def as_(self, name: str) -> Api:
        return self.registry.as_(self.world.tokens[name])

    def secret(self, device: str) -> str:
        """The secret of a device, which the broker knows."""
        if device not in self.secrets:
            made = self.registry.admin.post(f"devices/{device}/secrets")["secret"]
            wait_until(lambda: self.broker.accepts(device, made), f"{device} is let in")
            self.secrets[device] = made
        return self.secrets[device]

    def send(self, name: str = "stop", ttl: int = 60, **params: Any) -> Any:
        """A command of Sunny's owner to its device."""
        body = {"name": name, "params": params, "ttl_seconds": ttl}
        return self.as_("owner").post(PATH, body)

    def command(self, sent: Any) -> Any:
        return self.as_("owner").get(f"{PATH}/{sent['id']}")

    def outcome(self, sent: Any, status: str) -> Any:
        """The command, once it has a status."""
        wait_until(lambda: self.command(sent)["status"] == status, f"the command is {status}")
        return self.command(sent)


@pytest.fixture(scope="module")
def site(
    server: str,
    template: str,
    programs: Runtime,
    tmp_path_factory: pytest.TempPathFactory,
    session_home: Any,
) -> Iterator[Site]:
    broker = RunningBroker(programs, session_home / f"broker-{free_port()}")
    broker.start()
    try:
        with (
            cloned(server, template) as url,
            psycopg.connect(url, autocommit=True) as connection,
            serving(registry_settings(url, broker.folder, broker.port), connection) as registry,
        ):
            wait_until(lambda: registry.app.state.publisher.connected, "the registry at the broker")
            yield Site(broker, registry, connection, populate(connection))
    finally:
        broker.stop()


@dataclass
class PahoDevice:
    """A device whose maker uses paho.

    Attributes:
        heard: the commands that came, in their order.
    """

    client: Client
    name: str
    heard: list[MQTTMessage] = field(default_factory=list)

    def answer(self, command: str, payload: str | bytes) -> None:
        topic = f"devices/{self.name}/commands/{command}/reply"
        self.client.publish(topic, payload, qos=1).wait_for_publish(10)

    def wait_for(self, sent: Any) -> None:
        wait_until(lambda: any(sent["id"] in m.topic for m in self.heard), "the command")


@contextmanager
def device(
    site: Site,
    name: str = "sunny-1",
    *,
    session: bool = False,
    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
) -> Iterator[PahoDevice]:
    """A connected device that listens to its commands; with a session, if it wants, that stays."""
    found, ready = PahoDevice(connecting(site, name, session, version), name), []
    found.client.on_message = lambda _c, _u, message: found.heard.append(message)
    found.client.on_subscribe = lambda *event: ready.append(event)
    found.client.loop_start()
    try:
        wait_until(found.client.is_connected, "the connection")
        found.client.subscribe(f"devices/{name}/commands/+", qos=1)
        wait_until(lambda: ready, "the subscription")
        yield found
    finally:
        found.client.disconnect()
        found.client.loop_stop()


def connecting(site: Site, name: str, session: bool, version: MQTTProtocolVersion) -> Client:
    """A client that is about to connect; with version 3.1.1 the session never ends by itself."""
    address = ("127.0.0.1", site.broker.port)
    if version is MQTTProtocolVersion.MQTTv311:
        client = Client(
            CallbackAPIVersion.VERSION2, name, clean_session=not session, protocol=version
        )
        client.username_pw_set(name, site.secret(name))
        client.connect(*address)
        return client
    client = Client(CallbackAPIVersion.VERSION2, name, protocol=version)
    client.username_pw_set(name, site.secret(name))
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own
    properties.SessionExpiryInterval = 3600 if session else 0
    client.connect(*address, clean_start=not session, properties=properties)
    return client


def test_a_device_obeys_or_refuses_and_says_why(site: Site) -> None:
    with device(site) as listener:
        sent = site.send("start_charge", current_a=2.5)
        assert (sent["status"], sent["replied_at"], sent["sent_by"]) == (
            "sent",
            None,
            site.world.ids["owner"],
        )
        listener.wait_for(sent)
        listener.answer(sent["id"], '{"status": "done", "current_a": 2.5}')
        done = site.outcome(sent, "done")
        flight = site.send("fly")
        listener.wait_for(flight)
        listener.answer(flight["id"], '{"status": "refused", "reason": "no wings"}')
        refused = site.outcome(flight, "refused")
    assert done["reply"] == {"status": "done", "current_a": 2.5}
    assert done["replied_at"] >= done["sent_at"]
    assert done["reason"] is None
    assert refused["reason"] == "no wings"
    newest = site.as_("viewer").get(PATH, limit=1)
    assert [item["id"] for item in newest["items"]] == [refused["id"]]
    following = site.as_("viewer").get(PATH, limit=1, cursor=newest["next"])
    assert [item["id"] for item in following["items"]] == [done["id"]]


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


@pytest.mark.parametrize(
    ("payload", "status", "reply"),
    [
        (b'{"level": 3}', "done", {"level": 3}),
        (b"OK", "done", "OK"),
        (b"", "done", ""),
        (b'{"status": "refused"}', "refused", {"status": "refused"}),
        (b'{"a": "\\u0000", "b": 1e3}', "done", {"a": "\ufffd", "b": 1000}),
        (b"\xff\x00", "done", "\ufffd\ufffd"),
        (b'"\\ud800"', "done", '"\\ud800"'),
        (b"1e999", "done", "1e999"),
        (b"[" * 3000, "done", "[" * 3000),
        (REFUSED % (b"[" * 900 + b"]" * 900, b" " * 4096), "refused", REFUSED_TEXT),
        (b"9" * 4000, "done", int("9" * 4000)),
    ],
    ids=lambda value: str(value)[:24],
)
def test_whatever_a_device_answers_is_kept(
    site: Site, payload: bytes, status: str, reply: object
) -> None:
    with device(site) as listener:
        sent = site.send()
        listener.wait_for(sent)
        listener.answer(sent["id"], payload)
        assert site.outcome(sent, status)["reply"] == reply


def test_of_a_long_answer_the_beginning_is_kept_and_its_refusal_understood(site: Site) -> None:
    long = json.dumps({"log": "x" * 100_000, "status": "refused", "reason": "worn out"})
    with device(site) as listener:
        sent = site.send()
        listener.wait_for(sent)
        listener.answer(sent["id"], long)
        found = site.outcome(sent, "refused")
    assert found["reason"] == "worn out"
    assert found["reply"] == long[:MAX_REPLY]


def test_only_the_first_answer_of_the_very_device_counts(site: Site) -> None:
    with device(site) as listener, device(site, "other-1") as stranger:
        sent = site.send()
        listener.wait_for(sent)
        stranger.answer(sent["id"], "forged")
        listener.answer("never-sent", "unasked")
        listener.answer(sent["id"], '"first"')
        listener.answer(sent["id"], '{"status": "refused"}')
        found = site.outcome(sent, "done")
        # What comes after this one was not dealt with before the others.
        last = site.send()
        listener.wait_for(last)
        listener.answer(last["id"], "")
        site.outcome(last, "done")
    assert site.command(sent) == found
    assert found["reply"] == "first"
    assert stranger.heard == []
    count = site.connection.execute("SELECT count(*) FROM commands WHERE id = 'never-sent'")
    assert count.fetchone() == (0,)


def test_an_answer_is_noted_whatever_comes_with_it_in_one_batch(site: Site) -> None:
    site.connection.execute(
        "INSERT INTO commands (id, device_id, name, params, expires_at) "
        "VALUES ('batch', 'sunny-1', 'stop', '{}', now() + INTERVAL '1 hour')"
    )
    given = [("other-1", "forged"), ("sunny-1", "first"), ("sunny-1", "second")]
    noted = site.connection.execute(
        QUERIES["note_replies"],
        {
            "ids": ["batch"] * 3,
            "devices": [device for device, _ in given],
            "outcomes": ["done"] * 3,
            "reasons": [None] * 3,
            "replies": [json.dumps(reply) for _, reply in given],
        },
    ).fetchall()
    assert noted == [("batch",)]
    assert site.command({"id": "batch"})["reply"] == "first"


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


def test_an_answer_outlives_a_restart_of_the_registry(site: Site) -> None:
    with device(site) as listener:
        sent = site.send()
        listener.wait_for(sent)
        site.registry.stop()
        site.registry.clients.clear()
        listener.answer(sent["id"], "while you were away")
        site.registry.start()
        assert site.outcome(sent, "done")["reply"] == "while you were away"


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


def test_the_command_line_waits_for_the_answer_and_fails_where_there_is_none(
    site: Site,
) -> None:
    def run(line: str, status: int = 0) -> Result:
        environment = {
            "TECHNOPARK_API_URL": site.registry.url,
            "TECHNOPARK_TOKEN": site.world.tokens["owner"],
            "COLUMNS": "200",
        }
        result = CliRunner().invoke(app, line.split(), env=environment)
        assert result.exit_code == status, result.output
        return result

    with device(site) as listener:

        def answer(_client: object, _data: object, message: MQTTMessage) -> None:
            listener.heard.append(message)
            order = json.loads(message.payload)
            if order["name"] != "be-silent":
                payload = json.dumps({"status": order["name"], "reason": "because", "heard": order})
                listener.client.publish(f"{message.topic}/reply", payload, qos=1)

        listener.client.on_message = answer
        line = "command sunny-1 done --param n=2.5 --param led=red --param on=true --json"
        done = json.loads(run(line).output)
        given = {"n": 2.5, "led": "red", "on": True}
        assert (done["status"], done["params"]) == ("done", given)
        assert done["reply"]["heard"] == {"name": "done", "parameters": given}
        assert "sunny-1 answers {" in run("command sunny-1 done").output
        assert "sunny-1 refuses: because" in run("command sunny-1 refused", 1).output
        silent = run("command sunny-1 be-silent --ttl 300 --wait 0.3", 1)
        assert "no answer of sunny-1 in 0.3 s; it may still come until" in silent.output
        assert "is sent" in run("command sunny-1 be-silent --wait 0").output
        wait_until(lambda: len(listener.heard) == 5, "the last command")
    away = run("command sunny-1 done", 1)
    assert "sunny-1 did not get it: the device is offline" in away.output
    rows = json.loads(run("commands sunny-1 --limit 4 --json").output)
    assert [row["status"] for row in rows] == ["undelivered", "sent", "sent", "refused"]
    assert "because" in run("commands sunny-1").output
    assert "give KEY=VALUE" in run("command sunny-1 done --param led", 2).output


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
