"""The expected texts are those of Grafana's documentation and of its engine's own tests."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from dashboards.macros import UnknownMacroError, View, expand

FROM = datetime(2018, 4, 12, 18, 0, tzinfo=UTC)
VIEW = View(FROM, FROM + timedelta(minutes=5), timedelta(seconds=30))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "WHERE $__timeFilter(time_column)",
            "WHERE time_column BETWEEN '2018-04-12T18:00:00Z' AND '2018-04-12T18:05:00Z'",
        ),
        ("select $__timeFrom()", "select '2018-04-12T18:00:00Z'"),
        ("select $__timeTo()", "select '2018-04-12T18:05:00Z'"),
        (
            "GROUP BY $__timeGroup(time_column , '5m')",
            "GROUP BY time_bucket('300.000s',time_column)",
        ),
        (
            "GROUP BY $__timeGroup(time_column,'12d')",
            "GROUP BY time_bucket('1036800.000s',time_column)",
        ),
        (
            "GROUP BY $__timeGroup(time_column,'20ms')",
            "GROUP BY time_bucket('0.020s',time_column)",
        ),
        (
            "SELECT $__timeGroupAlias(time_column,$__interval, 0), value",
            "SELECT time_bucket('30.000s',time_column) AS \"time\", value",
        ),
        ("count(*) * 1000.0 / $__interval_ms", "count(*) * 1000.0 / 30000"),
    ],
)
def test_a_macro_becomes_what_grafana_makes_of_it(query: str, expected: str) -> None:
    assert expand(query, VIEW, {}) == expected


def test_a_range_in_another_time_zone_is_written_in_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    view = View(FROM.astimezone(india), FROM.astimezone(india), VIEW.interval)
    assert expand("$__timeFrom()", view, {}) == "'2018-04-12T18:00:00Z'"


def test_several_values_are_quoted_and_one_is_not() -> None:
    variables = {"park": ["delhi", "o'hare"], "metric": "it's"}
    assert (
        expand("park IN ($park) AND metric = '$metric'", VIEW, variables)
        == "park IN ('delhi','o''hare') AND metric = 'it''s'"
    )


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("o'hare", "IN ('o''hare')"), (["delhi", "o'hare"], "IN ('delhi','o''hare')")],
)
def test_a_variable_as_a_string_of_sql_is_quoted_whether_one_or_several(
    chosen: str | list[str], expected: str
) -> None:
    assert expand("IN (${park:sqlstring})", VIEW, {"park": chosen}) == expected


@pytest.mark.parametrize(
    "query",
    [
        "$__timeGroupAlias(ts)",
        "$__week(ts)",
        "$__timeGroup(ts, 'soon')",
        "$unknown",
        "${unknown:sqlstring}",
    ],
)
def test_what_grafana_does_not_know_is_refused(query: str) -> None:
    with pytest.raises(UnknownMacroError):
        expand(query, VIEW, {})
