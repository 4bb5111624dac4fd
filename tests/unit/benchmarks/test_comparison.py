"""Ratios are taken within a round, and a figure above its limit is said."""

from benchmarks.comparison import Contestant, cpu_of_100k
from benchmarks.end_to_end import Run
from benchmarks.results import Table


def contestant(*seconds: float, messages: int = 100) -> Contestant:
    runs = [Run(messages, 5 * messages, each, lost=1) for each in seconds]
    return Contestant("fleet", "c", "one", 1, lambda: runs[0], runs)


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    """In the second round a neighbour came when the other ran; in the third, before both."""
    ours, theirs = contestant(1, 1, 5), contestant(2, 20, 10)
    assert ours.versus(theirs) == 2


def test_a_slower_one_with_a_part_of_the_load_is_compared_by_its_rate() -> None:
    assert contestant(1).versus(contestant(1, messages=5)) == 20


def test_the_typical_run_is_one_that_was_run() -> None:
    assert contestant(3, 1, 2).typical().seconds == 2


def test_what_is_lost_is_counted_over_all_rounds() -> None:
    assert contestant(3, 1, 2).lost() == 3


def test_cpu_seconds_are_told_for_half_a_million_values() -> None:
    assert cpu_of_100k(Run(50_000, 250_000, 1.0, cpu=0.4)) == 0.8
    assert cpu_of_100k(Run(125, 1_000_000, 1.0, cpu=0.4)) == 0.2


def test_a_figure_above_its_limit_is_said() -> None:
    table = Table("latency", "", [], figures={"p99_ms": 612.3, "lost": 0})
    table.limits = {"p99_ms": 500, "lost": 0}
    assert table.broken() == ["latency: p99_ms is 612.30, the limit is 500"]
