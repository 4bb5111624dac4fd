"""Ingest over time: what it receives and stores, how long that takes, what it takes itself."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries

from dashboards.defaults import bars
from dashboards.health.lines import line_each, lines, over_time
from dashboards.health.vitals import INGEST, growing, sampled


def panels() -> list[timeseries.Panel]:
    """Rows of three."""
    return [
        messages(), readings(), rejections(),
        lag(), journal(), reconnects(),
        times(), batches(), doubtful(),
        cpu(), memory(), files(),
    ]  # fmt: skip


def messages() -> timeseries.Panel:
    """Whether what comes is stored."""
    return lines(
        "Messages",
        "Messages of all workers together: from the broker, stored (or rejected with a reason), "
        "and acknowledged to the broker. The lines lie upon one another. Stored below received: "
        "the database does not keep up, and the journal fills.",
        "suffix:/s",
        over_time(
            """sum(rate) FILTER (WHERE name = 'messages_received') AS "Received",
  sum(rate) FILTER (WHERE name = 'messages_stored') AS "Stored",
  sum(rate) FILTER (WHERE name = 'messages_acknowledged') AS "Acknowledged\"""",
            growing(
                f"{INGEST} AND name IN "
                "('messages_received', 'messages_stored', 'messages_acknowledged')"
            ),
        ),
    )


def readings() -> timeseries.Panel:
    """What the messages hold."""
    return lines(
        "Readings and states",
        "Numbers and booleans (readings), and texts and objects (states), that were stored in a "
        "second, of all workers. A sudden fall to nothing: look at the broker's clients, whether "
        "devices went away.",
        "suffix:/s",
        over_time(
            """sum(rate) FILTER (WHERE name = 'readings_stored') AS "Readings",
  sum(rate) FILTER (WHERE name = 'states_stored') AS "States\"""",
            growing(f"{INGEST} AND name IN ('readings_stored', 'states_stored')"),
        ),
    )


def rejections() -> timeseries.Panel:
    """Why messages are not stored."""
    return bars(
        lines(
            "Rejected by ingest",
            "Messages, or parts of one, that were not stored, by the reason, for each second. A "
            "few are normal. Many: “technopark tail DEVICE --rejected” shows what a device sends, "
            "the fleet overview which devices they are.",
            "suffix:/s",
            line_each(
                "replace(name, 'rejections.', '')",
                'sum(rate) AS "Rejections"',
                f"""(
  SELECT * FROM {growing(f"{INGEST} AND name LIKE 'rejections.%'")} AS reasons WHERE growth > 0
)""",
            ),
        )
    )


def lag() -> timeseries.Panel:
    """How long readings wait, by worker."""
    return lines(
        "Lag",
        "Age of the oldest message that is not stored, of each worker; 0: none waits. Some "
        "seconds after a restart are normal. A line that rises without end: the database is away "
        "or locked.",
        "s",
        line_each("source", 'max(value) AS "Lag"', sampled(f"{INGEST} AND name = 'lag_seconds'")),
    )


def journal() -> timeseries.Panel:
    """How full the journal was."""
    return lines(
        "Journal against its quota",
        "What waits on disk for the database, and beyond which nothing more is received, of all "
        "workers together. It is emptied when the database is back; if not, ingest's log says why.",
        "bytes",
        over_time(
            """sum(value) FILTER (WHERE name = 'journal_bytes') AS "Waits",
  sum(value) FILTER (WHERE name = 'journal_quota_bytes') AS "Quota\"""",
            sampled(f"{INGEST} AND name IN ('journal_bytes', 'journal_quota_bytes')"),
        ),
    )


