"""What is asked about the past: of the API, and in SQL of ThingsBoard's layout."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np

from benchmarks.past import DAY_US, END_US, HUNDRED
from benchmarks.plain import KEYS

END_MS = END_US // 1000
DAY_MS = DAY_US // 1000


@dataclass(frozen=True)
class Question:
    """A question in both worlds.

    Attributes:
        name: what people read.
        figure: its name in the line of figures.
        limit: ms at most; None: nothing is promised.
        path: of the API, with its parameters.
        plain: SQL on the other layout.
    """

    name: str
    figure: str
    limit: float | None
    path: str
    plain: str


def history(device: str, metric: str, days: int, **more: str) -> str:
    """The path of a question about one series, or those of a tag."""
    asked = {"metric": metric, "from": rfc3339(END_US - days * DAY_US), "to": rfc3339(END_US)}
    place = {"device_id": device} if device else {"tag": HUNDRED}
    return "/api/v1/history?" + urlencode({**place, **asked, **more})


def rfc3339(us: int) -> str:
    """A time as the API reads it."""
    return f"{np.datetime64(us, 'us').astype('M8[s]')}Z"


def since(days: int, device: str, metric: str) -> str:
    """The condition for one series of the other layout."""
    return (
        f"entity_id = md5('{device}')::uuid AND key = {KEYS[metric]} "
        f"AND ts >= {END_MS - days * DAY_MS} AND ts < {END_MS}"
    )


HOUR = "ts / 3600000 * 3600000"
OF_HUNDRED = (
    "entity_id IN (SELECT md5(format('sensor-%s', n))::uuid FROM generate_series(1, 100) n) "
    f"AND key = {KEYS['temperature']} AND ts >= {END_MS - 7 * DAY_MS} AND ts < {END_MS}"
)
STEP = 365 * DAY_MS // 1000
QUESTIONS = [
    Question(
        "the newest value of 10,000 series", "last_10k_ms", 300,
        "/api/v1/latest?tenant_id=bench&limit=10000",
        "SELECT d.name, l.key, l.ts, l.dbl_v FROM ts_kv_latest l JOIN plain_device d "
        "ON d.id = l.entity_id ORDER BY 1, 2",
    ),
    Question(
        "24 h of a series at 1 Hz, raw", "raw_24h_ms", 150,
        history("rig-1", "torque", 1),
        f"SELECT ts, dbl_v FROM ts_kv WHERE {since(1, 'rig-1', 'torque')} ORDER BY ts",
    ),
    Question(
        "30 d of a series at 1 Hz, by hour", "hours_30d_ms", 30,
        history("rig-1", "torque", 30, by="1h"),
        f"SELECT {HOUR} AS bucket, avg(dbl_v) FROM ts_kv WHERE {since(30, 'rig-1', 'torque')} "
        "GROUP BY bucket ORDER BY bucket",
    ),
    Question(
        "30 d of a series at 1 Hz, by day in Jakarta", "days_30d_ms", None,
        history("rig-2", "torque", 30, by="day", aggregate="max"),
        "SELECT (to_timestamp(ts / 1000) AT TIME ZONE 'Asia/Jakarta')::date AS bucket, max(dbl_v) "
        f"FROM ts_kv WHERE {since(30, 'rig-2', 'torque')} GROUP BY bucket ORDER BY bucket",
    ),
    Question(
        "7 d of 100 series, by hour", "hours_100_ms", 300,
        history("", "temperature", 7, by="1h"),
        f"SELECT entity_id, {HOUR} AS bucket, avg(dbl_v) FROM ts_kv WHERE {OF_HUNDRED} "
        "GROUP BY entity_id, bucket ORDER BY entity_id, bucket",
    ),
    Question(
        "a chart of a year, 1,000 points", "chart_year_ms", 100,
        history("roof-1", "ac_power", 365, points="1000"),
        f"SELECT ts / {STEP} AS bucket, min(dbl_v), max(dbl_v) FROM ts_kv "
        f"WHERE {since(365, 'roof-1', 'ac_power')} GROUP BY bucket ORDER BY bucket",
    ),
    Question(
        "a chart of 30 d at 1 Hz, 1,000 points", "chart_1hz_ms", None,
        history("rig-3", "torque", 30, points="1000"),
        f"SELECT ts / {30 * DAY_MS // 1000} AS bucket, min(dbl_v), max(dbl_v) FROM ts_kv "
        f"WHERE {since(30, 'rig-3', 'torque')} GROUP BY bucket ORDER BY bucket",
    ),
]  # fmt: skip


MONTH_AGO_S = (END_US - 30 * DAY_US) // 1_000_000
# What `hours_30d` would be without rollups.
WITHOUT = f"""
SELECT time_bucket('1 hour', ts) AS bucket, avg(value) FROM readings
WHERE series_id = (SELECT id FROM series WHERE device_id = 'rig-1' AND metric = 'torque')
  AND ts >= to_timestamp({MONTH_AGO_S})
  AND ts < to_timestamp({END_US // 1_000_000})
GROUP BY bucket ORDER BY bucket
"""
