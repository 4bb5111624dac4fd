"""Marks on panels over time: what happened to the chosen devices.

Every one takes the condition on its view's column ``device``; as it stands, the variable
``$device`` of one value or of several. What is marked is named by its device: texts are ids and
numbers alone, because Grafana shows them to people of any language.
"""

from __future__ import annotations

from dashboards.layout import Annotation

# `sqlstring` quotes one value as it quotes several. "All" stays the '*' that the variable says.
OF_DEVICE = "('*' IN (${device:sqlstring}) OR device IN (${device:sqlstring}))"


def stage_changes(condition: str = OF_DEVICE) -> Annotation:
    """When a device became a pilot, a product or a retired one."""
    return Annotation(
        "Stage changes",
        f"""SELECT ts AS time, concat(device, ': ', concat_ws(' → ', before, stage)) AS text
FROM stages
WHERE $__timeFilter(ts) AND {condition}
ORDER BY ts DESC
LIMIT 100""",
        "blue",
    )


def bookings(condition: str = OF_DEVICE) -> Annotation:
    """Whose a testbed is, as a span."""
    return Annotation(
        "Bookings",
        f"""SELECT starts_at AS time, ends_at AS timeend, concat(device, ': ', tenant) AS text
FROM bookings
WHERE starts_at < $__timeTo() AND ends_at > $__timeFrom() AND {condition}
ORDER BY starts_at DESC
LIMIT 100""",
        "purple",
    )


def rejection_bursts(condition: str = OF_DEVICE) -> Annotation:
    """When ten messages of a device, or parts of them, were refused in a minute, or more.

    Minutes that lie close together, for the length of time that is shown, are one span. Its text
    has the most frequent reason.
    """
    return Annotation(
        "Bursts of rejections",
        f"""SELECT min(minute) AS time, max(minute) + INTERVAL '1 minute' AS timeend,
  concat(device, ': ', mode() WITHIN GROUP (ORDER BY reason), ' × ', sum(n)) AS text
FROM (
  SELECT time_bucket('1 minute', ts) AS minute, device, count(*) AS n,
    mode() WITHIN GROUP (ORDER BY reason) AS reason
  FROM rejections
  WHERE $__timeFilter(ts) AND {condition}
  GROUP BY 1, 2
  HAVING count(*) >= 10
) AS bursts
GROUP BY device, $__timeGroup(minute, $__interval)
ORDER BY sum(n) DESC
LIMIT 100""",
        "orange",
    )


def connection_losses(condition: str = OF_DEVICE) -> Annotation:
    """From when until when a device was offline; one that is still so, until the end."""
    return Annotation(
        "Connections lost",
        f"""SELECT ts AS time, coalesce(back, least(now(), $__timeTo())) AS timeend,
  concat(device, ': offline') AS text
FROM (
  SELECT ts, device, online, lead(ts) OVER (PARTITION BY device ORDER BY ts) AS back
  FROM connections
  WHERE $__timeFilter(ts) AND {condition}
) AS changes
WHERE NOT online
ORDER BY ts DESC
LIMIT 100""",
        "red",
        shown=False,
    )


def commands(condition: str = OF_DEVICE) -> Annotation:
    """What a device was told to do, until it answered."""
    return Annotation(
        "Commands",
        f"""SELECT ts AS time, replied_at AS timeend,
  concat(device, ': ', name, ' (', status, ')') AS text
FROM commands
WHERE $__timeFilter(ts) AND {condition}
ORDER BY ts DESC
LIMIT 100""",
        "green",
    )
