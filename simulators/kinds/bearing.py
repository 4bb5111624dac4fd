"""What an accelerometer on a motor hears: the rotor, and a damaged bearing."""

from __future__ import annotations

import numpy as np

from simulators.chance import FloatArray

# A deep-groove ball bearing 6205: balls, their diameter and that of the pitch circle in mm.
BALLS, BALL, PITCH = 9, 7.94, 39.04
# The shaft's own multiple of each: misalignment shakes twice a turn.
SECOND_HARMONIC = 0.35
# What an impact rings, and how soon it is over; below half the sampling rate of 1 kHz.
RESONANCE = 410.0  # Hz
DECAY = 0.0022  # s
# An impact also pushes the housing: the share that is a plain shake at the frequency itself.
PUSH = 0.25
NOISE = 0.12  # m/s2


def bpfo(turns: float | FloatArray) -> float | FloatArray:
    """How often balls pass a spot of the outer race, in Hz, at so many turns a second.

    ``n / 2 (1 - d / D cos a)`` turns, here without a contact angle: R. B. Randall and J. Antoni,
    "Rolling element bearing diagnostics: a tutorial", Mechanical Systems and Signal Processing
    25 (2), 2011.
    """
    return turns * (BALLS / 2 * (1 - BALL / PITCH))


def rotor_acceleration(
    velocity: FloatArray, turns: FloatArray, angle: FloatArray, noise: FloatArray
) -> FloatArray:
    """Of unbalance and misalignment, and the sensor's noise, in m/s2: (n, k).

    Args:
        velocity: root mean square of the unbalance's vibration, mm/s.
        turns: of the shaft in a second.
        angle: of the shaft in turns.
        noise: deviation 1.
    """
    once = np.sqrt(2) * velocity * 1e-3 * 2 * np.pi * turns
    shake = np.sin(2 * np.pi * angle) + SECOND_HARMONIC * np.sin(4 * np.pi * angle + 0.8)
    result: FloatArray = once * shake + NOISE * noise
    return result


def bearing_acceleration(impact: FloatArray, turns: FloatArray, angle: FloatArray) -> FloatArray:
    """Of a spot on the outer race, in m/s2: each passing ball rings the housing. (n, k)."""
    passed = bpfo(angle)
    since = (passed % 1) / np.maximum(bpfo(turns), 1e-3)
    ring = np.exp(-since / DECAY) * np.sin(2 * np.pi * RESONANCE * since)
    return impact * (ring + PUSH * np.cos(2 * np.pi * passed))


def total_rms(velocity: FloatArray, turns: FloatArray, impact: FloatArray) -> FloatArray:
    """The root mean square of all of it, in m/s2."""
    rotor = velocity * 1e-3 * 2 * np.pi * turns
    # The mean square of a decaying sine between two impacts, and of the plain shake.
    rate = np.asarray(bpfo(turns))
    swing = (2 * np.pi * RESONANCE * DECAY) ** 2
    ring = rate * DECAY / 4 * swing / (1 + swing)
    return np.sqrt(
        rotor**2 * (1 + SECOND_HARMONIC**2) + impact**2 * (ring + PUSH**2 / 2) + NOISE**2
    )
