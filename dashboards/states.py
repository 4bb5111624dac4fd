"""How a device is doing, in one word: how all dashboards ask for it, name it and colour it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grafana_foundation_sdk.builders import dashboard, stat, table
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import fixed, number_panel

# On rows of the view "devices": one of WORDS, by the variable of ``silent_after``.
STATE = """CASE
    WHEN last_seen IS NULL THEN 'never'
    WHEN last_seen < now() - INTERVAL '$silent_after' THEN 'silent'
    WHEN online IS FALSE THEN 'disconnected'
    ELSE 'reporting'
  END"""
COLOURS: Mapping[str, tuple[str, str]] = {
    "reporting": ("Reporting", "green"),
    "disconnected": ("Disconnected", "orange"),
    "silent": ("Silent", "red"),
    "never": ("Never heard", "text"),
}
# Of a device's connection to the broker.
CONNECTION: Mapping[str, tuple[str, str]] = {
    "online": ("Online", "green"),
    "offline": ("Offline", "orange"),
}


def silent_after() -> dashboard.CustomVariable:
    """How long a device says nothing before it counts as silent."""
    choice = "15 minutes"
    return (
        dashboard.CustomVariable("silent_after")
        .label("Silent after")
        .values(f"5 minutes,{choice},1 hour,1 day")
        .current(models.VariableOption(selected=True, text=choice, value=choice))
    )


def mapped(words: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Grafana's mapping of values to a text and a colour."""
    options = {
        value: {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def coloured(panel: table.Panel, column: str, words: Mapping[str, tuple[str, str]]) -> table.Panel:
    """Show what the values of a column mean, in their colours."""
    return panel.override_by_name(
        column,
        [
            models.DynamicConfigValue("mappings", mapped(words)),
            models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ],
    )


def devices_by_state(condition: str) -> stat.Panel:
    """Every device counted once, by how it is doing.

    Args:
        condition: SQL on the view "devices": which ones.
    """
    panel = number_panel(
        "Devices by state",
        "Every device that is not retired, once. Reporting: heard within “Silent after”. "
        "Disconnected: heard within it, but its last word was that it is offline. Silent: not "
        "heard for longer. Never heard: registered, and nothing has come from it yet.",
        f"""SELECT count(*) FILTER (WHERE state = 'reporting') AS "Reporting",
  count(*) FILTER (WHERE state = 'disconnected') AS "Disconnected",
  count(*) FILTER (WHERE state = 'silent') AS "Silent",
  count(*) FILTER (WHERE state = 'never') AS "Never heard"
FROM (
  SELECT {STATE} AS state
  FROM devices
  WHERE stage <> 'retired'
  AND {condition}
) AS devices""",
    ).span(12)
    for text, colour in COLOURS.values():
        panel.override_by_name(text, [fixed(colour)])
    return panel
