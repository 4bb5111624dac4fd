"""The weather of a park: one for all devices of a seed, so that what they measure goes together.

It is a function of the time alone. Its shapes have sources; how much of each there is, is a coarse
fit of our own: warm and wet near the equator, seasons near the poles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulators.chance import Chance, FloatArray
from simulators.site import DAY, HOUR, Site
from simulators.sky import Sky, sky

# The formulas know no leap days.
YEAR = 365.25 * DAY
# How far the day's temperature goes from its mean, in K, and its shape at the coldest moment.
SWING = 5.0
COLDEST = -0.98
# Seconds after which the air has forgotten a shower.
DRYING = 1500.0
# The standard atmosphere cools by so many kelvins a metre.
LAPSE = 0.0065


@dataclass(frozen=True)
class Weather:
    """The weather at T moments; each value is (T,).

    Attributes:
        site: where.
        chance: the park's, as if it were one device.
        times: seconds since 1970.
    """

    site: Site
    chance: Chance
    times: FloatArray

    @cached_property
    def sky(self) -> Sky:
        """The sun, and the light if there were no clouds."""
        return sky(self.site, self.times)

    def noise(self, stream: str, memory: float, octaves: int = 1) -> FloatArray:
        """Of the park, deviation 1."""
        result: FloatArray = self.chance.noise(stream, self.times, memory, octaves)[0]
        return result

    @cached_property
    def season(self) -> FloatArray:
        """1 three weeks after the summer solstice, -1 three weeks after the winter solstice."""
        turn = 2 * np.pi * (self.times % YEAR / YEAR - 15 / 365)
        return -np.cos(turn) * (1 if self.site.latitude >= 0 else -1)

    @cached_property
    def tropical(self) -> float:
        """1 at the equator, less towards the poles."""
        return float(np.cos(np.radians(self.site.latitude)) ** 4)

    @cached_property
    def cloud(self) -> FloatArray:
        """The share of the sky that is covered, 0 to 1: fronts, and towers of hot afternoons."""
        afternoon = bell(self.sky.solar_hour, 15.0, 2.5)
        cover = (
            0.40 + 0.22 * self.noise("fronts", 14 * HOUR, 2) + 0.12 * self.noise("banks", HOUR, 2)
        ) + self.tropical * (0.12 * self.season + 0.20 * afternoon * (1 + 0.5 * self.season))
        return np.clip(cover, 0.0, 1.0)

    @cached_property
    def rain(self) -> FloatArray:
        """Intensity in mm/h: only from a covered sky, in showers."""
        ripe = np.clip((self.cloud - 0.62) / 0.25, 0.0, 1.0)
        shower = np.maximum(self.noise("showers", 1800.0, 2) - 0.3, 0.0)
        return (1.5 + 5.5 * self.tropical) * ripe * shower**1.6

    @cached_property
    def wet(self) -> FloatArray:
        """The rain of the last hour in mm/h, the latest counting most: what cools the air."""
        shares = np.exp(-np.arange(6) * 600 / DRYING)
        wet = np.zeros_like(self.times)
        for back, share in enumerate(shares / shares.sum()):
            wet += share * Weather(self.site, self.chance, self.times - back * 600).rain
        return wet

    @cached_property
    def mean_temperature(self) -> FloatArray:
        """Of the days around, in °C."""
        poleward = abs(self.site.latitude)
        seasonal = 16 * np.sin(np.radians(poleward)) * self.season
        weeks = (0.6 + 0.05 * poleward) * self.noise("weeks", 3 * DAY)
        result: FloatArray = 30 - 0.4 * poleward - LAPSE * self.site.altitude + seasonal + weeks
        return result

    @cached_property
    def temperature(self) -> FloatArray:
        """Of the air in the shade, in °C.

        The shape of the day is equation 2.2 of G. S. Campbell and J. M. Norman, "An Introduction
        to Environmental Biophysics", 2nd edition, 1998. Clouds make it flatter, rain cools.
        """
        swing = 2 * SWING * (1.1 - 0.4 * self.cloud)
        cooled = 3.0 * (1 - np.exp(-self.wet / 5))
        air = self.noise("air", 2 * HOUR, 2)
        return self.mean_temperature + swing * day_shape(self.sky.solar_hour) - cooled + 0.4 * air

    @cached_property
    def dew_point(self) -> FloatArray:
        """In °C: near the coldest of the day, and near the air where it rains."""
        dawn = self.mean_temperature + SWING * COLDEST - 1.2 + 0.9 * self.noise("moisture", DAY / 2)
        below = np.minimum(dawn, self.temperature - 0.2)
        return below + 0.85 * (1 - np.exp(-self.wet / 3)) * (self.temperature - below)

    @cached_property
    def humidity(self) -> FloatArray:
        """Relative, in percent."""
        return relative_humidity(self.temperature, self.dew_point)

    @cached_property
    def wind(self) -> FloatArray:
        """In m/s: weak at night, fresher in the afternoon, gusts before showers."""
        typical = 0.9 + 2.3 * bell(self.sky.solar_hour, 14.5, 3.5) + 0.12 * np.sqrt(self.rain)
        return typical * np.exp(0.35 * self.noise("wind", 1200.0, 3))

    @cached_property
    def wind_direction(self) -> FloatArray:
        """Degrees clockwise from north where it comes from: up the valley by day, down by night."""
        turned = 170 * bell(self.sky.solar_hour, 14.0, 4.0) + 25 * self.noise("turn", HOUR, 2)
        return (140 + turned) % 360

    @cached_property
    def pressure(self) -> FloatArray:
        """At the site, in hPa.

        The standard atmosphere (ISO 2533), fronts, and the tide of the air, with its two maxima a
        day near 10 and 22 h: R. S. Lindzen and S. Chapman, "Atmospheric tides", Space Science
        Reviews 10, 1969.
        """
        standard = 1013.25 * (1 - LAPSE * self.site.altitude / 288.15) ** 5.2559
        tide = 1.2 * self.tropical * np.cos(2 * np.pi * (self.sky.solar_hour - 9.8) / 12)
        fronts = (1.0 + 0.12 * abs(self.site.latitude)) * self.noise("pressure", 2 * DAY)
        result: FloatArray = standard + tide + fronts
        return result

    @cached_property
    def room_temperature(self) -> FloatArray:
        """Of a laboratory, in °C: 24, and a little of the weather."""
        return 24 + 0.15 * (self.temperature - 24)


def bell(hour: FloatArray, middle: float, width: float) -> FloatArray:
    """A normal curve of height 1 on the clock, so that it goes on after midnight; all in hours."""
    distance = (hour - middle + 12) % 24 - 12
    return np.exp(-0.5 * (distance / width) ** 2)


def day_shape(solar_hour: FloatArray) -> FloatArray:
    """The day's temperature around its mean, about -0.5 at dawn to 0.5 after noon."""
    angle = np.pi / 12 * solar_hour
    return -0.46 * np.sin(angle + 0.9) + 0.11 * np.sin(2 * angle + 0.9)


def relative_humidity(temperature: FloatArray, dew_point: FloatArray) -> FloatArray:
    """In percent, from temperature and dew point in °C.

    The Magnus formula of O. A. Alduchov and R. E. Eskridge, "Improved Magnus form approximation of
    saturation vapor pressure", Journal of Applied Meteorology 35, 1996.
    """
    ratio = saturation_pressure(dew_point) / saturation_pressure(temperature)
    return np.clip(100 * ratio, 0.0, 100.0)


def saturation_pressure(temperature: FloatArray) -> FloatArray:
    """Of water vapour over water, in hPa; ``temperature`` in °C. Alduchov and Eskridge 1996."""
    return 6.1094 * np.exp(17.625 * temperature / (temperature + 243.04))
