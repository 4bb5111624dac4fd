"""Photovoltaic inverters on a park's roof."""

from __future__ import annotations

import numpy as np

from simulators.signals import Drift, FloatArray, Kind, Signal, approach
from simulators.site import Site, air_temperature, clear_sky_irradiance, sun_elevation

# Of the inverter: what it delivers at most, and the efficiency it is rated with.
RATED_AC = 10_000.0
EFFICIENCY = 0.96
# Of the modules: nominal operating cell temperature, and power lost per kelvin above 25 °C.
NOCT = 45.0
POWER_PER_KELVIN = -0.0035
# Modules take minutes to warm up.
MODULE_MEMORY = 300.0


class Plant:
    """Strings of modules, each on an inverter, under the clouds of one sky."""

    def __init__(self, devices: int, random: np.random.Generator, site: Site) -> None:
        self.site = site
        self.capacity = random.uniform(8_000, 12_000, devices)
        # One weather for the park, and small clouds that each roof has for itself.
        self.weather = Drift(1, random, memory=3 * 3600)
        self.clouds = Drift(devices, random, memory=600)
        self.day = 0.0
        self.irradiance = np.zeros(devices)
        self.module_temperature = np.full(devices, 20.0)
        self.dc_power = np.zeros(devices)
        self.ac_power = np.zeros(devices)
        self.energy_today = np.zeros(devices)

    def advance(self, time: float, seconds: float) -> None:
        """The sun moves, clouds pass, modules warm up, energy adds up since midnight."""
        clear = clear_sky_irradiance(sun_elevation(self.site, time))
        weather, clouds = self.weather.advance(seconds), self.clouds.advance(seconds)
        self.irradiance = clear * clearness(1.0 + 1.2 * weather + 0.5 * clouds)
        self.module_temperature = approach(
            self.module_temperature,
            module_temperature(self.irradiance, air_temperature(self.site, time)),
            seconds,
            MODULE_MEMORY,
        )
        self.dc_power = dc_power(self.irradiance, self.module_temperature, self.capacity)
        before, self.ac_power = self.ac_power, ac_power(self.dc_power)
        today = self.site.midnight(time)
        kept = self.energy_today if today == self.day else 0.0
        self.energy_today = kept + (before + self.ac_power) / 2 * seconds / 3.6e6
        self.day = today


def clearness(weather: FloatArray) -> FloatArray:
    """The share of a clear sky's light that comes through, 0.2 (overcast) to 1 (clear)."""
    return 0.2 + 0.8 / (1 + np.exp(-2 * weather))


def module_temperature(irradiance: FloatArray, air: float) -> FloatArray:
    """Cell temperature in °C from irradiance in W/m2 and air temperature in °C.

    R. G. Ross, "Interface design considerations for terrestrial solar cell modules", 12th IEEE
    Photovoltaic Specialists Conference, 1976.
    """
    return air + (NOCT - 20) / 800 * irradiance


def dc_power(irradiance: FloatArray, temperature: FloatArray, capacity: FloatArray) -> FloatArray:
    """Power of the modules in W; ``capacity`` in W at 1,000 W/m2 and 25 °C.

    A. P. Dobos, "PVWatts Version 5 Manual", NREL/TP-6A20-62641, 2014, equation 8.
    """
    return irradiance / 1000 * capacity * (1 + POWER_PER_KELVIN * (temperature - 25))


def ac_power(dc: FloatArray) -> FloatArray:
    """Power that the inverter delivers in W, cut off at its rating. PVWatts 5, equation 11."""
    load = dc / (RATED_AC / EFFICIENCY)
    # The curve has a pole at 0, where the inverter sleeps.
    safe = np.maximum(load, 1e-6)
    efficiency = EFFICIENCY / 0.9637 * (-0.0162 * safe - 0.0059 / safe + 0.9858)
    return np.clip(efficiency * dc, 0.0, RATED_AC)


PV_INVERTER: Kind[Plant] = Kind(
    id="pv-inverter",
    name="PV inverter",
    description="A 10 kW photovoltaic inverter with its modules and an irradiance sensor.",
    signals=(
        Signal("irradiance", "W/m2", 0, 1400, 1, lambda plant: plant.irradiance),
        Signal("module_temperature", "Cel", -40, 95, 2, lambda plant: plant.module_temperature),
        Signal("dc_power", "W", 0, 15_000, 1, lambda plant: plant.dc_power),
        Signal("ac_power", "W", 0, RATED_AC, 1, lambda plant: plant.ac_power),
        Signal("energy_today", "kW.h", 0, 240, 4, lambda plant: plant.energy_today),
    ),
    start=Plant,
)
