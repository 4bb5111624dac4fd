"""Electricity meters of households: a load made of appliances, on a feeder that sags under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulators.chance import FloatArray
from simulators.kinds.kind import Command, Kind, Signal, Values, World, switch
from simulators.kinds.pv_inverter import mains_frequency
from simulators.kinds.totals import total, trapezoids
from simulators.site import HOUR
from simulators.weather import bell

NOMINAL = 220.0  # V
# What the wires from the transformer to a house lose, in Ohm.
WIRES = (0.15, 0.45)


@dataclass(frozen=True)
class Appliance:
    """Something that people switch on for a while.

    Attributes:
        name: what it is.
        watts: that it takes.
        factor: its power factor.
        slot: seconds in which it is used once, or not.
        seconds: for which it is on, at least and at most.
        daily: uses a day, on average.
        hours: middle and width of the times at which it is used, each with its weight.
        owned: the share of households that have one.
    """

    name: str
    watts: float
    factor: float
    slot: float
    seconds: tuple[float, float]
    daily: float
    hours: tuple[tuple[float, float, float], ...]
    owned: float

    def likely(self, hour: FloatArray) -> FloatArray:
        """The chance of its use in a slot that begins at an hour."""
        shape = sum(weight * bell(hour, middle, width) for middle, width, weight in self.hours)
        day = np.arange(0, 24, 0.25)
        whole = sum(weight * bell(day, middle, width) for middle, width, weight in self.hours)
        slots = 86_400 / self.slot
        result: FloatArray = np.minimum(
            np.asarray(shape) / np.mean(whole) * self.daily / slots, 1.0
        )
        return result


MORNING, NOON, EVENING = (6.0, 1.0, 1.0), (12.0, 1.5, 1.0), (19.0, 1.8, 1.0)
APPLIANCES = (
    Appliance("rice cooker", 400, 1.0, 2 * HOUR, (1500, 2400), 2, (MORNING, (17.0, 1.0, 1.0)), 0.9),
    Appliance("kettle", 1000, 1.0, HOUR, (120, 300), 2.5, (MORNING, (16.0, 2.0, 0.6)), 0.3),
    Appliance("iron", 350, 1.0, 2 * HOUR, (1200, 3600), 0.6, ((9.0, 2.0, 1.0), EVENING), 0.9),
    Appliance("water pump", 250, 0.72, HOUR, (400, 1200), 3, (MORNING, (16.5, 1.2, 1.0)), 0.7),
    Appliance("washing machine", 330, 0.65, 3 * HOUR, (2400, 4200), 0.5, ((8.5, 1.5, 1.0),), 0.6),
    Appliance("television", 90, 0.92, 3 * HOUR, (3600, 9000), 1.5, (NOON, (20.0, 1.5, 2.0)), 0.95),
    Appliance("fan", 45, 0.9, 2 * HOUR, (3600, 7200), 3, (NOON, EVENING), 0.9),
)
COOLING = Appliance("air conditioner", 780, 0.93, 0, (0, 0), 0, (), 0.35)
FRIDGE_WATTS, FRIDGE_FACTOR = 85.0, 0.82
LAMP_WATTS, LAMP_FACTOR = 75.0, 0.9
STANDBY_WATTS, STANDBY_FACTOR = 25.0, 0.7


class Households:
    """n households, each with its own appliances and habits, each behind a meter."""

    def __init__(self, world: World) -> None:
        self.world = world
        pick, devices = world.chance.pick, world.devices
        self.owned = np.stack([pick(f"owns {a.name}", 0, 1) < a.owned for a in APPLIANCES])
        self.cooled = pick("owns air conditioner", 0, 1) < COOLING.owned
        self.size = pick("size", 0.7, 1.4)
        self.fridge_period = pick("fridge period", 1800, 3200)
        self.fridge_share = pick("fridge share", 0.3, 0.5)
        self.fridge_phase = pick("fridge phase", 0, 1)
        self.wires = pick("wires", *WIRES)
        self.connected = np.ones(devices, bool)
        self.energy = np.round(pick("meter", 50, 20_000), 3)
        self.power = np.zeros(devices)

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """People come home and switch things on; the meter counts."""
        active, reactive = self.load(times)
        active, reactive = active * self.connected[:, None], reactive * self.connected[:, None]
        source = self.feeder(times)
        apparent = np.hypot(active, reactive)
        voltage = source - self.wires[:, None] * apparent / NOMINAL
        current = apparent / voltage
        energy = total(self.energy, trapezoids(self.power, active, seconds) / 3.6e6)
        self.energy, self.power = energy[:, -1], active[:, -1]
        return {
            "active_power": active,
            "reactive_power": reactive,
            "voltage": voltage,
            "current": current,
            "power_factor": active / np.maximum(apparent, 1e-9),
            "frequency": np.broadcast_to(mains_frequency(self.world, times), active.shape),
            "energy_total": energy,
            "connected": np.broadcast_to(self.connected[:, None], active.shape).astype(float),
        }

    def load(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Active power in W and reactive power in var: (n, T) each."""
        chance, site = self.world.chance, self.world.site
        parts = [(self.base(times), STANDBY_FACTOR), (self.fridge(times), FRIDGE_FACTOR)]
        parts += [(self.lamps(times), LAMP_FACTOR), (self.cooling(times), COOLING.factor)]
        for appliance, owned in zip(APPLIANCES, self.owned, strict=True):
            use = chance.windows(
                appliance.name,
                times,
                appliance.slot,
                lambda begins, it=appliance: it.likely(site.hour(begins)),  # type: ignore[misc]
                appliance.seconds,
            )
            size = 0.85 + 0.3 * use.numbers(chance, f"{appliance.name} size")
            parts.append((use.on * owned[:, None] * appliance.watts * size, appliance.factor))
        ripple = 1 + 0.01 * chance.noise("ripple", times, 20.0, 2)
        active = sum(power for power, _ in parts) * ripple
        reactive = sum(power * np.tan(np.arccos(factor)) for power, factor in parts) * ripple
        return active, reactive

    def base(self, times: FloatArray) -> FloatArray:
        """Things that are always on: (n, T)."""
        return np.broadcast_to((STANDBY_WATTS * self.size)[:, None], (self.size.size, times.size))

    def fridge(self, times: FloatArray) -> FloatArray:
        """Its compressor goes on and off by itself, with a push at the start: (n, T)."""
        place = (times / self.fridge_period[:, None] + self.fridge_phase[:, None]) % 1
        begun = place * self.fridge_period[:, None]
        return (place < self.fridge_share[:, None]) * FRIDGE_WATTS * (1 + 0.5 * np.exp(-begun / 60))

    def lamps(self, times: FloatArray) -> FloatArray:
        """On while it is dark outside and somebody is awake: (n, T)."""
        weather = self.world.weather(times)
        dark = 1 / (1 + np.exp(np.clip(weather.sky.elevation + 2, -60, 60) / 1.5))
        hour = self.world.site.hour(times)
        awake = np.clip(0.15 + bell(hour, 19.5, 2.2) + 0.8 * bell(hour, 5.3, 0.8), 0, 1)
        used = np.clip(1 + 0.3 * self.world.chance.noise("lamps", times, HOUR, 2), 0.2, 2)
        return LAMP_WATTS * self.size[:, None] * dark * awake * used

    def cooling(self, times: FloatArray) -> FloatArray:
        """A thermostat's share of the time, in warm evenings and nights: (n, T)."""
        outside = self.world.weather(times).temperature
        hour = self.world.site.hour(times)
        at_home = np.clip(bell(hour, 21.5, 2.5) + 0.9 * bell(hour, 2.0, 2.5), 0, 1)
        share = np.clip((outside - 17) / 12, 0, 0.95) * at_home
        place = (times / 900 + self.fridge_phase[:, None] * 7) % 1
        return np.where((place < share) & self.cooled[:, None], COOLING.watts, 0.0)

    def feeder(self, times: FloatArray) -> FloatArray:
        """The voltage before the house's wires, lowest when everybody is at home: (n, T)."""
        sag = 7 * bell(self.world.site.hour(times), 19.0, 2.5)
        district = 1.5 * self.world.weather(times).noise("feeder", 900.0, 3)
        own = 0.8 * self.world.chance.noise("feeder", times, 120.0, 2)
        return NOMINAL + 5 - sag + district + own


