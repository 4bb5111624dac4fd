"""What electric motorcycles ride: a loop of streets, at a cycle of speeds, and what that takes.

A ride is a table, made once: where a motorcycle is, how fast, and how much energy it has taken, for
each second of a loop. So a reading is right however far apart readings are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulators.chance import FloatArray, IntArray
from simulators.site import Site

# How riders differ: each has a pace, a weight, a loop of streets.
RIDERS = 16
# Stretches of the cycle: km/h, seconds at that speed, seconds of waiting after it.
STRETCHES = (
    (28, 30, 8), (42, 45, 22), (35, 25, 0), (52, 60, 35), (20, 18, 12), (46, 70, 0), (60, 75, 40),
    (32, 28, 15), (50, 55, 0), (38, 30, 25), (64, 80, 0), (45, 30, 18), (25, 20, 10), (54, 60, 30),
    (30, 25, 0), (48, 40, 12),
)  # fmt: skip
ACCELERATION, BRAKING = 1.4, 1.7  # m/s2
KM_H = 1 / 3.6
# Of motorcycle and rider: kg, area times drag in m2, rolling resistance.
LIGHTEST, HEAVIEST = 165.0, 225.0
DRAG_AREA, ROLLING = 0.62, 0.014
AIR_DENSITY, GRAVITY = 1.15, 9.81
# Of motor, inverter and transmission: driving, and braking back into the battery.
DRIVING, REGENERATING = 0.84, 0.45
BRAKING_POWER = -1500.0  # W at most back into the battery
# For lights, display and electronics, W.
ALWAYS = 35.0
# Heights of hills along a loop in m, and how many there are.
HILLS = ((18.0, 1), (6.0, 3))
EARTH = 6_371_000.0
MODES = ("normal", "eco")
# How fast each mode goes through the cycle.
PACE = np.array([1.0, 0.85])


@dataclass(frozen=True)
class Loops:
    """The loops of all riders, by second k of the cycle, 0 to K; all begin and end at a home.

    Attributes:
        speed: (riders, K + 1) m/s in mode normal.
        distance: (riders, K + 1) m from home.
        north: (riders, K + 1) m from the site.
        east: (riders, K + 1) m from the site.
        height: (riders, K + 1) m above home.
        power: (modes, riders, K + 1) W out of the battery.
        energy: (modes, riders, K + 1) J out of the battery.
    """

    speed: FloatArray
    distance: FloatArray
    north: FloatArray
    east: FloatArray
    height: FloatArray
    power: FloatArray
    energy: FloatArray

    @property
    def seconds(self) -> int:
        """How long a loop takes in mode normal."""
        result: int = self.speed.shape[1] - 1
        return result

    def at(self, table: FloatArray, place: tuple[IntArray, ...], second: FloatArray) -> FloatArray:
        """A table between two seconds of a loop.

        Args:
            table: a field of this.
            place: its indices but the last.
            second: 0 until K.
        """
        left = second.astype(np.int64)
        after = second - left
        result: FloatArray = table[*place, left] * (1 - after) + table[*place, left + 1] * after
        return result

    def so_far(
        self, table: FloatArray, place: tuple[IntArray, ...], second: FloatArray
    ) -> FloatArray:
        """A table that adds up from loop to loop; ``second`` counts on."""
        whole = np.floor(second / self.seconds)
        rest = second - whole * self.seconds
        result: FloatArray = whole * table[*place, -1] + self.at(table, place, rest)
        return result


def speed_cycle() -> FloatArray:
    """(K + 1,) m/s for each second: accelerate, ride, slow down, wait."""
    pieces, speed = [np.zeros(1)], 0.0
    for target, riding, waiting in STRETCHES:
        aim = target * KM_H
        rate = ACCELERATION if aim > speed else -BRAKING
        pieces.append(np.arange(speed + rate, aim, rate))
        pieces.append(np.full(riding, aim))
        speed = aim
        if waiting:
            pieces += [np.arange(speed - BRAKING, 0, -BRAKING), np.zeros(waiting)]
            speed = 0.0
    pieces.append(np.arange(speed - BRAKING, 0, -BRAKING))
    pieces.append(np.zeros(10))
    return np.concatenate(pieces)


@lru_cache(maxsize=1)
def loops() -> Loops:
    """The tables of all riders; the same in every simulation."""
    rider = np.arange(RIDERS)[:, None] / (RIDERS - 1)
    # Weight and pace are not to go together.
    mass = LIGHTEST + (HEAVIEST - LIGHTEST) * ((rider * 7) % 1.0)
    speed = speed_cycle()[None, :] * (0.85 + 0.25 * rider)
    moved = (speed[:, 1:] + speed[:, :-1]) / 2
    distance = np.pad(np.cumsum(moved, axis=1), ((0, 0), (1, 0)))
    share = distance / distance[:, -1:]
    height = sum(high * (1 - np.cos(2 * np.pi * count * share)) for high, count in HILLS)
    grade = np.gradient(height, axis=1) / np.maximum(np.gradient(distance, axis=1), 0.5)
    north, east = streets(share, distance[:, -1])
    power = np.stack([battery_power(speed * pace, grade, mass, pace) for pace in PACE])
    taken = (power[..., 1:] + power[..., :-1]) / 2 / PACE[:, None, None]
    energy = np.pad(np.cumsum(taken, axis=2), ((0, 0), (0, 0), (1, 0)))
    return Loops(speed, distance, north, east, np.asarray(height), power, energy)


def battery_power(
    speed: FloatArray, grade: FloatArray, mass: FloatArray, pace: float
) -> FloatArray:
    """What riding takes out of the battery in W, or brings back into it.

    Longitudinal dynamics: inertia, slope, rolling and air. L. Guzzella and A. Sciarretta, "Vehicle
    Propulsion Systems", 3rd edition, Springer, 2013, chapter 2.
    """
    acceleration = np.gradient(speed, axis=1) * pace
    rolling = mass * GRAVITY * (ROLLING * (speed > 0) + grade)
    force = mass * acceleration + rolling + AIR_DENSITY / 2 * DRAG_AREA * speed**2
    wheel = force * speed
    back = np.maximum(wheel * REGENERATING, BRAKING_POWER)
    return np.where(wheel > 0, wheel / DRIVING, back) + ALWAYS


def streets(share: FloatArray, length: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Closed loops of given lengths through home, each rider's with its own shape and direction.

    Args:
        share: (riders, K + 1) of the loop that is done.
        length: (riders,) m.

    Returns:
        North and east of home in m, (riders, K + 1) each.
    """
    angle = np.linspace(0, 2 * np.pi, 4001)
    turn = np.arange(len(length)) * 2.399963  # the golden angle: directions spread evenly
    north, east = np.empty_like(share), np.empty_like(share)
    for rider in range(len(length)):
        bulge = 1 + 0.3 * np.sin(2 * angle + rider) + 0.18 * np.sin(3 * angle + 2.0 * rider)
        bulge = bulge + 0.06 * np.sin(7 * angle + 3.0 * rider)
        x, y = bulge * np.cos(angle + turn[rider]), bulge * np.sin(angle + turn[rider])
        walked = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        scale = length[rider] / walked[-1]
        place = share[rider] * walked[-1]
        north[rider] = (np.interp(place, walked, x) - x[0]) * scale
        east[rider] = (np.interp(place, walked, y) - y[0]) * scale
    return north, east


def position(site: Site, north: FloatArray, east: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Latitude and longitude in degrees of a place so many metres from a site."""
    latitude = site.latitude + np.degrees(north / EARTH)
    longitude = site.longitude + np.degrees(east / EARTH) / np.cos(np.radians(site.latitude))
    return latitude, (longitude + 180) % 360 - 180
