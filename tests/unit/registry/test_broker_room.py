from pathlib import Path

import pytest

from registry.mosquitto import room as broker_room
from registry.mosquitto.room import MESSAGE_BYTES, Room

COUNTERS = "$SYS/broker/store/messages"


def fill(room: Room, messages: int, payloads: int = 0) -> bool:
    """Let the broker tell of so many messages, and look."""
    room.counted(f"{COUNTERS}/count", str(messages))
    room.counted(f"{COUNTERS}/bytes", str(payloads))
    return room.look()


def test_room_is_full_at_its_limit_and_has_to_be_half_empty_before_it_is_not(
    tmp_path: Path,
) -> None:
    room = Room(tmp_path, memory=100 * MESSAGE_BYTES)
    assert not fill(room, 99)
    assert fill(room, 100)
    assert room.is_full
    assert not fill(room, 50)
    assert room.is_full
    assert fill(room, 49)
    assert not room.is_full


def test_payloads_take_room_too(tmp_path: Path) -> None:
    room = Room(tmp_path, memory=100 * MESSAGE_BYTES)
    assert fill(room, 50, 50 * MESSAGE_BYTES)


def test_other_counters_and_what_is_no_number_change_nothing(tmp_path: Path) -> None:
    room = Room(tmp_path, memory=1)
    room.counted(f"{COUNTERS}/sent", "5")
    room.counted(f"{COUNTERS}/count", "many")
    assert not room.look()


def test_a_disk_without_reserve_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path, memory=1 << 30)
    assert not room.look()
    with monkeypatch.context() as patched:
        patched.setattr(broker_room, "DISK_RESERVE", 1 << 60)
        assert room.look()
        assert room.is_full
    assert room.look()
    assert not room.is_full
