from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import cloned
from tests.integration.dashboards.fake_grafana import running_grafana
from tests.integration.dashboards.place import ALERTS, WORLD, Place


@pytest.fixture(scope="module")
def shared(server: str, template: str) -> Iterator[Place]:
    with (
        running_grafana() as grafana,
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute((WORLD + ALERTS).encode())
        yield Place(grafana, connection, url)


@pytest.fixture
def place(shared: Place) -> Place:
    """The same world each time; what a test does in the database it undoes."""
    shared.reset()
    return shared
