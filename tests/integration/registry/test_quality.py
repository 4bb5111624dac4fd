"""A month whose faults are known gives the figures that are known."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest

from cli.api import Api, ApiError
from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    populate,
    registry_settings,
    serving,
)
from tests.integration.registry.quality_world import (
    DUPLICATES,
    LATE,
    MINUTES,
    MISSING,
    MONTH,
    OUTSIDE,
    REFUSED,
    furnish,
)
from tests.parts import free_port

QUALITY = "devices/sunny-1/quality"


@pytest.fixture(scope="module")
def database_url(server: str, template: str) -> Iterator[str]:
    """One database for all tests of this module."""
    with cloned(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """One connection for all tests of this module."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def registry(
    database_url: str, connection: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    """One registry for all tests of this module."""
    folder = tmp_path_factory.mktemp("broker")
    settings = registry_settings(
        database_url, folder, free_port(), certificate_key="a key of the tests alone"
    )
    with serving(settings, connection) as running:
        yield running


@pytest.fixture(scope="module")
def world(registry: RunningRegistry, connection: psycopg.Connection, database_url: str) -> World:
    """The world, with a month of Sunny's device."""
    people = populate(connection)
    furnish(connection, database_url)
    return people


@pytest.fixture(scope="module")
def owner(registry: RunningRegistry, world: World) -> Api:
    return registry.as_(world.tokens["owner"])


@pytest.fixture(scope="module")
def month(owner: Api) -> Any:
    return owner.get(QUALITY, **MONTH)


def test_what_is_missing_is_missing(month: Any) -> None:
    (power,) = month["series"]
    missing = sum(n for _, n in MISSING)
    assert (power["metric"], power["unit"], power["interval_seconds"]) == ("power", "kW", 60)
    assert power["expected"] == MINUTES
    assert power["received"] == MINUTES - missing
    assert power["completeness"] == round(1 - missing / MINUTES, 6)
    days = {day["day"]: (day["received"], day["expected"]) for day in power["days"]}
    assert len(days) == 31
    assert days["2026-03-01"] == (1440, 1440)
    assert days["2026-03-05"] == (1080, 1440)
    assert days["2026-03-29"] == (1350, 1380)
    assert days["2026-03-31"] == (1380, 1440)


def test_gaps_are_where_readings_are_missing(month: Any) -> None:
    gaps = month["series"][0]["gaps"]
    assert [(gap["from"], gap["to"], gap["seconds"] / 60) for gap in gaps["items"]] == [
        ("2026-03-05T05:59:00Z", "2026-03-05T12:00:00Z", 361),
        ("2026-03-29T09:59:00Z", "2026-03-29T10:30:00Z", 31),
        ("2026-03-31T21:59:00Z", "2026-03-31T23:00:00Z", 61),
    ]
    assert gaps["count"] == 3
    assert gaps["total_seconds"] == 453 * 60
    assert gaps["longest"] == gaps["items"][0]


def test_the_device_was_down_while_it_was_silent_or_said_so(month: Any) -> None:
    assert month["by_status"] is True
    assert month["uptime"] == round(1 - (360 + 30 + 60 + 120) / MINUTES, 6)
    days = {day["day"]: day["uptime"] for day in month["days"]}
    assert days["2026-03-04"] == days["2026-03-10"] == 1
    assert days["2026-03-05"] == 0.75
    assert days["2026-03-20"] == round(1 - 120 / 1440, 6)
    assert days["2026-03-29"] == round(1 - 30 / 1380, 6)


def test_what_came_by_ingest_is_late_twice_or_out_of_range_as_it_was_sent(month: Any) -> None:
    (power,) = month["series"]
    assert (power["late"], power["duplicates"]) == (LATE, DUPLICATES)
    assert power["late_share"] == round(LATE / 1440, 6)
    assert power["out_of_range"] == OUTSIDE
    assert power["out_of_range_share"] == round(OUTSIDE / power["received"], 6)
    assert 1 <= power["offset_median_seconds"] <= 1.5
    assert 3600 <= power["offset_p95_seconds"] <= 7200
    assert month["rejections"] == [{"reason": "not-a-number", "count": REFUSED}]


