"""The device kinds that can be simulated, by id.

A kind is a table of signals over a state: ``kind.start`` makes the state of n devices, which is
advanced through T moments at once and gives (n, T) arrays (``simulators.kinds.kind``). Programs use
it through a ``Simulation`` (``simulators.simulation``): ``at`` for live readings, ``over`` and
``blocks`` for a history, ``waveform`` for fast samples, ``command`` and ``desire`` for what
the platform tells single devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from simulators.kinds.air_quality import AIR_QUALITY
from simulators.kinds.battery_pack import BATTERY_PACK
from simulators.kinds.classroom_kit import CLASSROOM_KIT
from simulators.kinds.cold_chain import COLD_CHAIN
from simulators.kinds.e_motorcycle import E_MOTORCYCLE
from simulators.kinds.kind import Kind, Refused, Signal
from simulators.kinds.motor_bench import MOTOR_BENCH
from simulators.kinds.pv_inverter import PV_INVERTER
from simulators.kinds.smart_meter import SMART_METER

__all__ = ["KINDS", "Kind", "Refused", "Signal", "model_of"]

KINDS: Mapping[str, Kind[Any]] = MappingProxyType(
    {
        kind.id: kind
        for kind in (
            PV_INVERTER,
            BATTERY_PACK,
            MOTOR_BENCH,
            AIR_QUALITY,
            COLD_CHAIN,
            SMART_METER,
            E_MOTORCYCLE,
            CLASSROOM_KIT,
        )
    }
)


def model_of(kind: Kind[Any]) -> dict[str, Any]:
    """The model that devices of a kind are registered as: the body of ``POST /models``."""
    metrics = [
        {
            "metric": signal.metric,
            "kind": signal.kind,
            "unit": signal.unit,
            "minimum": signal.minimum,
            "maximum": signal.maximum,
            "expected_interval_seconds": kind.interval,
        }
        for signal in kind.signals
    ]
    waveforms = [
        {
            "metric": wave.metric,
            "kind": "number",
            "unit": wave.unit,
            "minimum": wave.minimum,
            "maximum": wave.maximum,
        }
        for wave in kind.waveforms
    ]
    return {
        "id": kind.id,
        "name": kind.name,
        "description": kind.description,
        "metrics": [*metrics, *waveforms],
    }
