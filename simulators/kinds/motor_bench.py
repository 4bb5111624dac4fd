"""Test benches for electric motors: a permanent-magnet machine against a brake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulators.chance import FloatArray
from simulators.kinds.bearing import bearing_acceleration, rotor_acceleration, total_rms
from simulators.kinds.kind import (
    Command,
    Kind,
    Parameter,
    Refused,
    Signal,
    Step,
    Values,
    Waveform,
    World,
    approach,
    array_setting,
    lived,
    switch,
)

RATED_SPEED = 3000.0  # 1/min
RATED_TORQUE = 40.0  # N m
TORQUE_PER_AMPERE = 1.6  # N m / A, of the root mean square of a phase
# Of bearings and air at rated speed, N m; of the rotor and the brake, kg m2.
FRICTION = 0.8
INERTIA = 0.06
ACCELERATION = 120.0  # 1/min in a second
PHASE_RESISTANCE = 0.25  # Ohm at 20 °C
IRON_LOSSES = 140.0  # W at rated speed
# Of copper, per kelvin: IEC 60028.
COPPER = 0.00393
THERMAL_RESISTANCE = 0.11  # K/W, winding to room
THERMAL_MEMORY = 1200.0  # s
HOUSING_MEMORY = 3600.0
# The drive trips here: insulation of class F (IEC 60085).
TRIP_TEMPERATURE = 155.0
# The programme that a bench repeats: speeds and torques, each held so many seconds.
SPEEDS = np.array([0.0, 0.3, 0.6, 0.9, 1.0, 1.0, 0.75, 0.5]) * RATED_SPEED
TORQUES = np.array([0.0, 0.4, 0.5, 0.6, 0.9, 0.5, 0.7, 0.9]) * RATED_TORQUE
HOLD = 300.0
# A bearing's damage shows at this severity, m/s2 of its impacts, and doubles in so many hours run.
FIRST_DAMAGE, MOST_DAMAGE = 0.05, 60.0
DOUBLING = (60.0, 140.0)


class Benches:
    """n benches that run one programme, each begun at another moment, with its own motor."""

    def __init__(self, world: World) -> None:
        self.world = world
        pick, devices = world.chance.pick, world.devices
        self.begun = pick("begun", 0, HOLD * SPEEDS.size)
        self.unbalance = pick("unbalance", 3, 12)
        self.critical_speed = pick("critical", 0.65, 0.85) * RATED_SPEED
        self.running = np.ones(devices, bool)
        # Not a number where the programme decides.
        self.held_speed = np.full(devices, np.nan)
        self.held_torque = np.full(devices, np.nan)
        self.speed_limit = np.full(devices, RATED_SPEED)
        self.doubling = pick("doubling", *DOUBLING)
        # Hours that the motor has run since its bearing was damaged; below 0 it is sound.
        self.damaged_for = pick("damaged for", -5 * DOUBLING[1], 6.5 * DOUBLING[1])
        self.hours = 6 * DOUBLING[1] + self.damaged_for + pick("hours", 0, 3000)
        self.speed = np.zeros(devices)
        self.acceleration = np.zeros(devices)
        self.lasted = 0.0
        self.angle = pick("angle", 0, 1)
        self.winding_temperature = pick("winding", 30, 60)
        self.housing_temperature = pick("housing", 28, 40)

    @property
    def damage(self) -> FloatArray:
        """How hard the bearing's impacts are at rated speed, in m/s2: (n,)."""
        return damage_after(self.damaged_for, self.doubling)

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """Follow the programme against the brake; losses warm the winding, the rotor shakes."""
        room = self.world.weather(times).room_temperature
        speed, torque, current, winding, housing, damaged_for, hours = lived(
            self.step(*moment, seconds) for moment in zip(*self.wanted(times), room, strict=True)
        )
        velocity = vibration(speed, self.critical_speed[:, None], self.unbalance[:, None])
        damage = damage_after(damaged_for, self.doubling[:, None])
        sensor = 1 + 0.02 * self.world.chance.noise("sensor", times, 20.0, 3)
        power = torque * speed * 2 * np.pi / 60
        return {
            "speed": speed,
            "torque": torque,
            "current": current,
            "mechanical_power": power,
            "electrical_power": power + losses(current, winding, speed),
            "winding_temperature": winding,
            "housing_temperature": housing,
            "vibration_velocity": velocity * sensor + 0.02,
            "vibration_rms": total_rms(velocity, speed / 60, damage * speed / RATED_SPEED) * sensor,
            "running_hours": hours,
            "running": (speed > 1).astype(float),
        }

    def wanted(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Speed in 1/min and torque of the brake in N m that are asked for: (T, n) each."""
        place = ((times[:, None] + self.begun) // HOLD).astype(np.int64) % SPEEDS.size
        speed, torque = SPEEDS[place], TORQUES[place]
        speed = np.where(np.isnan(self.held_speed), speed, self.held_speed)
        torque = np.where(np.isnan(self.held_torque), torque, self.held_torque)
        brake = 1 + 0.03 * self.world.chance.noise("brake", times, 15.0, 3).T
        return np.minimum(speed, self.speed_limit) * self.running, torque * brake

    def step(
        self, wanted_speed: FloatArray, wanted_torque: FloatArray, room: float, seconds: float
    ) -> Step:
        """Live on for some seconds; what the readings are made of."""
        most = ACCELERATION * seconds
        change = np.clip(wanted_speed * self.running - self.speed, -most, most)
        turning = self.speed + change / 2
        self.speed = self.speed + change
        self.angle = (self.angle + turning / 60 * seconds) % 1e6
        self.acceleration = change / seconds if seconds else np.zeros_like(change)
        self.lasted = seconds
        share = self.speed / RATED_SPEED
        # The brake holds nothing that stands still.
        braked = wanted_torque * np.minimum(1.0, self.speed / 100)
        torque = braked + FRICTION * share + INERTIA * self.acceleration * (2 * np.pi / 60)
        current = np.abs(torque) / TORQUE_PER_AMPERE + 0.3 * (self.speed > 0)
        heat = losses(current, self.winding_temperature, self.speed)
        self.winding_temperature = approach(
            self.winding_temperature, room + THERMAL_RESISTANCE * heat, seconds, THERMAL_MEMORY
        )
        self.housing_temperature = approach(
            self.housing_temperature,
            room + 0.45 * (self.winding_temperature - room),
            seconds,
            HOUSING_MEMORY,
        )
        ran = seconds / 3600 * share
        self.damaged_for = self.damaged_for + ran
        self.hours = self.hours + seconds / 3600 * (self.speed > 1)
        self.running = self.running & (self.winding_temperature < TRIP_TEMPERATURE)
        return (
            self.speed, torque, current, self.winding_temperature, self.housing_temperature,
            self.damaged_for, self.hours,
        )  # fmt: skip

    def samples(self, time: float, age: FloatArray) -> FloatArray:
        """The housing's acceleration in m/s2, so many seconds before the state: (n, k)."""
        # In the last step the speed changed evenly; what is older is taken to be at its beginning.
        changing = np.minimum(age, self.lasted)
        now = self.speed[:, None] / 60
        speed = np.maximum(now - self.acceleration[:, None] / 60 * changing, 0)
        angle = self.angle[:, None] - (now + speed) / 2 * changing - speed * (age - changing)
        velocity = vibration(speed * 60, self.critical_speed[:, None], self.unbalance[:, None])
        moments = np.rint((time - age) * 1e5).astype(np.int64)
        noise = self.world.chance.normal("accelerometer", moments)
        share = (self.speed / RATED_SPEED)[:, None]
        return rotor_acceleration(velocity, speed, angle, noise) + bearing_acceleration(
            self.damage[:, None] * share, speed, angle
        )


def damage_after(hours: FloatArray, doubling: FloatArray) -> FloatArray:
    """How hard the impacts of a bearing are in m/s2, so many hours after it was damaged.

    Wear feeds on itself, so it grows exponentially: N. Gebraeel and others, 2005.
    """
    grown = FIRST_DAMAGE * np.exp2(np.clip(hours / doubling, 0, 20))
    return np.where(hours > 0, np.minimum(grown, MOST_DAMAGE), 0.0)


def losses(current: FloatArray, temperature: FloatArray, speed: FloatArray) -> FloatArray:
    """Heat in W: of three phases of copper at a temperature in °C, and of the iron."""
    resistance = PHASE_RESISTANCE * (1 + COPPER * (temperature - 20))
    return 3 * current**2 * resistance + IRON_LOSSES * (speed / RATED_SPEED) ** 1.5


def vibration(speed: FloatArray, critical: FloatArray, unbalance: FloatArray) -> FloatArray:
    """Root mean square of the housing's velocity in mm/s, as ISO 20816 judges machines by.

    The steady response of one degree of freedom to a rotating unbalance: Rao 2011, section 3.7.

    Args:
        speed: of the shaft, 1/min.
        critical: speed of the bench's own resonance, 1/min.
        unbalance: mass times eccentricity over the mass of the bench, in micrometres.
    """
    ratio, damping = speed / critical, 0.08
    magnification = ratio**2 / np.sqrt((1 - ratio**2) ** 2 + (2 * damping * ratio) ** 2)
    omega = speed * 2 * np.pi / 60
    result: FloatArray = unbalance * 1e-3 * magnification * omega / np.sqrt(2)
    return result


def start(bench: Benches, index: int, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run the programme, or what is held."""
    if bench.winding_temperature[index] > TRIP_TEMPERATURE - 30:
        raise Refused(f"the winding is too warm: {bench.winding_temperature[index]:.0f} °C")
    bench.running[index] = True
    return {"running": True}


def stop(bench: Benches, index: int, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """Slow down to a stand."""
    bench.running[index] = False
    return {"running": False}


def hold(bench: Benches, index: int, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave the programme for a point of one's own."""
    bench.held_speed[index] = given["speed"]
    bench.held_torque[index] = given.get("torque", bench.held_torque[index])
    return {"speed": given["speed"]}


def resume(bench: Benches, index: int, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow the programme again."""
    bench.held_speed[index] = bench.held_torque[index] = np.nan
    return {"programme": "load steps"}


def new_bearing(bench: Benches, index: int, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """What maintenance does; the new one lasts a while."""
    bench.damaged_for[index] = -3 * DOUBLING[1]
    return {"bearing": "new"}


MOTOR_BENCH: Kind[Benches] = Kind(
    id="motor-bench",
    name="Motor test bench",
    description="A 12 kW permanent-magnet motor against a brake, with a bearing that wears out.",
    interval=1.0,
    longest_step=60.0,
    warm_up=7200.0,
    signals=(
        Signal("speed", "{rev}/min", 0, 3600, 1, "ramps of a load-step programme"),
        Signal("torque", "N.m", -20, 80, 3, "Rao 2011: brake, friction and inertia"),
        Signal("current", "A", 0, 60, 3, "Hughes 2019: torque / torque constant"),
        Signal("mechanical_power", "W", -8000, 25_000, 1, "torque × angular speed"),
        Signal("electrical_power", "W", -8000, 25_000, 1, "mechanical power and losses"),
        Signal("winding_temperature", "Cel", 0, 180, 2, "IEC 60034-1; first-order lag"),
        Signal("housing_temperature", "Cel", 0, 120, 2, "first-order lag"),
        Signal("vibration_velocity", "mm/s", 0, 50, 3, "Rao 2011, 3.7; ISO 20816-1"),
        Signal("vibration_rms", "m/s2", 0, 100, 3, "rotor and bearing: McFadden 1984"),
        Signal("running_hours", "h", 0, 200_000, 3, "counted while the shaft turns"),
        switch("running", "speed > 1/min"),
    ),
    start=Benches,
    facts=lambda *_: {
        "firmware": "4.0.3",
        "motor": "PMSM 12 kW",
        "bearing": "6205",
        "accelerometer_hz": 1000,
    },
    references=(
        'S. S. Rao, "Mechanical Vibrations", 5th edition, Prentice Hall, 2011.',
        'A. Hughes, B. Drury, "Electric Motors and Drives", 5th edition, Newnes, 2019.',
        'IEC 60034-1, "Rotating electrical machines: rating and performance"; IEC 60085, '
        '"Electrical insulation: thermal evaluation".',
        'ISO 20816-1, "Mechanical vibration: measurement and evaluation of machine vibration".',
        'P. D. McFadden, J. D. Smith, "Model for the vibration produced by a single point defect '
        'in a rolling element bearing", Journal of Sound and Vibration 96 (1), 1984.',
        'N. Gebraeel, M. Lawley, R. Li, J. Ryan, "Residual-life distributions from component '
        'degradation signals", IIE Transactions 37 (6), 2005.',
    ),
    waveforms=(
        Waveform(
            "vibration", "m/s2", 1000.0, -400, 400, 3,
            "McFadden 1984: impacts at the outer race's frequency (BPFO) ring a resonance",
            Benches.samples,
        ),
    ),
    commands=(
        Command("start", "runs", start),
        Command("stop", "slows down to a stand", stop),
        Command(
            "hold", "leaves the programme for one speed and torque", hold,
            (
                Parameter("speed", "{rev}/min", 0, RATED_SPEED),
                Parameter("torque", "N.m", 0, RATED_TORQUE, optional=True),
            ),
        ),
        Command("resume", "follows the programme again", resume),
        Command("new_bearing", "has a sound bearing again", new_bearing),
    ),
    settings=(
        array_setting(
            Parameter("speed_limit", "{rev}/min", 0, RATED_SPEED),
            "never runs faster",
            lambda bench: bench.speed_limit,
        ),
    ),
)  # fmt: skip
