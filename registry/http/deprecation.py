"""Routes that will go: they say so in every answer, long before."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, Response

# How long a deprecated route stays at least.
SHORTEST_DAYS = 365


def deprecated(since: date, sunset: date, instead: str) -> dict[str, Any]:
    """The options of a deprecated route: ``@router.get("/old", **deprecated(…))``.

    Args:
        since: the day on which it was deprecated.
        sunset: the day from which it may be gone.
        instead: the path that takes its place.

    Raises:
        ValueError: there is too little time between the two.
    """
    if (sunset - since).days < SHORTEST_DAYS:
        raise ValueError(f"a deprecated route stays for {SHORTEST_DAYS} days at least")

    async def warn(response: Response) -> None:
        # RFC 9745: a structured date. RFC 8594: a date of HTTP. RFC 5829: the relation.
        response.headers["Deprecation"] = f"@{int(midnight(since).timestamp())}"
        response.headers["Sunset"] = format_datetime(midnight(sunset), usegmt=True)
        response.headers["Link"] = f'<{instead}>; rel="successor-version"'

    return {"deprecated": True, "dependencies": [Depends(warn)]}


def midnight(day: date) -> datetime:
    """The first moment of a day, in UTC."""
    return datetime.combine(day, time(), UTC)
