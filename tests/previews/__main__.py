"""Draw every dashboard into docs/dashboards: ``make previews``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from dashboards.catalogue import operator_dashboards, park_dashboards, tenant_dashboards
from stack import runtime
from storage.migrate import migrate
from tests.conftest import ROOT
from tests.integration.dashboards.worlds import World, made
from tests.parts import running_database
from tests.previews.page import picture

FOLDER = ROOT / "docs" / "dashboards"


@contextmanager
def scratch_world() -> Iterator[World]:
    """A database of its own with the simulated world in it; gone afterwards."""
    runtime.ensure(ROOT / ".technopark")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o711)
        tree = ROOT / ".technopark" / "runtime"
        programs = runtime.find(home) or runtime.find(home, tree)
        assert programs, "make test builds the runtime"
        settings = {"fsync": "off", "timescaledb.max_background_workers": "0"}
        with (
            running_database(programs, home / "postgres", settings) as server,
            psycopg.connect(server, autocommit=True) as connection,
        ):
            connection.execute("CREATE DATABASE previews")
            url = server.replace("/postgres", "/previews")
            with psycopg.connect(url, autocommit=True) as opened:
                migrate(opened)
                # What is of this minute is seen too.
                end = (datetime.now(UTC) + timedelta(minutes=1)).replace(second=0, microsecond=0)
                world = made(World(opened, url, "apache", end), slower=1)
                time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()))
                yield world


def main(only: list[str]) -> None:
    """Draw the dashboards of those uids, or all: as a tenant, else its park, else operators."""
    FOLDER.mkdir(exist_ok=True)
    audiences = {
        "tenant:sunny": tenant_dashboards(),
        "park:cimahi": park_dashboards(),
        "operators": operator_dashboards(),
    }
    drawn: set[str] = set()
    with scratch_world() as world:
        for key, boards in audiences.items():
            with world.session(key) as session:
                for uid, board in boards.items():
                    if uid not in drawn and (not only or uid in only):
                        (FOLDER / f"{uid}.png").write_bytes(picture(session, board, world.end))
                    drawn.add(uid)


if __name__ == "__main__":
    main(sys.argv[1:])
