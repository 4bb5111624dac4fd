"""What is mailed, to whom, and what the API answers of it."""

import asyncio
import socket

import psycopg
from aiosmtpd.controller import Controller
from psycopg.rows import dict_row

from registry.mail.outbox import Outbox
from registry.settings import Settings
from registry.sharing import notices
from storage.rows import Connection
from tests.integration.identity.mail.conftest import SENDER, Mailbox, deliver, listening, waiting
from tests.integration.identity.test_links import INVITATION, NEW, acceptance, invite
from tests.integration.registry.conftest import RunningRegistry, World
from tests.parts import wait_until


def test_an_invitation_is_mailed_in_the_language_of_the_person(
    mailing: RunningRegistry,
    world: World,
    mailbox: Mailbox,
    smtp: Controller,
    connection: psycopg.Connection,
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
    wait_until(lambda: not waiting(connection), "the outbox to be empty")


def test_an_invitation_that_was_accepted_before_its_mail_went_out_is_not_mailed(
    mailing: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    # No mail server is there yet: the manager handed the link over.
    issued = invite(mailing, world)
    assert waiting(connection) == 1
    mailing.as_("").post("invitations/accept", acceptance(issued["token"]))
    assert waiting(connection) == 0


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


def test_a_request_does_not_wait_for_a_server_that_does_not_answer(
    mailing: RunningRegistry, world: World, port: int, connection: psycopg.Connection
) -> None:
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", port))
        silent.listen()
        silent.settimeout(20)
        assert invite(mailing, world)["mailed"]
        with silent.accept()[0]:
            assert mailing.admin.get("me")
    assert waiting(connection) == 1


def test_an_invitation_that_is_withdrawn_is_not_mailed_any_more(
    mailing: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    withdrawn = invite(mailing, world)
    assert waiting(connection) == 1
    mailing.admin.delete(f"invitations/{withdrawn['id']}")
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