def test_any_part_of_the_time_has_its_own_figures(owner: Api) -> None:
    part = {"from": "2026-03-05T05:00:00Z", "to": "2026-03-05T07:00:00Z"}
    found = owner.get(QUALITY, **part)
    (power,) = found["series"]
    assert (power["expected"], power["received"]) == (120, 60)
    assert [gap["to"] for gap in power["gaps"]["items"]] == ["2026-03-05T07:00:00Z"]
    assert found["uptime"] == 0.5
    assert found["rejections"] == []
    dark = owner.get(QUALITY, **{"from": "2026-03-05T07:00:00Z", "to": "2026-03-05T08:00:00Z"})
    assert (dark["uptime"], dark["series"][0]["received"]) == (0, 0)
    before = owner.get(QUALITY, **{"from": "2026-02-05T07:00:00Z", "to": "2026-02-05T08:00:00Z"})
    assert (before["uptime"], before["series"][0]["expected"]) == (None, 0)


@pytest.mark.parametrize(
    "range_",
    [
        {"from": "2026-03-05T07:00:00Z", "to": "2026-03-05T07:00:00Z"},
        {"from": "2096-03-05T07:00:00Z"},
        {"from": "2020-03-05T07:00:00Z"},
        {"from": "2026-03-05T07:00:00"},
        {"to": "0001-01-01T00:00:00Z"},
    ],
)
def test_a_range_that_is_none_is_refused(owner: Api, range_: dict[str, str]) -> None:
    with pytest.raises(ApiError, match="from") as refused:
        owner.get(QUALITY, **range_)
    assert refused.value.status == 422


def test_a_reader_by_an_agreement_has_figures_of_what_it_sees(
    registry: RunningRegistry, world: World, owner: Api, connection: psycopg.Connection
) -> None:
    stranger = registry.as_(world.tokens["stranger"])
    with pytest.raises(ApiError):
        stranger.get(QUALITY, **MONTH)
    connection.execute(
        """
        INSERT INTO series (device_id, metric, kind) VALUES ('sunny-1', 'secret', 'number');
        INSERT INTO agreements (tenant_id, reader_tenant_id, metrics, first_day, last_day,
                                history_from, decision)
        VALUES ('sunny', 'other', '{power}', '2026-01-01', '2090-01-01', '2026-03-15', 'accepted')
        """
    )
    found = stranger.get(QUALITY, **MONTH)
    (power,) = found["series"]
    assert power["expected"] == MINUTES - 14 * 1440
    assert (power["gaps"]["count"], power["late"]) == (2, LATE)
    assert found["rejections"] is None
    (line,) = [each for each in stranger.get("quality", **MONTH)["items"]
               if each["device_id"] == "sunny-1"]  # fmt: skip
    assert (line["expected"], line["rejected"]) == (power["expected"], 0)
    connection.execute("DELETE FROM agreements; DELETE FROM series WHERE metric = 'secret'")


def test_what_retention_takes_is_not_missing(owner: Api, connection: psycopg.Connection) -> None:
    days = (datetime.now().date() - datetime(2026, 3, 10).date()).days  # noqa: DTZ001, DTZ005
    connection.execute("INSERT INTO retentions (tenant_id, days) VALUES ('sunny', %s)", [days])
    (power,) = owner.get(QUALITY, **MONTH)["series"]
    (line,) = [
        line for line in owner.get("quality", **MONTH)["items"] if line["device_id"] == "sunny-1"
    ]
    connection.execute("DELETE FROM retentions")
    assert power["gaps"]["count"] == 2
    assert 20 * 1440 < power["expected"] < 22 * 1440
    assert 20 * 1440 < line["expected"] < 22 * 1440


def test_the_report_has_the_worst_first(
    registry: RunningRegistry, world: World, connection: psycopg.Connection, month: Any
) -> None:
    manager = registry.as_(world.tokens["manager"])
    connection.execute(
        """
        UPDATE devices SET model_id = 'common' WHERE id = 'guest-1';
        INSERT INTO series (device_id, metric, kind) VALUES ('guest-1', 'power', 'number');
        INSERT INTO readings SELECT s.id, t, 1 FROM series s, generate_series(
            '2026-03-01 00:00+00'::timestamptz, '2026-03-31 22:59+00', '2 minutes') t
        WHERE s.device_id = 'guest-1';
        """
    )
    report = manager.get("quality", park_id="porto", **MONTH)
    assert [line["device_id"] for line in report["items"]] == ["guest-1", "sunny-1"]
    worst, better = report["items"]
    (power,) = month["series"]
    assert worst["completeness"] == 0.5
    assert (better["expected"], better["received"]) == (MINUTES, power["received"])
    for name in ("completeness", "late_share", "duplicates", "out_of_range_share"):
        assert better[name] == power[name], name
    assert better["rejected"] == REFUSED
    assert manager.get("quality", lab_id="porto-lab", **MONTH)["devices"] == 1
    assert manager.get("quality", tenant_id="other", **MONTH)["items"] == []
    assert len(manager.get("quality", limit=1, **MONTH)["items"]) == 1
