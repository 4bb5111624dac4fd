import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from ingest import health
from ingest.health import unready
from ingest.metrics import Metrics
from tests.parts import free_port


@dataclass
class Site:
    """Ingest's port, and what it is told."""

    port: int
    metrics: Metrics
    problem: str | None = None
    stuck: str | None = None

    def get(self, path: str, **headers: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(url, headers=headers, trust_env=False, timeout=20)


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site(free_port(), Metrics())
    registry = found.metrics.registry
    with health.serve(
        "127.0.0.1", found.port, registry, lambda: found.problem, lambda: found.stuck
    ):
        yield found


def test_all_reasons_are_told_one_a_line() -> None:
    told = unready(broker=False, database=False, journal_full=True)
    assert told
    broker, database, journal = told.splitlines()
    assert "broker" in broker
    assert "database" in database
    assert "journal is full" in journal


@pytest.mark.parametrize(
    ("broker", "database", "full", "word"),
    [
        (False, True, False, "not connected to the broker"),
        (True, False, False, "cannot reach the database"),
        (True, True, True, "journal is full"),
    ],
)
def test_one_reason_is_enough(broker: bool, database: bool, full: bool, word: str) -> None:
    told = unready(broker=broker, database=database, journal_full=full)
    assert told
    assert word in told
    assert "\n" not in told


def test_without_a_reason_it_is_ready() -> None:
    assert unready(broker=True, database=True) is None


def test_ready_tells_the_reasons(site: Site) -> None:
    assert site.get("/ready").status_code == 200
    site.problem = "no broker\nno database"
    answer = site.get("/ready")
    assert (answer.status_code, answer.text) == (503, "no broker\nno database\n")
    assert site.get("/live").status_code == 200


def test_a_service_that_is_stuck_does_not_live(site: Site) -> None:
    assert site.get("/live").status_code == 200
    site.stuck = "the writer has not moved for 60 s"
    answer = site.get("/live")
    assert (answer.status_code, answer.text) == (503, "the writer has not moved for 60 s\n")


def test_metrics_come_as_text_and_as_open_metrics_where_that_is_asked_for(site: Site) -> None:
    site.metrics.received.inc(3)
    plain = site.get("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert "technopark_ingest_messages_received_total 3.0\n" in plain.text
    asked = site.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert asked.headers["Content-Type"].startswith("application/openmetrics-text")
    assert asked.text.endswith("# EOF\n")


def test_any_other_path_names_those_that_there_are(site: Site) -> None:
    answer = site.get("/")
    assert answer.status_code == 404
    assert "/metrics" in answer.text


def test_a_client_that_asks_nothing_keeps_nobody_waiting(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port)):
        assert site.get("/live").status_code == 200


def test_a_port_that_is_taken_is_an_error(site: Site) -> None:
    with pytest.raises(OSError, match="in use"):
        health.serve("127.0.0.1", site.port, site.metrics.registry, str, str).__enter__()
