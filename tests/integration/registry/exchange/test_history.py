"""History comes in from CSV and Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.exchange import parquet_files
from tests.integration.registry.exchange.conftest import Site

PATH = "/api/v1/tenants/sunny/history"
LONG = """\
device,metric,ts,value
sunny-1,speed,2026-01-01T07:00:00+07:00,1.5
sunny-1,speed,2026-01-01T00:00:01Z,2
sunny-2,speed,2026-01-01T00:00:00.123456Z,-3e2
"""


@pytest.fixture(autouse=True)
def nothing_stays(site: Site) -> Iterator[None]:
    """Each test's own series."""
    yield
    site.connection.execute(
        "DELETE FROM readings WHERE ts < '2026-02-01Z'; DELETE FROM flags WHERE ts < '2026-02-01Z';"
        "DELETE FROM data_imports"
    )


def send(site: Site, content: str | bytes, who: str = "owner", **options: Any) -> httpx.Response:
    body = content.encode() if isinstance(content, str) else content
    return site.registry.request("POST", PATH, site.world.tokens[who], content=body, params=options)


def said(answer: httpx.Response) -> dict[str, list[Any]]:
    assert answer.status_code == 200, answer.text
    found: dict[str, list[Any]] = {"fault": [], "problem": [], "result": [], "progress": []}
    for line in answer.text.splitlines():
        [(kind, item)] = json.loads(line).items()
        found[kind].append(item)
    return found


def run(site: Site, content: str | bytes, **options: Any) -> Any:
    found = said(send(site, content, **options))
    assert not found["problem"], found
    [only] = found["result"]
    return {**only, "lines": found["fault"]}


def rows(site: Site, device: str, metric: str) -> list[tuple[datetime, float]]:
    return site.connection.execute(
        "SELECT ts, value FROM telemetry WHERE device = %s AND metric = %s "
        "AND ts < '2026-02-01Z' ORDER BY ts",
        [device, metric],
    ).fetchall()


MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def test_rows_that_name_device_and_metric_are_stored_once(site: Site) -> None:
    tried = run(site, LONG, dry_run=True)
    assert (tried["stored"], tried["readings"]) == (False, {"given": 3, "stored": 0})
    assert rows(site, "sunny-1", "speed") == []
    assert site.scalar("SELECT count(*) FROM series WHERE metric = 'speed'") == 0

    assert run(site, LONG)["readings"] == {"given": 3, "stored": 3}
    assert rows(site, "sunny-1", "speed") == [
        (MIDNIGHT, 1.5),
        (MIDNIGHT + timedelta(seconds=1), 2),
    ]
    assert rows(site, "sunny-2", "speed") == [(MIDNIGHT + timedelta(microseconds=123456), -300)]
    again = run(site, LONG)
    assert again["readings"] == {"given": 3, "stored": 0}
    assert "nothing was stored twice" in again["note"]


def test_an_export_comes_back(site: Site) -> None:
    for kind in ("csv", "parquet"):
        path = f"/api/v1/exports/readings?id=sunny-1&metric=power&format={kind}"
        file = site.registry.request("GET", path, site.world.tokens["owner"]).content
        site.connection.execute(
            "DELETE FROM readings WHERE ts = '2026-03-01T22:07Z' "
            "AND series_id = (SELECT id FROM series WHERE device_id = 'sunny-1' "
            "AND metric = 'power')"
        )
        assert run(site, file)["readings"] == {"given": 300, "stored": 1}


def test_a_column_of_each_metric_with_a_decimal_comma_and_local_times(site: Site) -> None:
    file = "Zeit;Temp;Tür\n01.01.2026 07:00;21,5;true\n01.01.2026 07:01;;false\n"
    found = run(
        site,
        file,
        device_id="sunny-1",
        map=["t.air=Temp", "door=Tür"],
        time_column="Zeit",
        time_format="%d.%m.%Y %H:%M",
        time_zone="Asia/Jakarta",
    )
    assert found["readings"] == {"given": 3, "stored": 3}
    assert rows(site, "sunny-1", "t.air") == [(MIDNIGHT, 21.5)]
    assert [value for _, value in rows(site, "sunny-1", "door")] == [1, 0]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("1767225600", {}),
        ("1767225600000", {}),
        ("1767225600000000", {}),
        ("1767225600000000000", {}),
        ("1767225600.0", {"time_format": "s"}),
        ("1767225600000", {"time_format": "ms"}),
        ("1767225600000000000", {"time_format": "ns"}),
        ("2026-01-01T00:00:00Z", {"time_format": "rfc3339"}),
        ("2026-01-01 07:00:00.000000000+07:00", {}),
        ("2026-01-01 07:00:00", {"time_format": "local", "time_zone": "Asia/Jakarta"}),
        ("1.1.26 0.00 +0000", {"time_format": "%d.%m.%y %H.%M %z"}),
        ("07:00:00.0 1/1/2026", {"time_format": "%H:%M:%S.%f %d/%m/%Y",
                                 "time_zone": "Asia/Jakarta"}),
    ],
)  # fmt: skip
def test_times_come_in_many_forms(site: Site, text: str, options: Any) -> None:
    run(site, f"ts,speed\n{text},7\n", device_id="sunny-1", **options)
    assert rows(site, "sunny-1", "speed") == [(MIDNIGHT, 7)]


