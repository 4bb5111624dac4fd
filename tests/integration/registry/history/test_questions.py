"""What is asked of the past, and what is answered or refused."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from cli.api import Api, ApiError
from registry.history import choosing
from storage.history import questions
from storage.history.columns import microseconds
from storage.writer import Readings, store_readings
from tests.editions import refresh
from tests.integration.registry.history.conftest import Site

DAYS = {"from": "2026-03-28T00:00:00Z", "to": "2026-03-30T00:00:00Z"}
POWER = {"device_id": ["sunny-1"], "metric": ["power"], **DAYS}


def ask(api: Api, **more: Any) -> list[dict[str, Any]]:
    """The items of an answer about Sunny's power."""
    items: list[dict[str, Any]] = api.get("history", **{**POWER, **more})["items"]
    return items


def refusal(api: Api, **more: Any) -> tuple[str, str]:
    """Which parameter is refused, and why."""
    with pytest.raises(ApiError) as refused:
        api.get("history", **{**POWER, **more})
    assert refused.value.status == 422
    [error] = refused.value.errors
    return error["parameter"], error["detail"]


def test_the_readings_come_as_columns(owner: Api) -> None:
    [item] = ask(owner)
    assert (item["device_id"], item["metric"], item["unit"]) == ("sunny-1", "power", "kW")
    assert item["time_zone"] == "Europe/Lisbon"
    assert item["ts"][:2] == [1774656000000, 1774656060000]
    assert item["values"]["value"][:8] == [0, 1, 2, 3, 4, 5, 6, 0]
    assert len(item["ts"]) == len(item["values"]["value"]) == 2880


def test_a_day_is_one_of_the_park_and_has_23_hours_when_clocks_are_set(owner: Api) -> None:
    [item] = ask(owner, by="day", aggregate=["count"], times="text", to="2026-03-30T00:00:00Z")
    assert dict(zip(item["ts"], item["values"]["count"], strict=True)) == {
        "2026-03-28T00:00:00Z": 1440,
        "2026-03-29T00:00:00Z": 1380,
        "2026-03-30T00:00:00+01:00": 60,
    }


def test_the_zone_of_the_request_comes_first(owner: Api) -> None:
    [item] = ask(owner, by="day", aggregate=["count"], times="text", time_zone="Asia/Jakarta")
    assert item["ts"][0] == "2026-03-28T00:00:00+07:00"
    assert item["values"]["count"] == [17 * 60, 1440, 420]


def test_all_aggregates_of_one_bucket(owner: Api) -> None:
    names = ["avg", "min", "max", "sum", "count", "first", "last", "p50", "p100", "twa", "delta"]
    [item] = ask(owner, aggregate=names, to="2026-03-28T00:14:00Z")
    assert item["values"] == {
        "avg": [3], "min": [0], "max": [6], "sum": [42], "count": [14], "first": [0], "last": [6],
        "p50": [3], "p100": [6], "twa": [3], "delta": [12],
    }  # fmt: skip
    assert item["ts"] == [1774656000000]


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ("none", [1, 1]),
        ("null", [None, 1, None, 1, None, None]),
        ("previous", [None, 1, 1, 1, 1, 1]),
        ("linear", [None, 1, 1, 1, None, None]),
    ],
)
def test_gaps_are_filled_as_asked(owner: Api, fill: str, expected: list[float | None]) -> None:
    doors = {"metric": ["door"], "from": "2026-03-28T00:00:00Z", "to": "2026-03-29T12:00:00Z"}
    [item] = ask(owner, **doors, by="6h", aggregate=["max", "count"], fill=fill)
    assert item["values"]["max"] == expected
    assert sum(item["values"]["count"]) == 2
    assert len(item["ts"]) == len(expected)


def test_a_boolean_has_its_share_of_time(owner: Api, site: Site) -> None:
    site.connection.execute(
        "INSERT INTO readings SELECT id, '2026-03-28T12:00Z', 0 FROM series WHERE metric = 'door'"
    )
    [item] = ask(owner, metric=["door"], by="day", aggregate=["twa"], to="2026-03-29T00:00:00Z")
    assert item["values"]["twa"] == [pytest.approx(12 / 18)]


