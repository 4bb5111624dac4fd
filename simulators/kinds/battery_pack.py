"""Lithium-ion battery packs of light vehicles on a cycling rig: 14 cells in series, 20 Ah."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulators.chance import BoolArray, FloatArray
from simulators.kinds.kind import (
    Command,
    Kind,
    Parameter,
    Refused,
    Signal,
    Step,
    Values,
    World,
    approach,
    array_setting,
    lived,
    switch,
)

CELLS = 14
CAPACITY = 20.0  # Ah
# Capacity of the cell that the resistance was measured on; a bigger cell has less of it.
MEASURED_CAPACITY = 0.85
# Of the RC element, beside the series resistance, and its time constant in s.
POLARISATION = 0.6
POLARISATION_MEMORY = 240.0
# Resistance falls with warmth as a reaction's speed rises: activation energy over gas constant, K.
ACTIVATION = 2400.0
KELVIN, REFERENCE_KELVIN = 273.15, 298.15
HIGHEST_CELL, LOWEST_CELL = 4.10, 3.35  # V
CUT_OFF = CAPACITY / 25  # A, at which a charge at constant voltage is done
REST = 900.0  # s
THERMAL_RESISTANCE = 1.2  # K/W, pack to room
THERMAL_MEMORY = 7000.0  # s
TOO_WARM = 55.0  # °C
# Capacity fade of Wang 2011 at C/2; Ah of the 2.2 Ah cell that was measured.
FADE, FADE_ENERGY, FADE_POWER, FADE_CAPACITY = 31_630.0, 31_500.0 / 8.314, 0.55, 2.2
# Share of resistance that comes with a share of capacity that goes.
RESISTANCE_PER_FADE = 2.0

CHARGE, RESTING_FULL, DISCHARGE, RESTING_EMPTY, STOPPED = range(5)


class Packs:
    """n packs that are charged and discharged without end, each with years behind it."""

    def __init__(self, world: World) -> None:
        self.world = world
        pick, devices = world.chance.pick, world.devices
        self.empty = pick("empty", 0.08, 0.2)
        self.charge_current = np.full(devices, 8.0)
        self.discharge_current = np.round(pick("discharge", 7, 12), 1)
        self.charge_limit = np.full(devices, 100.0)
        self.made_with = pick("made with", 0.9, 1.15)
        self.spread = pick("spread", 0.002, 0.012)
        self.charge = pick("charge", 0.2, 0.9)
        self.phase = np.where(pick("phase", 0, 1) < 0.5, CHARGE, DISCHARGE)
        self.rest_left = np.zeros(devices)
        self.polarisation = np.zeros(devices)
        self.temperature = pick("temperature", 24, 29)
        self.throughput = pick("cycles", 5, 450) * 2 * CAPACITY
        self.faded = fade_speed(np.full(devices, 28.0)) * self.throughput
        self.capacity, self.aged = np.zeros(devices), np.zeros(devices)
        self.note_age(np.ones(devices, bool))

    @property
    def health(self) -> FloatArray:
        """The share of the capacity that is left: (n,)."""
        return 1 - self.faded**FADE_POWER / 100

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """Charge flows, turns round at the limits, and warms the pack."""
        room = self.world.weather(times).room_temperature
        load = self.load(times).T.copy()
        charge, current, resistance, polarisation, temperature, faded, throughput = lived(
            self.step(*moment, seconds) for moment in zip(room, load, strict=True)
        )
        voltage = open_circuit_voltage(charge) + polarisation + current * resistance
        apart = self.spread[:, None] * (1 + 4 * np.exp(-8 * charge))
        apart = apart + 0.03 * np.abs(current) * resistance / CELLS
        return {
            "voltage": voltage,
            "current": current,
            "power": voltage * current,
            "state_of_charge": np.clip(charge, 0, 1) * 100,
            "state_of_health": 100 - faded**FADE_POWER,
            "cell_voltage_min": voltage / CELLS - apart,
            "cell_voltage_max": voltage / CELLS + 0.7 * apart,
            "internal_resistance": resistance * 1000,
            "temperature": temperature,
            "cycles": throughput / (2 * CAPACITY),
            "charging": (current > 0).astype(float),
        }

    def load(self, times: FloatArray) -> FloatArray:
        """What is drawn, as a share of the discharge current: (n, T)."""
        return 1 + 0.18 * self.world.chance.noise("load", times, 120.0, 3)

    def step(self, room: float, load: FloatArray, seconds: float) -> Step:
        """Live on for some seconds; what the readings are made of."""
        warmth = np.exp(ACTIVATION / (self.temperature + KELVIN) - ACTIVATION / REFERENCE_KELVIN)
        resistance = self.aged * warmth * series_resistance(self.charge)
        inner = open_circuit_voltage(self.charge) + self.polarisation
        current = self.current(inner, resistance, load)
        self.charge = self.charge + current * (seconds / 3600) / self.capacity
        across = resistance * POLARISATION
        self.polarisation = approach(
            self.polarisation, current * across, seconds, POLARISATION_MEMORY
        )
        heat = current * current * resistance + self.polarisation * self.polarisation / across
        self.temperature = approach(
            self.temperature, room + THERMAL_RESISTANCE * heat, seconds, THERMAL_MEMORY
        )
        moved = np.abs(current) * (seconds / 3600)
        self.throughput = self.throughput + moved
        self.faded = self.faded + fade_speed(self.temperature) * moved
        self.turn(current, inner + current * resistance, seconds)
        return (
            self.charge, current, resistance, self.polarisation, self.temperature, self.faded,
            self.throughput,
        )  # fmt: skip

    def current(self, inner: FloatArray, resistance: FloatArray, load: FloatArray) -> FloatArray:
        """Into the pack in A: constant, or as much as holds the highest voltage."""
        held = np.maximum((CELLS * HIGHEST_CELL - inner) / resistance, 0)
        charging = np.minimum(self.charge_current, held)
        drawing = self.discharge_current * load
        result: FloatArray = charging * (self.phase == CHARGE) - drawing * (self.phase == DISCHARGE)
        return result

    def turn(self, current: FloatArray, voltage: FloatArray, seconds: float) -> None:
        """Go on to the next phase where one is done, or the pack is too warm."""
        self.rest_left = self.rest_left - seconds
        full = (current <= CUT_OFF) | (self.charge >= self.charge_limit / 100)
        drained = (self.charge <= self.empty) | (voltage <= CELLS * LOWEST_CELL)
        hot = self.temperature > TOO_WARM
        busy = ((self.phase == CHARGE) & (full | hot)) | (
            (self.phase == DISCHARGE) & (drained | hot)
        )
        rested = (self.phase % 2 == 1) & (self.rest_left <= 0) & ~hot
        turning = busy | rested
        if turning.any():
            self.rest_left = np.where(busy, REST, self.rest_left)
            self.phase = np.where(turning, (self.phase + 1) % STOPPED, self.phase)
            self.note_age(turning)

    def note_age(self, which: BoolArray) -> None:
        """Ageing is slow: what it changes is looked at when a phase of a pack ends."""
        aged = self.made_with * (1 + RESISTANCE_PER_FADE * (1 - self.health))
        self.capacity = np.where(which, CAPACITY * self.health, self.capacity)
        self.aged = np.where(which, aged, self.aged)


def open_circuit_voltage(charge: FloatArray) -> FloatArray:
    """Of a pack at rest, in V; ``charge`` is its state, 0 to 1. Chen 2006, equation 2."""
    cell = (
        -1.031 * np.exp(-35 * charge)
        + 3.685
        + charge * (0.2156 + charge * (-0.1178 + charge * 0.3201))
    )
    return CELLS * cell


def series_resistance(charge: FloatArray) -> FloatArray:
    """Of a new pack at 25 °C, in Ohm. Chen 2006, equation 3, scaled to this capacity."""
    cell = 0.1562 * np.exp(-24.37 * charge) + 0.07446
    return CELLS * cell * MEASURED_CAPACITY / CAPACITY


def fade_speed(temperature: FloatArray) -> FloatArray:
    """How fast capacity fades with each Ah through the pack.

    Wang 2011 gives the loss in percent as ``B exp(-E/RT) Ah^z`` at one temperature. Its z-th root
    grows evenly with the Ah, and so can be summed up while the temperature changes.
    """
    root = np.exp((np.log(FADE) - FADE_ENERGY / (temperature + KELVIN)) / FADE_POWER)
    result: FloatArray = root * (FADE_CAPACITY / CAPACITY)
    return result


def begin(phase: int) -> Any:
    """A command that begins a phase."""

    def run(packs: Packs, index: int, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if packs.temperature[index] > TOO_WARM:
            raise Refused(f"the pack is too warm: {packs.temperature[index]:.0f} °C")
        currents = packs.charge_current if phase == CHARGE else packs.discharge_current
        if "current_a" in given:
            currents[index] = given["current_a"]
        packs.phase[index] = phase
        return {"current_a": float(currents[index])}

    return run


def stop(packs: Packs, index: int, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """Open the contactor."""
    packs.phase[index] = STOPPED
    return {"state_of_charge": round(float(packs.charge[index]) * 100, 1)}


AMPERE = Parameter("current_a", "A", 0.5, 20, optional=True)

BATTERY_PACK: Kind[Packs] = Kind(
    id="battery-pack",
    name="Battery pack",
    description="A 48 V, 20 Ah lithium-ion pack on a cycling rig; a current into it is positive.",
    interval=5.0,
    longest_step=120.0,
    warm_up=3600.0,
    signals=(
        Signal("voltage", "V", 40, 60, 3, "Chen 2006: open circuit, R0 and one RC element"),
        Signal("current", "A", -30, 30, 3, "constant current, then constant voltage"),
        Signal("power", "W", -1600, 1200, 1, "voltage × current"),
        Signal("state_of_charge", "%", 0, 100, 3, "Plett 2015: charge counted"),
        Signal("state_of_health", "%", 50, 100, 3, "Wang 2011: capacity fade"),
        Signal("cell_voltage_min", "V", 2.5, 4.3, 4, "voltage / 14 and the cells' spread"),
        Signal("cell_voltage_max", "V", 2.5, 4.3, 4, "voltage / 14 and the cells' spread"),
        Signal("internal_resistance", "mOhm", 0, 500, 2, "Chen 2006, eq. 3; Arrhenius"),
        Signal("temperature", "Cel", -20, 80, 2, "Bernardi 1985: ohmic losses, first order"),
        Signal("cycles", "{cycle}", 0, 10_000, 4, "charge moved / twice the capacity"),
        switch("charging", "current > 0"),
    ),
    start=Packs,
    facts=lambda *_: {
        "firmware": "1.7.0",
        "chemistry": "Li-ion, polymer",
        "cells_in_series": CELLS,
        "capacity_ah": CAPACITY,
    },
    references=(
        'M. Chen, G. A. Rincón-Mora, "Accurate electrical battery model capable of predicting '
        'runtime and I-V performance", IEEE Transactions on Energy Conversion 21 (2), 2006.',
        'G. L. Plett, "Battery Management Systems", volume 1, Artech House, 2015.',
        'J. Wang and others, "Cycle-life model for graphite-LiFePO4 cells", Journal of Power '
        "Sources 196 (8), 2011.",
        'D. Bernardi, E. Pawlikowski, J. Newman, "A general energy balance for battery systems", '
        "Journal of the Electrochemical Society 132 (1), 1985.",
    ),
    commands=(
        Command("start_charge", "charges now", begin(CHARGE), (AMPERE,)),
        Command("start_discharge", "discharges now", begin(DISCHARGE), (AMPERE,)),
        Command("stop", "opens the contactor until the next start", stop),
    ),
    settings=(
        array_setting(
            Parameter("charge_current_a", "A", 0.5, 20),
            "charges with that current",
            lambda packs: packs.charge_current,
        ),
        array_setting(
            Parameter("discharge_current_a", "A", 0.5, 20),
            "discharges with that current on average",
            lambda packs: packs.discharge_current,
        ),
        array_setting(
            Parameter("charge_limit_percent", "%", 50, 100),
            "charges no further",
            lambda packs: packs.charge_limit,
        ),
    ),
)
