"""Messages of the long loads can be told apart by what the database keeps of them."""

import json

import mqtt5

from benchmarks.load import METRICS, WINDOW
from benchmarks.senders import Sender, packet_id_of

SENDER = Sender("soak3", 1883, "soak3-00000", "secret", devices=4)


def values(number: int) -> dict[str, float]:
    packet, _ = mqtt5.read(memoryview(SENDER.packet(number, 1_767_225_600_000_000)))
    assert isinstance(packet, mqtt5.PublishPacket)
    assert packet.payload
    body: dict[str, dict[str, float]] = json.loads(packet.payload)
    return body["values"]


def test_a_message_has_its_number_in_every_value() -> None:
    assert list(values(12_345)) == list(METRICS)
    assert {int(value) for value in values(12_345).values()} == {12_345}


def test_no_value_comes_twice() -> None:
    all_of_them = [value for number in range(100) for value in values(number).values()]
    assert len(set(all_of_them)) == len(all_of_them)


def test_devices_send_in_turns_with_the_time_they_are_given() -> None:
    packet, _ = mqtt5.read(memoryview(SENDER.packet(6, 1_767_225_600_000_001)))
    assert isinstance(packet, mqtt5.PublishPacket)
    assert packet.topic == "devices/soak3-00002/telemetry"
    assert packet.qos == mqtt5.QoS.AT_LEAST_ONCE
    assert b'"ts": 1767225600000001' in (packet.payload or b"")


def test_ids_of_messages_in_flight_differ() -> None:
    for start in (0, 65_000, 131_000):
        ids = [packet_id_of(number) for number in range(start, start + WINDOW)]
        assert len(set(ids)) == WINDOW
        assert min(ids) >= 1
        assert max(ids) <= 65_535
