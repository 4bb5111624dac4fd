"""Sun and air, compared with pvlib and with common sense."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # its types are a package of their own
import pytest
from pvlib import clearsky, inverter, solarposition
from simulators.pv_inverter import EFFICIENCY, RATED_AC, ac_power

from simulators.site import Site, air_temperature, clear_sky_irradiance, sun_elevation

PLACES = [Site(12.97, 77.59), Site(-33.9, 18.4), Site(52.5, 13.4), Site(36.1, -79.95)]


@pytest.mark.parametrize("site", PLACES)
def test_the_sun_stands_where_pvlib_sees_it(site: Site) -> None:
    times = pd.date_range("2025-01-01", "2026-12-31", freq="7h17min", tz="UTC")
    expected = solarposition.get_solarposition(times, site.latitude, site.longitude)["elevation"]
    found = [sun_elevation(site, moment.timestamp()) for moment in times]
    assert np.abs(found - expected.to_numpy()).max() < 1.0


def test_a_clear_sky_is_that_of_haurwitz() -> None:
    elevation = np.arange(1.0, 90.0)
    expected = clearsky.haurwitz(pd.Series(90 - elevation))["ghi"].to_numpy()
    assert [clear_sky_irradiance(e) for e in elevation] == pytest.approx(expected)
    assert clear_sky_irradiance(-5) == 0


def test_an_inverter_is_that_of_pvwatts() -> None:
    dc = np.linspace(100, 14_000, 50)
    expected = inverter.pvwatts(dc, RATED_AC / EFFICIENCY, EFFICIENCY)
    assert ac_power(dc) == pytest.approx(np.maximum(expected, 0))


@pytest.mark.parametrize("site", PLACES)
def test_afternoons_are_warmer_than_nights_and_summers_than_winters(site: Site) -> None:
    january, july = 1_768_435_200.0, 1_784_073_600.0  # the 15th, 0:00 UTC
    noon = (12 - site.longitude / 15) * 3600
    assert air_temperature(site, january + noon + 7200) > air_temperature(
        site, january + noon - 28800
    )
    warmer = air_temperature(site, july + noon) - air_temperature(site, january + noon)
    assert (warmer > 0) == (site.latitude > 0)


def test_a_day_begins_at_the_parks_own_midnight() -> None:
    site = Site(time_zone=ZoneInfo("Asia/Kolkata"))
    assert site.midnight(1_767_225_600.0) == 1_767_205_800.0
    assert site.hour(1_767_225_600.0) == pytest.approx(5.5)
