"""What some devices send at some moments, before and after faults have struck."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulators.chance import BoolArray, FloatArray, IntArray
from simulators.kinds.kind import Kind, Values
from simulators.simulation import Simulation

ByteArray = NDArray[np.uint8]
WHOLE, CUT_SHORT, UNQUOTED, NOISE = range(4)


@dataclass
class Frame:
    """What n devices of a kind send at T moments; faults change it in place.

    Attributes:
        kind: what they are.
        numbers: (n,) which devices of their seed.
        moments: (T,) true times in milliseconds since 1970, rising.
        ts: (n, T) what the devices take for the time.
        values: each metric's (n, T).
        copies: (n, T) how often a message goes out; 0 is never.
        due: (n, T) true times at which messages go out, in milliseconds; never before the moment.
        broken: (n, T) how a payload is spoilt; 0 where it is not.
        online: (n, T) whether the device is connected at that moment.
    """

    kind: Kind[Any]
    numbers: IntArray
    moments: IntArray
    ts: IntArray
    values: dict[str, FloatArray]
    copies: IntArray
    due: IntArray
    broken: ByteArray
    online: BoolArray

    @classmethod
    def of(cls, simulation: Simulation[Any], moments: IntArray, values: Values) -> Frame:
        """Healthy devices: each moment of theirs is sent once, whole, at once.

        Args:
            simulation: of the devices.
            moments: (T,) milliseconds since 1970, or one.
            values: what ``over`` gave for them, or ``at`` for one.
        """
        when = np.atleast_1d(np.asarray(moments, np.int64))
        shape = simulation.numbers.size, when.size
        return cls(
            simulation.kind,
            simulation.numbers,
            when,
            np.tile(when, (shape[0], 1)),
            {metric: np.array(column).reshape(shape) for metric, column in values.items()},
            np.ones(shape, np.int64),
            np.tile(when, (shape[0], 1)),
            np.zeros(shape, np.uint8),
            np.ones(shape, bool),
        )

    @property
    def seconds(self) -> FloatArray:
        """(T,) the moments in seconds since 1970."""
        seconds: FloatArray = self.moments / 1000
        return seconds


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way.

    Attributes:
        index: of the device in the frame.
        due: true time at which it goes out, in milliseconds.
        ts: what it says the time is.
        payload: as it goes over the wire.
        values: how many values it would carry if it is not spoilt.
    """

    index: int
    due: int
    ts: int
    payload: bytes
    values: int


def timed_json(_index: int, ts: int, values: Mapping[str, float | bool]) -> bytes:
    """The platform's own payload of a reading."""
    return msgspec.json.encode({"ts": ts, "values": values})


def deliveries(
    frame: Frame, encode: Callable[[int, int, Mapping[str, float | bool]], bytes] = timed_json
) -> Iterator[Delivery]:
    """The messages of a frame, copies included, in the order in which they go out.

    Args:
        frame: what is sent.
        encode: the payload of a device by its index in the frame, with its time and its values.
    """
    devices, moments = np.nonzero(frame.copies)
    order = np.argsort(frame.due[devices, moments], kind="stable")
    for index, moment in zip(devices[order].tolist(), moments[order].tolist(), strict=True):
        values = row(frame, index, moment)
        ts = int(frame.ts[index, moment])
        spoilt = spoil(encode(index, ts, values), int(frame.broken[index, moment]))
        message = Delivery(index, int(frame.due[index, moment]), ts, spoilt, len(values))
        for _ in range(int(frame.copies[index, moment])):
            yield message


def row(frame: Frame, index: int, moment: int) -> dict[str, float | bool]:
    """What a device sends at a moment, by metric."""
    return {s.metric: s.told(frame.values[s.metric][index, moment]) for s in frame.kind.signals}


def spoil(payload: bytes, how: int) -> bytes:
    """A payload as firmware with a mistake sends it; no JSON any more, except for ``WHOLE``.

    Args:
        payload: JSON.
        how: ``CUT_SHORT``: a buffer was too small; ``UNQUOTED``: names came without quotes;
            ``NOISE``: bytes turned over on a serial line.
    """
    if how == CUT_SHORT:
        return payload[: len(payload) * 2 // 3]
    if how == UNQUOTED:
        return payload.replace(b'"', b"")
    if how == NOISE:
        return bytes(byte ^ 0x80 if place % 7 == 0 else byte for place, byte in enumerate(payload))
    return payload
