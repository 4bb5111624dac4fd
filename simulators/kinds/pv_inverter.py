"""Photovoltaic plants on a park's roofs: strings of modules, each on an inverter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulators.chance import FURTHEST, FloatArray
from simulators.kinds.kind import (
    Command,
    Kind,
    Parameter,
    Signal,
    Values,
    World,
    array_setting,
    lagged,
    switch,
)
from simulators.kinds.totals import since_midnight, total, trapezoids
from simulators.site import DAY
from simulators.weather import Weather

# Of the inverter: what it delivers at most, the efficiency it is rated with, and what it needs.
RATED_AC = 10_000.0
EFFICIENCY = 0.97
START_POWER = 40.0
# Of the modules: power lost per kelvin above 25 °C; dirt, wires and mismatch; light from below.
POWER_PER_KELVIN = -0.0035
LOSSES = 0.05
ALBEDO = 0.2
# Of a string at 1,000 W/m2 and 25 °C, and what voltage loses per kelvin.
STRING_VOLTAGE = 620.0
VOLTAGE_PER_KELVIN = -0.0028
# At most so much higher is the voltage when the inverter takes less than the modules offer.
OPEN_CIRCUIT = 1.2
# D. Faiman's coefficients for modules in the open, W/(m2 K) and W s/(m3 K); time to warm up in s.
FAIMAN = (25.0, 6.84)
MODULE_MEMORY = 300.0
INVERTER_MEMORY = 1200.0
# A cloud's edge passes a roof within seconds; a small cloud stands before the sun for minutes.
CLOUD_MEMORY = 420.0
CLOUD_EDGE = 0.12
THROUGH_CLOUD = 0.25


class Plant:
    """n plants under the clouds of one sky."""

    def __init__(self, world: World) -> None:
        self.world = world
        pick = world.chance.pick
        self.capacity = pick("capacity", 9_000, 13_000)
        self.tilt = pick("tilt", 5, 15)
        towards_equator = 0.0 if world.site.latitude < 0 else 180.0
        self.azimuth = towards_equator + pick("azimuth", -40, 40)
        self.limit = np.full(world.devices, RATED_AC)
        self.running = np.ones(world.devices, bool)
        self.module_temperature = np.full(world.devices, 20.0)
        self.inverter_temperature = np.full(world.devices, 20.0)
        self.power = np.zeros(world.devices)
        self.day = 0
        self.energy_today = np.zeros(world.devices)
        # Plants have some years behind them.
        self.energy_total = pick("age", 0.2, 4) * self.capacity * 1.35

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """The sun moves, clouds pass, modules warm up, energy adds up."""
        weather = self.world.weather(times)
        irradiance = self.irradiance(weather)
        warm, cool = FAIMAN
        heated = weather.temperature + irradiance / (warm + cool * weather.wind)
        module = lagged(self.module_temperature, heated, seconds, MODULE_MEMORY)
        offered = dc_power(irradiance, module, self.capacity[:, None])
        wanted = np.minimum(ac_power(offered), self.limit[:, None])
        ac = np.where(self.running[:, None] & (offered >= START_POWER), wanted, 0.0)
        dc = dc_for(ac)
        lost = lagged(
            self.inverter_temperature, weather.temperature + 0.06 * (dc - ac), seconds,
            INVERTER_MEMORY,
        )  # fmt: skip
        voltage = string_voltage(irradiance, module, dc / np.maximum(offered, 1.0))
        today, all_time = self.count(times, seconds, ac)
        self.module_temperature, self.inverter_temperature = module[:, -1], lost[:, -1]
        grid, mains = self.grid(times, ac)
        return {
            "irradiance": irradiance,
            "module_temperature": module,
            "dc_voltage": voltage,
            "dc_current": dc / np.maximum(voltage, 1.0),
            "dc_power": dc,
            "ac_power": ac,
            "grid_voltage": grid,
            "grid_frequency": np.broadcast_to(mains, ac.shape),
            "inverter_temperature": lost,
            "energy_today": today,
            "energy_total": all_time,
            "producing": (ac > 0).astype(float),
        }

    def irradiance(self, weather: Weather) -> FloatArray:
        """On the plane of the modules, in W/m2: (n, T).

        Beam, isotropic sky and ground: B. Liu and R. Jordan 1963. Of the beam a cloud before the
        sun lets nothing through, and under a closed cover a quarter of all light is left: F.
        Kasten and G. Czeplak 1980.
        """
        light, cover = weather.sky, weather.cloud
        passing = self.world.chance.noise("clouds", weather.times, CLOUD_MEMORY, 2)
        thickness = np.exp(0.35 * self.world.chance.noise("thickness", weather.times, 1500.0, 3))
        # The share of time with the sun in the open is about that of the sky without clouds.
        threshold = FURTHEST * 0.75 * (0.92 - 1.85 * cover)
        sunny = 1 / (1 + np.exp(np.clip((passing - threshold) / CLOUD_EDGE, -50, 50)))
        diffuse = light.dhi * (1 - cover) + THROUGH_CLOUD * cover * light.ghi / thickness
        # The bright edges of broken clouds add to the sun.
        diffuse = diffuse * (1 + 0.7 * cover * (1 - cover) * sunny)
        beam = light.dni * sunny
        slope = np.radians(self.tilt)[:, None]
        facing = self.facing(light.elevation, light.azimuth)
        horizontal = beam * np.sin(np.radians(np.maximum(light.elevation, 0))) + diffuse
        result: FloatArray = (
            beam * np.maximum(facing, 0)
            + diffuse * (1 + np.cos(slope)) / 2
            + horizontal * ALBEDO * (1 - np.cos(slope)) / 2
        )
        return result

    def facing(self, elevation: FloatArray, azimuth: FloatArray) -> FloatArray:
        """The cosine between the sun and the normal of the modules: (n, T)."""
        height, slope = np.radians(elevation), np.radians(self.tilt)[:, None]
        turned = np.radians(azimuth - self.azimuth[:, None])
        result: FloatArray = np.sin(height) * np.cos(slope) + np.cos(height) * np.sin(
            slope
        ) * np.cos(turned)
        return result

    def count(
        self, times: FloatArray, seconds: float, power: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Energy since midnight and since the plant was built, in kWh."""
        steps = trapezoids(self.power, power, seconds) / 3.6e6
        days = self.world.site.day(times)
        today = since_midnight(self.energy_today, self.day, steps, days)
        all_time = total(self.energy_total, steps)
        self.energy_today, self.energy_total = today[:, -1], all_time[:, -1]
        self.power, self.day = power[:, -1], int(days[-1])
        return today, all_time

    def grid(self, times: FloatArray, power: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Voltage at the inverter, which feeding in lifts, and the grid's frequency (T,)."""
        chance = self.world.chance
        voltage = 224 + 2.2 * chance.noise("grid", times, 900.0, 3) + power / RATED_AC * 5
        return voltage, mains_frequency(self.world, times)


def mains_frequency(world: World, times: FloatArray) -> FloatArray:
    """In Hz, the same at every socket of the park: (T,)."""
    return 50 + 0.025 * world.weather(times).noise("mains", 90.0, 3)


def dc_power(irradiance: FloatArray, temperature: FloatArray, capacity: FloatArray) -> FloatArray:
    """What modules offer in W; ``capacity`` in W at 1,000 W/m2 and 25 °C. PVWatts 5, equation 8."""
    clean = irradiance / 1000 * capacity * (1 + POWER_PER_KELVIN * (temperature - 25))
    return clean * (1 - LOSSES)


def ac_power(dc: FloatArray) -> FloatArray:
    """What the inverter makes of it in W, cut off at its rating. PVWatts 5, equation 11."""
    load = dc / (RATED_AC / EFFICIENCY)
    # The curve has a pole at 0, where the inverter sleeps.
    safe = np.maximum(load, 1e-6)
    efficiency = EFFICIENCY / 0.9637 * (-0.0162 * safe - 0.0059 / safe + 0.9858)
    return np.clip(efficiency * dc, 0.0, RATED_AC)


def dc_for(ac: FloatArray) -> FloatArray:
    """What the inverter takes in W to deliver ``ac``: equation 11, solved for the load."""
    rated = RATED_AC / EFFICIENCY
    squared, linear = -0.0162, 0.9858
    constant = -0.0059 - ac * 0.9637 / (EFFICIENCY * rated)
    load = (-linear + np.sqrt(linear**2 - 4 * squared * constant)) / (2 * squared)
    return np.where(ac > 0, load * rated, 0.0)


def string_voltage(irradiance: FloatArray, temperature: FloatArray, used: FloatArray) -> FloatArray:
    """In V: that of most power where all is used, towards the open circuit where less is."""
    light = np.maximum(irradiance, 1.0) / 1000
    # The diode equation: voltage goes with the logarithm of the light.
    best = (
        STRING_VOLTAGE * (1 + VOLTAGE_PER_KELVIN * (temperature - 25)) * (1 + 0.04 * np.log(light))
    )
    idle = 1 + (OPEN_CIRCUIT - 1) * (1 - np.clip(used, 0, 1)) ** 0.5
    return np.where(irradiance > 1, best * idle, 0.0)


def switch_to(plant: Plant, index: int, running: bool) -> Mapping[str, Any]:
    """Connect an inverter to the grid, or take it off."""
    plant.running[index] = running
    return {"running": running}


PV_INVERTER: Kind[Plant] = Kind(
    id="pv-inverter",
    name="PV inverter",
    description="A roof of 9 to 13 kW of modules on a 10 kW inverter, with an irradiance sensor.",
    interval=10.0,
    longest_step=300.0,
    warm_up=DAY,
    signals=(
        Signal("irradiance", "W/m2", 0, 1400, 1, "pvlib; Ineichen 2002; Kasten 1980; Liu 1963"),
        Signal("module_temperature", "Cel", -40, 95, 2, "Faiman 2008"),
        Signal("dc_voltage", "V", 0, 1000, 1, "De Soto 2006, simplified"),
        Signal("dc_current", "A", 0, 30, 2, "power / voltage"),
        Signal("dc_power", "W", 0, 15_000, 1, "Dobos 2014, eq. 8"),
        Signal("ac_power", "W", 0, RATED_AC, 1, "Dobos 2014, eq. 11"),
        Signal("grid_voltage", "V", 190, 260, 1, "EN 50160, limits"),
        Signal("grid_frequency", "Hz", 49, 51, 3, "EN 50160, limits"),
        Signal("inverter_temperature", "Cel", -40, 95, 1, "first-order lag of the losses"),
        Signal("energy_today", "kW.h", 0, 150, 3, "integral of ac_power since midnight"),
        Signal("energy_total", "kW.h", 0, 1_000_000, 2, "integral of ac_power"),
        switch("producing", "ac_power > 0"),
    ),
    start=Plant,
    facts=lambda plant, index: {
        "firmware": "2.4.1",
        "modules_w": round(float(plant.capacity[index])),
        "rated_ac_w": RATED_AC,
        "tilt_deg": round(float(plant.tilt[index]), 1),
        "azimuth_deg": round(float(plant.azimuth[index]) % 360, 1),
    },
    references=(
        'P. Ineichen, R. Perez, "A new airmass independent formulation for the Linke turbidity '
        'coefficient", Solar Energy 73 (3), 2002.',
        'F. Kasten, G. Czeplak, "Solar and terrestrial radiation dependent on the amount and type '
        'of cloud", Solar Energy 24 (2), 1980.',
        'B. Y. H. Liu, R. C. Jordan, "The long-term average performance of flat-plate solar-energy '
        'collectors", Solar Energy 7 (2), 1963.',
        'D. Faiman, "Assessing the outdoor operating temperature of photovoltaic modules", '
        "Progress in Photovoltaics 16 (4), 2008.",
        'W. De Soto, S. A. Klein, W. A. Beckman, "Improvement and validation of a model for '
        'photovoltaic array performance", Solar Energy 80 (1), 2006.',
        'A. P. Dobos, "PVWatts Version 5 Manual", NREL/TP-6A20-62641, 2014.',
        'EN 50160, "Voltage characteristics of electricity supplied by public networks".',
    ),
    commands=(
        Command("stop", "leaves the grid", lambda plant, i, _: switch_to(plant, i, False)),
        Command("start", "feeds in again", lambda plant, i, _: switch_to(plant, i, True)),
    ),
    settings=(
        array_setting(
            Parameter("power_limit_w", "W", 0, RATED_AC),
            "feeds in no more, as a grid operator demands",
            lambda plant: plant.limit,
        ),
    ),
)