def test_a_chart_has_no_more_points_than_asked_and_keeps_the_peak(owner: Api, site: Site) -> None:
    peak = datetime(2026, 3, 28, 7, 0, 30, tzinfo=UTC)
    store_late(site, peak, 99)
    for points in (50, 200):
        [item] = ask(owner, points=points)
        assert points * 0.9 <= len(item["ts"]) <= points
        assert item["ts"] == sorted(item["ts"])
        assert item["thinned_from"] == 2881
        shown = dict(zip(item["values"]["value"], item["ts"], strict=True))
        # Where few points are made of buckets of an hour, the time is that of the bucket.
        assert abs(shown[99] / 1000 - peak.timestamp()) < 3600
        assert min(shown) == 0
    site.connection.execute("DELETE FROM readings WHERE value = 99")
    refresh(site.database_url)


def store_late(site: Site, ts: datetime, value: float) -> None:
    """Store a reading of Sunny's power as ingest does, and let the rollups have it."""
    row = site.connection.execute(
        "SELECT id FROM series WHERE device_id = 'sunny-1' AND metric = 'power'"
    ).fetchone()
    assert row
    late = Readings(np.array([row[0]], np.int32), np.array([microseconds(ts)]), np.array([value]))
    store_readings(site.connection, late)
    refresh(site.database_url)


def test_a_series_with_fewer_readings_than_points_comes_as_it_is(owner: Api) -> None:
    [item] = ask(owner, points=5000)
    assert len(item["ts"]) == 2880
    assert item["thinned_from"] is None


def test_aggregates_for_a_chart_have_a_step_that_people_know(owner: Api) -> None:
    [item] = ask(owner, points=100, aggregate=["avg", "max"])
    assert set(item["values"]) == {"avg", "max"}
    assert {b - a for a, b in zip(item["ts"], item["ts"][1:], strict=False)} == {30 * 60_000}


def test_buckets_are_thinned_together(owner: Api) -> None:
    [item] = ask(owner, by="1m", points=20, aggregate=["max", "count"])
    assert len(item["ts"]) == len(item["values"]["max"]) == len(item["values"]["count"])
    assert 15 < len(item["ts"]) <= 20
    assert item["thinned_from"] == 2880


def test_many_series_are_asked_at_once(owner: Api) -> None:
    both = {"device_id": ["sunny-1", "sunny-2"], "by": "day", "aggregate": ["count"]}
    assert [item["device_id"] for item in ask(owner, **both)] == ["sunny-1", "sunny-2"]
    for choice in ({"tag": "roof"}, {"tenant_id": "sunny"}, {"tag": "roof", "model_id": None}):
        found = ask(owner, **{**both, "device_id": None, **choice})
        assert [item["device_id"] for item in found] == ["sunny-1", "sunny-2"]
    found = ask(owner, **{**both, "device_id": None, "model_id": "sunny-model"})
    assert [item["device_id"] for item in found] == ["sunny-1"]


def test_a_filter_shows_what_one_may_see(site: Site) -> None:
    whole = {"device_id": None, "park_id": "porto", "by": "day", "aggregate": ["count"]}
    devices = {
        who: [item["device_id"] for item in ask(site.as_(who), **whole)]
        for who in ("manager", "owner", "nobody")
    }
    assert devices["manager"] == ["guest-1", "sunny-1", "sunny-2"]
    assert devices["owner"] == ["sunny-1", "sunny-2"]
    assert devices["nobody"] == []


def test_a_table_comes_by_accept_or_by_format(site: Site) -> None:
    query = {**POWER, "by": "day", "aggregate": ["avg", "count"], "time_zone": "Asia/Makassar"}
    for more in ({"headers": {"Accept": "text/csv"}}, {"params": {"format": "csv"}}):
        parameters = {**query, **more.pop("params", {})}
        answer = site.registry.request(
            "GET", "/api/v1/history", site.world.tokens["owner"], params=parameters, **more
        )
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["ts"] for row in rows] == [
            f"2026-03-{day}T00:00:00+08:00" for day in (28, 29, 30)
        ]
        assert [int(row["count"]) for row in rows] == [960, 1440, 480]
        assert set(rows[0]) == {"device_id", "metric", "ts", "avg", "count"}


