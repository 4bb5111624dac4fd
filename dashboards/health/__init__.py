"""Ingest and broker health: whether what brings readings is well, and what to do where it is not.

The limits are those of docs/operations.md, "What to watch".
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import number_panel, steps
from dashboards.health import database, ingest, registry
from dashboards.health.vitals import INGEST, growing, newest
from dashboards.layout import board, fill

UID = "technopark-health"


def platform_health() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Ingest and broker health",
        "Whether ingest, broker, registry and database are well, and what to do where they are "
        "not.",
        since="now-6h",
    )
    return fill(
        made,
        [
            parts(), connected(), lag(), journal(), waiting(), dropped(),
            connections(), transaction(), rollups(), pool(), mail(), password_file(),
            "Ingest",
            *ingest.panels(),
            "Broker and registry",
            *registry.panels(),
            "Database",
            *database.panels(),
        ],
    )  # fmt: skip


def number(
    title: str, description: str, sql: str, lowest: str, *others: tuple[float, str]
) -> stat.Panel:
    """A number in the colour of how well it is: of the lowest values, and from others on."""
    return (
        number_panel(title, description, sql)
        .span(4)
        .interval("1m")
        .no_value("nothing is told")
        .thresholds(steps(lowest, *others))
    )


def yes_or_no(panel: stat.Panel) -> stat.Panel:
    """Show 1 and 0 as words."""
    words = {
        "0": models.ValueMappingResult(text="Away", color="red", index=0),
        "1": models.ValueMappingResult(text="There", color="green", index=1),
    }
    return panel.mappings([models.ValueMap(options=words)])


def parts() -> stat.Panel:
    """Which parts tell how they are."""
    return yes_or_no(
        number(
            "Parts",
            "Whether each told how it is in the last three minutes; the registry tells for the "
            "broker. Away: “technopark status” says what does not run, “technopark logs” why. All "
            "away at once: the database took nothing.",
            f"""SELECT (count(*) FILTER (WHERE {INGEST}) > 0)::int AS "Ingest",
  (count(*) FILTER (WHERE source = 'broker') > 0)::int AS "Broker",
  (count(*) FILTER (WHERE source = 'registry') > 0)::int AS "Registry"
FROM {newest("name IN ('process_open_fds', 'uptime_seconds')")} AS n""",
            "red",
            (1, "green"),
        )
    )


def connected() -> stat.Panel:
    """Whether ingest reaches what it needs."""
    return yes_or_no(
        number(
            "Ingest reaches",
            "Whether every worker of ingest is connected to the broker, and whether the database "
            "took what it was given last. Broker away: devices cannot come in, see “technopark "
            "logs broker”. Database away: messages wait on disk, see “technopark logs postgres” "
            "and the free disk.",
            f"""SELECT min(value) FILTER (WHERE name = 'broker_connected') AS "Broker",
  min(value) FILTER (WHERE name = 'database_up') AS "Database"
FROM {newest(f"{INGEST} AND name IN ('broker_connected', 'database_up')")} AS n""",
            "red",
            (1, "green"),
        )
    )


def lag() -> stat.Panel:
    """How long readings wait."""
    return number(
        "Lag of ingest",
        "Age of the oldest message that is not stored, of the worst worker; 0: none waits. Red "
        "from a minute on: the database is away, locked or slow. Look at the time of a "
        "transaction and at the oldest transaction below.",
        f"""SELECT max(value) AS "Lag" FROM {newest(f"{INGEST} AND name = 'lag_seconds'")} AS n""",
        "green",
        (5, "orange"),
        (60, "red"),
    ).unit("s")


def journal() -> stat.Panel:
    """How much more may wait."""
    return (
        number(
            "Journal",
            "How full the journal of messages that wait for the database is, of the worst worker. "
            "At 100 ingest takes nothing more, and the broker keeps the rest. Red: mend the "
            "database or make room on its disk.",
            f"""SELECT 100 * max(bytes / nullif(quota, 0)) AS "Journal"
FROM (
  SELECT max(value) FILTER (WHERE name = 'journal_bytes') AS bytes,
    max(value) FILTER (WHERE name = 'journal_quota_bytes') AS quota
  FROM {newest(f"{INGEST} AND name IN ('journal_bytes', 'journal_quota_bytes')")} AS n
  GROUP BY source
) AS workers""",
            "green",
            (50, "orange"),
            (80, "red"),
        )
        .unit("percent")
        .decimals(0)
    )


def waiting() -> stat.Panel:
    """What ingest has not fetched."""
    return number(
        "Waiting in the broker",
        "Messages that the broker keeps and that are not retained: they wait for a subscriber. "
        "Red: ingest is away or too slow. See whether its lag grows; give it more workers if its "
        "process takes a whole core.",
        f"""SELECT sum(value) FILTER (WHERE name = 'stored_messages')
  - sum(value) FILTER (WHERE name = 'retained_messages') AS "Waiting"
