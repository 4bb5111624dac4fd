"""The database over time: how large it is, who is connected, what holds it up."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import fixed
from dashboards.health.lines import lines, over_time
from dashboards.health.vitals import of, sampled


def panels() -> list[timeseries.Panel]:
    """Rows of three."""
    return [sizes(), chunks(), series(), connections(), transaction(), rollups()]


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Parts of a whole, one upon the other."""
    # Many names are looked for at each point.
    return (
        panel.max_data_points(150)
        .fill_opacity(60)
        .stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    )


def sizes() -> timeseries.Panel:
    """What takes the disk."""
    return stacked(
        lines(
            "Size of the database",
            "Bytes on disk with indexes, by what they hold. Compare its growth with the free "
            "disk. Where it gets too much: shorten what is kept (retention), archive, or use the "
            "Community edition, which compresses.",
            "bytes",
            over_time(
                """max(value) FILTER (WHERE name = 'readings_bytes') AS "Readings",
  max(value) FILTER (WHERE name = 'rollups_bytes') AS "Rollups",
  max(value) FILTER (WHERE name = 'states_bytes') AS "States",
  max(value) FILTER (WHERE name = 'flags_bytes') AS "Flags",
  max(value) FILTER (WHERE name = 'rejections_bytes') AS "Rejections",
  max(value) FILTER (WHERE name = 'vitals_bytes') AS "Vitals",
  greatest(0, max(value) FILTER (WHERE name = 'database_bytes') - sum(value) FILTER (
    WHERE name IN ('readings_bytes', 'rollups_bytes', 'states_bytes', 'flags_bytes',
      'rejections_bytes', 'vitals_bytes'))) AS "All else\"""",
                sampled("source = 'database' AND name LIKE '%_bytes'"),
            ),
        )
    )


def chunks() -> timeseries.Panel:
    """How many parts the tables have."""
    return lines(
        "Chunks",
        "Parts in which TimescaleDB keeps the tables over time. Some thousand are fine. More make "
        "each query that says no time slow to plan: shorten what is kept.",
        "short",
        over_time('max(value) AS "Chunks"', sampled(of("database", "chunks"))),
    )


def series() -> timeseries.Panel:
    """How many there are."""
    return lines(
        "Devices and series",
        "Devices in the registry, retired ones too, and series: one for each metric of a device. "
        "A sudden rise of series: a device sends names that change, such as times, as metrics.",
        "short",
        over_time(
            """max(value) FILTER (WHERE name = 'devices') AS "Devices",
  max(value) FILTER (WHERE name = 'series') AS "Series\"""",
            sampled(of("database", "devices", "series")),
        ),
    )


def connections() -> timeseries.Panel:
    """Whose connections there are."""
    limit = [
        models.DynamicConfigValue("custom.stacking", {"mode": "none"}),
        models.DynamicConfigValue("custom.fillOpacity", 0),
        models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
        fixed("red"),
    ]
    return stacked(
        lines(
            "Connections by program",
            "Connections to the database by whose they are, and how many the server takes "
            "(dashed). Others are exports, archives, the command line and psql. A tenant has 5 of "
            "its own and 10 by Grafana at most.",
            "short",
            over_time(
                """max(value) FILTER (WHERE name = 'connections.ingest') AS "Ingest",
  max(value) FILTER (WHERE name = 'connections.registry') AS "Registry",
  max(value) FILTER (WHERE name = 'connections.grafana') AS "Grafana",
  max(value) FILTER (WHERE name = 'connections.tenants') AS "Tenants",
  max(value) FILTER (WHERE name = 'connections.other') AS "Others",
  max(value) FILTER (WHERE name = 'connections_max') AS "Maximum\"""",
                sampled("source = 'database' AND name LIKE 'connections%'"),
            ),
        )
    ).override_by_name("Maximum", limit)


def transaction() -> timeseries.Panel:
    """What held things up."""
    return lines(
        "Oldest transaction",
        "Age of the oldest transaction at each look, once a minute. Exports and backups take "
        "minutes. A line that rises for an hour is a session that was forgotten: end it by "
        "“pg_terminate_backend”.",
        "s",
        over_time(
            'max(value) AS "Oldest transaction"',
            sampled(of("database", "oldest_transaction_seconds")),
        ),
    )


def rollups() -> timeseries.Panel:
    """Whether sums keep up."""
    stale = models.DynamicConfigValue("unit", "short")
    right = models.DynamicConfigValue("custom.axisPlacement", "right")
    return lines(
        "Rollups",
        "How far the sums of hours are behind the newest reading (a saw up to 70 minutes is "
        "normal), and on the right how many hours of series wait to be summed up anew after late "
        "readings; they fall to 0.",
        "s",
        over_time(
            """max(value) FILTER (WHERE name = 'rollups_behind_seconds') AS "Behind",
  max(value) FILTER (WHERE name = 'rollups_stale_hours') AS "Hours to sum up anew\"""",
            sampled(of("database", "rollups_behind_seconds", "rollups_stale_hours")),
        ),
    ).override_by_name("Hours to sum up anew", [stale, right])
