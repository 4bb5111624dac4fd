"""Vitals as they would be told: of two workers of ingest, registry, broker and database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

# Of each figure SQL on `t`, the seconds since the beginning. Ingest began anew after 20 hours.
SINCE = "CASE WHEN t < 72000 THEN t ELSE t - 72000 END"
INGEST = {
    "messages_received": f"12.4 * {SINCE}",
    "messages_acknowledged": f"12.3 * {SINCE}",
    "messages_stored": f"12.3 * {SINCE}",
    "readings_stored": f"60 * {SINCE}",
    "states_stored": f"2 * {SINCE}",
    "duplicates": f"floor({SINCE} / 600)",
    "readings_flagged": f"floor({SINCE} / 100)",
    "rejections.quota": f"floor({SINCE} / 240)",
    "rejections.clock-ahead": f"floor({SINCE} / 900)",
    "lag_seconds": "0.2 + 0.1 * sin(t / 3000)",
    "journal_bytes": "40000 + 30000 * sin(t / 5000)",
    "journal_quota_bytes": "1073741824",
    "decode_seconds_sum": f"{SINCE} / 300",
    "decode_seconds_count": SINCE,
    "commit_seconds_sum": f"{SINCE} / 40",
    "commit_seconds_count": SINCE,
    "batch_messages_sum": f"12.3 * {SINCE}",
    "batch_messages_count": SINCE,
    "broker_connected": "1",
    "database_up": "1",
    "broker_reconnects": f"floor({SINCE} / 9000)",
    "database_reconnects": "0",
    "process_resident_memory_bytes": "9e7",
    "process_cpu_seconds": f"{SINCE} / 20",
    "process_open_fds": "14",
}
REGISTRY = {
    "process_resident_memory_bytes": "1.6e8 + 1e7 * sin(t / 9000)",
    "process_cpu_seconds": "t / 30",
    "process_open_fds": "40",
    "broker_connected": "1",
    "queue_messages": "floor(2 + 2 * sin(t / 700))",
    "password_file_checked_timestamp_seconds": "extract(epoch FROM ts) - 4",
    "database_connections": "10",
    "database_connections_free": "floor(7 + 2 * sin(t / 800))",
    "database_waiting_requests": "0",
    "mail_server_usable": "1",
    "mails_waiting": "0",
    "mails.sent": "floor(t / 7000)",
    "mails.refused": "0",
    "mails.expired": "0",
}
BROKER = {
    "dropped_messages": "0",
    "received_messages": "26 * t",
    "sent_messages": "31 * t",
    "received_bytes": "4200 * t",
    "sent_bytes": "5600 * t",
    "connects_per_minute": "floor(3 + 2 * sin(t / 2000))",
    "stored_messages": "70",
    "retained_messages": "55",
    "stored_bytes": "9000",
    "clients_connected": "52 - floor(2 * abs(sin(t / 4000)))",
    "clients": "55",
    "heap_bytes": "1.9e6 + 1e5 * sin(t / 6000)",
    "heap_peak_bytes": "2.4e6",
    "uptime_seconds": "t",
}
DATABASE = {
    "database_bytes": "4e9 + 8000 * t",
    "readings_bytes": "2.9e9 + 6000 * t",
    "states_bytes": "1e8",
    "flags_bytes": "5e7",
    "rejections_bytes": "3e7",
    "rollups_bytes": "6e8 + 1000 * t",
    "vitals_bytes": "1.7e8",
    "chunks": "420",
    "connections": "31",
    "connections_max": "100",
    "connections.ingest": "4",
    "connections.registry": "10",
    "connections.grafana": "floor(8 + 4 * sin(t / 3000))",
    "connections.tenants": "3",
    "connections.other": "2",
    "oldest_transaction_seconds": "abs(4 * sin(t / 500))",
    "rollups_behind_seconds": "300 + mod(t::int, 3600)",
    "rollups_stale_hours": "greatest(0, floor(30 * sin(t / 9000)))",
    "devices": "40",
    "series": "260",
}
SOURCES = {
    "ingest-1": INGEST,
    "ingest-2": INGEST,
    "registry": REGISTRY,
    "broker": BROKER,
    "database": DATABASE,
}
DAY = 86_400


def tell(connection: psycopg.Connection[Any], end: datetime) -> None:
    """Write the vitals of the day until ``end``, one a minute."""
    for source, figures in SOURCES.items():
        connection.execute(
            f"""
            WITH named AS (
                INSERT INTO vital_sets (source, names) VALUES (%s, %s) RETURNING id
            )
            INSERT INTO vitals (ts, set_id, figures)
            SELECT ts, id, ARRAY[{", ".join(figures.values())}]::float8[]
            FROM named, generate_series(0, {DAY}, 60) n,
                 LATERAL (SELECT n::float8 AS t,
                                 %s::timestamptz - ({DAY} - n) * INTERVAL '1 second' AS ts) AS told
            """.encode(),
            [source, list(figures), end],
        )
