"""A mail waits in the outbox until a mail server has taken it, or until it is of no use."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from psycopg.rows import dict_row

from registry.app import open_pool
from registry.mail.delivery import Postman
from registry.mail.outbox import Outbox
from registry.mail.texts import Text
from registry.settings import Settings
from stack import tls
from stack.home import Home
from tests.integration.identity.mail.conftest import (
    Mailbox,
    deliver,
    listening,
    mail_settings,
    waiting,
)
from tests.integration.identity.test_links import NEW

PASSWORD = "mail server's secret"
TEXT = Text("A subject", "A secret link\n")


def put(settings: Settings, connection: psycopg.Connection, end: str = "1 day") -> None:
    """Let a mail of an invitation wait."""
    row = connection.execute(
        """
        WITH inviter AS (
            INSERT INTO users (email, name) VALUES (gen_random_uuid() || '@x', 'x') RETURNING id
        )
        INSERT INTO invitations (sha256, email, role, invited_by, expires_at)
        SELECT sha256(random()::text::bytea), 'x', 'viewer', id, now() + %s::interval FROM inviter
        RETURNING id, expires_at
        """,
        [end],
    ).fetchone()
    assert row
    number, expires_at = row

    async def write() -> None:
        async with await psycopg.AsyncConnection.connect(
            settings.database_url.get_secret_value(), row_factory=dict_row
        ) as opened:
            outbox = Outbox(settings)
            assert await outbox.put(opened, NEW, TEXT, expires_at, invitation_id=number)

    asyncio.run(write())


def test_a_mail_waits_for_a_server_that_is_down_and_is_no_secret_there(
    settings: Settings, connection: psycopg.Connection, mailbox: Mailbox, port: int
) -> None:
    put(settings, connection)
    assert not deliver(settings).reachable
    [content] = connection.execute("SELECT content FROM mails").fetchone() or [b""]
    assert b"secret" not in content
    assert NEW.encode() not in content
    connection.execute("UPDATE mails SET due_at = now()")
    controller = listening(mailbox, port)
    try:
        postman = deliver(settings)
    finally:
        controller.stop()
    assert postman.reachable
    assert postman.outcomes["sent"] == len(mailbox.mails) == 1
    assert waiting(connection) == 0


def test_a_server_whose_name_is_none_loses_no_mail(
    settings: Settings, connection: psycopg.Connection
) -> None:
    put(settings, connection)
    assert not deliver(settings.model_copy(update={"smtp_host": "a..b"})).reachable
    assert waiting(connection) == 1


@pytest.mark.parametrize(
    ("answer", "left", "refused"),
    [("550 no such user ADDRESS", 0, 1), ("450 ADDRESS is busy", 1, 0)],
)
def test_a_mail_that_is_refused_is_given_up_or_waits_and_does_not_hold_up_others(
    settings: Settings,
    connection: psycopg.Connection,
    mailbox: Mailbox,
    smtp: Controller,
    answer: str,
    left: int,
    refused: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mailbox.answer = answer
    put(settings, connection)
    postman = deliver(settings)
    assert postman.reachable
    assert waiting(connection) == left
    assert postman.outcomes["refused"] == refused
    logged = capfd.readouterr()
    assert answer[:3] in logged.out + logged.err
    assert NEW not in logged.out + logged.err
    # The other is sent; the one that waits is not, before its time.
    mailbox.answer = "250 OK"
    put(settings, connection)
    assert deliver(settings).outcomes["sent"] == 1
    assert waiting(connection) == left


def test_the_wait_between_tries_grows(
    settings: Settings, connection: psycopg.Connection, mailbox: Mailbox, smtp: Controller
) -> None:
    mailbox.answer = "450 busy"
    put(settings, connection)
    waits = []
    for tries in (0, 1, 3, 90):
        connection.execute("UPDATE mails SET due_at = now(), tries = %s", [tries])
        deliver(settings)
        row = connection.execute("SELECT extract(epoch FROM due_at - now())::int FROM mails")
        waits.append(round((row.fetchone() or [0])[0], -1))
    assert waits == [60, 120, 480, 3600]


def test_a_mail_that_is_too_old_to_be_of_use_is_not_sent(
    settings: Settings, connection: psycopg.Connection, mailbox: Mailbox, smtp: Controller
) -> None:
    put(settings, connection, end="-1 second")
    postman = deliver(settings)
    assert (postman.outcomes["expired"], mailbox.mails, waiting(connection)) == (1, [], 0)


def test_two_registries_send_a_mail_once(
    settings: Settings, connection: psycopg.Connection, mailbox: Mailbox, smtp: Controller
) -> None:
    for _ in range(20):
        put(settings, connection)

    async def both() -> None:
        async with open_pool(settings) as pool:
            postmen = [Postman(pool, settings, Outbox(settings)) for _ in range(2)]
            await asyncio.gather(*(postman.send_due() for postman in postmen))

    asyncio.run(both())
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == len(mailbox.mails) == 20


@pytest.mark.parametrize(
    "address",
    ["a,b@c.example", "<x>@c.example", "a\x01b@c.example", "x@[c", '"@c.example', "a..b@c.example"],
)
def test_an_address_that_no_mail_can_have_is_not_mailed_to(
    settings: Settings, address: str
) -> None:
    async def write() -> bool:
        nowhere: Any = None
        end: Any = None
        return await Outbox(settings).put(nowhere, address, TEXT, end)

    assert asyncio.run(write()) is False


def test_the_connection_is_encrypted_and_the_certificate_checked(
    identity_url: str,
    tmp_path: Path,
    port: int,
    connection: psycopg.Connection,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    tls.ensure(home, (0, 0))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(home.broker / "tls/server.pem", home.broker / "tls/server.key")

    def check(_server: SMTP, _session: Session, _envelope: Envelope, _kind: str, data: Any) -> Any:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data == LoginPassword(b"park", PASSWORD.encode()), handled=False)

    controller = listening(
        mailbox, port, tls_context=context, require_starttls=True, authenticator=check,
        auth_required=True,
    )  # fmt: skip
    settings = mail_settings(
        identity_url, tmp_path, port, smtp_tls="starttls", smtp_user="park", smtp_password=PASSWORD
    )
    try:
        put(settings, connection)
        assert not deliver(settings).reachable, (
            "nobody has said that the authority is to be trusted"
        )
        connection.execute("UPDATE mails SET due_at = now()")
        monkeypatch.setenv("SSL_CERT_FILE", str(home.authority))
        assert deliver(settings).outcomes["sent"] == 1
        wrong = settings.model_copy(update={"smtp_user": "nobody"})
        put(settings, connection)
        assert not deliver(wrong).reachable
    finally:
        controller.stop()
    assert waiting(connection) == 1