def test_a_local_time_that_the_clock_has_twice_or_never_is_a_fault(site: Site) -> None:
    file = "ts,speed\n2025-10-26 01:30:00,1\n2025-03-30 01:30:00,2\n2025-10-26 03:30:00,3\n"
    found = run(
        site, file, device_id="sunny-1", time_format="local", time_zone="Europe/Lisbon",
        valid_only=True,
    )  # fmt: skip
    assert [fault["row"] for fault in found["lines"]] == [2, 3]
    assert found["readings"]["stored"] == 1
    site.connection.execute("DELETE FROM readings WHERE ts < '2026-01-01Z'")


FAULTY = """\
device,metric,ts,value
sunny-1,speed,2026-01-01T00:00:00Z,1

sunny-1,speed,2026-01-01T00:00:01Z,x
sunny-1,speed,2026-01-01T00:00:02Z
sunny-1,speed,1999-01-01T00:00:00Z,1
sunny-1,speed,2999-01-01T00:00:00Z,1
sunny-1,speed,yesterday,1
other-1,speed,2026-01-01T00:00:00Z,1
nowhere-1,speed,2026-01-01T00:00:00Z,1
sunny-1,9lives,2026-01-01T00:00:00Z,1
sunny-1,mode,2026-01-01T00:00:00Z,1
sunny-1,speed,2026-01-01T00:00:03Z,NaN
sunny-1,speed,2026-01-01T00:00:04Z,2
"""


def test_faulty_rows_are_listed_with_line_column_and_reason(site: Site) -> None:
    site.connection.execute(
        "INSERT INTO model_metrics (model_id, metric, kind) VALUES ('sunny-model', 'mode', 'text')"
    )
    found = run(site, FAULTY)
    assert found["stored"] is False
    assert {(fault["row"], fault["column"]) for fault in found["lines"]} == {
        (4, "value"), (5, None), (6, "ts"), (7, "ts"), (8, "ts"), (9, "device"), (10, "device"),
        (11, "metric"), (12, "value"),
    }  # fmt: skip
    assert found["faults"] == {
        "not-a-number": 1, "bad-line": 1, "too-old": 1, "clock-ahead": 1, "bad-time": 1,
        "unknown-device": 2, "bad-metric-name": 1, "out-of-range": 1,
    }  # fmt: skip
    assert rows(site, "sunny-1", "speed") == []
    stored = run(site, FAULTY, valid_only=True)
    assert stored["readings"] == {"given": 2, "stored": 2}
    assert len(rows(site, "sunny-1", "speed")) == 2


def test_values_outside_the_range_of_the_model_are_flagged(site: Site) -> None:
    run(site, "ts,power\n2026-01-01T00:00:00Z,51\n", device_id="sunny-1")
    assert site.scalar("SELECT flag FROM flags WHERE ts < '2026-02-01Z'") == "above-range"


def test_late_readings_do_not_replace_the_latest(site: Site) -> None:
    before = site.scalar("SELECT max(ts) FROM latest_telemetry WHERE metric = 'power'")
    run(site, "ts,power\n2026-01-01T00:00:00Z,5\n", device_id="sunny-1")
    assert site.scalar("SELECT max(ts) FROM latest_telemetry WHERE metric = 'power'") == before


def test_readings_of_a_time_that_was_not_the_tenants_are_refused(site: Site) -> None:
    site.connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) VALUES ('sunny-2', 'other', "
        "'[2025-12-31T23:59Z, 2026-01-01T00:30Z)')"
    )
    found = run(site, LONG, dry_run=True)
    site.connection.execute("DELETE FROM bookings")
    assert [(fault["row"], fault["column"]) for fault in found["lines"]] == [(4, "device")]
    assert found["faults"] == {"not-yours": 1}


def test_readings_that_are_older_than_they_would_be_kept_are_faulty(site: Site) -> None:
    site.connection.execute("INSERT INTO retentions (device_id, tenant_id, days) "
                            "VALUES ('sunny-1', 'sunny', 30)")  # fmt: skip
    recent = datetime.now(UTC) - timedelta(days=29)
    file = f"{LONG}sunny-1,speed,{recent.isoformat()},4\n"
    try:
        found = run(site, file)
        assert (found["stored"], found["faults"]) == (False, {"older-than-retention": 2})
        assert found["lines"][0] == {
            "row": 2,
            "column": "time",
            "detail": "is older than the 30 days for which data of sunny-1 are kept",
        }
        assert run(site, file, valid_only=True)["readings"] == {"given": 2, "stored": 2}
        assert rows(site, "sunny-1", "speed") == []
    finally:
        site.connection.execute("DELETE FROM retentions; DELETE FROM readings WHERE value = 4")