def test_a_time_may_be_said_from_now(owner: Api, site: Site) -> None:
    site.connection.execute(
        "INSERT INTO readings SELECT id, now() - INTERVAL '90 s', 5 FROM series "
        "WHERE device_id = 'sunny-2'"
    )
    found = {"device_id": ["sunny-2"], "to": None}
    assert ask(owner, **found, **{"from": "-2m"})[0]["values"]["value"] == [5]
    assert ask(owner, **found, **{"from": "-1m"})[0]["values"]["value"] == []
    site.connection.execute("DELETE FROM readings WHERE value = 5 AND ts > '2026-04-01Z'")


@pytest.mark.parametrize(
    ("more", "parameter", "says"),
    [
        ({"from": "2026-03-30T00:00:00Z"}, "from", "is not before the end"),
        ({"from": "now", "to": "-1h"}, "from", "now is not before the end, -1h"),
        ({"from": "2026-03-28T00:00:00"}, "from", "which time zone"),
        ({"from": "1990-01-01T00:00:00Z", "to": "1999-01-01T00:00:00Z"}, "to", "before 2000"),
        ({"to": "tomorrow"}, "to", "give a time with its zone"),
        ({"metric": ["powr"]}, "metric", "there is no metric powr: there is door, power"),
        ({"metric": ["mode"]}, "metric", "is no number: read it at /devices/sunny-1/states"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "Asia/Jakarta"),
        ({"aggregate": ["mean"]}, "aggregate.0", "avg, min, max"),
        ({"aggregate": ["p101"]}, "aggregate.0", "from p0 to p100"),
        ({"by": "0s"}, "by", "not zero"),
        ({"by": "-1h"}, "by", "such as 500ms"),
        ({"by": "fortnight"}, "by", "hour, day, week"),
        ({"by": "9999999w"}, "by", "such as 500ms"),
        ({"by": "1ms", "to": "2027-03-28T00:00:00Z"}, "by", "31,536,000,000 buckets"),
        ({"by": "hour", "to": "2999-01-01T00:00:00Z"}, "by", "buckets, and at most 1,000,000"),
        ({"fill": "linear"}, "fill", "say which with `by`"),
        ({"fill": "zero", "by": "day"}, "fill", "'none', 'null', 'previous' or 'linear'"),
        ({"points": 9}, "points", "give 10 or more"),
        ({"points": 10_001}, "points", "give 10000 or less"),
        ({"device_id": None}, "device_id", "name a device, or a tenant"),
        ({"device_id": ["sunny-1"] * 101}, "device_id", "give 100 or fewer"),
        ({"colour": "red"}, "colour", "misspelt"),
    ],
)
def test_what_is_wrong_is_refused_with_its_cure(
    owner: Api, more: dict[str, Any], parameter: str, says: str
) -> None:
    refused, detail = refusal(owner, **more)
    assert refused == parameter
    assert says in detail


