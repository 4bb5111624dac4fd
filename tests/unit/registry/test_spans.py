from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from registry.quality.spans import Spans, at_least, by_day, days, minus, spans, total

sets = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6).map(
    lambda pairs: at_least([spans([pair]) for pair in pairs], 1)
)


def moments(time: Spans) -> set[int]:
    return {moment for start, end in time.tolist() for moment in range(start, end)}


@given(st.lists(sets, max_size=4), st.integers(1, 4))
def test_a_moment_is_in_a_combination_if_it_is_in_so_many_sets(
    several: list[Spans], depth: int
) -> None:
    found = at_least(several, depth)
    assert moments(found) == {
        moment for moment in range(41) if sum(moment in moments(one) for one in several) >= depth
    }
    assert total(found) == len(moments(found))
    assert all(one[1] < other[0] for one, other in pairwise(found))


@given(sets, sets)
def test_what_is_left_of_a_set_is_what_the_other_has_not(one: Spans, other: Spans) -> None:
    assert moments(minus(one, other)) == moments(one) - moments(other)


@given(sets)
def test_days_share_a_set_among_them(time: Spans) -> None:
    bounds = np.array([(0, 7), (7, 8), (8, 40)])
    expected = [len(moments(time) & set(range(*bound))) for bound in bounds.tolist()]
    assert by_day(time, bounds).tolist() == expected


def test_a_day_of_a_zone_has_23_hours_when_summer_time_begins() -> None:
    dates, bounds = days(
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 23, tzinfo=UTC),
        "Europe/Lisbon",
    )
    assert dates == [date(2026, 3, 28), date(2026, 3, 29)]
    assert np.diff(bounds).ravel().tolist() == [24 * 3600 * 10**6, 23 * 3600 * 10**6]
