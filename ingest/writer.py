"""Writes batches into the database until they are safe, whatever happens to the database."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import psycopg
import structlog
from psycopg.errors import ForeignKeyViolation

from broker.payloads import Reason, Rejection
from ingest.batch import Batch
from ingest.known import Known
from ingest.metrics import Metrics
from storage.arrivals import Arrivals
from storage.errors import is_conflict, is_permanent
from storage.ingest import (
    Said,
    Status,
    known_devices,
    merge_attributes,
    note_activity,
    note_statuses,
    resolve_series,
    store_rejections,
    store_states,
)
from storage.writer import store_readings

log = structlog.get_logger()

LONGEST_PAUSE = 5.0
ACTIVITY_SECONDS = 1.0
CANCEL_SECONDS = 1.0
# So often it is written how late readings came: what is counted since is lost if ingest is killed.
ARRIVALS_SECONDS = 30.0


class StoppedError(Exception):
    """The process was told to stop before the batch was safe; the broker keeps it."""


@dataclass
class Writer:
    """The one connection by which readings come into the database.

    Attributes:
        url: of the database.
        known: series, rules and quotas, learned here as they are needed, and forgotten when the
            registry says that they changed.
        metrics: counted after each commit.
        stopping: ends the repetitions while the database is away.
        healthy: whether the last attempt succeeded.
    """

    url: str
    known: Known
    metrics: Metrics
    stopping: threading.Event
    healthy: bool = False
    _connection: psycopg.Connection | None = None
    _listening: bool = False
    _connected_before: bool = False
    _heard: dict[str, int] = field(default_factory=dict)
    _activity_due: float = 0.0
    _arrivals: Arrivals = field(default_factory=Arrivals)
    _arrivals_due: float = 0.0

    def connection(self) -> psycopg.Connection:
        """The open connection, opened where there is none."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self.url, autocommit=True, connect_timeout=5, application_name="technopark-ingest"
            )
            self._listening = False
            if self._connected_before:
                self.metrics.database_reconnects.inc()
            self._connected_before = True
        if not self._listening:
            self._connection.execute("SELECT listen_to('rules')")
            self._listening = True
            # What changed while nobody listened is not known.
            self.known.forget()
        return self._connection

    def hear(self) -> None:
        """Forget what the registry has changed since; without waiting."""
        for changed in self.connection().notifies(timeout=0):
            self.known.forget(changed.payload)

    def write(self, batch: Batch) -> list[Batch]:
        """Store a batch, however often it has to be tried.

        A message that the database refuses for ever becomes a rejection: the batch is halved
        until that message stands alone.

        Returns:
            The batches that were stored, in order: this one, or its parts.

        Raises:
            StoppedError: nothing may be acknowledged.
        """
        attempt, stale = 0, True
        while True:
            try:
                self.hear()
                if batch.generation != self.known.generation:
                    batch = batch.again(batch.messages)
                self.store(batch)
            except psycopg.Error as error:
                if stale and isinstance(error, ForeignKeyViolation):
                    # A device was deleted, and word of it has not come yet.
                    self.known.forget()
                    stale = False
                    continue
                if is_permanent(error):
                    return self.write_parts(batch, error)
                self.healthy = self.healthy and is_conflict(error)
                self.pause(attempt, error)
                attempt += 1
            else:
                self.healthy = True
                return [batch]

    def write_parts(self, batch: Batch, error: psycopg.Error) -> list[Batch]:
        """Store the halves of a refused batch, or the reason where it is one message."""
        if len(batch) > 1:
            middle = len(batch) // 2
            halves = batch.messages[:middle], batch.messages[middle:]
            return [done for half in halves for done in self.write(batch.again(half))]
        if any(r.reason == Reason.REFUSED_BY_STORAGE for r in batch.rejections):
            raise error  # not even the rejection can be stored: an operator has to look
        (message,) = batch.messages
        log.warning("message refused", topic=message.topic, sqlstate=error.sqlstate)
        refused = Batch(self.known, messages=[message])
        refused.reject(
            message,
            message.topic.split("/")[1],
            Rejection(Reason.REFUSED_BY_STORAGE, f"the database refuses it: {error.sqlstate}"),
        )
        return self.write(refused)

    def store(self, batch: Batch) -> None:
        """One attempt: everything in one transaction."""
        connection = self.connection()
        self.learn(connection, batch)
        batch.resolve()
        rows = batch.readings()
        self.write_arrivals(connection)
        started = time.monotonic()
        with connection.transaction():
            stored = store_readings(connection, rows)
            states = store_states(connection, batch.states)
            self.store_news(connection, batch)
            store_rejections(connection, batch.rejections)
        self._arrivals.add(rows, stored)
        self.metrics.commit.observe(time.monotonic() - started)
        self.count(batch, len(rows), len(stored), states)
        self.note_heard(connection, batch)

    def learn(self, connection: psycopg.Connection, batch: Batch) -> None:
        """Find or make the series that the batch does not know."""
        wanted = batch.unknown_series()
        if wanted:
            self.known.learn(resolve_series(connection, wanted, batch.units))

    def store_news(self, connection: psycopg.Connection, batch: Batch) -> None:
        """Store attributes and states of connection; those of unknown devices are rejections."""
        if not batch.news:
            return
        known = known_devices(connection, {news.device_id for _, news in batch.news})
        for message, news in batch.news:
            if news.device_id not in known:
                batch.reject_unknown(message, news.device_id)
        all_known = [news for _, news in batch.news if news.device_id in known]
        merge_attributes(connection, [news for news in all_known if isinstance(news, Said)])
        note_statuses(connection, [news for news in all_known if isinstance(news, Status)])

    def count(self, batch: Batch, given: int, readings: int, states: int) -> None:
        """Add a stored batch to the metrics."""
        metrics = self.metrics
        metrics.readings.inc(readings)
        metrics.states.inc(states)
        if (flag := batch.readings().flag) is not None:
            metrics.flagged.inc(int(np.count_nonzero(flag)))
        metrics.duplicates.inc(given + len(batch.states) - readings - states)
        metrics.batch.observe(len(batch))
        for rejection in batch.rejections:
            metrics.rejections.labels(rejection.reason).inc()

    def write_arrivals(self, connection: psycopg.Connection, *, now: bool = False) -> None:
        """Write how late readings of batches before came, if it is time, and forget it.

        By itself, and what fails is kept: so a batch that is tried again counts once. What the
        database refuses for ever is given up: it must not cost the batch that comes after it.
        """
        if self._arrivals and (now or time.monotonic() >= self._arrivals_due):
            try:
                self._arrivals.write(connection)
            except psycopg.Error as error:
                if not is_permanent(error):
                    raise
                log.error("it is not noted how late readings came", sqlstate=error.sqlstate)
            self._arrivals_due = time.monotonic() + ARRIVALS_SECONDS
            self._arrivals.clear()

    def note_heard(self, connection: psycopg.Connection, batch: Batch) -> None:
        """Note when devices were heard, once a second: it is for people, and no reading."""
        self._heard.update(batch.heard)
        if time.monotonic() >= self._activity_due:
            self._activity_due = time.monotonic() + ACTIVITY_SECONDS
            self.flush_heard(connection)

    def flush_heard(self, connection: psycopg.Connection) -> None:
        """Write when devices were heard, and forget it when that is done."""
        note_activity(connection, self._heard.items())
        self._heard.clear()

    def idle(self) -> None:
        """While there is nothing to write: see whether the database is there."""
        try:
            connection = self.connection()
            connection.execute("SELECT 1")
            self.hear()
            self.flush_heard(connection)
            self.write_arrivals(connection)
        except psycopg.Error as error:
            if self.healthy:
                log.warning("database away", sqlstate=error.sqlstate)
            self.healthy = False
        else:
            self.healthy = True

    def pause(self, attempt: int, error: psycopg.Error) -> None:
        """Wait before the next attempt, longer each time, with jitter."""
        log.warning(
            "two writers met, the batch is written again"
            if is_conflict(error)
            else "database away, the batch is kept",
            attempt=attempt + 1,
            sqlstate=error.sqlstate,
            error=str(error).splitlines()[0] if str(error) else type(error).__name__,
        )
        ceiling = min(LONGEST_PAUSE, 0.1 * 2 ** min(attempt, 10))
        if self.stopping.wait(random.uniform(ceiling / 2, ceiling)):
            raise StoppedError

    def cancel(self) -> None:
        """From another thread: end what the database has not done yet; it is in the journal."""
        if self._connection is not None and not self._connection.closed:
            self._connection.cancel_safe(timeout=CANCEL_SECONDS)

    def close(self) -> None:
        """Write what is known of the devices' activity, and leave."""
        if self._connection is None or self._connection.closed:
            return
        try:
            self.flush_heard(self._connection)
            self.write_arrivals(self._connection, now=True)
        except psycopg.Error as error:
            log.warning("activity not noted", sqlstate=error.sqlstate)
        self._connection.close()
