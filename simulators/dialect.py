"""What another platform wants to hear: the topic and the payload of telemetry, from templates."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

Reading = Mapping[str, float | bool]
PLACES = ("device", "kind", "ts", "seconds", "time", "values")


class DialectError(ValueError):
    """A template has a place that nothing fills; the message names it."""


@dataclass(frozen=True)
class Dialect:
    """How readings are put into a message. Without templates it is the platform's timed JSON.

    In ``topic`` and ``payload``, ``$device`` and ``$kind`` are the device's; in ``payload``,
    ``$ts`` is the time in milliseconds, ``$seconds`` in seconds, ``$time`` in ISO 8601, ``$values``
    the JSON object of all values, and ``$temperature`` the value of that metric. ``$$`` is a $.

    Attributes:
        topic: None: the platform's own topics, with status, attributes and commands.
        payload: None: ``{"ts": …, "values": {…}}``.

    Raises:
        DialectError: ``topic`` has a place that is not known, or a $ no name.
    """

    topic: str | None = None
    payload: str | None = None

    def __post_init__(self) -> None:
        places(self.payload or "")
        for name in places(self.topic or ""):
            if name not in PLACES[:2]:
                raise DialectError(f"${name} cannot stand in a topic: $device and $kind can")

    def check(self, metrics: tuple[str, ...]) -> None:
        """Raise DialectError where the payload has a place that readings of these do not fill."""
        for name in places(self.payload or ""):
            if name not in PLACES and name not in metrics:
                raise DialectError(
                    f"${name} in the payload is not known: there are "
                    + ", ".join(f"${place}" for place in (*PLACES, *metrics))
                )

    def topic_of(self, device_id: str, kind: str) -> str | None:
        """Where a device publishes; None: on the platform's own topic."""
        if self.topic is None:
            return None
        return string.Template(self.topic).substitute(device=device_id, kind=kind)

    def encode(self, device_id: str, kind: str, ts: int, values: Reading) -> bytes:
        """The payload of a reading at a time in milliseconds."""
        if self.payload is None:
            return msgspec.json.encode({"ts": ts, "values": values})
        filled = {
            **{metric: json.dumps(value) for metric, value in values.items()},
            "device": device_id,
            "kind": kind,
            "ts": ts,
            "seconds": f"{ts / 1000:.3f}",
            "time": datetime.fromtimestamp(ts / 1000, UTC).isoformat(timespec="milliseconds"),
            "values": msgspec.json.encode(values).decode(),
        }
        return string.Template(self.payload).substitute(filled).encode()


def places(template: str) -> list[str]:
    """The names behind the $ of a template.

    Raises:
        DialectError: a $ has no name behind it.
    """
    parsed = string.Template(template)
    if not parsed.is_valid():
        raise DialectError(f"{template!r} has a $ without a name: write $$ for a $")
    return parsed.get_identifiers()


PLATFORM = Dialect()
