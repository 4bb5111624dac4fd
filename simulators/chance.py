"""Randomness without a state: a number depends on seed, device, purpose and time alone.

A generator that hands out one number after another gives device 7 other values when device 3 is
left out. Here each number is a hash of what it is for, so that a device of a seed is the same in
every fleet, and at a moment the same whether asked live or for a history. The method is that of
J. K. Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", SC11, 2011, with the
finaliser of G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014, as hash.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
HashArray = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
# Every second quarter of a number, with room beside it for a sum.
PAIRS = np.uint64(0x0000FFFF0000FFFF)
# Numbers for no more counters than this are remembered until others are asked for.
FEW = 4
# The standard deviation of the sum of four numbers of 0 to 65,535.
SUM_DEVIATION = 65_536 / np.sqrt(3)
# No noise is further from 0: four numbers cannot sum up to more.
FURTHEST = 2 * 65_535 / SUM_DEVIATION


@dataclass(frozen=True)
class Windows:
    """Events of n devices at T moments.

    Attributes:
        on: (n, T) whether there is one at the moment.
        slot: (T,) the number of the slot, by which an event is told from others.
        end: (n, T) when the slot's event is over, in seconds since 1970, if there is one.
    """

    on: BoolArray
    slot: IntArray
    end: FloatArray

    def numbers(self, chance: Chance, stream: str) -> FloatArray:
        """A random number from 0 until 1 for each slot's event, at its moments: (n, T)."""
        different, index = np.unique(self.slot, return_inverse=True)
        return chance.uniform(stream, different)[:, index]


