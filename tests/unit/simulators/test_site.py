"""Sun, air and time of day, compared with pvlib and with common sense."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # its types are a package of their own
import pytest
from pvlib import solarposition

from simulators.chance import Chance
from simulators.site import DAY, Site
from simulators.sky import sky
from simulators.weather import Weather

PLACES = [
    Site(12.97, 77.59, ZoneInfo("Asia/Kolkata"), 900),
    Site(-33.9, 18.4, ZoneInfo("Africa/Johannesburg"), 20),
    Site(52.5, 13.4, ZoneInfo("Europe/Berlin"), 40),
    Site(36.1, -79.95, ZoneInfo("America/New_York"), 270),
]
WINTER, SUMMER = 1_768_435_200.0, 1_784_073_600.0  # 15 January and 15 July 2026, 0:00 UTC


def weather(site: Site, times: np.ndarray, seed: int = 1) -> Weather:
    return Weather(site, Chance(seed, "park", [0]), times)


@pytest.mark.parametrize("site", PLACES)
def test_the_sun_stands_where_pvlib_sees_it(site: Site) -> None:
    times = WINTER + np.arange(0, 3 * DAY, 1717.0)
    moments = pd.DatetimeIndex(pd.to_datetime(times, unit="s", utc=True))
    expected = solarposition.get_solarposition(moments, site.latitude, site.longitude)
    found = sky(site, times)
    assert np.abs(found.elevation - expected["elevation"]).max() < 0.05
    turned = (found.azimuth - expected["azimuth"] + 180) % 360 - 180
    assert np.abs(turned)[np.abs(expected["elevation"].to_numpy()) < 80].max() < 0.5


@pytest.mark.parametrize("site", PLACES)
def test_a_clear_sky_is_dark_at_night_and_bright_at_noon(site: Site) -> None:
    light = sky(site, SUMMER + np.arange(0, DAY, 300.0))
    assert (light.ghi[light.elevation <= 0] == 0).all()
    assert 300 < light.ghi.max() < 1150
    assert abs(light.solar_hour[light.ghi.argmax()] - 12) < 0.3
    beam = light.dni * np.sin(np.radians(np.maximum(light.elevation, 0)))
    assert light.ghi == pytest.approx(beam + light.dhi, abs=15)


def test_one_moment_is_as_in_a_history() -> None:
    times = SUMMER + np.arange(0, 2 * DAY, 997.0)
    history = weather(PLACES[0], times)
    for moment in (0, 50, 120):
        alone = weather(PLACES[0], times[moment : moment + 1])
        for name in ("cloud", "rain", "wet", "temperature", "humidity", "wind", "pressure"):
            assert getattr(alone, name)[0] == getattr(history, name)[moment]


@pytest.mark.parametrize("site", PLACES)
def test_afternoons_are_warmer_than_nights_and_summers_than_winters(site: Site) -> None:
    def at(day: float, hour: float) -> float:
        noon = day + (hour - site.longitude / 15) * 3600
        return float(np.mean([weather(site, np.array([noon]), s).temperature[0] for s in range(9)]))

    assert at(WINTER, 14) > at(WINTER, 4) + 3
    assert (at(SUMMER, 12) > at(WINTER, 12)) == (site.latitude > 0)


def test_a_tropical_year_is_wet_and_its_rain_falls_from_clouds() -> None:
    every_eighth_day = np.arange(0, 365, 8)[:, None] * DAY + np.arange(0, DAY, 1800.0)
    year = weather(Site(), WINTER + every_eighth_day.ravel())
    assert 1000 < year.rain.sum() / 2 * 8 < 4000  # mm
    assert year.cloud[year.rain > 0].min() > 0.6
    assert year.humidity[year.rain > 2].mean() > 80
    assert 40 < year.humidity.min() < year.humidity.max() <= 100
    assert 0.01 < (year.rain > 0.1).mean() < 0.2


def test_pressure_has_two_tides_a_day() -> None:
    times = WINTER + np.arange(0, 30 * DAY, 1800.0)
    pressure = weather(Site(), times).pressure.reshape(30, 48).mean(axis=0)
    spectrum = np.abs(np.fft.rfft(pressure - pressure.mean()))
    assert spectrum.argmax() == 2


def test_the_clock_of_a_park_knows_its_zone_and_summer_time() -> None:
    berlin = Site(52.5, 13.4, ZoneInfo("Europe/Berlin"))
    for text in ("2026-03-29T00:59:59+00:00", "2026-03-29T01:00:00+00:00", "2026-10-25T02:30:00Z"):
        moment = datetime.fromisoformat(text)
        local = moment.astimezone(berlin.time_zone)
        times = np.array([moment.timestamp()])
        expected = local.hour + local.minute / 60 + local.second / 3600
        assert berlin.hour(times)[0] == pytest.approx(expected)
        assert berlin.weekday(times)[0] == local.weekday()
    kolkata = Site(time_zone=ZoneInfo("Asia/Kolkata"))
    assert kolkata.hour(np.array([1_767_225_600.0]))[0] == pytest.approx(5.5)
    days = kolkata.day(np.array([1_767_205_799.0, 1_767_205_800.0]))
    assert days[1] == days[0] + 1