def connect(homes: Households, index: int, connected: bool) -> Mapping[str, Any]:
    """Switch the relay of a meter."""
    homes.connected[index] = connected
    return {"connected": connected, "energy_total": round(float(homes.energy[index]), 3)}


SMART_METER: Kind[Households] = Kind(
    id="smart-meter",
    name="Smart meter",
    description="The electricity meter of a household, single phase, with a relay.",
    interval=30.0,
    longest_step=60.0,
    warm_up=0.0,
    signals=(
        Signal("active_power", "W", 0, 6000, 1, "Richardson 2010: appliances by time of day"),
        Signal("reactive_power", "var", 0, 4000, 1, "power factors of the appliances"),
        Signal("voltage", "V", 180, 245, 2, "drop over the wires; EN 50160, limits"),
        Signal("current", "A", 0, 32, 3, "apparent power / voltage"),
        Signal("power_factor", "1", 0, 1, 3, "active / apparent power: IEEE 1459"),
        Signal("frequency", "Hz", 49, 51, 3, "EN 50160, limits"),
        Signal("energy_total", "kW.h", 0, 1_000_000, 4, "integral of active_power: IEC 62053"),
        switch("connected", "the relay"),
    ),
    start=Households,
    facts=lambda homes, index: {
        "firmware": "5.1.2",
        "phases": 1,
        "class": "1",
        "contract_va": 2200 if homes.cooled[index] else 1300,
    },
    references=(
        'I. Richardson, M. Thomson, D. Infield, C. Clifford, "Domestic electricity use: a '
        'high-resolution energy demand model", Energy and Buildings 42 (10), 2010.',
        'IEEE 1459, "Definitions for the measurement of electric power quantities"; IEC 62053-21, '
        '"Static meters for active energy".',
        'EN 50160, "Voltage characteristics of electricity supplied by public networks".',
    ),
    commands=(
        Command("disconnect", "opens the relay", lambda homes, i, _: connect(homes, i, False)),
        Command("connect", "closes the relay", lambda homes, i, _: connect(homes, i, True)),
    ),
)