class Chance:
    """The random numbers of some devices.

    Args:
        seed: of everything.
        purpose: keeps what shares the seed apart, such as the kinds of a fleet.
        numbers: (n,) the devices.
    """

    def __init__(self, seed: int, purpose: str, numbers: Sequence[int] | IntArray) -> None:
        self.numbers = np.asarray(numbers, np.int64)
        common = scatter(np.array([seed % 2**64], np.uint64)) ^ hashed(purpose)
        self.keys = scatter(common + scatter(self.numbers.astype(np.uint64) * GOLDEN + GOLDEN))
        self._kept: dict[tuple[str, str], tuple[IntArray, FloatArray]] = {}

    def bits(self, stream: str, counters: ArrayLike) -> HashArray:
        """64 random bits for each device and counter: (n, K) for counters (K,) or (n, K)."""
        steps = np.atleast_2d(np.asarray(counters, np.int64)).astype(np.uint64)
        return scatter(scatter(self.keys ^ hashed(stream))[:, None] + steps * GOLDEN)

    def uniform(self, stream: str, counters: ArrayLike) -> FloatArray:
        """Numbers from 0 until 1: (n, K)."""
        return self._remembered("uniform", stream, counters, uniform_of)

    def normal(self, stream: str, counters: ArrayLike) -> FloatArray:
        """Nearly normal numbers: (n, K), mean 0, deviation 1, none beyond ``FURTHEST`` (3.46).

        Sums of four uniform numbers, which is quick and has an end, as ranges of sensors have.
        """
        return self._remembered("normal", stream, counters, normal_of)

    def pick(self, stream: str, low: float, high: float) -> FloatArray:
        """One number for each device, for life: (n,), from ``low`` until ``high``."""
        return low + (high - low) * self.uniform(stream, 0)[:, 0]

    def noise(self, stream: str, times: FloatArray, memory: float, octaves: int = 1) -> FloatArray:
        """Noise that knows the time: (n, T), mean 0, deviation 1, continuous.

        Lattice noise: normal numbers at every multiple of ``memory``, and between them a blend of
        the two neighbours that keeps the variance. Octaves add finer detail, each at twice the
        pace and half the variance: K. Perlin, "An image synthesizer", SIGGRAPH 1985.

        Args:
            stream: keeps noises apart.
            times: (T,) seconds since 1970, rising.
            memory: seconds after which it has forgotten where it was.
            octaves: how many.
        """
        total = np.zeros((self.numbers.size, np.size(times)))
        for octave in range(octaves):
            position = times / memory * 2**octave
            total += self._lattice(f"{stream}{octave}", position) * np.sqrt(0.5) ** octave
        variance = sum(0.5**octave for octave in range(octaves))
        result: FloatArray = total / np.sqrt(variance)
        return result

    def _remembered(
        self,
        shape: str,
        stream: str,
        counters: ArrayLike,
        make: Callable[[HashArray], FloatArray],
    ) -> FloatArray:
        """Live, the same lattice points are asked for from moment to moment."""
        wanted = np.asarray(counters, np.int64)
        if wanted.size > FEW:
            return make(self.bits(stream, wanted))
        kept = self._kept.get((shape, stream))
        if kept is None or not np.array_equal(kept[0], wanted):
            kept = self._kept[shape, stream] = wanted, make(self.bits(stream, wanted))
        return kept[1]

    def _lattice(self, stream: str, position: FloatArray) -> FloatArray:
        left = np.floor(position).astype(np.int64)
        after = position - left
        after = after * after * (3 - 2 * after)
        # Neighbouring moments share lattice points: each is made once.
        points, index = np.unique(np.concatenate([left, left + 1]), return_inverse=True)
        values = self.normal(stream, points)
        before, behind = values[:, index[: left.size]], values[:, index[left.size :]]
        return (before * (1 - after) + behind * after) / np.sqrt((1 - after) ** 2 + after**2)

    def windows(
        self,
        stream: str,
        times: FloatArray,
        slot: float,
        chance: float | FloatArray | Callable[[FloatArray], FloatArray],
        seconds: tuple[float, float],
    ) -> Windows:
        """Events that have a beginning and an end: in each slot of time one, or none.

        Args:
            stream: keeps events apart.
            times: (T,) seconds since 1970.
            slot: seconds; an event never leaves its slot.
            chance: of an event in a slot: one for all, (n, 1) for each device, or a function that
                gives (S,) or (n, S) for the beginnings (S,) of slots.
            seconds: how long an event lasts, at least and at most.
        """
        slots = np.floor(times / slot).astype(np.int64)
        different, index = np.unique(slots, return_inverse=True)
        likely = chance(np.float64(slot) * different) if callable(chance) else chance
        happens = self.uniform(f"{stream} happens", different) < likely
        shortest, longest = seconds
        length = shortest + (longest - shortest) * self.uniform(f"{stream} length", different)
        begin = (slot - length) * self.uniform(f"{stream} begin", different)
        after = times - slots * slot
        begin, end = begin[:, index], (begin + length)[:, index]
        on = happens[:, index] & (after >= begin) & (after < end)
        return Windows(on, slots, slots * slot + end)


def uniform_of(bits: HashArray) -> FloatArray:
    """From 0 until 1."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal_of(bits: HashArray) -> FloatArray:
    """The sum of the four quarters of each number, with mean 0 and deviation 1."""
    pairs = (bits & PAIRS) + ((bits >> np.uint64(16)) & PAIRS)
    sums = ((pairs + (pairs >> np.uint64(32))) & np.uint64(0xFFFFFFFF)).astype(np.float64)
    result: FloatArray = (sums - 2 * 65_535) / SUM_DEVIATION
    return result


def hashed(text: str) -> np.uint64:
    """A name as a number."""
    data = text.encode()
    return np.uint64(zlib.crc32(data) << 32 | zlib.crc32(data[::-1] + b"\0"))


def scatter(value: HashArray) -> HashArray:
    """SplitMix64's finaliser: neighbouring numbers become unrelated ones."""
    value = (value ^ (value >> np.uint64(30))) * FIRST
    value = (value ^ (value >> np.uint64(27))) * SECOND
    return value ^ (value >> np.uint64(31))
