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
        (
            "SELECT $__timeGroup(time_column,'5m', previous), value",
            "SELECT time_bucket('300.000s',time_column) AS \"time\", value",
        ),
        ("count(*) * 1000.0 / $__interval_ms", "count(*) * 1000.0 / 30000"),
        ("'$__interval' ${__interval}", "'30s' 30s"),
        ("$__from ${__to}", "1523556000000 1523556300000"),
        ("select $__time(time_column)", 'select time_column AS "time"'),
        ("select $__timeEpoch(time_column)", 'select extract(epoch from time_column) as "time"'),
        (
            "select $__unixEpochFilter(time)",
            "select time >= 1523556000 AND time <= 1523556300",
        ),
        (
            "select $__unixEpochNanoFilter(time)",
            "select time >= 1523556000000000000 AND time <= 1523556300000000000",
        ),
        ("select $__unixEpochNanoFrom()", "select 1523556000000000000"),
        ("select $__unixEpochNanoTo()", "select 1523556300000000000"),
        (
            "SELECT $__unixEpochGroup(time_column,'5m')",
            "SELECT floor((time_column)/300)*300",
        ),
        (
            "SELECT $__unixEpochGroupAlias(time_column,'5m', NULL)",
            'SELECT floor((time_column)/300)*300 AS "time"',
        ),
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
    ("query", "expected"),
    [
        ("${park}", "'delhi','o''hare'"),
        ("${park:sqlstring}", "'delhi','o''hare'"),
        ("${park:singlequote}", "'delhi','o\\'hare'"),
        ("${park:doublequote}", '"delhi","o\'hare"'),
        ("${park:csv}", "delhi,o'hare"),
        ("${metric:raw}", "it's"),
        ("${metric:sqlstring}", "'it''s'"),
        ("${metric}s and $metrics", "it''ss and many"),
    ],
)
def test_braces_say_how_a_value_is_written(query: str, expected: str) -> None:
    variables = {"park": ["delhi", "o'hare"], "metric": "it's", "metrics": "many"}
    assert expand(query, VIEW, variables) == expected


def test_a_variable_may_be_in_a_macro() -> None:
    assert expand("$__timeGroup(ts, '$step')", VIEW, {"step": "1h"}) == (
        "time_bucket('3600.000s',ts)"
    )


def test_a_fraction_of_a_second_is_written_without_zeros_at_its_end() -> None:
    view = View(FROM + timedelta(milliseconds=70), FROM, VIEW.interval)
    assert expand("$__timeFrom()", view, {}) == "'2018-04-12T18:00:00.07Z'"


def test_a_view_has_the_interval_of_its_range_and_width() -> None:
    view = View.of(FROM, FROM + timedelta(hours=24), 500, timedelta(seconds=5))
    assert expand("$__interval $__interval_ms", view, {}) == "2m 120000"


@pytest.mark.parametrize(
    "query",
    [
        "$__timeGroupAlias(ts)", "$__week(ts)", "$__timeGroup(ts, 'soon')", "$unknown",
        "$__timeGroup(ts, 1m, soon)", "$__timeFilter()", "$__rate_interval", "${park:soup}",
        "$__timeFilter",
    ],
)  # fmt: skip
def test_what_grafana_does_not_know_is_refused(query: str) -> None:
    with pytest.raises(UnknownMacroError):
        expand(query, VIEW, {"park": ["delhi"]})
