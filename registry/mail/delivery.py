"""Sends the mails that wait, one after the other, again and again until the mail server has them.

No request waits for it, and no connection of the database is held while a mail is sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import aiosmtplib
import psycopg
import structlog
from cryptography.fernet import InvalidToken
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from registry.access import Pool
from registry.mail.outbox import Letter, Outbox, message
from registry.settings import Settings
from storage import mails
from storage.rows import Row

PREFIX = "technopark_registry"
OUTCOMES = ("sent", "refused", "expired")
# How often it is looked for mails; while the mail server is away the pause doubles.
PAUSE_SECONDS = 2.0
LONGEST_PAUSE = 300.0
# A mail that the server does not take yet (4xx) is tried again after a minute, then two, …
RETRY_SECONDS = 60.0
LONGEST_RETRY = 3600.0
# For one mail; what `take` reserves is longer.
SEND_SECONDS = 45.0

log = structlog.get_logger()


class Postman:
    """Sends what is in the outbox.

    Attributes:
        outcomes: how many mails were sent, refused for good, or too old before they could be sent.
        waiting: how many were in the outbox at the last look.
        reachable: whether the mail server could be used at the last try.
    """

    def __init__(self, pool: Pool, settings: Settings, outbox: Outbox) -> None:
        self._pool, self._settings, self._outbox = pool, settings, outbox
        self.outcomes: Counter[str] = Counter()
        self.waiting = 0
        self.reachable = True

    async def run(self) -> None:
        """Send until it is cancelled."""
        failures = 0
        while True:
            try:
                self.reachable = await self.send_due()
            except psycopg.Error as error:
                log.warning("mails are put off", error=type(error).__name__)
            failures = 0 if self.reachable else failures + 1
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSE_SECONDS * 2 ** min(failures, 10)))

    async def send_due(self) -> bool:
        """Send what is due. False where the mail server cannot be used at this time."""
        async with self._pool.connection() as connection:
            self.outcomes["expired"] += await mails.remove_expired(connection)
            self.waiting = await mails.waiting(connection)
        while mail := await self.take():
            if not await self.deliver(mail):
                return False
            self.waiting = max(0, self.waiting - 1)
        return True

    async def take(self) -> Row | None:
        """The next mail that is due."""
        async with self._pool.connection() as connection:
            return await mails.take(connection)

    async def deliver(self, mail: Row) -> bool:
        """Send a mail, put it off or give it up. False where the server cannot be used."""
        about = {name: mail[name] for name in mails.NOTHING if mail[name] is not None}
        try:
            letter = self._outbox.read(mail["content"])
            async with asyncio.timeout(SEND_SECONDS):
                await self.send(letter)
        except InvalidToken:
            log.error("a mail was encrypted with another TECHNOPARK_IDENTITY_KEY", **about)
            await self.finish(mail, "refused")
        # What servers say may name the address: only their numbers are logged.
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError) as error:
            await self.refused(mail, status(error), about)
        # ValueError: the server's name is none. A fault here would end the registry.
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            if isinstance(error, aiosmtplib.SMTPNotSupported) and not letter.to.isascii():
                await self.refused(mail, None, about)
                return True
            log.warning(
                "the mail server cannot be used; mails wait",
                server=self._settings.smtp_host,
                error=type(error).__name__,
                status=getattr(error, "code", None),
            )
            await self.put_off(mail, PAUSE_SECONDS)
            return False
        else:
            await self.finish(mail, "sent")
        return True

    async def send(self, letter: Letter) -> None:
        """Hand a mail to the server."""
        settings, password = self._settings, self._settings.smtp_password
        assert self._outbox.sender  # noqa: S101 - the settings refuse a server without it
        await aiosmtplib.send(
            message(letter, self._outbox.sender),
            sender=self._outbox.sender,
            recipients=[letter.to],
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user,
            password=password.get_secret_value() if password else None,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            timeout=SEND_SECONDS / 2,
        )

    async def refused(self, mail: Row, code: int | None, about: Row) -> None:
        """Give up a mail that the server will never take (5xx); try the others again."""
        if code is not None and code < 500:
            log.info("the mail server does not take a mail yet", status=code, **about)
            seconds = RETRY_SECONDS * 2 ** min(mail["tries"] - 1, 10)
            await self.put_off(mail, min(LONGEST_RETRY, seconds))
            return
        log.warning("the mail server refuses a mail; it is given up", status=code, **about)
        await self.finish(mail, "refused")

    async def finish(self, mail: Row, outcome: str) -> None:
        """Forget a mail."""
        async with self._pool.connection() as connection:
            await mails.remove(connection, mail["id"])
        self.outcomes[outcome] += 1

    async def put_off(self, mail: Row, seconds: float) -> None:
        """Let a mail be due later."""
        async with self._pool.connection() as connection:
            await mails.put_off(connection, mail["id"], seconds)


def status(error: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPDataError) -> int:
    """The number by which a server refuses a mail with one recipient."""
    if isinstance(error, aiosmtplib.SMTPDataError):
        return error.code
    return error.recipients[0].code


class MailMetrics(Collector):
    """How the mails are, looked at when somebody asks; all zero without a mail server."""

    def __init__(self, postman: Postman) -> None:
        self._postman = postman

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        reachable = self._postman.reachable
        yield GaugeMetricFamily(
            f"{PREFIX}_mail_server_usable", "1: the mail server takes mails", int(reachable)
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_mails_waiting", "Mails that wait to be sent", self._postman.waiting
        )
        mails = CounterMetricFamily(f"{PREFIX}_mails", "Mails by outcome", labels=["outcome"])
        for outcome in OUTCOMES:
            mails.add_metric([outcome], self._postman.outcomes[outcome])
        yield mails
