"""A real mail server on this machine, and an outbox that delivers to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from registry.app import open_pool
from registry.mail import delivery
from registry.mail.delivery import Postman
from registry.mail.outbox import Outbox
from registry.settings import Settings
from storage.accounts import create_first_admin
from tests.integration.registry.conftest import (
    RunningRegistry,
    registry_settings,
    serving,
)
from tests.parts import free_port

KEY = "a key of the tests alone"
SENDER = "iot@park.example"


@dataclass
class Mailbox:
    """What the mail server has taken, and how it answers."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answer: str = "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer.replace("ADDRESS", address)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        return "250 OK"


def listening(mailbox: Mailbox, port: int, **options: Any) -> Controller:
    """A mail server, which the caller stops."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    return controller


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for mails more often than in the field, so that no test waits long."""
    monkeypatch.setattr(delivery, "PAUSE_SECONDS", 0.1)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture
def smtp(mailbox: Mailbox, port: int) -> Iterator[Controller]:
    controller = listening(mailbox, port)
    yield controller
    controller.stop()


def mail_settings(url: str, folder: Path, port: int, **others: object) -> Settings:
    return registry_settings(
        url,
        folder,
        free_port(),
        identity_key=KEY,
        **{
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "smtp_tls": "none",
            "mail_from": SENDER,
            **others,
        },
    )


@pytest.fixture
def settings(identity_url: str, tmp_path: Path, port: int) -> Settings:
    return mail_settings(identity_url, tmp_path, port)


@pytest.fixture
def mailing(settings: Settings, connection: psycopg.Connection) -> Iterator[RunningRegistry]:
    """The API with a mail server, which need not be there."""
    with serving(settings, connection) as running:
        yield running


@pytest.fixture
def registry(
    served: RunningRegistry, connection: psycopg.Connection, request: pytest.FixtureRequest
) -> RunningRegistry:
    """The API whose world it is: the one with a mail server where a test asks for that."""
    if "mailing" in request.fixturenames:
        running: RunningRegistry = request.getfixturevalue("mailing")
        return running
    token = create_first_admin(connection)
    assert token
    served.admin_token = token
    return served


def waiting(connection: psycopg.Connection) -> int:
    return len(connection.execute("SELECT FROM mails").fetchall())


def deliver(settings: Settings) -> Postman:
    """Send once what is due."""

    async def once() -> Postman:
        async with open_pool(settings) as pool:
            postman = Postman(pool, settings, Outbox(settings))
            postman.reachable = await postman.send_due()
            return postman

    return asyncio.run(once())
