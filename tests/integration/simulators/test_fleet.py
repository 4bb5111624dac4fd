"""Fleets against a real broker."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.config import INGEST_USER, REGISTRY_USER, REPLIES, REPLIES_USER
from broker.topics import Channel, Topic
from simulators import (
    KINDS,
    Address,
    Crew,
    Fleet,
    Habits,
    Ledger,
    Login,
    Message,
    Simulation,
    TooManyDevicesError,
    live,
    replay,
    run,
    summary,
)
from simulators.ledger import read
from simulators.players import Player, blackouts
from simulators.recording import Row
from tests.integration.simulators.conftest import DEVICES, SECRETS, Reader, allow_only
from tests.parts import USERS, RunningBroker, wait_until

T0 = 1_767_225_600_000
ONE = {"device-0": SECRETS["device-0"]}


def count_up(fleet: Fleet, readings: int, pause: float = 0.0) -> Player:
    """Have every device publish the numbers up to ``readings``, each with a time of its own."""
    for number in range(readings):
        for device_id, device in fleet.devices.items():
            while not device.has_room:
                yield time.time() + 0.005
            fleet.offer(device_id, reading(number))
        yield time.time() + pause


def reading(number: int) -> Message:
    return Message.reading(T0 + number, {"number": float(number)})


def until(holds: Callable[[], object], seconds: float = 20) -> Player:
    """Wait, without stopping the fleet."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        yield time.time() + 0.005


def acknowledged(fleet: Fleet) -> int:
    """By all devices together."""
    found: int = summary(fleet, running=True)["acknowledged"]
    return found


def test_every_published_reading_is_acknowledged_and_arrives_as_it_was(
    address: Address, reader: Reader
) -> None:
    kind = KINDS["battery-pack"]
    fleet = Fleet(address, SECRETS)
    crew = Crew(Simulation(kind, len(DEVICES), seed=3), DEVICES)
    crew.simulation.interval[:] = 0.1
    started = time.time_ns() // 1_000_000
    crew.warm_up(started)
    run(fleet, [live(fleet, crew)], seconds=1.5)
    done = summary(fleet, running=False)
    assert done["published"] == done["acknowledged"] >= 5 * 10
    assert done["values_acknowledged"] == done["acknowledged"] * len(kind.signals)
    wait_until(lambda: reader.heard() == done["acknowledged"], "all to arrive")
    expected: Simulation[Any] = Simulation(kind, len(DEVICES), seed=3)
    expected.at(started)
    for messages in zip(*(reader.telemetry[device] for device in DEVICES), strict=True):
        rows = list(expected.messages(messages[0]["ts"]))
        assert [message["values"] for message in messages] == rows


def test_a_device_tells_its_attributes_once_and_when_it_comes_and_goes(
    address: Address, reader: Reader
) -> None:
    fleet = Fleet(address, ONE, attributes={"device-0": {"firmware": "1.0"}})
    run(fleet, [count_up(fleet, 3)])
    wait_until(lambda: reader.status["device-0"] == ["online", "offline"], "the device to leave")
    assert reader.attributes["device-0"] == [{"firmware": "1.0"}]


def test_nothing_is_lost_when_the_broker_is_killed_and_comes_back(
    address: Address, broker: RunningBroker, reader: Reader
) -> None:
    fleet = Fleet(address, SECRETS)

    def story() -> Player:
        yield from until(lambda: acknowledged(fleet) > 100)
        broker.kill()
        yield from until(lambda: not any(d.online for d in fleet.devices.values()))
        broker.start()

    run(fleet, [count_up(fleet, 400, pause=0.005), story()], drain=20)
    done = summary(fleet, running=False)
    assert done["acknowledged"] == done["published"] == 5 * 400
    assert not done["skipped"]
    times = {T0 + number for number in range(400)}
    wait_until(lambda: all(reader.times(device) == times for device in DEVICES), "all to arrive")


def test_while_the_broker_is_away_a_device_takes_no_more_than_it_can_keep(
    address: Address, broker: RunningBroker, reader: Reader
) -> None:
    fleet = Fleet(address, ONE, habits=Habits(capacity=50))

    def story() -> Player:
        broker.kill()
        yield from until(lambda: "no broker" in (fleet.devices["device-0"].trouble or ""))
        taken = [fleet.offer("device-0", reading(n)) for n in range(80)]
        assert taken == [True] * 50 + [False] * 30
        broker.start()

    run(fleet, [story()], drain=20)
    assert summary(fleet, running=False)["devices"]["device-0"] == {
        "published": 50,
        "acknowledged": 50,
        "values": 50,
        "first_ts": T0,
        "last_ts": T0 + 49,
        "unacknowledged": 0,
        "skipped": 30,
        "rejections": 0,
        "turned_away": {},
    }
    wait_until(lambda: len(reader.times("device-0")) == 50, "all to arrive")


