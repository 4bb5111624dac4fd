"""Lithium-ion battery packs of light vehicles on a cycling rig: 14 cells in series, 20 Ah."""

from __future__ import annotations

import numpy as np

from simulators.signals import Drift, FloatArray, Kind, Signal, approach
from simulators.site import Site, room_temperature

CELLS = 14
CAPACITY = 20.0  # Ah
# Capacity of the cell that the resistance was measured on; a bigger cell has less of it.
MEASURED_CAPACITY = 0.85
CHARGE_CURRENT = 8.0  # A
DISCHARGE_CURRENT = 10.0
THERMAL_RESISTANCE = 1.5  # K/W, pack to room
THERMAL_MEMORY = 2700.0  # s


class Packs:
    """Packs that are charged and discharged between two limits of their own, without end."""

    def __init__(self, devices: int, random: np.random.Generator, site: Site) -> None:
        self.site = site
        self.empty = random.uniform(0.12, 0.20, devices)
        self.full = random.uniform(0.90, 0.96, devices)
        self.ageing = random.uniform(1.0, 1.6, devices)
        self.load = Drift(devices, random, memory=60)
        self.charge = random.uniform(self.empty, self.full)
        self.charging = random.random(devices) < 0.5
        self.cycles = random.uniform(0, 300, devices)
        self.current = np.zeros(devices)
        self.resistance = self.ageing * series_resistance(self.charge)
        self.temperature = np.full(devices, 25.0)

    def advance(self, time: float, seconds: float) -> None:
        """Count the charge that flowed, turn round at a limit, warm up by the losses."""
        moved = self.current * seconds / 3600 / CAPACITY
        before = self.charge
        self.charge = np.clip(before + moved, self.empty, self.full)
        self.cycles = self.cycles + np.maximum(before - self.charge, 0)
        self.charging = (self.charging | (self.charge <= self.empty)) & (self.charge < self.full)
        load = DISCHARGE_CURRENT * (1 + 0.25 * self.load.advance(seconds))
        self.current = np.where(self.charging, CHARGE_CURRENT, -load)
        self.resistance = self.ageing * series_resistance(self.charge)
        heat = self.current**2 * self.resistance
        target = room_temperature(self.site, time) + THERMAL_RESISTANCE * heat
        self.temperature = approach(self.temperature, target, seconds, THERMAL_MEMORY)

    @property
    def voltage(self) -> FloatArray:
        """At the terminals, in V: below that of the open circuit while a current is drawn."""
        return open_circuit_voltage(self.charge) + self.current * self.resistance


def open_circuit_voltage(charge: FloatArray) -> FloatArray:
    """Of a pack at rest, in V; ``charge`` is its state, 0 to 1.

    M. Chen and G. A. Rincón-Mora, "Accurate electrical battery model capable of predicting runtime
    and I-V performance", IEEE Transactions on Energy Conversion 21 (2), 2006, equation 2.
    """
    cell = (
        -1.031 * np.exp(-35 * charge)
        + 3.685
        + 0.2156 * charge
        - 0.1178 * charge**2
        + 0.3201 * charge**3
    )
    return CELLS * cell


def series_resistance(charge: FloatArray) -> FloatArray:
    """Of a new pack, in Ohm. Chen and Rincón-Mora 2006, equation 3, scaled to this capacity."""
    cell = 0.1562 * np.exp(-24.37 * charge) + 0.07446
    return CELLS * cell * MEASURED_CAPACITY / CAPACITY


BATTERY_PACK: Kind[Packs] = Kind(
    id="battery-pack",
    name="Battery pack",
    description="A 48 V, 20 Ah lithium-ion pack on a cycling rig; a current into it is positive.",
    signals=(
        Signal("voltage", "V", 40, 60, 3, lambda packs: packs.voltage),
        Signal("current", "A", -30, 30, 3, lambda packs: packs.current),
        Signal("state_of_charge", "%", 0, 100, 3, lambda packs: packs.charge * 100),
        Signal("internal_resistance", "mOhm", 0, 500, 2, lambda packs: packs.resistance * 1000),
        Signal("temperature", "Cel", -20, 80, 2, lambda packs: packs.temperature),
        Signal("cycles", "{cycle}", 0, 10_000, 4, lambda packs: packs.cycles),
    ),
    start=Packs,
)
