"""Electric motorcycles that ride around the park, and charge at night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulators.chance import BoolArray, FloatArray
from simulators.kinds import battery_pack
from simulators.kinds.kind import (
    Command,
    Kind,
    Parameter,
    Refused,
    Setting,
    Signal,
    Step,
    Values,
    World,
    array_setting,
    lagged,
    lived,
    switch,
)
from simulators.kinds.rides import MODES, PACE, RIDERS, loops, position
from simulators.site import HOUR
from simulators.weather import bell

CELLS, CAPACITY = 20, 40.0  # cells in series, Ah
ENERGY = CELLS * 3.7 * CAPACITY * 3600  # J
RESISTANCE = 0.045  # Ohm
CHARGER = 650.0  # W
# From here on a charger gives less and less.
TAPER = 0.9
# The battery lets nobody ride below; a rider looks for a socket below.
EMPTY, LOW = 0.03, 0.3
PARKED_WATTS = 1.5
RIDE_SLOT = 2 * HOUR
MOTOR_MEMORY, BATTERY_MEMORY = 600.0, 5400.0


class Motorcycles:
    """n motorcycles, each with a home near the park and a rider's habits."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.loops = loops()
        pick, devices = world.chance.pick, world.devices
        self.rider = (pick("rider", 0, RIDERS)).astype(np.int64)
        self.mode = np.zeros(devices, np.int64)
        self.home_north = pick("north", -1500, 1500)
        self.home_east = pick("east", -1500, 1500)
        self.rides_a_day = pick("rides", 2.5, 6)
        self.charge_limit = np.full(devices, 100.0)
        self.locked = np.zeros(devices, bool)
        self.charge = pick("charge", 0.6, 0.95)
        self.plugged = np.zeros(devices, bool)
        self.starting = np.zeros(devices, bool)
        # Seconds of loops: ridden so far, and left of this ride.
        self.ridden = np.zeros(devices)
        self.left = np.zeros(devices)
        self.odometer = pick("odometer", 200, 20_000) * 1000
        self.motor_temperature = np.full(devices, 25.0)
        self.battery_temperature = np.full(devices, 25.0)

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """Rides begin and go on; what they take leaves the battery, what a charger gives comes."""
        hour = self.world.site.hour(times)
        home = (hour >= 20) | (hour < 5)
        moments = zip(self.starts(times).T.copy(), home.tolist(), strict=True)
        charge, second, moving, charger = lived(self.step(*moment, seconds) for moment in moments)
        return self.readings(times, seconds, charge, second, moving > 0, charger)

    def starts(self, times: FloatArray) -> BoolArray:
        """Whether people want to ride: (n, T)."""

        def likely(begins: FloatArray) -> FloatArray:
            hour = self.world.site.hour(begins) + RIDE_SLOT / HOUR / 2
            shape = bell(hour, 7.5, 1.5) + 0.6 * bell(hour, 12.5, 1.8) + bell(hour, 17.5, 2.0)
            return shape / 5.5 * self.rides_a_day[:, None]

        # Longer than the longest step, so that none is overlooked.
        return self.world.chance.windows("ride", times, RIDE_SLOT, likely, (200.0, 200.0)).on

    def step(self, starting: BoolArray, home: bool, seconds: float) -> Step:
        """Live on for some seconds; what the readings are made of."""
        begins = starting & ~self.starting & (self.left <= 0) & (self.charge > LOW / 2)
        self.starting = starting
        self.left = np.where(begins, float(self.loops.seconds), self.left)
        able = ~self.locked & (self.charge > EMPTY)
        done = np.minimum(self.left, PACE[self.mode] * seconds) * able
        place = (self.mode, self.rider)
        before = self.loops.so_far(self.loops.energy, place, self.ridden)
        self.ridden, self.left = self.ridden + done, self.left - done
        taken = self.loops.so_far(self.loops.energy, place, self.ridden) - before
        moving = (self.left > 0) & able
        charger = self.charger(moving, home)
        idle = PARKED_WATTS * (done <= 0)
        self.charge = np.clip(self.charge - (taken + (idle - charger) * seconds) / ENERGY, 0.0, 1.0)
        return self.charge, self.ridden, moving, charger

    def charger(self, moving: BoolArray, home: bool) -> FloatArray:
        """What a charger gives in W: at home in the evening, or where the battery is low."""
        limit = self.charge_limit / 100
        parked = (self.left <= 0) & ~moving
        # Once full it is left alone until it has lost a little.
        begins = (home & (self.charge < limit - 0.03)) | (self.charge < LOW)
        self.plugged = parked & (self.plugged | begins) & (self.charge < limit - 0.002)
        fading = np.clip((1.005 - self.charge) / (1.005 - TAPER), 0.05, 1)
        return CHARGER * fading * self.plugged

    def readings(
        self,
        times: FloatArray,
        seconds: float,
        charge: FloatArray,
        second: FloatArray,
        moving: BoolArray,
        charger: FloatArray,
    ) -> Values:
        """What the sensors tell at each moment: (n, T) each."""
        loop, rider, mode = self.loops, self.rider[:, None], self.mode[:, None]
        place, on_loop = (np.broadcast_to(rider, second.shape),), second % loop.seconds
        modes = np.broadcast_to(mode, second.shape)
        speed = loop.at(loop.speed, place, on_loop) * PACE[mode] * moving
        riding = loop.at(loop.power, (modes, *place), on_loop) * moving
        power = np.where(moving, riding, PARKED_WATTS) - charger
        voltage, current = terminals(charge, power)
        metres = self.odometer[:, None] + loop.so_far(loop.distance, place, second)
        air = self.world.weather(times).temperature
        motor = lagged(self.motor_temperature, air + 0.032 * np.abs(riding), seconds, MOTOR_MEMORY)
        heat = current**2 * RESISTANCE
        battery = lagged(self.battery_temperature, air + 0.25 * heat, seconds, BATTERY_MEMORY)
        self.motor_temperature, self.battery_temperature = motor[:, -1], battery[:, -1]
        latitude, longitude = self.position(times, place, on_loop)
        return {
            "latitude": latitude,
            "longitude": longitude,
            "altitude": self.world.site.altitude + loop.at(loop.height, place, on_loop)
            + 1.5 * self.world.chance.noise("height", times, 60.0, 2),
            "speed": speed * 3.6,
            "odometer": metres / 1000,
            "state_of_charge": charge * 100,
            "voltage": voltage,
            "current": current,
            "power": power,
            "motor_temperature": motor,
            "battery_temperature": battery,
            "charging": (charger > 0).astype(float),
        }  # fmt: skip

    def position(
        self, times: FloatArray, place: tuple[Any, ...], on_loop: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Where satellites see it: within a few metres of where it is, also while it stands."""
        noise = self.world.chance.noise
        north = self.home_north[:, None] + self.loops.at(self.loops.north, place, on_loop)
        east = self.home_east[:, None] + self.loops.at(self.loops.east, place, on_loop)
        return position(
            self.world.site,
            north + 1.6 * noise("north", times, 45.0, 2),
            east + 1.6 * noise("east", times, 45.0, 2),
        )


def terminals(charge: FloatArray, power: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Voltage in V and current in A (out of the battery positive) at a power in W.

    A source with a resistance: the smaller root of ``R I^2 - U I + P = 0``.
    """
    source = battery_pack.open_circuit_voltage(charge) * CELLS / battery_pack.CELLS
    current = (source - np.sqrt(source**2 - 4 * RESISTANCE * power)) / (2 * RESISTANCE)
    return source - RESISTANCE * current, current


def lock(cycles: Motorcycles, index: int, locked: bool) -> Mapping[str, Any]:
    """Take the drive away, or give it back; only from one that stands."""
    if locked and cycles.left[index] > 0:
        raise Refused("it is riding: an owner's lock never stops a moving motorcycle")
    cycles.locked[index] = locked
    return {"locked": locked}


def set_mode(cycles: Motorcycles, index: int, mode: str) -> None:
    """Ride another cycle; what was ridden so far counts as it was."""
    cycles.mode[index] = MODES.index(mode)


E_MOTORCYCLE: Kind[Motorcycles] = Kind(
    id="e-motorcycle",
    name="Electric motorcycle",
    description="A motorcycle of 3 kWh that rides around the park; a current out is positive.",
    interval=5.0,
    longest_step=60.0,
    warm_up=3 * HOUR,
    signals=(
        Signal("latitude", "deg", -90, 90, 6, "loop of streets; receiver noise"),
        Signal("longitude", "deg", -180, 180, 6, "loop of streets; receiver noise"),
        Signal("altitude", "m", -100, 9000, 1, "hills along the loop; receiver noise"),
        Signal("speed", "km/h", 0, 120, 1, "stop-and-go cycle, as ISO 13064-1 rides one"),
        Signal("odometer", "km", 0, 1_000_000, 3, "integral of speed"),
        Signal("state_of_charge", "%", 0, 100, 2, "energy taken / energy stored"),
        Signal("voltage", "V", 50, 90, 2, "Chen 2006: open circuit and resistance"),
        Signal("current", "A", -60, 200, 2, "power / voltage"),
        Signal("power", "W", -3000, 12_000, 1, "Guzzella 2013, ch. 2: longitudinal dynamics"),
        Signal("motor_temperature", "Cel", -40, 180, 1, "first-order lag of the load"),
        Signal("battery_temperature", "Cel", -40, 80, 1, "first-order lag of the losses"),
        switch("charging", "the charger gives"),
    ),
    start=Motorcycles,
    facts=lambda *_: {
        "firmware": "1.12.0",
        "battery": "Li-ion 20s, 40 Ah, 74 V",
        "motor": "hub, 4 kW",
    },
    references=(
        'L. Guzzella, A. Sciarretta, "Vehicle Propulsion Systems", 3rd edition, Springer, 2013.',
        'ISO 13064-1, "Battery-electric mopeds and motorcycles: reference energy consumption and '
        'range".',
        'M. Chen, G. A. Rincón-Mora, "Accurate electrical battery model capable of predicting '
        'runtime and I-V performance", IEEE Transactions on Energy Conversion 21 (2), 2006.',
    ),
    commands=(
        Command("lock", "takes the drive away", lambda cycles, i, _: lock(cycles, i, True)),
        Command("unlock", "gives it back", lambda cycles, i, _: lock(cycles, i, False)),
    ),
    settings=(
        Setting(
            Parameter("ride_mode", choices=MODES),
            "eco rides slower and farther",
            lambda cycles, index: MODES[cycles.mode[index]],
            set_mode,
        ),
        array_setting(
            Parameter("charge_limit_percent", "%", 50, 100),
            "charges no further",
            lambda cycles: cycles.charge_limit,
        ),
    ),
)
