"""The ledger's chain, and the account that is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from broker.topics import Channel
from simulators.account import Account, Value, account
from simulators.device import Message
from simulators.ledger import Ledger, LedgerError, read

T0 = 1_767_225_600_000
NOISE = b'{"ts": \xff\xfe'


@dataclass
class Platform:
    """What a platform would tell of one device."""

    stored: dict[tuple[str, int], Value] = field(default_factory=dict)
    refused: list[tuple[bytes, str]] = field(default_factory=list)

    def readings(
        self, _device_id: str, metric: str, first: int, last: int
    ) -> Iterable[tuple[int, Value]]:
        return self.values(metric, first, last, is_state=False)

    def states(
        self, _device_id: str, metric: str, first: int, last: int
    ) -> Iterable[tuple[int, Value]]:
        return self.values(metric, first, last, is_state=True)

    def values(
        self, metric: str, first: int, last: int, *, is_state: bool
    ) -> Iterable[tuple[int, Value]]:
        return [
            (ts, value)
            for (name, ts), value in self.stored.items()
            if name == metric and first <= ts <= last and isinstance(value, str) == is_state
        ]

    def rejections(self, _device_id: str, _since: int) -> Iterable[tuple[bytes, str]]:
        return self.refused


def reading(number: int, **values: float) -> Message:
    return Message.reading(T0 + number, values or {"n": float(number)})


def written(path: Path, messages: Sequence[Message], codes: Sequence[int | None] = ()) -> Path:
    """A ledger of a device's messages, and what the broker answered: 0 unless it is said."""
    with Ledger(path) as ledger:
        for index, message in enumerate(messages):
            number = ledger.sent("dev-1", message)
            code = codes[index] if index < len(codes) else 0
            if code is not None:
                ledger.answered(number, code)
            ledger.flush()
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def test_what_is_written_is_read(file: Path) -> None:
    status = Message(b"online", channel=Channel.STATUS)
    written(file, [status, reading(1), Message(NOISE, T0), reading(3)], [0, 0, 135, None])
    contents = read(file)
    sent = contents.devices["dev-1"]
    assert [message.payload for message in sent[:3]] == [b"online", reading(1).payload, NOISE]
    assert [message.code for message in sent] == [0, 0, 135, None]
    assert [message.channel for message in sent] == ["status"] + ["telemetry"] * 3
    assert contents.messages == 4
    assert contents.ended


@pytest.mark.parametrize("line", [2, 4, 6])
def test_a_line_that_is_tampered_with_is_found_out(file: Path, line: int) -> None:
    written(file, [reading(n) for n in range(4)])
    lines = file.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b"1767", b"1768").replace(b"[1", b"[2")
    file.write_bytes(b"".join(lines))
    with pytest.raises(LedgerError, match=f"line {line}: the chain breaks here"):
        read(file)


def test_a_line_that_is_taken_out_or_moved_is_found_out(file: Path) -> None:
    written(file, [reading(n) for n in range(4)])
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3] + lines[4:]))
    with pytest.raises(LedgerError, match="line 4: the chain breaks"):
        read(file)
    file.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(LedgerError, match="line 2: the chain breaks"):
        read(file)


def test_an_end_that_is_cut_off_shows_in_the_seal_and_the_missing_end(file: Path) -> None:
    with Ledger(file) as ledger:
        ledger.answered(ledger.sent("dev-1", reading(1)), 0)
    assert read(file).seal == ledger.seal
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert read(file).seal != ledger.seal
    assert not read(file).ended


def test_a_writer_that_was_killed_in_the_middle_of_a_line_leaves_the_lines_before(
    file: Path,
) -> None:
    written(file, [reading(1), reading(2)])
    file.write_bytes(file.read_bytes()[:-20])
    contents = read(file)
    assert contents.messages == 2
    assert not contents.ended


def test_a_ledger_is_never_written_over(file: Path) -> None:
    written(file, [reading(1)])
    with pytest.raises(FileExistsError):
        Ledger(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "is no ledger"), ("hello world\n", "chain breaks"), ('{"a": 1}\n', "chain breaks")],
)
def test_what_is_no_ledger_is_told_so(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(LedgerError, match=words):
        read(file)


def judged(file: Path, platform: Platform) -> Account:
    return account(read(file), platform)


def key(number: int, metric: str = "n") -> tuple[str, int]:
    return metric, (T0 + number) * 1000


def test_everything_that_is_stored_or_rejected_is_explained(file: Path) -> None:
    ahead = Message.reading(T0 * 2, {"n": 1.0})
    messages = [reading(1), reading(2), reading(2), reading(0), Message(NOISE, T0), ahead]
    written(file, messages)
    refused = [(NOISE, "unknown-format"), (ahead.payload, "clock-ahead")]
    found = judged(file, Platform({key(n): float(n) for n in range(3)}, refused))
    assert not found.differences
    assert (found.messages, found.acknowledged, found.stored, found.rejected) == (6, 6, 4, 2)
    assert (found.repeated, found.late) == (1, 1)
    assert found.reasons == {"unknown-format": 1, "clock-ahead": 1}


def test_what_is_missing_other_or_strange_is_a_difference_by_name(file: Path) -> None:
    bad = Message(b"{", T0)
    written(file, [reading(1), reading(2), reading(5), bad])
    platform = Platform({key(1): 1.0, key(2): 7.0, key(3): 3.0}, [(b"other", "quota")])
    found = judged(file, platform)
    text = "\n".join(found.differences)
    assert len(found.differences) == 5, text
    for words in ("7.0 is stored", "is not stored", "should be rejected as", "not in the ledger"):
        assert words in text


def test_a_quota_explains_what_is_not_stored(file: Path) -> None:
    written(file, [reading(1)])
    assert not judged(file, Platform({}, [(reading(1).payload, "quota")])).differences


def test_what_was_never_answered_may_be_stored_or_not(file: Path) -> None:
    written(file, [reading(1), reading(2)], [None, None])
    found = judged(file, Platform({key(1): 1.0}))
    assert not found.differences
    assert found.unanswered == 2


def test_of_two_values_at_the_same_time_either_may_be_stored(file: Path) -> None:
    written(file, [reading(1, n=1.0), reading(1, n=2.0)])
    assert not judged(file, Platform({key(1): 2.0})).differences
    assert judged(file, Platform({key(1): 3.0})).differences


def test_columns_and_states_are_accounted_for(file: Path) -> None:
    body = {"ts": [T0, T0 + 1], "values": {"n": [0.0, 1.0]}}
    state = {"ts": T0, "values": {"mode": "eco"}}
    written(file, [Message(json.dumps(part).encode(), T0) for part in (body, state)])
    stored: dict[tuple[str, int], Value] = {key(0): 0.0, key(1): 1.0, key(0, "mode"): '"eco"'}
    found = judged(file, Platform(stored))
    assert not found.differences
    assert found.values == 3


def test_values_without_a_time_are_counted_and_not_looked_for(file: Path) -> None:
    written(file, [Message(b'{"n": 1}', T0)])
    found = judged(file, Platform())
    assert not found.differences
    assert found.untimed == 1
