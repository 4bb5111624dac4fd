"""The journal between broker and database, on a real disk."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import journal
from ingest.batch import Message
from ingest.journal import Journal, JournalFullError, JournalTakenError, Position

MIB = 1 << 20


def message(n: int, size: int = 20) -> Message:
    return Message("devices/dev-a/telemetry", b"%0*d" % (size, n), None, n)


def is_full(opened: Journal) -> bool:
    return opened.full


def everything(opened: Journal) -> list[Message]:
    found: list[Message] = []
    while block := opened.read():
        found += block
    return found


def test_messages_come_back_in_order_and_as_they_were(tmp_path: Path) -> None:
    sent = [
        Message("devices/ü/telemetry", b"\x00\xff", "application/cbor", 1),
        Message("devices/b/status", b"", None, 2),
    ]
    with Journal(tmp_path / "j", MIB) as opened:
        opened.append(sent)
        opened.append([message(3)])
        assert everything(opened) == [*sent, message(3)]
        assert opened.read() == []


def test_what_was_not_released_is_read_again_after_a_restart(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", MIB) as opened:
        for n in range(5):
            opened.append([message(n)])
        opened.read()
        opened.release(opened.position)
        opened.read()
    with Journal(tmp_path / "j", MIB) as again:
        assert everything(again) == [message(n) for n in range(1, 5)]
        again.append([message(5)])
        assert again.read() == [message(5)]
        again.release(again.position)
        assert again.waiting == 0
    with Journal(tmp_path / "j", MIB) as third:
        assert third.read() == []


def test_segments_of_which_everything_is_released_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1000)
    with Journal(tmp_path / "j", MIB) as opened:
        for n in range(200):
            opened.append([message(n)])
        assert len(list(tmp_path.glob("j/*.journal"))) > 5
        assert everything(opened) == [message(n) for n in range(200)]
        opened.release(opened.position)
        assert len(list(tmp_path.glob("j/*.journal"))) == 1
        assert opened.waiting == 0


def test_a_block_above_the_quota_is_refused_and_room_comes_with_a_release(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", 2000) as opened:
        opened.append([message(1, 1500)])
        with pytest.raises(JournalFullError, match="wait in"):
            opened.append([message(2, 1500)])
        assert is_full(opened)
        assert everything(opened) == [message(1, 1500)]
        opened.release(opened.position)
        opened.append([message(2, 1500)])
        assert not is_full(opened)
        assert opened.read() == [message(2, 1500)]


def test_a_full_disk_costs_nothing_that_was_written_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_then_full(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) > 60:
            return write(descriptor, data[:60], offset)
        raise OSError(28, "No space left on device")

    write = os.pwrite
    with Journal(tmp_path / "j", MIB) as opened:
        opened.append([message(1)])
        monkeypatch.setattr(os, "pwrite", half_then_full)
        with pytest.raises(JournalFullError, match="No space left"):
            opened.append([message(2, 200)])
        monkeypatch.setattr(os, "pwrite", write)
        opened.append([message(3)])
        assert everything(opened) == [message(1), message(3)]


def test_a_block_that_was_torn_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", MIB) as opened:
        opened.append([message(1)])
        opened.append([message(2)])
    [segment] = tmp_path.glob("j/*.journal")
    os.truncate(segment, segment.stat().st_size - 5)
    with Journal(tmp_path / "j", MIB) as again:
        again.append([message(3)])
        assert everything(again) == [message(1), message(3)]
        again.release(again.position)
        assert again.waiting == 0


def test_a_damaged_block_costs_its_segment_only_and_is_kept_for_an_operator(
    tmp_path: Path,
) -> None:
    with Journal(tmp_path / "j", MIB) as opened:
        opened.append([message(1)])
        opened.append([message(2)])
    [segment] = tmp_path.glob("j/*.journal")
    data = bytearray(segment.read_bytes())
    data[-3] ^= 0xFF
    segment.write_bytes(data)
    with Journal(tmp_path / "j", MIB) as again:
        again.append([message(3)])
        assert everything(again) == [message(1), message(3)]
        again.release(again.position)
    [kept] = tmp_path.glob("j/*.damaged")
    assert kept.read_bytes() == data


def test_two_processes_cannot_work_on_one_journal(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "j", MIB),
        pytest.raises(JournalTakenError, match="stop it first"),
    ):
        Journal(tmp_path / "j", MIB)
    Journal(tmp_path / "j", MIB).close()


def test_an_empty_wait_ends_when_something_comes_or_the_time_is_over(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", MIB) as opened:
        assert not opened.wait(0.01)
        opened.append([message(1)])
        assert opened.wait(10)


def test_whoever_waits_is_woken_though_nothing_came(tmp_path: Path) -> None:
    with Journal(tmp_path, MIB) as opened, ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(opened.wait, 30)
        opened.wake()
        assert waiting.result(timeout=20) is False
        assert executor.submit(opened.wait, 30).result(timeout=20) is False


def append_until_killed(folder: Path, told: Callable[[int], None]) -> None:
    with Journal(folder, 1 << 30) as opened:
        for n in range(10**9):
            opened.append([message(2 * n, 3000), message(2 * n + 1, 3000)])
            told(n)


@pytest.mark.parametrize("run", range(5))
def test_what_was_appended_before_a_kill_is_there_whole(tmp_path: Path, run: int) -> None:
    ours, theirs = multiprocessing.Pipe()
    writer = multiprocessing.get_context("fork").Process(
        target=append_until_killed, args=(tmp_path / "j", theirs.send)
    )
    writer.start()
    ours.recv()
    time.sleep(0.03 + run / 100)
    assert writer.pid
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    last = 0
    while ours.poll():
        last = ours.recv()
    with Journal(tmp_path / "j", 1 << 30) as opened:
        numbers = [found.arrival for found in everything(opened)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 2 * (last + 1)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["append", "read", "release", "reopen"]), max_size=60))
def test_whatever_the_order_of_events_nothing_is_lost_or_out_of_order(
    tmp_path_factory: pytest.TempPathFactory, events: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("j")
    opened = Journal(folder, MIB)
    sent, read, released, at = 0, 0, 0, Position(0, 0)
    for event in events:
        if event == "append":
            opened.append([message(sent)])
            sent += 1
        elif event == "read":
            assert opened.read() == ([message(read)] if read < sent else [])
            read, at = min(read + 1, sent), opened.position
        elif event == "release" and read > released:
            opened.release(at)
            released = read
        elif event == "reopen":
            opened.close()
            opened, read = Journal(folder, MIB), released
    assert everything(opened) == [message(n) for n in range(read, sent)]
    opened.close()
