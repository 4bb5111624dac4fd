"""The sun over a site and the light of a clear sky, by pvlib.

W. F. Holmgren, C. W. Hansen and M. A. Mikofski, "pvlib python: a python package for modeling solar
energy systems", Journal of Open Source Software 3 (29), 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulators.chance import FloatArray
from simulators.site import DAY, Site

# A clear sky over a moist, populated tropical place; 2 is very clean air.
LINKE_TURBIDITY = 4.0
# The sun is computed once a minute, and between minutes it goes straight on.
STEP = 60.0


@dataclass(frozen=True)
class Sky:
    """Sun and clear sky at T moments; each (T,).

    Attributes:
        elevation: of the sun over the horizon in degrees, without refraction; negative at night.
        azimuth: of the sun, degrees clockwise from north.
        solar_hour: apparent solar time in hours; 12 when the sun is highest.
        ghi: global horizontal irradiance, W/m2.
        dni: direct normal irradiance, W/m2.
        dhi: diffuse horizontal irradiance, W/m2.
    """

    elevation: FloatArray
    azimuth: FloatArray
    solar_hour: FloatArray
    ghi: FloatArray
    dni: FloatArray
    dhi: FloatArray


def sky(site: Site, times: FloatArray) -> Sky:
    """Sun and clear sky at (T,) seconds since 1970."""
    days = np.floor(times / DAY).astype(np.int64)
    minutes = (times - days * DAY) / STEP
    whole = minutes.astype(np.int64)
    after = minutes - whole
    present = np.unique(days)
    tables = [day_of_sky(site, int(day)) for day in present]
    table = tables[0] if len(tables) == 1 else np.concatenate(tables, axis=1)
    left = np.searchsorted(present, days) * tables[0].shape[1] + whole
    values = table[:, left] * (1 - after) + table[:, left + 1] * after
    values[3:, values[0] <= 0] = 0.0
    # Azimuth and hour begin again after a turn.
    turned = (table[1, left + 1] - table[1, left] + 180) % 360 - 180
    values[1] = (table[1, left] + after * turned) % 360
    values[2] = (table[2, left] + after * STEP / 3600) % 24
    return Sky(*values)


def load() -> None:
    """Import what takes long to import, so that no reading has to wait for it."""
    import pvlib  # noqa: F401


@lru_cache(maxsize=200)
def day_of_sky(site: Site, day: int) -> FloatArray:
    """The fields of ``Sky`` for each minute of a day of UTC and the midnight after it: (6, 1441).

    The sun by I. Reda and A. Andreas, "Solar position algorithm for solar radiation applications",
    NREL/TP-560-34302, 2008; the clear sky by P. Ineichen and R. Perez, "A new airmass independent
    formulation for the Linke turbidity coefficient", Solar Energy 73, 2002.
    """
    # pvlib takes two seconds to import, which no other command should wait for.
    import pandas as pd  # type: ignore[import-untyped]
    from pvlib import atmosphere, clearsky, irradiance, solarposition

    seconds = day * DAY + np.arange(DAY / STEP + 1) * STEP
    moments = pd.DatetimeIndex(pd.to_datetime(seconds, unit="s", utc=True))
    sun = solarposition.spa_python(moments, site.latitude, site.longitude, site.altitude)
    airmass = atmosphere.get_relative_airmass(sun["apparent_zenith"])
    light = clearsky.ineichen(
        sun["apparent_zenith"],
        atmosphere.get_absolute_airmass(airmass, atmosphere.alt2pres(site.altitude)),
        LINKE_TURBIDITY,
        site.altitude,
        irradiance.get_extra_radiation(moments[0].timetuple().tm_yday),
    )
    solar = (seconds / 3600 + site.longitude / 15 + sun["equation_of_time"] / 60) % 24
    columns = [sun["elevation"], sun["azimuth"], solar, *(light[name] for name in LIGHT)]
    table = np.stack([column.to_numpy(float) for column in columns])
    table.setflags(write=False)
    return table


LIGHT = ("ghi", "dni", "dhi")
