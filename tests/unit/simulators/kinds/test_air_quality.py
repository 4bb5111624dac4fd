"""Air-quality stations: the physics."""

from __future__ import annotations

import numpy as np

from simulators import KINDS, Simulation, Site
from tests.unit.simulators.kinds.times import DAY, START


def test_air_is_worse_in_rush_hours_and_rain_washes_it() -> None:
    site, ts = Site(), np.arange(START, START + 14 * DAY, 600_000)
    values = Simulation(KINDS["air-quality"], 10, seed=3, site=site).over(ts)
    hour = site.hour(ts / 1000)
    fine = values["pm2_5"]
    rush, noon = fine[:, np.abs(hour - 19) < 1], fine[:, np.abs(hour - 13) < 1]
    assert rush.mean() > 2 * noon.mean()
    evening = (hour > 17) & (hour < 21)
    wet = evening & (values["rain_rate"][0] > 1)
    assert fine[:, wet].mean() < fine[:, evening & ~wet].mean()
    assert (values["pm10"] > fine).all()
    # Warm air is dry air.
    assert np.corrcoef(values["temperature"].ravel(), values["humidity"].ravel())[0, 1] < -0.6
    assert values["rain_today"].max() < np.sum(values["rain_rate"][0]) / 6 * 1.5
