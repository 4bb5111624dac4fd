"""Questions about vehicles, in both layouts: those of the Time Series Benchmark Suite's IoT set.

Source: github.com/timescale/tsbs, ``docs/iot.md``: what is asked, not how. Its trucks are our
motorcycles, their fuel is the charge of the battery; projected consumption has no counterpart.
"""

from __future__ import annotations

from benchmarks.past import DAY_US, END_US
from benchmarks.plain import KEYS

END_S = END_US // 1_000_000
DAY_S = DAY_US // 1_000_000


def of_series(metric: str) -> str:
    """The series of a metric of all vehicles."""
    return (
        f"series_id = ANY(ARRAY(SELECT id FROM series WHERE metric = '{metric}' "
        "AND device_id LIKE 'bike-%'))"
    )


def of_keys(metric: str) -> str:
    """The same in the other layout."""
    return (
        "entity_id = ANY(ARRAY(SELECT id FROM plain_device WHERE kind = 'bike')) "
        f"AND key = {KEYS[metric]}"
    )


def ours(metric: str, seconds: int, value: str = "sum / n") -> str:
    """A metric of each vehicle by ten minutes from the end backwards, from the rollup."""
    return (
        f"SELECT series_id AS who, bucket, {value} AS value FROM readings_10m "
        f"WHERE {of_series(metric)} AND bucket >= to_timestamp({END_S - seconds}) "
        f"AND bucket < to_timestamp({END_S})"
    )


def by_day(metric: str, value: str) -> str:
    """A metric of each vehicle by day, from the rollup."""
    return (
        f"SELECT series_id AS who, bucket, {value} AS value FROM readings_1d "
        f"WHERE {of_series(metric)} AND bucket >= to_timestamp({END_S - 30 * DAY_S}) "
        f"AND bucket < to_timestamp({END_S})"
    )


def plain(metric: str, seconds: int, bucket: int = 600, value: str = "avg(dbl_v)") -> str:
    """The same in the other layout; the bucket in seconds."""
    return (
        f"SELECT entity_id AS who, ts / {bucket * 1000} AS bucket, {value} AS value FROM ts_kv "
        f"WHERE {of_keys(metric)} AND ts >= {(END_S - seconds) * 1000} AND ts < {END_S * 1000} "
        "GROUP BY who, bucket"
    )


def newest(metric: str) -> tuple[str, str]:
    """The newest value of each vehicle, in both layouts."""
    return (
        f"SELECT series_id AS who, ts, value FROM latest WHERE {of_series(metric)}",
        f"SELECT entity_id AS who, ts, dbl_v AS value FROM ts_kv_latest WHERE {of_keys(metric)}",
    )


def both(query: str, pair: tuple[str, str]) -> tuple[str, str]:
    """A query on each of the two."""
    one, other = (query.format(f"({each})") for each in pair)
    return one, other


def driving(seconds: int) -> tuple[str, str]:
    """Ten minutes in which each vehicle drove."""
    return both(
        "SELECT who, bucket FROM {} AS b WHERE value > 1",
        (ours("speed", seconds), plain("speed", seconds)),
    )


HOURS = "SELECT who, count(*) FROM {} AS d GROUP BY who HAVING count(*) > "
ACTIVE = (
    "SELECT avg(hours) FROM (SELECT who, count(*) / 6.0 / 30 AS hours FROM {} AS d GROUP BY who) h"
)
BREAKS = (
    "SELECT who, count(*) FILTER (WHERE broken AND NOT was) FROM ("
    "SELECT who, value > 0.5 AS broken, lag(value > 0.5) OVER (PARTITION BY who ORDER BY bucket) "
    "AS was FROM {} AS b) s GROUP BY who"
)
MONTH = 30 * DAY_S
VEHICLES = [
    (name, *pair)
    for name, pair in {
        "where each vehicle is": (
            f"SELECT device_id, a.value, b.value FROM ({newest('latitude')[0]}) a "
            "JOIN series s ON s.id = who JOIN series t USING (device_id) "
            f"JOIN ({newest('longitude')[0]}) b ON b.who = t.id",
            f"SELECT who, a.value, b.value FROM ({newest('latitude')[1]}) a "
            f"JOIN ({newest('longitude')[1]}) b USING (who)",
        ),
        "those with a low battery": both(
            "SELECT who FROM {} AS l WHERE value < 50", newest("state_of_charge")
        ),
        "those with a high load": both("SELECT who FROM {} AS l WHERE value > 20", newest("load")),
        "those that stand still": both(
            "SELECT who FROM {} AS b WHERE value < 1", (ours("speed", 600), plain("speed", 600))
        ),
        "long sessions, 4 h": both(HOURS + "1", driving(4 * 3600)),
        "long sessions, a day": both(HOURS + "60", driving(DAY_S)),
        "hours that they drive a day, 30 d": both(ACTIVE, driving(MONTH)),
        "average load by vehicle, 30 d": both(
            "SELECT who, avg(value) FROM {} AS l GROUP BY who",
            (by_day("load", "sum / n"), plain("load", MONTH, DAY_S)),
        ),
        "activity by day, 30 d": both(
            "SELECT bucket, avg(value) FROM {} AS l GROUP BY bucket ORDER BY bucket",
            (by_day("speed", "sum / n"), plain("speed", MONTH, DAY_S)),
        ),
        "how often they break down, 30 d": both(
            BREAKS,
            (
                ours("broken", MONTH, value="max"),
                plain("broken", MONTH, value="max(dbl_v)"),
            ),
        ),
    }.items()
]
