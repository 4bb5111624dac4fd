"""The outbox: mails that wait until the mail server has them."""

from __future__ import annotations

from storage import queries
from storage.rows import Connection, Row, first, only

QUERIES = queries.load("registry_mails")
NOTHING = {"invitation_id": None, "reset_user_id": None, "notice_id": None}


async def put(connection: Connection, mail: Row) -> None:
    """Write a mail into the outbox.

    Args:
        connection: in the transaction of what the mail tells of.
        mail: ``content``, encrypted; ``expires_at``; and one of ``invitation_id``,
            ``reset_user_id`` and ``notice_id``, with which it goes.
    """
    await connection.execute(QUERIES["put"], {**NOTHING, **mail})


async def take(connection: Connection) -> Row | None:
    """The next mail that is due, for two minutes nobody else's; None: there is none."""
    return await first(connection, QUERIES["take"], {})


async def put_off(connection: Connection, mail_id: int, seconds: float) -> None:
    """Let a mail be due later."""
    await connection.execute(QUERIES["put_off"], {"id": mail_id, "seconds": seconds})


async def remove(connection: Connection, mail_id: int) -> None:
    """Forget a mail that was sent, or that never can be."""
    await connection.execute(QUERIES["remove"], {"id": mail_id})


async def remove_expired(connection: Connection) -> int:
    """Forget the mails that nobody has any use for; how many they were."""
    return (await connection.execute(QUERIES["remove_expired"])).rowcount


async def remove_of_reset(connection: Connection, user_id: int) -> None:
    """Forget the mail of a link for another password that was replaced."""
    await connection.execute(QUERIES["remove_of_reset"], {"user_id": user_id})


async def waiting(connection: Connection) -> int:
    """How many mails wait."""
    number: int = (await only(connection, QUERIES["waiting"], {}))["waiting"]
    return number
