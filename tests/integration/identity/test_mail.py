"""Mails, sent to a real mail server on this machine."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from psycopg.rows import dict_row

from registry.app import open_pool
from registry.mail import delivery
from registry.mail.delivery import Postman
from registry.mail.outbox import Outbox
from registry.mail.texts import Text
from registry.settings import Settings
from registry.sharing import notices
from stack import tls
from stack.home import Home
from storage.accounts import create_first_admin
from storage.rows import Connection
from tests.integration.identity.test_links import INVITATION, NEW, invite
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    registry_settings,
    serving,
)
from tests.integration.registry.conftest import world as world
from tests.parts import free_port, wait_until

KEY = "a key of the tests alone"
SENDER = "iot@park.example"
PASSWORD = "mail server's secret"
TEXT = Text("A subject", "A secret link\n")


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


def deliver(settings: Settings) -> Postman:
    """Send once what is due."""

    async def once() -> Postman:
        async with open_pool(settings) as pool:
            postman = Postman(pool, settings, Outbox(settings))
            postman.reachable = await postman.send_due()
            return postman

    return asyncio.run(once())


def test_an_invitation_is_mailed_in_the_language_of_the_person(
    mailing: RunningRegistry, world: World, mailbox: Mailbox, smtp: Controller
) -> None:
    for language, words in {"id": "mengundang Anda", None: "invites you"}.items():
        mailbox.mails.clear()
        issued = invite(mailing, world, language=language)
        assert issued["mailed"] is True
        wait_until(lambda: mailbox.mails, "the mail to come")
        [mail] = mailbox.mails
        assert (mail["To"], mailbox.recipients[-1]) == (NEW, NEW)
        assert mail["From"] == f"Technopark IoT <{SENDER}>"
        text = mail.get_content()
        assert f"owner@example.org {words}" in text
        assert issued["link"] in text.splitlines()
    wait_until(lambda: not mails_of(mailing), "the outbox to be empty")


def mails_of(registry: RunningRegistry) -> int:
    with psycopg.connect(registry.settings.database_url.get_secret_value()) as opened:
        return waiting(opened)


def test_a_reset_is_mailed_and_a_newer_link_takes_the_mail_of_the_older_one_away(
    mailing: RunningRegistry,
    world: World,
    mailbox: Mailbox,
    port: int,
    connection: psycopg.Connection,
) -> None:
    path = f"users/{world.ids['owner']}/password-reset"
    first, second = mailing.admin.post(path), mailing.admin.post(path)
    assert waiting(connection) == 1
    controller = listening(mailbox, port)
    try:
        wait_until(lambda: mailbox.mails, "the mail to come", 30)
    finally:
        controller.stop()
    text = mailbox.mails[0].get_content()
    assert second["link"] in text
    assert first["link"] not in text


def test_without_a_mail_server_the_answer_says_that_no_mail_is_sent(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    assert invite(registry, world)["mailed"] is False
    reset = registry.admin.post(f"users/{world.ids['owner']}/password-reset")
    assert reset["mailed"] is False
    assert waiting(connection) == 0


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


def test_a_request_does_not_wait_for_a_server_that_does_not_answer(
    mailing: RunningRegistry, world: World, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SEND_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", port))
        silent.listen()
        assert invite(mailing, world)["mailed"]
        assert mailing.admin.get("me")
        wait_until(lambda: mails_of(mailing) == 1, "the mail to wait")


@pytest.mark.parametrize(
    ("answer", "left", "outcome"),
    [("550 no such user ADDRESS", 0, "refused"), ("450 ADDRESS is busy", 1, None)],
)
def test_a_mail_that_is_refused_for_good_is_given_up_and_does_not_hold_up_others(
    settings: Settings,
    connection: psycopg.Connection,
    mailbox: Mailbox,
    smtp: Controller,
    answer: str,
    left: int,
    outcome: str | None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mailbox.answer = answer
    put(settings, connection)
    postman = deliver(settings)
    assert postman.reachable
    assert waiting(connection) == left
    assert postman.outcomes["refused"] == (outcome == "refused")
    logged = capfd.readouterr()
    assert answer[:3] in logged.out + logged.err
    assert NEW not in logged.out + logged.err
    # Not before its time.
    mailbox.answer = "250 OK"
    assert deliver(settings).outcomes["sent"] == 0


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


def test_what_is_withdrawn_or_used_is_not_mailed_any_more(
    mailing: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    mailing.admin.delete(f"invitations/{invite(mailing, world)['id']}")
    assert waiting(connection) == 0


def test_one_person_cannot_flood_the_world_with_mails(
    mailing: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO invitations (sha256, email, role, invited_by, expires_at) "
        "SELECT sha256(n::text::bytea), 'x', 'viewer', %s, now() FROM generate_series(1, 100) n",
        [world.ids["owner"]],
    )
    assert invite(mailing, world)["mailed"] is False
    assert mailing.admin.post("invitations", INVITATION)["mailed"] is True


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


def test_both_sides_are_mailed_that_their_agreement_ends(
    registry: RunningRegistry,
    world: World,
    settings: Settings,
    connection: psycopg.Connection,
    mailbox: Mailbox,
    smtp: Controller,
) -> None:
    connection.execute("UPDATE users SET language = 'id' WHERE id = %s", [world.ids["stranger"]])
    number = connection.execute(
        "INSERT INTO agreements (tenant_id, reader_tenant_id, first_day, last_day, history_from, "
        "decision) VALUES ('sunny', 'other', current_date - 99, current_date + 5, "
        "current_date - 99, 'accepted') RETURNING id"
    ).fetchone()
    assert number

    async def warn() -> None:
        async with await Connection.connect(
            settings.database_url.get_secret_value(), row_factory=dict_row
        ) as opened:
            await notices.warner(Outbox(settings))(opened)

    asyncio.run(warn())
    asyncio.run(warn())
    deliver(settings)
    texts = dict(zip(mailbox.recipients, mailbox.mails, strict=True))
    # Once each, though both warnings are due.
    assert sorted(mailbox.recipients) == ["owner@example.org", "stranger@example.org"]
    assert f"Agreement {number[0]} ends on" in texts["owner@example.org"]["Subject"]
    assert "lets other read devices" in texts["owner@example.org"].get_content()
    assert "berakhir pada" in texts["stranger@example.org"]["Subject"]


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
