"""Waiting after failures to sign in."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.integration.identity.conftest import WRONG_PASSWORD, sign_in
from tests.integration.registry.conftest import RunningRegistry, registry_settings, serving
from tests.parts import free_port

WAIT = "SELECT extract(epoch FROM open_at - last_at) FROM attempts WHERE key LIKE 'account %'"


def wait_is_over(connection: psycopg.Connection) -> None:
    """Let the next attempt be heard, without waiting in the test."""
    connection.execute("UPDATE attempts SET open_at = now()")


def test_after_five_failures_the_wait_doubles_to_a_minute_and_never_longer(
    owner: RunningRegistry, connection: psycopg.Connection
) -> None:
    waits = []
    for _ in range(13):
        assert sign_in(owner, password=WRONG_PASSWORD).status_code == 401
        waits.append(connection.execute(WAIT).fetchone())
        wait_is_over(connection)
    assert [int(seconds) for (seconds,) in filter(None, waits)] == [
        *(0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60)
    ]
    # The right password is heard after the wait, and all is forgotten.
    assert sign_in(owner).status_code == 201
    assert sign_in(owner, password=WRONG_PASSWORD).status_code == 401
    assert sign_in(owner).status_code == 201


def test_an_account_that_is_not_there_has_to_wait_as_well(owner: RunningRegistry) -> None:
    answers = [sign_in(owner, email="ghost@example.org") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) == 1


def test_many_attempts_at_once_gain_nothing(owner: RunningRegistry) -> None:
    start = threading.Barrier(12)

    def guess(_: int) -> int:
        start.wait(10)
        return sign_in(owner, password=WRONG_PASSWORD).status_code

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(guess, range(12)))
    assert answers.count(401) <= 5
    assert set(answers) <= {401, 429, 503}


def test_an_address_has_to_wait_whatever_accounts_it_tries(
    owner: RunningRegistry, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO attempts VALUES ('address 127.0.0.1', 29, now(), now() - INTERVAL '1 s')"
    )
    assert sign_in(owner, email="a@example.org").status_code == 401
    # No header makes another address of it, as no proxy is trusted.
    refused = sign_in(owner, email="b@example.org", **{"X-Forwarded-For": "203.0.113.9"})
    assert refused.status_code == 429
    assert "again in" in refused.json()["detail"]


@pytest.fixture
def behind_a_proxy(
    identity_url: str, connection: psycopg.Connection, tmp_path: Path
) -> Iterator[RunningRegistry]:
    settings = registry_settings(
        identity_url, tmp_path, free_port(), trusted_proxies="127.0.0.0/8,10.0.0.1"
    )
    with serving(settings, connection) as running:
        yield running


def test_the_word_of_a_trusted_proxy_counts_and_no_other(
    behind_a_proxy: RunningRegistry, connection: psycopg.Connection
) -> None:
    # The right-most address that is no proxy of ours; what stands left of it, anybody can write.
    sign_in(behind_a_proxy, **{"X-Forwarded-For": "192.0.2.1, 203.0.113.9, 10.0.0.1"})
    keys = {key for (key,) in connection.execute("SELECT key FROM attempts")}
    assert "address 203.0.113.9" in keys