def reconnects() -> timeseries.Panel:
    """Whether something restarts."""
    return bars(
        lines(
            "New connections of ingest",
            "Connections after the first, to the broker and to the database, in each point of "
            "time. None is good. Again and again: something restarts, “technopark status” counts "
            "it.",
            "short",
            over_time(
                """sum(growth) FILTER (WHERE name = 'broker_reconnects') AS "To the broker",
  sum(growth) FILTER (WHERE name = 'database_reconnects') AS "To the database\"""",
                growing(f"{INGEST} AND name IN ('broker_reconnects', 'database_reconnects')"),
            ),
        )
    )


def times() -> timeseries.Panel:
    """How long a batch takes."""
    return lines(
        "Time of a batch",
        "Mean time of decoding a batch, and of its transaction. Transactions are below 0.25 s; "
        "longer ones mean that the disk is slow or somebody holds a lock: see the oldest "
        "transaction.",
        "s",
        over_time(
            """sum(growth) FILTER (WHERE name = 'decode_seconds_sum')
    / nullif(sum(growth) FILTER (WHERE name = 'decode_seconds_count'), 0) AS "Decoding",
  sum(growth) FILTER (WHERE name = 'commit_seconds_sum')
    / nullif(sum(growth) FILTER (WHERE name = 'commit_seconds_count'), 0) AS "Transaction\"""",
            growing(
                f"{INGEST} AND name IN ('decode_seconds_sum', 'decode_seconds_count', "
                "'commit_seconds_sum', 'commit_seconds_count')"
            ),
        ),
    )


def batches() -> timeseries.Panel:
    """How many messages a transaction has."""
    return lines(
        "Messages in a transaction",
        "Mean number of messages that are stored together. It grows with what comes, which makes "
        "ingest faster. Always at “TECHNOPARK_INGEST_BATCH_MESSAGES”: more comes than the "
        "database stores.",
        "short",
        over_time(
            """sum(growth) FILTER (WHERE name = 'batch_messages_sum')
    / nullif(sum(growth) FILTER (WHERE name = 'batch_messages_count'), 0) AS "Messages\"""",
            growing(f"{INGEST} AND name IN ('batch_messages_sum', 'batch_messages_count')"),
        ),
    )


def doubtful() -> timeseries.Panel:
    """What is stored, or was, and yet is no good sign."""
    return bars(
        lines(
            "Duplicates and values out of range",
            "Readings and states that were there before, and readings outside of the range of "
            "their model. Duplicates come after a restart of ingest or of a device; always: a "
            "device sends again what was acknowledged. See the dashboard on data quality.",
            "suffix:/s",
            over_time(
                """sum(rate) FILTER (WHERE name = 'duplicates') AS "Duplicates",
  sum(rate) FILTER (WHERE name = 'readings_flagged') AS "Out of range\"""",
                growing(f"{INGEST} AND name IN ('duplicates', 'readings_flagged')"),
            ),
        )
    )


def cpu() -> timeseries.Panel:
    """Whether a process is at its limit."""
    return lines(
        "CPU of the processes",
        "CPU time of each worker of ingest and of the registry, as the share of one core. A "
        "worker near 100: it does all it can, give ingest another one "
        "(“TECHNOPARK_INGEST_WORKERS”).",
        "percentunit",
        line_each("source", 'max(rate) AS "CPU"', growing("name = 'process_cpu_seconds'")),
    )


def memory() -> timeseries.Panel:
    """Whether a process grows."""
    return lines(
        "Memory of the processes",
        "Memory in use of each worker of ingest and of the registry. A line that rises for days "
        "and never falls is a fault: restart the process, and report it with its log.",
        "bytes",
        line_each(
            "source",
            'max(value) AS "Memory"',
            sampled("name = 'process_resident_memory_bytes'"),
        ),
    )


def files() -> timeseries.Panel:
    """Whether files stay open."""
    return lines(
        "Open files of the processes",
        "Open files and sockets of each worker of ingest and of the registry. It follows the "
        "number of people and requests; near the limit of the system (1,024 by default) nobody "
        "else is let in.",
        "short",
        line_each("source", 'max(value) AS "Open files"', sampled("name = 'process_open_fds'")),
    )
