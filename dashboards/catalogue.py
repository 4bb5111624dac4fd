"""Which dashboards there are, and for whom: what sync and provisioning give to Grafana."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.compare import compare_devices
from dashboards.device import device_board
from dashboards.fields import FIELDS
from dashboards.fleet import fleet_overview
from dashboards.health import platform_health
from dashboards.home import tenant_home
from dashboards.quality import data_quality
from dashboards.wall import wall

Json = dict[str, Any]

# Each is built by a function; its uid is in what it builds.
# Their queries know the views that both have: docs/dashboards.md.
FOR_PARKS: tuple[Callable[[], Dashboard], ...] = (
    fleet_overview,
    device_board,
    compare_devices,
    wall,
    *FIELDS,
    data_quality,
)
FOR_OPERATORS = (*FOR_PARKS, platform_health)
# Their queries know the views of a tenant's own schema alone: docs/sql-access.md.
FOR_TENANTS: tuple[Callable[[], Dashboard], ...] = (
    tenant_home,
    device_board,
    compare_devices,
    *FIELDS,
    data_quality,
)


def operator_dashboards() -> Mapping[str, Json]:
    """Those of the people who run the platform: uid to the JSON that Grafana stores."""
    return built(FOR_OPERATORS)


def park_dashboards() -> Mapping[str, Json]:
    """Those that the people of each park have: uid to the JSON that Grafana stores."""
    return built(FOR_PARKS)


def tenant_dashboards() -> Mapping[str, Json]:
    """Those that each tenant has: uid to the JSON that Grafana stores."""
    return built(FOR_TENANTS)


def every_dashboard() -> Mapping[str, Json]:
    """Those of all audiences: uid to the JSON that Grafana stores."""
    return {**operator_dashboards(), **park_dashboards(), **tenant_dashboards()}


def panels_of(board: Json) -> list[Json]:
    """The panels of a dashboard, those in folded rows too, without the rows themselves."""
    parts = [[part, *part.get("panels", [])] for part in board["panels"]]
    return [panel for part in parts for panel in part if panel["type"] != "row"]


def built(functions: tuple[Callable[[], Dashboard], ...]) -> Mapping[str, Json]:
    """The dashboards of some functions, as plain JSON."""
    boards = [plain(function()) for function in functions]
    return {board["uid"]: board for board in boards}


def plain(board: Dashboard) -> Json:
    """A dashboard as plain JSON."""
    found: Json = json.loads(json.dumps(board.build(), cls=JSONEncoder))
    return found
