"""Air-quality stations at a park's road."""

from __future__ import annotations

from math import exp

import numpy as np

from simulators.signals import Drift, FloatArray, Kind, Signal
from simulators.site import Site, air_temperature

# Fine particles on a quiet afternoon, and what rush hours and calm nights add, in ug/m3.
FINE_BASE = 18.0
FINE_TRAFFIC = 22.0
# The well-mixed atmosphere, in ppm.
CO2_BASE = 425.0


class Stations:
    """Stations that breathe the same day, each with its own road."""

    def __init__(self, devices: int, random: np.random.Generator, site: Site) -> None:
        self.site = site
        self.road = random.uniform(0.8, 1.4, devices)
        self.dust = random.uniform(1.5, 2.2, devices)
        self.particles = Drift(devices, random, memory=1800)
        self.breath = Drift(devices, random, memory=900)
        self.warmth = Drift(devices, random, memory=3600)
        self.moisture = Drift(devices, random, memory=6 * 3600)
        self.pm2_5 = np.zeros(devices)
        self.pm10 = np.zeros(devices)
        self.co2 = np.zeros(devices)
        self.temperature = np.zeros(devices)
        self.humidity = np.zeros(devices)

    def advance(self, time: float, seconds: float) -> None:
        """The shape of the day, and noise with a memory on top."""
        traffic = rush_hours(self.site.hour(time))
        typical = FINE_BASE + FINE_TRAFFIC * traffic * self.road
        # Concentrations are log-normal: W. R. Ott, "A physical explanation of the lognormality
        # of pollutant concentrations", J. Air & Waste Management Association 40, 1990.
        self.pm2_5 = typical * np.exp(0.35 * self.particles.advance(seconds))
        self.pm10 = self.pm2_5 * self.dust
        self.co2 = CO2_BASE + 40 * traffic * self.road + 6 * (3 + self.breath.advance(seconds))
        air = air_temperature(self.site, time)
        self.temperature = air + 0.6 * self.warmth.advance(seconds)
        dew_point = air_temperature_of_dawn(self.site, time) - 2 + self.moisture.advance(seconds)
        self.humidity = relative_humidity(self.temperature, dew_point)


def rush_hours(hour: float) -> float:
    """The shape of a city's day, 0 to about 1: a peak at 8:30, a higher and longer one at 20:00."""
    return 0.7 * bell(hour, 8.5, 1.5) + bell(hour, 20.0, 2.5)


def bell(hour: float, middle: float, width: float) -> float:
    """A normal curve of height 1 on the clock, so that it goes on after midnight; all in hours."""
    distance = (hour - middle + 12) % 24 - 12
    return exp(-0.5 * (distance / width) ** 2)


def air_temperature_of_dawn(site: Site, time: float) -> float:
    """About the coldest of the day, near which the dew point stays, in °C."""
    day = site.midnight(time)
    return min(air_temperature(site, day + hour * 3600) for hour in range(0, 24, 3))


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


AIR_QUALITY: Kind[Stations] = Kind(
    id="air-quality",
    name="Air-quality station",
    description="Particles, carbon dioxide, temperature and humidity at the park's road.",
    signals=(
        Signal("pm2_5", "ug/m3", 0, 500, 1, lambda station: station.pm2_5),
        Signal("pm10", "ug/m3", 0, 1000, 1, lambda station: station.pm10),
        Signal("co2", "[ppm]", 350, 5000, 1, lambda station: station.co2),
        Signal("temperature", "Cel", -40, 60, 2, lambda station: station.temperature),
        Signal("humidity", "%", 0, 100, 1, lambda station: station.humidity),
    ),
    start=Stations,
)
