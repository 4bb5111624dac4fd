"""What a fleet has done, as plain data that another program can compare with the database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from simulators.device import Device
from simulators.fleet import Fleet


def totals(fleet: Fleet) -> dict[str, Any]:
    """What all devices have done together; cheap enough for every second.

    Returns:
        ``published``, ``acknowledged``, ``values_acknowledged``: messages with readings, and
        values in acknowledged ones. ``unacknowledged``: messages that are still owed. ``skipped``:
        messages that were not produced, because too many were owed. ``missed``: messages that were
        not produced, because the machine was too late. ``lag_seconds``, ``longest_lag_seconds``:
        how late messages are produced. ``turned_away``: messages that the broker refused.
        ``rejections``: what the platform has told the devices of their messages. ``connected``:
        devices at this moment. ``connections``: that were made so far.
    """
    devices = fleet.devices.values()
    counts = [device.counts for device in devices]
    return {
        "published": sum(count.published for count in counts),
        "acknowledged": sum(count.acknowledged for count in counts),
        "values_acknowledged": sum(count.values for count in counts),
        "unacknowledged": sum(device.owed for device in devices),
        "skipped": sum(count.skipped for count in counts),
        "missed": fleet.pace.missed,
        "lag_seconds": round(fleet.pace.lag, 4),
        "longest_lag_seconds": round(fleet.pace.longest, 4),
        "turned_away": sum(sum(count.turned_away.values()) for count in counts),
        "rejections": sum(count.rejections for count in counts),
        "connected": sum(device.online for device in devices),
        "connections": fleet.came,
    }


def summary(fleet: Fleet, *, running: bool) -> dict[str, Any]:
    """The state of a fleet.

    Returns:
        The ``totals``. ``refused``: devices that had to stop, and why. ``trouble``: devices
        without a connection, and why. ``devices``: counts of each, with the first and the last
        time stamp (ms) that was acknowledged.
    """
    devices = fleet.devices.values()
    return {
        **totals(fleet),
        "refused": {device.id: device.refused for device in devices if device.refused},
        "trouble": {d.id: d.trouble for d in devices if d.trouble and not d.refused},
        "devices": {device.id: one(device) for device in devices},
        "running": running,
    }


def one(device: Device) -> dict[str, Any]:
    """The counts of one device."""
    counts = device.counts
    return {
        "published": counts.published,
        "acknowledged": counts.acknowledged,
        "values": counts.values,
        "first_ts": counts.first_ts,
        "last_ts": counts.last_ts,
        "unacknowledged": device.owed,
        "skipped": counts.skipped,
        "rejections": counts.rejections,
        "turned_away": counts.turned_away,
    }


def write(path: Path, contents: dict[str, Any]) -> None:
    """Put a summary in the place of the file at once: a reader never sees half of one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(msgspec.json.encode(contents) + b"\n")
    partial.replace(path)
