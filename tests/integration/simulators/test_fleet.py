"""Fleets against a real broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from simulators import KINDS, Address, Crew, Fleet, Simulation, replay, run, simulate, summary
from simulators.recording import Row
from tests.integration.simulators.conftest import DEVICES, SECRETS, Reader, allow_only
from tests.parts import RunningBroker, wait_until


async def count_up(fleet: Fleet, readings: int, pause: float = 0.0) -> None:
    """Have every device publish the numbers up to ``readings``, each with a time of its own."""
    for number in range(readings):
        for device_id, device in fleet.devices.items():
            await device.until_room()
            fleet.offer(device_id, 1_767_225_600_000 + number, {"number": float(number)})
        await asyncio.sleep(pause)


def test_every_published_reading_is_acknowledged_and_arrives_as_it_was(
    address: Address, reader: Reader
) -> None:
    pv = KINDS["pv-inverter"]
    fleet = Fleet(address, SECRETS)
    crew = Crew(Simulation(pv, len(DEVICES), seed=3), DEVICES)
    asyncio.run(run(fleet, simulate(fleet, [crew], interval=0.1), seconds=1.5))
    done = summary(fleet, running=False)
    assert done["published"] == done["acknowledged"] >= 5 * 10
    assert done["values_acknowledged"] == done["acknowledged"] * len(pv.signals)
    wait_until(lambda: reader.heard() == done["acknowledged"], "all to arrive")
    expected = Simulation(pv, len(DEVICES), seed=3)
    for messages in zip(*(reader.telemetry[device] for device in DEVICES), strict=True):
        rows = list(expected.messages(messages[0]["ts"]))
        assert [message["values"] for message in messages] == rows


def test_a_device_tells_its_attributes_once_and_when_it_comes_and_goes(
    address: Address, reader: Reader
) -> None:
    attributes = {"device-0": {"firmware": "1.0"}}
    fleet = Fleet(address, {"device-0": SECRETS["device-0"]}, attributes=attributes)
    asyncio.run(run(fleet, count_up(fleet, 3)))
    wait_until(lambda: reader.status["device-0"] == ["online", "offline"], "the device to leave")
    assert reader.attributes["device-0"] == [{"firmware": "1.0"}]


def test_nothing_is_lost_when_the_broker_is_killed_and_comes_back(
    address: Address, broker: RunningBroker, reader: Reader
) -> None:
    fleet = Fleet(address, SECRETS)

    async def story() -> None:
        player = asyncio.create_task(count_up(fleet, 400, pause=0.005))
        await until(lambda: acknowledged(fleet) > 100)
        broker.kill()
        await until(lambda: all(device.connection is None for device in fleet.devices.values()))
        broker.start()
        await player

    asyncio.run(run(fleet, story()))
    done = summary(fleet, running=False)
    assert done["acknowledged"] == done["published"] == 5 * 400
    assert not done["skipped"]
    times = {1_767_225_600_000 + number for number in range(400)}
    wait_until(lambda: all(reader.times(device) == times for device in DEVICES), "all to arrive")


def test_while_the_broker_is_away_a_device_takes_no_more_than_it_can_keep(
    address: Address, broker: RunningBroker, reader: Reader
) -> None:
    fleet = Fleet(address, {"device-0": SECRETS["device-0"]}, capacity=50)

    async def story() -> None:
        broker.kill()
        await until(lambda: "no broker" in (fleet.devices["device-0"].trouble or ""))
        taken = [fleet.offer("device-0", 1_767_225_600_000 + n, {"n": n}) for n in range(80)]
        assert taken == [True] * 50 + [False] * 30
        broker.start()

    asyncio.run(run(fleet, story()))
    assert summary(fleet, running=False)["devices"]["device-0"] == {
        "published": 50,
        "acknowledged": 50,
        "values": 50,
        "first_ts": 1_767_225_600_000,
        "last_ts": 1_767_225_600_049,
        "unacknowledged": 0,
        "skipped": 30,
        "turned_away": {},
    }
    wait_until(lambda: len(reader.times("device-0")) == 50, "all to arrive")


def test_a_refused_secret_stops_its_device_alone_and_is_named(
    address: Address, reader: Reader
) -> None:
    secrets = {"device-0": SECRETS["device-0"], "device-1": "wrong"}
    fleet = Fleet(address, secrets, patience=0.0)

    async def story() -> None:
        await fleet.devices["device-1"].until_refused()
        fleet.offer("device-0", 1_767_225_600_000, {"n": 1})
        fleet.offer("device-1", 1_767_225_600_000, {"n": 1})

    asyncio.run(run(fleet, story()))
    done = summary(fleet, running=False)
    assert list(done["refused"]) == ["device-1"]
    assert "refused its secret" in done["refused"]["device-1"]
    assert done["devices"]["device-0"]["acknowledged"] == 1
    assert done["devices"]["device-1"]["skipped"] == 1
    assert not reader.telemetry["device-1"]


def test_a_secret_that_reaches_the_broker_late_is_waited_for(
    address: Address, broker: RunningBroker
) -> None:
    fleet = Fleet(address, {"new-device": "new-device"}, patience=20)

    async def story() -> None:
        await until(lambda: "refused" in (fleet.devices["new-device"].trouble or ""))
        allow_only(broker, "new-device")
        fleet.offer("new-device", 1_767_225_600_000, {"n": 1})
        await fleet.devices["new-device"].until_settled()

    asyncio.run(run(fleet, story()))
    assert acknowledged(fleet) == 1


def test_a_revoked_device_stops_and_says_why(address: Address, broker: RunningBroker) -> None:
    fleet = Fleet(address, {"device-0": SECRETS["device-0"]}, patience=0.0)

    async def story() -> None:
        await until(lambda: fleet.devices["device-0"].connection is not None)
        allow_only(broker)
        await asyncio.Event().wait()  # run() ends it, because no device is left

    asyncio.run(run(fleet, story()))
    assert "revoked" in summary(fleet, running=False)["refused"]["device-0"]


def test_of_two_fleets_with_the_same_device_the_first_gives_way(address: Address) -> None:
    secrets = {"device-0": SECRETS["device-0"]}
    first, second = Fleet(address, secrets), Fleet(address, secrets)

    async def story() -> None:
        await until(lambda: first.devices["device-0"].connection is not None)
        async with second.running():
            await first.all_refused()
            second.offer("device-0", 1_767_225_600_000, {"n": 1})
            assert await second.drained(10)

    asyncio.run(run(first, story()))
    assert "another client" in summary(first, running=False)["refused"]["device-0"]


def test_what_nobody_takes_is_not_counted_as_acknowledged(address: Address) -> None:
    fleet = Fleet(address, {"device-0": SECRETS["device-0"]})

    async def story() -> None:
        await until(lambda: fleet.devices["device-0"].connection is not None)
        # A topic that the access rules give to another device.
        fleet.devices["device-0"].id = "device-1"
        fleet.offer("device-0", 1_767_225_600_000, {"n": 1})

    asyncio.run(run(fleet, story()))
    done = summary(fleet, running=False)
    assert (done["acknowledged"], done["turned_away"]) == (0, 1)


def test_a_recording_is_played_at_its_speed_but_no_row_before_its_time(
    address: Address, reader: Reader
) -> None:
    fleet = Fleet(address, {"device-0": SECRETS["device-0"]})
    now = time.time()
    rows = [Row(now - 3600 + 360 * step, {"n": step}) for step in range(10)]
    rows.append(Row(now + 1.5, {"n": 10}))
    asyncio.run(run(fleet, replay(fleet, "device-0", rows, speed=3600)))
    assert 1.5 <= time.time() - now < 3
    wait_until(lambda: len(reader.times("device-0")) == 11, "all to arrive")
    assert reader.times("device-0") == {round(row.time * 1000) for row in rows}


def test_an_error_of_what_plays_is_not_swallowed(address: Address) -> None:
    async def broken() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(run(Fleet(address, {"device-0": SECRETS["device-0"]}), broken()))


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """As ``wait_until``, without stopping the loop."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  # there is no event for every condition
            await asyncio.sleep(0.01)


def acknowledged(fleet: Fleet) -> int:
    """By all devices together."""
    acknowledged: int = summary(fleet, running=True)["acknowledged"]
    return acknowledged
