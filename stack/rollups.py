"""How far the rollups are behind, as the running registry tells it."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

NAME = "technopark_registry_rollups_behind_seconds"


def behind(metrics_url: str) -> float | None:
    """Seconds from the last hour that is summed up to the newest reading.

    Returns:
        None where the registry does not answer, or has not looked yet.
    """
    try:
        answer = httpx.get(metrics_url, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return None
    for family in text_string_to_metric_families(answer.text):
        if family.name == NAME:
            return float(family.samples[0].value)
    return None