def test_a_refused_secret_stops_its_device_alone_and_is_named(
    address: Address, reader: Reader
) -> None:
    secrets = {**ONE, "device-1": "wrong"}
    fleet = Fleet(address, secrets, habits=Habits(patience=0.0))

    def story() -> Player:
        yield from until(lambda: fleet.devices["device-1"].refused)
        fleet.offer("device-0", reading(1))
        fleet.offer("device-1", reading(1))

    run(fleet, [story()])
    done = summary(fleet, running=False)
    assert list(done["refused"]) == ["device-1"]
    assert "refused its secret" in done["refused"]["device-1"]
    assert done["devices"]["device-0"]["acknowledged"] == 1
    assert done["devices"]["device-1"]["skipped"] == 1
    assert not reader.telemetry["device-1"]


def test_a_secret_that_reaches_the_broker_late_is_waited_for(
    address: Address, broker: RunningBroker
) -> None:
    fleet = Fleet(address, {"new-device": "new-device"}, habits=Habits(patience=20))

    def story() -> Player:
        yield from until(lambda: "refused" in (fleet.devices["new-device"].trouble or ""))
        allow_only(broker, "new-device")
        fleet.offer("new-device", reading(1))

    run(fleet, [story()], drain=20)
    assert acknowledged(fleet) == 1


def test_a_revoked_device_stops_and_says_why(address: Address, broker: RunningBroker) -> None:
    fleet = Fleet(address, ONE, habits=Habits(patience=0.0))

    def story() -> Player:
        yield from until(lambda: fleet.devices["device-0"].online)
        allow_only(broker)
        yield from until(lambda: False)  # run() ends it, because no device is left

    run(fleet, [story()])
    assert "revoked" in summary(fleet, running=False)["refused"]["device-0"]


def test_of_two_fleets_with_the_same_device_the_first_gives_way(address: Address) -> None:
    first, second = Fleet(address, ONE), Fleet(address, ONE)

    def story() -> Player:
        yield from until(lambda: first.devices["device-0"].online)
        second.offer("device-0", reading(1))
        with second:
            for _ in until(lambda: first.all_refused and second.settled):
                second.turn(0.01)
                first.turn(0.01)

    run(first, [story()])
    assert acknowledged(second) == 1
    assert "another client" in summary(first, running=False)["refused"]["device-0"]


def test_what_nobody_takes_is_not_counted_as_acknowledged(address: Address) -> None:
    # A topic that the access rules give to another device.
    login = Login("device-0", SECRETS["device-0"], topic="devices/device-1/telemetry")
    fleet = Fleet(address, [login])
    run(fleet, [count_up(fleet, 1)])
    done = summary(fleet, running=False)
    assert (done["acknowledged"], done["turned_away"]) == (0, 1)


def test_a_recording_is_played_at_its_speed_but_no_row_before_its_time(
    address: Address, reader: Reader
) -> None:
    fleet = Fleet(address, ONE)
    now = time.time()
    rows = [Row(now - 3600 + 360 * step, {"n": step}) for step in range(10)]
    rows.append(Row(now + 1.5, {"n": 10}))
    run(fleet, [replay(fleet, "device-0", rows, speed=3600)])
    assert 1.5 <= time.time() - now < 3
    wait_until(lambda: len(reader.times("device-0")) == 11, "all to arrive")
    assert reader.times("device-0") == {round(row.time * 1000) for row in rows}


def test_after_a_power_cut_all_devices_come_back_and_their_last_will_was_heard(
    address: Address, reader: Reader
) -> None:
    fleet = Fleet(address, SECRETS)
    cuts = blackouts(fleet, every=0.5)

    def story() -> Player:
        yield from until(lambda: fleet.came == len(DEVICES))
        next(cuts)
        next(cuts, None)
        yield from until(lambda: fleet.came == 2 * len(DEVICES))

    run(fleet, [story()])
    assert fleet.came == 2 * len(DEVICES)
    wait_until(lambda: all(len(reader.status[d]) >= 4 for d in DEVICES), "the last wills")
    for device in DEVICES:
        assert reader.status[device] == ["online", "offline", "online", "offline"]


