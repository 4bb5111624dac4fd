"""Where mails wait: written in the transaction of what they tell of, sent after its commit."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Annotated

from cryptography.fernet import Fernet
from fastapi import Depends, Request

from registry.identity.authenticator import cipher
from registry.mail.texts import Text
from registry.settings import Settings
from storage import mails
from storage.rows import Connection

# Without the signs that mean something else in a header: Python's parser knows them, and fails at
# some.
MAILABLE = re.compile(r"""[^\s\x00-\x1f\x7f"(),:;<>@\[\]\\]+@[^\s\x00-\x1f\x7f"(),:;<>@\[\]\\]+""")


@dataclass(frozen=True)
class Letter:
    """A mail as it waits; ``id`` makes one that is sent twice the same one."""

    id: str
    to: str
    subject: str
    body: str


class Outbox:
    """Takes mails, if the platform has a mail server."""

    def __init__(self, settings: Settings) -> None:
        self.sender = settings.mail_from
        self._cipher: Fernet | None = cipher(settings) if settings.smtp_host else None

    async def put(
        self, connection: Connection, to: str, text: Text, expires_at: datetime, **about: int
    ) -> bool:
        """Take a mail.

        Args:
            connection: in the transaction of what the mail tells of.
            to: the address.
            text: in the person's language.
            expires_at: after that the mail is not sent any more.
            about: the column of ``mails`` that says with what it goes, and the number.

        Returns:
            Whether it will be sent: False without a mail server, or where no mail can have the
            address.
        """
        if self._cipher is None or self.sender is None:
            return False
        if not MAILABLE.fullmatch(to):
            return False
        letter = Letter(make_msgid(domain=domain(self.sender)), to, text.subject, text.body)
        try:
            message(letter, self.sender)
        except (ValueError, MessageError):
            return False
        content = self._cipher.encrypt(json.dumps(asdict(letter)).encode())
        await mails.put(connection, {"content": content, "expires_at": expires_at, **about})
        return True

    def read(self, content: bytes) -> Letter:
        """A mail that waited.

        Raises:
            cryptography.fernet.InvalidToken: it was encrypted with another key.
        """
        assert self._cipher  # noqa: S101 - only who sends mails reads them
        return Letter(**json.loads(self._cipher.decrypt(content)))


def message(letter: Letter, sender: str) -> EmailMessage:
    """The mail as programs exchange it (RFC 5322).

    Raises:
        ValueError: the address is none that a mail can have.
    """
    made = EmailMessage()
    made["From"] = Address("Technopark IoT", addr_spec=sender)
    made["To"] = Address(addr_spec=letter.to)
    made["Subject"] = letter.subject
    made["Date"] = datetime.now(UTC)
    made["Message-ID"] = letter.id
    # So that no holiday notice comes back (RFC 3834).
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(letter.body)
    return made


def domain(address: str) -> str:
    """What stands behind the @."""
    return address.rpartition("@")[2]


async def outbox(request: Request) -> Outbox:
    """The outbox of the app."""
    opened: Outbox = request.app.state.outbox
    return opened


AppOutbox = Annotated[Outbox, Depends(outbox)]
