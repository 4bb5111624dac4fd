"""The dashboards of the fields compute from simulated devices what numpy computes from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from dashboards.catalogue import plain
from dashboards.fields import FIELDS
from dashboards.fields.sums import increments
from dashboards.macros import View, expand
from simulators.kinds.bearing import bpfo
from tests.integration.dashboards.simulated import HELD, Simulated, simulated_world

Rows = list[dict[str, Any]]
BOARDS = {
    board["uid"].removeprefix("technopark-"): board for board in map(plain, (f() for f in FIELDS))
}
QUERIES = {
    (name, panel["title"], target["refId"]): target["rawSql"]
    for name, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", [])
}
KEYS = pytest.mark.parametrize("key", QUERIES, ids=" ".join)
JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.fixture(scope="module")
def simulated(server: str, template: str) -> Iterator[Simulated]:
    with simulated_world(server, template) as world:
        yield world


@pytest.fixture(scope="module")
def sunny(simulated: Simulated) -> Iterator[psycopg.Connection[Any]]:
    """The tenant whose devices they are."""
    with simulated.session("tenant:sunny") as opened:
        yield opened


@pytest.fixture(scope="module")
def shady(simulated: Simulated) -> Iterator[psycopg.Connection[Any]]:
    """A tenant that may see none of them."""
    with simulated.session("tenant:shady") as opened:
        yield opened


def ask(
    reader: psycopg.Connection[Any],
    world: Simulated,
    key: tuple[str, str, str],
    device: str | Sequence[str] | None = None,
    capacity: str = "10",
    minutes: int = 5,
) -> Rows:
    """The rows of a panel over all of the world's time, by column."""
    if device is None:
        device = "motor-bench-1" if key[0] == "motor" else ["*"]
    view = View(world.start, world.end, timedelta(minutes=minutes))
    query = expand(QUERIES[key], view, {"device": device, "capacity": capacity})
    cursor = reader.execute(query.encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def values(world: Simulated, device: str, metric: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """All that a device has sent: seconds since 1970, and the values."""
    rows = world.connection.execute(
        "SELECT extract(epoch FROM ts)::float8, value FROM telemetry "
        "WHERE device = %s AND metric = %s ORDER BY ts",
        [device, metric],
    ).fetchall()
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


@KEYS
def test_every_panel_shows_something_to_those_whose_devices_they_are(
    sunny: psycopg.Connection[Any], simulated: Simulated, key: tuple[str, str, str]
) -> None:
    rows = ask(sunny, simulated, key)
    assert rows
    assert all(value is not None for value in rows[-1].values())


@KEYS
def test_no_panel_shows_anything_to_others_nor_fails_without_devices(
    shady: psycopg.Connection[Any], simulated: Simulated, key: tuple[str, str, str]
) -> None:
    rows = ask(shady, simulated, key)
    # A row of totals is there all the same, and the sectors of the wind.
    assert all(
        value in (None, 0) for row in rows for name, value in row.items() if name != "Direction"
    )


@pytest.mark.parametrize("audience", ["park:cimahi", "operators"])
def test_the_park_and_the_operators_see_the_same_days(
    sunny: psycopg.Connection[Any], simulated: Simulated, audience: str
) -> None:
    with simulated.session(audience) as reader:
        for key in [key for key in QUERIES if "by day" in key[1]]:
            assert ask(reader, simulated, key) == ask(sunny, simulated, key), key


@pytest.mark.parametrize("name", BOARDS)
def test_marks_are_those_of_the_devices_of_the_field(
    sunny: psycopg.Connection[Any], simulated: Simulated, name: str
) -> None:
    view = View(simulated.start, simulated.end + timedelta(days=1), timedelta(minutes=5))
    chosen: dict[str, str | list[str]] = {"device": "motor-bench-1" if name == "motor" else ["*"]}
    marks = {mark["name"]: mark["target"]["rawSql"] for mark in BOARDS[name]["annotations"]["list"]}
    found = {
        mark: sunny.execute(expand(query, view, chosen).encode()).fetchall()
        for mark, query in marks.items()
    }
    # Each device became a prototype when the world was made.
    assert len(found.pop("Stage changes")) == (1 if name == "motor" else 2)
    assert not any(found.values())


@pytest.mark.parametrize("name", BOARDS)
def test_the_variable_offers_the_devices_of_the_field(
    sunny: psycopg.Connection[Any], name: str
) -> None:
    [variable] = [v for v in BOARDS[name]["templating"]["list"] if v["name"] == "device"]
    rows = sunny.execute(variable["query"]).fetchall()
    kinds = {
        "solar": "pv-inverter", "battery": "battery-pack", "motor": "motor-bench",
        "air": "air-quality", "emotorcycle": "e-motorcycle",
    }  # fmt: skip
    assert rows == [(f"{kinds[name]}-1",), (f"{kinds[name]}-2",)]


def test_a_device_that_is_chosen_is_shown_alone(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    rows = ask(sunny, simulated, ("solar", "Irradiance", "A"), device=["pv-inverter-2", "o'hare"])
    assert {row["metric"] for row in rows} == {"pv-inverter-2 [W/m2]"}


@pytest.mark.parametrize(
    ("counted", "risen"),
    [
        ([1, 2, 5], 4),
        # Set back: what was counted before and after counts, the fall does not.
        ([1, 5, 0, 3], 7),
        # Replaced by one that has counted already.
        ([100, 101, 40, 42], 3),
        ([7], 0),
    ],
)
def test_a_counter_that_is_set_back_counts_on(
    sunny: psycopg.Connection[Any], counted: list[float], risen: float
) -> None:
    rows = ", ".join(f"('x', {ts}, {v}, {v}, {v})" for ts, v in enumerate(counted))
    source = f"(SELECT * FROM (VALUES {rows}) AS v (device, ts, min, max, last))"
    query = f"SELECT sum(amount) FROM {increments(source)} AS i"
    assert sunny.execute(query.encode()).fetchone() == (risen,)


def test_a_counter_that_is_set_back_within_an_hour_counts_on(
    sunny: psycopg.Connection[Any],
) -> None:
    # It rose from 10 to 14, and from 0 to 3.
    rows = "('x', 0, 9, 10, 10), ('x', 1, 0, 14, 3)"
    source = f"(SELECT * FROM (VALUES {rows}) AS v (device, ts, min, max, last))"
    query = f"SELECT sum(amount) FROM {increments(source)} AS i WHERE ts = 1"
    assert sunny.execute(query.encode()).fetchone() == (7,)


def test_energy_yield_and_performance_ratio_follow_from_counters_and_light(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    first = -(-simulated.start.timestamp() // 3600) * 3600
    risen, hourly, light = [], [], []
    for device in ("pv-inverter-1", "pv-inverter-2"):
        ts, count = values(simulated, device, "energy_total")
        risen.append(count[-1] - count[0])
        hourly.append(count[-1] - count[ts >= first][0])
        ts, watts = values(simulated, device, "irradiance")
        hours = ts // 3600
        light.append(sum(watts[hours == h].mean() for h in np.unique(hours[ts >= first])) / 1000)
    [energy] = ask(sunny, simulated, ("solar", "Energy", "A"))
    assert energy["Chosen time"] == pytest.approx(sum(risen))
    [found] = ask(sunny, simulated, ("solar", "Performance", "A"), capacity="12,5")
    yields = np.array(hourly) / 12.5
    assert found["Specific yield"] == pytest.approx(yields.mean())
    assert found["Performance ratio"] == pytest.approx(100 * (yields / light).mean())


def test_a_capacity_that_is_no_number_leaves_the_panels_empty(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    for capacity in ("", "ten'; --", "0"):
        [found] = ask(sunny, simulated, ("solar", "Performance", "A"), capacity=capacity)
        assert set(found.values()) == {None}


def test_days_begin_at_midnight_of_the_park(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    rows = ask(sunny, simulated, ("solar", "Specific yield by day", "A"))
    days = [row["time"].astimezone(JAKARTA) for row in rows]
    assert {day.timetz().replace(tzinfo=None) for day in days} == {datetime.min.time()}
    ts, today = values(simulated, "pv-inverter-1", "energy_today")
    [yesterday] = [
        row["value"]
        for row, day in zip(rows, days, strict=True)
        if row["metric"] == "pv-inverter-1"
        and day.date() == simulated.end.astimezone(JAKARTA).date() - timedelta(days=1)
    ]
    dates = np.array([datetime.fromtimestamp(t, JAKARTA).date() for t in ts])
    assert yesterday * 10 == pytest.approx(
        today[dates == dates[-1] - timedelta(days=1)].max(), abs=0.05
    )


def test_a_pack_gives_back_what_its_power_and_charge_tell(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    ts, watts = values(simulated, "battery-pack-1", "power")
    _, percent = values(simulated, "battery-pack-1", "state_of_charge")
    seconds, steps = np.diff(ts), np.diff(percent)
    taken = (np.maximum(watts[1:], 0) * seconds).sum() / 3.6e6
    given = (np.maximum(-watts[1:], 0) * seconds).sum() / 3.6e6
    trip = (given / -steps[steps < 0].sum()) / (taken / steps[steps > 0].sum())
    [found] = ask(sunny, simulated, ("battery", "Energy", "A"), ["battery-pack-1"], minutes=2)
    assert found["In"] == pytest.approx(taken, rel=0.01)
    assert found["Out"] == pytest.approx(given, rel=0.01)
    assert found["Round trip"] == pytest.approx(100 * trip, abs=1)
    # By intervals of an hour it stays about the same; how near depends on where the hours begin.
    [hourly] = ask(sunny, simulated, ("battery", "Energy", "A"), ["battery-pack-1"], minutes=60)
    assert hourly["Round trip"] == pytest.approx(100 * trip, abs=6)


def test_the_spectrum_is_the_one_of_numpy_and_marks_the_bearing(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    _, samples = values(simulated, "motor-bench-1", "vibration")
    n = len(samples)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    expected = np.abs(np.fft.rfft((samples - samples.mean()) * window, 1024)) * 2 / window.sum()
    rows = ask(sunny, simulated, ("motor", "Spectrum of the vibration", "A"))
    frequencies = np.array([row["Frequency"] for row in rows])
    np.testing.assert_allclose(frequencies, np.fft.rfftfreq(1024, 0.001)[1:], rtol=1e-9)
    np.testing.assert_allclose([row["Amplitude"] for row in rows], expected[1:], atol=1e-9)
    marked = [row for row in rows if row["Outer race (BPFO)"] > 0]
    assert {row["Amplitude"] - row["Outer race (BPFO)"] for row in marked} == {0}
    bearing = float(bpfo(HELD["speed"] / 60))
    first = [row for row in marked if row["Frequency"] < 1.5 * bearing]
    loudest = max(first, key=lambda row: float(row["Amplitude"]))
    assert loudest["Frequency"] == pytest.approx(bearing, abs=1)
    # The damaged bearing is far above the noise there, and the shaft is louder still.
    assert loudest["Amplitude"] > 20 * np.median(expected)
    assert frequencies[expected[1:].argmax()] == pytest.approx(HELD["speed"] / 60, abs=1)


def test_a_sine_has_its_own_amplitude_in_the_spectrum(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    # 512 samples at 256 Hz, of which the newest second counts: 3 m/s2 at 32 Hz.
    simulated.connection.execute(
        """
        INSERT INTO readings
        SELECT id, %(end)s - INTERVAL '12 hours' - n * INTERVAL '1 second' / 256,
               9.81 + 3 * sin(2 * pi() * 32 * n / 256)
        FROM series, generate_series(0, 511) n
        WHERE device_id = 'motor-bench-2' AND metric = 'vibration'
        """,
        {"end": simulated.end},
    )
    earlier = Simulated(
        simulated.connection, simulated.url, simulated.start, simulated.end - timedelta(hours=12)
    )
    key = ("motor", "Spectrum of the vibration", "A")
    rows = ask(sunny, earlier, key, device="motor-bench-2")
    loudest = max(rows, key=lambda row: float(row["Amplitude"]))
    assert loudest["Frequency"] == pytest.approx(32)
    assert loudest["Amplitude"] == pytest.approx(3, rel=0.001)


def test_the_waveform_is_the_second_as_it_was_sent(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    _, samples = values(simulated, "motor-bench-1", "vibration")
    rows = ask(sunny, simulated, ("motor", "Waveform", "A"))
    assert [row["Acceleration"] for row in rows] == samples.tolist()
    assert (rows[0]["Time"], rows[-1]["Time"]) == (-999, 0)


def test_the_index_is_a_straight_line_between_the_limits_of_the_regulation(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    end = simulated.end.timestamp()
    ts, fine = values(simulated, "air-quality-1", "pm2_5")
    _, coarse = values(simulated, "air-quality-1", "pm10")
    day = ts >= -(-(end - 86_400) // 3600) * 3600
    expected = max(
        np.interp(fine[day].mean(), [0, 15.5, 55.4, 150.4, 250.4], [0, 50, 100, 200, 300]),
        np.interp(coarse[day].mean(), [0, 50, 150, 350, 420], [0, 50, 100, 200, 300]),
    )
    rows = ask(sunny, simulated, ("air", "Index of the last 24 hours", "A"))
    [row] = [row for row in rows if row["Device"] == "air-quality-1"]
    assert row["PM2.5"] == pytest.approx(fine[day].mean())
    assert row["ISPU"] == round(expected)


def test_the_wind_comes_from_somewhere_all_the_time(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    key = ("air", "Wind by direction", "A")
    rows = ask(sunny, simulated, key, device=["air-quality-1"], minutes=2)
    _, direction = values(simulated, "air-quality-1", "wind_direction")
    _, speed = values(simulated, "air-quality-1", "wind_speed")
    sector = np.round(direction / 30) % 12
    assert [row["Direction"] for row in rows] == [f"{30 * n}°" for n in range(12)]
    assert [row["Share of time"] for row in rows] == pytest.approx(
        [100 * (sector == n).mean() for n in range(12)], abs=2
    )
    south = sector == 6
    assert rows[6]["Mean speed"] == pytest.approx(speed[south].mean(), rel=0.05)


def test_rain_of_a_day_is_what_the_gauge_had_at_its_end(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    ts, gauge = values(simulated, "air-quality-1", "rain_today")
    dates = np.array([datetime.fromtimestamp(t, JAKARTA).date() for t in ts])
    yesterday = dates[-1] - timedelta(days=1)
    rows = ask(sunny, simulated, ("air", "Rain by day", "A"))
    [fallen] = [
        row["value"]
        for row in rows
        if row["metric"] == "air-quality-1" and row["time"].astimezone(JAKARTA).date() == yesterday
    ]
    assert fallen == pytest.approx(gauge[dates == yesterday].max())


def test_the_track_is_of_positions_that_were_and_at_most_a_thousand(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    key = ("emotorcycle", "Map", "A")
    rows = ask(sunny, simulated, key, minutes=1)
    assert 900 < len(rows) <= 1000
    assert rows == sorted(rows, key=lambda row: (row["Device"], row["time"]))
    for row in ask(sunny, simulated, key, minutes=60)[:20]:
        _, latitude = values(simulated, row["Device"], "latitude")
        _, longitude = values(simulated, row["Device"], "longitude")
        there = (latitude == row["Latitude"]) & (longitude == row["Longitude"])
        assert there.any()
    [newest, _] = ask(sunny, simulated, ("emotorcycle", "Map", "B"))
    _, latitude = values(simulated, "e-motorcycle-1", "latitude")
    assert (newest["Device"], newest["Latitude"]) == ("e-motorcycle-1", latitude[-1])


def test_consumption_is_energy_without_charging_for_each_kilometre(
    sunny: psycopg.Connection[Any], simulated: Simulated
) -> None:
    ts, watts = values(simulated, "e-motorcycle-1", "power")
    _, charging = values(simulated, "e-motorcycle-1", "charging")
    _, kilometres = values(simulated, "e-motorcycle-1", "odometer")
    free = charging[1:] == 0
    hours = (watts[1:] * np.diff(ts))[free].sum() / 3600
    ridden = np.diff(kilometres)[free].sum()
    chosen = ["e-motorcycle-1"]
    [found] = ask(sunny, simulated, ("emotorcycle", "Consumption", "A"), chosen, minutes=1)
    assert found["Consumption"] == pytest.approx(hours / ridden, rel=0.01)
    [found] = ask(sunny, simulated, ("emotorcycle", "Distance", "A"), chosen)
    assert found["Distance"] == pytest.approx(kilometres[-1] - kilometres[0])
    days = ask(sunny, simulated, ("emotorcycle", "Consumption by day", "A"), ["e-motorcycle-1"])
    assert all(5 < row["value"] < 60 for row in days)
