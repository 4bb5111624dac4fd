"""How complete data is, in percent: its colours, and the column that shows it as a bar."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import steps

# Below 80 the alert is due.
COMPLETE = steps("red", (80, "orange"), (98, "green"))


def with_completeness(panel: table.Panel) -> table.Panel:
    """Draw the column "Complete" as bars in the colours of how well it is."""
    looks = {
        "unit": "percent",
        "decimals": 1,
        "min": 0,
        "max": 100,
        "thresholds": COMPLETE.build().to_json(),
        "custom.cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
    }
    return panel.override_by_name(
        "Complete", [models.DynamicConfigValue(key, value) for key, value in looks.items()]
    )
