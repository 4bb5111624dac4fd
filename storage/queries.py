"""Named SQL. Each query lives in a .sql file of this package under a line ``-- name --``."""

from __future__ import annotations

import re
from importlib import resources

HEADING = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)


def load(file: str) -> dict[str, bytes]:
    """The queries of ``sql/<file>.sql`` by name.

    Returns:
        Name to statement, as bytes: what psycopg takes for SQL that no input was mixed into.
    """
    text = (resources.files("storage") / "sql" / f"{file}.sql").read_text("utf-8")
    parts = HEADING.split(text)[1:]
    return {name: body.strip().encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}
