"""Test benches for electric motors: a permanent-magnet machine against a brake."""

from __future__ import annotations

from math import pi

import numpy as np

from simulators.signals import Drift, FloatArray, Kind, Signal, approach
from simulators.site import Site, room_temperature

RATED_SPEED = 3000.0  # 1/min
RATED_TORQUE = 40.0  # N m
TORQUE_PER_AMPERE = 1.6  # N m / A
FRICTION = 0.8  # N m at rated speed
PHASE_RESISTANCE = 0.35  # Ohm at 20 °C
# Of copper, per kelvin: IEC 60028.
COPPER = 0.00393
THERMAL_RESISTANCE = 0.15  # K/W, winding to room
THERMAL_MEMORY = 1200.0  # s
# The programme that a bench repeats: shares of the rated speed, each held so many seconds.
PROGRAMME = np.array([0.0, 0.3, 0.6, 0.9, 1.0, 0.75, 0.5, 0.25])
HOLD = 150.0
RAMP_MEMORY = 4.0
DAMPING = 0.08


class Benches:
    """Benches that run the same programme, each begun at another moment, with its own motor."""

    def __init__(self, devices: int, random: np.random.Generator, site: Site) -> None:
        self.site = site
        self.begun = random.uniform(0, HOLD * PROGRAMME.size, devices)
        self.unbalance = random.uniform(3, 12, devices)
        self.critical_speed = random.uniform(0.65, 0.85, devices) * RATED_SPEED
        self.brake = Drift(devices, random, memory=30)
        self.sensor = Drift(devices, random, memory=0.5)
        self.speed = np.zeros(devices)
        self.torque = np.zeros(devices)
        self.current = np.zeros(devices)
        self.winding_temperature = np.full(devices, 25.0)
        self.vibration = np.zeros(devices)

    def advance(self, time: float, seconds: float) -> None:
        """Follow the programme against the brake; losses warm the winding, unbalance shakes."""
        step = ((time + self.begun) // HOLD).astype(np.int64) % PROGRAMME.size
        target = PROGRAMME[step] * RATED_SPEED
        self.speed = approach(self.speed, target, seconds, RAMP_MEMORY)
        share = self.speed / RATED_SPEED
        load = 0.6 + 0.12 * self.brake.advance(seconds)
        self.torque = RATED_TORQUE * load * share + FRICTION * share
        self.current = self.torque / TORQUE_PER_AMPERE
        losses = copper_losses(self.current, self.winding_temperature)
        room = room_temperature(self.site, time)
        self.winding_temperature = approach(
            self.winding_temperature, room + THERMAL_RESISTANCE * losses, seconds, THERMAL_MEMORY
        )
        shaking = vibration(self.speed, self.critical_speed, self.unbalance)
        self.vibration = shaking * (1 + 0.05 * self.sensor.advance(seconds)) + 0.02


def copper_losses(current: FloatArray, temperature: FloatArray) -> FloatArray:
    """Heat of three phases in W from the current in A, at the winding's temperature in °C."""
    return 3 * current**2 * PHASE_RESISTANCE * (1 + COPPER * (temperature - 20))


def vibration(speed: FloatArray, critical: FloatArray, unbalance: FloatArray) -> FloatArray:
    """Root mean square of the housing's velocity in mm/s.

    The steady response of one degree of freedom to a rotating unbalance: S. S. Rao, "Mechanical
    Vibrations", section 3.7. It is what ISO 20816 judges machines by.

    Args:
        speed: of the shaft, 1/min.
        critical: speed of the bench's own resonance, 1/min.
        unbalance: mass times eccentricity over the mass of the bench, in micrometres.
    """
    ratio = speed / critical
    magnification = ratio**2 / np.sqrt((1 - ratio**2) ** 2 + (2 * DAMPING * ratio) ** 2)
    omega = speed * 2 * pi / 60
    velocity: FloatArray = unbalance * 1e-3 * magnification * omega / np.sqrt(2)
    return velocity


MOTOR_BENCH: Kind[Benches] = Kind(
    id="motor-bench",
    name="Motor test bench",
    description="A 12 kW permanent-magnet motor against a brake, repeating a test programme.",
    signals=(
        Signal("speed", "{rev}/min", 0, 4000, 1, lambda bench: bench.speed),
        Signal("torque", "N.m", 0, 80, 3, lambda bench: bench.torque),
        Signal("current", "A", 0, 60, 3, lambda bench: bench.current),
        Signal("winding_temperature", "Cel", 0, 180, 2, lambda bench: bench.winding_temperature),
        Signal("vibration_rms", "mm/s", 0, 50, 3, lambda bench: bench.vibration),
    ),
    start=Benches,
)
