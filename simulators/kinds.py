"""The device kinds that can be simulated, by id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from simulators.air_quality import AIR_QUALITY
from simulators.battery_pack import BATTERY_PACK
from simulators.motor_bench import MOTOR_BENCH
from simulators.pv_inverter import PV_INVERTER
from simulators.signals import Kind

KINDS: Mapping[str, Kind[Any]] = MappingProxyType(
    {kind.id: kind for kind in (PV_INVERTER, BATTERY_PACK, MOTOR_BENCH, AIR_QUALITY)}
)
