"""Which devices the dashboard of a field shows."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.annotations import (
    bookings,
    commands,
    connection_losses,
    rejection_bursts,
    stage_changes,
)
from dashboards.defaults import several
from dashboards.layout import Annotation

# So many lines can be told apart, and so many devices are read within a moment.
MOST = 10


def devices(key: str) -> dashboard.QueryVariable:
    """The variable ``$device``: any number of those that send the metric ``key``."""
    return several("device", "Device", offered(key))


def offered(key: str) -> str:
    """SQL of those among whom people choose."""
    return f"SELECT device FROM latest WHERE metric = '{key}' ORDER BY device LIMIT 500"


def chosen(key: str) -> str:
    """SQL that is true of the devices in ``$device``; under "All" of the first ten by their ids."""
    # An array is known before the readings are looked up: joined, all devices' were read first.
    return f"""device = ANY(ARRAY(
    SELECT device FROM latest
    WHERE metric = '{key}' AND ('*' IN ($device) OR device IN ($device))
    ORDER BY device LIMIT {MOST}
  ))"""


def of(key: str, *metrics: str) -> str:
    """SQL that is true of some metrics of the chosen devices."""
    names = ", ".join(f"'{metric}'" for metric in metrics)
    return f"metric IN ({names}) AND {chosen(key)}"


def marks(condition: str) -> list[Annotation]:
    """What happened to the devices of a dashboard, on all of its panels over time."""
    kinds = (stage_changes, bookings, rejection_bursts, connection_losses, commands)
    return [kind(condition) for kind in kinds]
