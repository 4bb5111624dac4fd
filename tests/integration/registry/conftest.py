"""The API on a real port, with the people and places that tests need."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from paho.mqtt.client import MQTTMessage

from broker.config import INGEST_USER, REGISTRY_USER
from cli.api import Api
from registry.app import create_app
from registry.settings import Settings
from storage.accounts import create_first_admin, issue_token
from tests.parts import USERS, RunningBroker, free_port, wait_until


@dataclass
class RunningRegistry:
    """The API in a thread.

    Attributes:
        settings: as the environment would give them.
        admin_token: of the first administrator.
    """

    settings: Settings
    admin_token: str
    app: FastAPI = field(init=False)
    clients: dict[str, Api] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def start(self) -> None:
        self.app = create_app(self.settings)
        self.server = uvicorn.Server(
            uvicorn.Config(
                self.app, port=self.settings.api_port, log_config=None, proxy_headers=False
            )
        )
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        wait_until(lambda: self.server.started, "the API to answer")

    def stop(self) -> None:
        for client in self.clients.values():
            client.close()
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive(), "the API did not stop"

    def as_(self, token: str) -> Api:
        """The API in the name of a token."""
        if token not in self.clients:
            self.clients[token] = Api(self.url, token, attempts=1)
        return self.clients[token]

    @property
    def admin(self) -> Api:
        """The API in the name of the first administrator."""
        return self.as_(self.admin_token)

    def request(
        self, method: str, path: str, token: str | None = None, **arguments: Any
    ) -> httpx.Response:
        """A raw request."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= arguments.pop("headers", {})
        # verify=False: to load the authorities for TLS, which is not used, takes longest by far.
        return httpx.request(
            method,
            self.url + path,
            headers=headers,
            trust_env=False,
            timeout=20,
            verify=False,
            **arguments,
        )


def registry_settings(
    database_url: str, folder: Path, broker_port: int, **others: object
) -> Settings:
    return Settings.model_validate(
        {
            "api_port": free_port(),
            "database_url": database_url,
            "database_connections": 4,
            "broker_port": broker_port,
            "broker_folder": folder,
            "registry_password": USERS[REGISTRY_USER],
            "ingest_password": USERS[INGEST_USER],
            **others,
        }
    )


@contextmanager
def serving(settings: Settings, connection: psycopg.Connection) -> Iterator[RunningRegistry]:
    """The API, with its first administrator."""
    token = create_first_admin(connection)
    assert token
    running = RunningRegistry(settings, token)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def registry(
    database_url: str, connection: psycopg.Connection, tmp_path: Path
) -> Iterator[RunningRegistry]:
    """The API without a broker."""
    with serving(registry_settings(database_url, tmp_path, free_port()), connection) as running:
        yield running


@pytest.fixture
def wired(
    database_url: str, connection: psycopg.Connection, broker: RunningBroker
) -> Iterator[RunningRegistry]:
    """The API beside a real broker, connected to it."""
    settings = registry_settings(database_url, broker.folder, broker.port)
    with serving(settings, connection) as running:
        wait_until(lambda: running.app.state.publisher.connected, "the registry at the broker")
        yield running


@pytest.fixture
def heard(broker: RunningBroker) -> Iterator[list[MQTTMessage]]:
    """What a subscriber of the broker receives."""
    messages: list[MQTTMessage] = []
    with broker.client("_ingest", USERS["_ingest"]) as client:
        subscribed: list[object] = []
        client.on_subscribe = lambda *event: subscribed.append(event)
        client.on_message = lambda _c, _u, message: messages.append(message)
        client.subscribe([("devices/+/telemetry", 1), ("replays/#", 1)])
        wait_until(lambda: subscribed, "the subscription")
        yield messages


@dataclass
class World:
    """Two parks, three tenants, a device in each tenant, and people of every role.

    Attributes:
        tokens: by role; ``stranger`` owns another tenant, ``nobody`` has no role at all.
        ids: of the users, by the same names.
    """

    tokens: dict[str, str]
    ids: dict[str, int]


PEOPLE = {
    "manager": ("park-manager", "porto", None),
    "owner": ("tenant-owner", None, "sunny"),
    "member": ("tenant-member", None, "sunny"),
    "mentor": ("mentor", None, "sunny"),
    "viewer": ("viewer", None, "sunny"),
    "visitor": ("viewer", "porto", None),
    "stranger": ("tenant-owner", None, "other"),
}


@pytest.fixture
def world(connection: psycopg.Connection) -> World:
    """The world of this test's own."""
    return populate(connection)


def populate(connection: psycopg.Connection) -> World:
    """Sunny's home is Porto; Guest is virtual and has its device in a lab of Porto."""
    connection.execute(
        """
        INSERT INTO parks (id, name, time_zone) VALUES
            ('porto', 'Porto', 'Europe/Lisbon'), ('pune', 'Pune', 'Asia/Kolkata');
        INSERT INTO labs (id, park_id, name) VALUES
            ('porto-lab', 'porto', 'Lab'), ('pune-lab', 'pune', 'Lab');
        INSERT INTO tenants (id, name, kind, park_id) VALUES
            ('sunny', 'Sunny', 'startup', 'porto'), ('guest', 'Guest', 'community', NULL),
            ('other', 'Other', 'industry', 'pune');
        INSERT INTO models (id, tenant_id, name) VALUES
            ('common', NULL, 'Common'), ('sunny-model', 'sunny', 'Own'),
            ('other-model', 'other', 'Own');
        INSERT INTO devices (id, tenant_id, name, lab_id) VALUES
            ('sunny-1', 'sunny', 'One', NULL), ('guest-1', 'guest', 'One', 'porto-lab'),
            ('other-1', 'other', 'One', 'pune-lab');
        """
    )
    tokens, ids = {}, {}
    for name, membership in {**PEOPLE, "nobody": None}.items():
        row = connection.execute(
            "INSERT INTO users (email, name) VALUES (%s, %s) RETURNING id",
            [f"{name}@example.org", name],
        ).fetchone()
        assert row
        ids[name] = row[0]
        if membership:
            connection.execute(
                "INSERT INTO memberships (user_id, role, park_id, tenant_id) "
                "VALUES (%s, %s, %s, %s)",
                [row[0], *membership],
            )
        tokens[name] = issue_token(connection, row[0], "test")
    return World(tokens, ids)


def reject(
    connection: psycopg.Connection,
    ts: datetime,
    *,
    device: str = "sunny-1",
    topic: str | None = None,
    reason: str = "quota",
    detail: str = "that is why",
    payload: bytes = b"{}",
    size: int | None = None,
    content_type: str | None = None,
    replayed_at: datetime | None = None,
) -> None:
    """Put a rejection into the database; without a size the payload is kept whole."""
    connection.execute(
        "INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size, "
        "content_type, replayed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            ts,
            device,
            topic or f"devices/{device}/telemetry",
            reason,
            detail,
            payload,
            len(payload) if size is None else size,
            content_type,
            replayed_at,
        ],
    )
