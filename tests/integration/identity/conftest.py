"""One API for all tests of identity, emptied before each: to start one takes longer than a test."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from psycopg import sql

from storage.accounts import create_first_admin
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    registry_settings,
    world,
)
from tests.parts import free_port, wait_until

__all__ = ["world"]  # a fixture

PASSWORD = "correct horse battery"
WRONG_PASSWORD = "wrong horse battery"
EMAIL = "owner@example.org"
# As a browser says of our own page.
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="session")
def identity_url(server: str, template: str) -> str:
    """A migrated database for all tests of identity; it goes with the server."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE identity TEMPLATE {}").format(sql.Identifier(template))
        )
    return server.replace("/postgres", "/identity")


# Not longer: tests of other folders would have its threads beside them.
@pytest.fixture(scope="module")
def served(
    identity_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    """The API on this database."""
    settings = registry_settings(
        identity_url,
        tmp_path_factory.mktemp("identity"),
        free_port(),
        identity_key="a key of the tests alone",
    )
    running = RunningRegistry(settings, "")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def connection(identity_url: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to the database, which is empty."""
    with psycopg.connect(identity_url, autocommit=True) as opened:
        wait_until(lambda: emptied(opened), "the tables to be empty")
        yield opened


def emptied(connection: psycopg.Connection) -> bool:
    """Empty every table, unless the running registry looks at them at the same moment."""
    try:
        connection.execute(
            "TRUNCATE users, tenants, parks, models, attempts RESTART IDENTITY CASCADE"
        )
    except psycopg.errors.DeadlockDetected:
        return False
    return True


@pytest.fixture
def registry(served: RunningRegistry, connection: psycopg.Connection) -> RunningRegistry:
    """The API with its first administrator."""
    token = create_first_admin(connection)
    assert token
    served.admin_token = token
    return served


@pytest.fixture
def owner(registry: RunningRegistry, world: World) -> RunningRegistry:
    """The API, where the owner of Sunny has a password."""
    set_password(registry, world.tokens["owner"])
    return registry


def set_password(registry: RunningRegistry, token: str) -> None:
    """Give a user, who has none, the password."""
    body = {"password": PASSWORD}
    registry.request("PUT", "/api/v1/me/password", token, json=body).raise_for_status()


def sign_in(
    registry: RunningRegistry,
    email: str = EMAIL,
    password: str = PASSWORD,
    code: str | None = None,
    **headers: str,
) -> httpx.Response:
    body = {"email": email, "password": password, "code": code}
    return registry.request("POST", "/api/v1/sessions", json=body, headers=headers)


def cookie(response: httpx.Response) -> dict[str, str]:
    """The header that a browser sends after the answer."""
    return {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}