def test_too_much_is_refused_with_its_number(owner: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MAX_VALUES", 2879)
    monkeypatch.setattr(questions, "MAX_READINGS", 2879)
    assert refusal(owner) == (
        "from",
        "these are 2,880 readings, and at most 2,879 are given at once: take a shorter time, or "
        "buckets with `by`",
    )
    parameter, detail = refusal(owner, by="day", aggregate=["p50"])
    assert parameter == "aggregate"
    assert "would read 2,880 readings, and at most 2,879" in detail
    assert ask(owner, by="day", aggregate=["avg"])
    parameter, detail = refusal(owner, points=4000)
    assert (parameter, "2,880 buckets" in detail) == ("points", True)
    monkeypatch.setattr(choosing, "MAX_SERIES", 1)
    parameter, detail = refusal(owner, device_id=["sunny-1", "sunny-2"])
    assert (parameter, detail) == (
        "metric",
        "these are more than 1 series: choose fewer devices or metrics",
    )
    monkeypatch.setattr(choosing, "MAX_DEVICES", 1)
    parameter, detail = refusal(owner, device_id=None, tag="roof")
    assert (parameter, detail) == ("tag", "these are more than 1 devices: choose fewer")


def test_a_sum_that_no_number_holds_is_told_so(site: Site, owner: Api) -> None:
    site.connection.execute(
        "INSERT INTO readings SELECT id, day, value FROM series, (VALUES "
        "('2026-07-01Z'::timestamptz, 1.7e308), ('2026-07-02Z', 1.6e308)) AS huge (day, value) "
        "WHERE metric = 'door'"
    )
    # The job may have summed up these days already.
    site.connection.execute(
        "INSERT INTO rollup_stale SELECT id, unnest('{2026-07-01Z, 2026-07-02Z}'::timestamptz[]) "
        "FROM series WHERE metric = 'door'"
    )
    refresh(site.database_url)
    july = {"metric": ["door"], "from": "2026-07-01T00:00:00Z", "to": "2026-08-01T00:00:00Z"}
    parameter, detail = refusal(owner, **july, by="month")
    assert (parameter, "beyond all numbers" in detail) == ("aggregate", True)
    [item] = ask(owner, **july, by="month", aggregate=["max", "p50"])
    assert item["values"] == {"max": [1.7e308], "p50": [pytest.approx(1.65e308)]}


def test_a_foreign_device_is_none_and_its_metrics_are_not_named(owner: Api) -> None:
    with pytest.raises(ApiError) as refused:
        ask(owner, device_id=["sunny-1", "other-1"], metric=["secret"])
    assert refused.value.status == 404
    assert refused.value.errors == [
        {"parameter": "device_id.1", "detail": "there is no such device"}
    ]


def test_a_reader_is_told_of_the_agreed_metrics_alone(site: Site, owner: Api) -> None:
    reader = site.as_("stranger")
    offer = {
        "tenant_id": "sunny", "reader_tenant_id": "other", "device_ids": ["sunny-1"],
        "metrics": ["door"], "last_day": "2099-12-31", "history_from": "2020-01-01",
    }  # fmt: skip
    number = owner.post("agreements", offer)["id"]
    reader.post(f"agreements/{number}/accept")
    assert refusal(reader) == ("metric", "there is no metric power: there is door")
    assert len(ask(reader, metric=["door"])) == 1
    owner.post(f"agreements/{number}/revoke")
    with pytest.raises(ApiError, match="there is no such device"):
        ask(reader, metric=["door"])


def test_the_slot_of_another_is_in_no_bucket(site: Site, owner: Api) -> None:
    slot = ["2026-03-28T10:00:30Z", "2026-03-28T13:00:30Z"]
    site.connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) "
        "VALUES ('sunny-1', 'other', tstzrange(%s, %s))",
        slot,
    )
    day = {"by": "day", "aggregate": ["count", "p50"], "to": "2026-03-29T00:00:00Z"}
    [mine], [theirs] = ask(owner, **day), ask(site.as_("stranger"), **day)
    assert (mine["values"]["count"], theirs["values"]["count"]) == ([1260], [180])
    [whole] = ask(site.registry.admin, **day)
    assert whole["values"]["count"] == [1440]
    site.connection.execute("DELETE FROM bookings")


def test_the_typed_client_reads_it(owner: Api) -> None:
    found = owner.show_history(
        device_id=["sunny-1"], metric=["power"], from_=DAYS["from"], to=DAYS["to"], by="week"
    )
    assert found["by"] == "week"
    [item] = found["items"]
    assert len(item["values"]["avg"]) == 2


def test_an_answer_that_one_has_is_not_sent_again(site: Site) -> None:
    token = site.world.tokens["owner"]
    first = site.registry.request("GET", "/api/v1/history", token, params=POWER)
    again = site.registry.request(
        "GET",
        "/api/v1/history",
        token,
        params=POWER,
        headers={"If-None-Match": first.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_times_with_parts_of_a_second_are_whole_in_both_forms(site: Site, owner: Api) -> None:
    moment = datetime(2026, 5, 1, 12, 0, 0, 123, tzinfo=UTC)
    site.connection.execute(
        "INSERT INTO readings SELECT id, %s, 1 FROM series "
        "WHERE device_id = 'sunny-1' AND metric = 'power'",
        [moment],
    )
    around = {"from": "2026-05-01T00:00:00Z", "to": (moment + timedelta(days=1)).isoformat()}
    assert ask(owner, **around)[0]["ts"] == [1777636800000.123]
    assert ask(owner, **around, times="text")[0]["ts"] == ["2026-05-01T13:00:00.000123+01:00"]