def test_a_command_is_answered_and_a_desired_attribute_is_followed(
    address: Address, broker: RunningBroker, reader: Reader
) -> None:
    kind = KINDS["battery-pack"]
    replies: list[tuple[str, bytes]] = []
    crew = Crew(Simulation(kind, 1, seed=3), ["device-0"])

    def hear(device: object, topic: Topic, payload: bytes) -> None:
        crew.hear(fleet, "device-0", 0, topic, payload)

    fleet = Fleet(address, ONE, habits=Habits(hear=hear))

    def story() -> Player:
        yield from until(lambda: fleet.devices["device-0"].online)
        with (
            broker.client(REGISTRY_USER, USERS[REGISTRY_USER]) as platform,
            broker.client(REPLIES_USER, USERS[REPLIES_USER]) as listener,
        ):
            listener.on_message = lambda _c, _u, m: replies.append((m.topic, bytes(m.payload)))
            listener.subscribe(REPLIES, qos=1)
            name = kind.commands[0].name
            for cid, body in {"c1": {"name": "fly"}, "c2": {"name": name}}.items():
                platform.publish(f"devices/device-0/commands/{cid}", json.dumps(body), qos=1)
            platform.publish("devices/device-0/desired", '{"interval_s": 7}', qos=1)
            yield from until(lambda: len(replies) == 2 and reader.attributes["device-0"])

    run(fleet, [story()])
    said = {topic: json.loads(payload) for topic, payload in replies}
    first = said["devices/device-0/commands/c1/reply"]
    assert first["status"] == "refused"
    assert "fly" in first["reason"]
    assert "status" in said["devices/device-0/commands/c2/reply"]
    assert reader.attributes["device-0"] == [{"interval_s": 7.0}]
    assert crew.simulation.interval[0] == 7.0


def test_a_message_on_the_rejections_topic_is_counted(
    address: Address, broker: RunningBroker
) -> None:
    fleet = Fleet(address, ONE)

    def story() -> Player:
        yield from until(lambda: fleet.devices["device-0"].online)
        with broker.client(INGEST_USER, USERS[INGEST_USER]) as platform:
            told = Topic("device-0", Channel.REJECTIONS)
            platform.publish(str(told), '{"reason": "quota"}', qos=1)
            yield from until(lambda: fleet.devices["device-0"].counts.rejections)

    run(fleet, [story()])
    assert summary(fleet, running=False)["rejections"] == 1


def test_the_ledger_has_what_was_sent_and_what_was_answered(
    address: Address, reader: Reader, tmp_path: Path
) -> None:
    with Ledger(tmp_path / "ledger") as book:
        fleet = Fleet(address, SECRETS, habits=Habits(book=book))
        run(fleet, [count_up(fleet, 20)])
    contents = read(tmp_path / "ledger")
    assert contents.ended
    assert contents.seal == book.seal
    for device in DEVICES:
        sent = [message for message in contents.devices[device] if message.channel == "telemetry"]
        assert [json.loads(message.payload)["ts"] for message in sent] == [
            T0 + number for number in range(20)
        ]
        assert {message.code for message in sent} == {0}


def test_a_machine_that_is_too_slow_counts_what_it_leaves_out(
    address: Address, reader: Reader
) -> None:
    fleet = Fleet(address, ONE)
    crew = Crew(Simulation(KINDS["battery-pack"], 1, seed=3), ["device-0"])
    crew.simulation.interval[:] = 0.1

    def sleeper() -> Iterator[float]:
        yield time.time() + 0.3
        time.sleep(2)
        yield time.time() + 0.5

    started = time.time()
    run(fleet, [live(fleet, crew), sleeper()], seconds=3)
    due = int((time.time() - started) / 0.1)
    done = summary(fleet, running=False)
    assert done["missed"] >= 8
    assert done["longest_lag_seconds"] >= 1.5
    assert abs(done["published"] + done["missed"] - due) <= 4


def test_another_platform_gets_its_own_topic_and_nothing_else(
    address: Address, broker: RunningBroker, reader: Reader
) -> None:
    login = Login(
        "Sensor 1", SECRETS["device-0"], "device-0", "device-0", "devices/device-0/telemetry"
    )
    fleet = Fleet(address, [login], habits=Habits(foreign=True))
    run(fleet, [count_up(fleet, 3)])
    assert acknowledged(fleet) == 3
    wait_until(lambda: reader.heard() == 3, "all to arrive")
    assert not reader.status
    assert not reader.attributes


def test_a_broker_that_is_not_there_is_named() -> None:
    fleet = Fleet(Address("127.0.0.1", 9), ONE)
    run(fleet, [count_up(fleet, 1)], drain=0.5)
    trouble = summary(fleet, running=False)["trouble"]["device-0"]
    assert trouble == "no broker at 127.0.0.1:9: Connection refused"


def test_more_devices_than_open_files_are_refused_before_anything_is_sent() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 1000))\n"
        "from simulators import Address, Fleet\n"
        "Fleet(Address(), {f'd-{n:03}': 'x' for n in range(900)})\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
        "Fleet(Address(), {f'd-{n:04}': 'x' for n in range(1000)})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.stdout == "964\n"
    assert "1,000 devices need 1,064 open files, and this process may have 1,000" in done.stderr
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 1000
    assert issubclass(TooManyDevicesError, ValueError)


def test_an_error_of_what_plays_is_not_swallowed(address: Address) -> None:
    def broken() -> Player:
        yield time.time() + 0.005
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run(Fleet(address, ONE), [broken()])
