"""Which edition of TimescaleDB the database has. Nobody above this package asks."""

from __future__ import annotations

from enum import StrEnum

import psycopg


class Edition(StrEnum):
    """The licence under which the extension was built or configured."""

    COMMUNITY = "timescale"
    APACHE = "apache"


def edition(connection: psycopg.Connection) -> Edition:
    """The edition that the server reports: only Community compresses and aggregates by policy."""
    row = connection.execute("SHOW timescaledb.license").fetchone()
    return Edition(row[0]) if row else Edition.APACHE
