"""A dashboard for each field: what its devices measure, computed as people of the field do.

A device belongs to a field if it sends the field's key metric, whatever its model: so a startup's
own model is shown too, where its metrics have these names. The names and units are those of the
simulated kinds: docs/simulators-kinds.md.
"""

from __future__ import annotations

from dashboards.fields.air import air_quality
from dashboards.fields.battery import battery
from dashboards.fields.emotorcycle import emotorcycle
from dashboards.fields.motor import motor_bench
from dashboards.fields.solar import solar

FIELDS = (solar, battery, motor_bench, air_quality, emotorcycle)