def test_an_import_that_was_cut_off_goes_on(site: Site) -> None:
    file = "ts,speed\n" + "".join(f"{1767225600 + n},{n / 4}\n" for n in range(120_000))
    assert run(site, file, device_id="sunny-1")["readings"]["stored"] == 120_000
    done = site.scalar("SELECT done FROM data_imports")
    assert done == 120_000
    site.connection.execute("UPDATE data_imports SET done = 60000, finished_at = NULL")
    site.connection.execute("DELETE FROM readings WHERE ts < '2026-02-01Z'")
    found = run(site, file, device_id="sunny-1")
    assert found["resumed_at"] == 60_000
    assert 0 < found["readings"]["stored"] < 120_000


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        ("a,b\n1,2\n", {}, "no column 'ts'"),
        ("ts,bad name\n1767225600,2\n", {"device_id": "sunny-1"}, "map"),
        ("ts,x,x\n1,2,3\n", {}, "twice"),
        (b"\xff\xfe\x00", {}, "UTF-8"),
        ("", {}, "send the file"),
        ("\n\n", {}, "name the columns"),
        (LONG, {"time_format": "local"}, "should be"),
        (LONG, {"time_zone": "Mars"}, "should be"),
        (LONG, {"time_format": "x"}, "should be"),
        (LONG, {"map": "9=x"}, "should be"),
    ],
)
def test_files_and_options_that_make_no_sense_are_refused(
    site: Site, file: str | bytes, options: Any, words: str
) -> None:
    answer = send(site, file, **options)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("values", [("1,5", "2.5"), ("1,234", "2,000")])
def test_a_decimal_sign_that_is_not_plain_is_asked_for(site: Site, values: tuple[str, str]) -> None:
    lines = "".join(f"176722560{n};{value}\n" for n, value in enumerate(values))
    found = said(send(site, "ts;speed\n" + lines, device_id="sunny-1"))
    assert "`decimal=,`" in found["problem"][0]


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


TIMES = pa.array([MIDNIGHT], pa.timestamp("ns", "UTC"))


def test_parquet_of_other_programs_comes_in(site: Site) -> None:
    file = parquet(
        ts=TIMES, speed=pa.array([1.5], pa.float32()), n=pa.array([7], pa.uint8()),
        on=pa.array([True]), gap=pa.array([None], pa.float64()), none=pa.nulls(1),
    )  # fmt: skip
    assert run(site, file, device_id="sunny-1")["readings"] == {"given": 3, "stored": 3}
    naive = parquet(ts=pa.array([datetime(2026, 1, 1)]), speed=[1.0])  # noqa: DTZ001
    assert "time_zone" in said(send(site, naive, device_id="sunny-1"))["problem"][0]
    assert run(site, parquet(ts=TIMES[:0], speed=pa.array([], pa.float64())),
               device_id="sunny-1")["readings"] == {"given": 0, "stored": 0}  # fmt: skip


def test_odd_parquet_is_refused(site: Site) -> None:
    whole = parquet(ts=TIMES, speed=[1.0])
    assert "cut off" in send(site, whole[:-9], device_id="sunny-1").json()["detail"]
    nested = parquet(ts=TIMES, speed=pa.array([[1.0]]))
    answer = send(site, nested, device_id="sunny-1", map="speed=speed")
    assert "no column 'speed'" in answer.json()["detail"]
    binary = parquet(ts=TIMES, speed=pa.array([b"x"]))
    assert "no numbers" in said(send(site, binary, device_id="sunny-1"))["problem"][0]
    dates = parquet(ts=pa.array([MIDNIGHT.date()]), speed=[1.0])
    assert "no times" in said(send(site, dates, device_id="sunny-1"))["problem"][0]


def test_a_row_group_that_unpacks_to_much_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "GROUP_BYTES", 100_000)
    small = parquet(ts=TIMES, speed=[1.0])
    assert run(site, small, device_id="sunny-1")["readings"]["stored"] == 1
    many = pa.array(range(10_000), pa.float64())
    answer = send(site, parquet(ts=many, speed=many), device_id="sunny-1")
    assert "row group" in answer.json()["detail"]


def test_only_owners_bring_history_in(site: Site) -> None:
    for who, status in {"member": 403, "viewer": 403, "stranger": 404, "nobody": 404}.items():
        assert send(site, LONG, who).status_code == status, who
