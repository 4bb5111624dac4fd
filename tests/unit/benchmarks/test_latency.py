"""Latencies are those that were measured, counted from when a message was due."""

from benchmarks.latency import RATE, Turn, due_us, percentile, series_of
from benchmarks.limits import DEVICES
from benchmarks.senders import Start


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile(values, 100) == 100
    assert percentile([1, 1000], 50) == 1
    assert percentile([7], 99) == 7


def test_messages_are_due_at_equal_distances() -> None:
    start = Start(first=4_000, epoch_us=1_000_000, monotonic_ns=0)
    assert due_us(start, 4_000) == 1_000_000
    assert due_us(start, 4_001) == 1_000_000 + 1_000_000 // RATE
    assert due_us(start, 4_000 + RATE) == 2_000_000


def test_no_two_messages_of_a_run_have_the_same_time() -> None:
    start = Start(first=0, epoch_us=0, monotonic_ns=0)
    assert len({due_us(start, n) for n in range(10_000)}) == 10_000


def test_the_watched_series_is_the_last_of_the_device() -> None:
    assert series_of(0) == 5
    assert series_of(1) == 10
    assert series_of(DEVICES) == 5


def test_turns_are_joined_value_by_value() -> None:
    joined = Turn.joined([Turn([1], [2], [3], 4), Turn([5], [6], [7], 8)])
    assert joined == Turn([1, 5], [2, 6], [3, 7], 12)