FROM {newest("source = 'broker' AND name IN ('stored_messages', 'retained_messages')")} AS n""",
        "green",
        (1000, "orange"),
        (100_000, "red"),
    )


def dropped() -> stat.Panel:
    """What the broker could not keep."""
    return number(
        "Dropped by the broker",
        "Messages in the chosen time that did not fit into a subscriber's queue. Red: a "
        "subscriber other than ingest is too slow or was away too long; ingest's queue has no "
        "limit, so no reading is lost by it.",
        f"""SELECT sum(growth) AS "Dropped"
FROM {growing("source = 'broker' AND name = 'dropped_messages'")} AS g""",
        "green",
        (1, "red"),
    )


def connections() -> stat.Panel:
    """How many more may connect to the database."""
    return (
        number(
            "Database connections",
            "Connections of all programs, of those that the server takes. Red: soon nobody is let "
            "in. See below whose they are: end what hangs, or raise “max_connections”.",
            """SELECT 100 * max(value) FILTER (WHERE name = 'connections')
  / nullif(max(value) FILTER (WHERE name = 'connections_max'), 0) AS "Connections"
FROM database_overview""",
            "green",
            (70, "orange"),
            (90, "red"),
        )
        .unit("percent")
        .decimals(0)
    )


def transaction() -> stat.Panel:
    """What holds up cleaning and summing up."""
    return number(
        "Oldest transaction",
        "Age of the oldest transaction in the database. Red: it holds up rollups and vacuum, and "
        "perhaps a lock that others want. Find it in “pg_stat_activity”, and end it by "
        "“pg_terminate_backend”.",
        """SELECT value AS "Oldest transaction" FROM database_overview
WHERE name = 'oldest_transaction_seconds'""",
        "green",
        (60, "orange"),
        (600, "red"),
    ).unit("s")


def rollups() -> stat.Panel:
    """How far sums are behind."""
    return number(
        "Rollups behind",
        "From the last hour that is summed up to the newest reading; up to 70 minutes are normal. "
        "Red: history is right but slow. See “technopark logs registry”; a transaction that "
        "writes and does not end holds it up, and a flood of late readings.",
        """SELECT value AS "Rollups behind" FROM database_overview
WHERE name = 'rollups_behind_seconds'""",
        "green",
        (4200, "orange"),
        (7200, "red"),
    ).unit("s")


def pool() -> stat.Panel:
    """Whether the API waits for the database."""
    return number(
        "Waiting requests",
        "Requests that wait for one of the registry's connections, the most of the last three "
        "minutes; 0 is good. Red: slow queries, or too few connections for so many people.",
        """SELECT max(value) AS "Waiting requests" FROM vitals_overview
WHERE ts > now() - INTERVAL '3 minutes' AND source = 'registry'
  AND name = 'database_waiting_requests'""",
        "green",
        (1, "orange"),
        (10, "red"),
    )


def mail() -> stat.Panel:
    """Whether mails go out."""
    return yes_or_no(
        number(
            "Mail server",
            "Whether the mail server takes mails; nothing is told where none is set. Away: "
            "invitations and links for a new password wait. “technopark logs registry” has the "
            "server's answer.",
            f"""SELECT max(value) AS "Mail server"
FROM {newest("source = 'registry' AND name = 'mail_server_usable'")} AS n""",
            "red",
            (1, "green"),
        )
    )


def password_file() -> stat.Panel:
    """Whether the broker knows new secrets."""
    return (
        number(
            "Device secrets checked",
            "How long ago the broker's password file was last seen in step with the devices' "
            "secrets. Red: new and revoked devices wait for it. See “technopark logs registry”: "
            "the database, the disk, or the rights of the broker's folder.",
            f"""SELECT extract(epoch FROM now()) - nullif(max(value), 0) AS "Checked"
FROM {newest("source = 'registry' AND name = 'password_file_checked_timestamp_seconds'")} AS n""",
            "green",
            (60, "orange"),
            (120, "red"),
        )
        .unit("s")
        .decimals(0)
    )
