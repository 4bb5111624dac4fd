"""From the broker to committed rows.

One thread receives: what has come is written to the journal, and acknowledged. Another stores what
waits in the journal, while a third decodes the batch after it.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import mqtt5
import msgspec
import structlog

from broker.config import (
    INGEST_SUBSCRIPTIONS,
    INGEST_USERS,
    MAX_WORKERS,
    SHARED_TELEMETRY,
    Durability,
)
from broker.session import Session, SessionLostError
from broker.topics import ARRIVAL, Channel, Topic, replayed
from ingest.batch import Batch, Message
from ingest.health import unready
from ingest.journal import Journal, JournalFullError, JournalTakenError, Position
from ingest.known import Known
from ingest.metrics import Metrics
from ingest.settings import Settings
from ingest.writer import StoppedError, Writer
from storage.ingest import RejectedMessage

log = structlog.get_logger()

LONGEST_PAUSE = 10.0
# Without messages the database is looked at so often, so that readiness tells the truth.
IDLE_SECONDS = 1.0
# What one batch holds at most, besides its number of messages: payloads in bytes, and readings of
# testbeds, of which one message can hold as many as thousands of others do. With all that writing
# them takes, so many need about 50 MB.
MAX_PAYLOAD_BYTES = 4 << 20
MAX_SAMPLES = 500_000
# While there is no room in the journal, it is tried again so often.
FULL_SECONDS = 0.2
# A device is told at most so often why its messages are refused; the API tells all.
TELL_SECONDS = 1.0
# At a stop, what waits is still stored for so long; the rest waits in the journal.
DRAIN_SECONDS = 3.0
# No single step of receiving takes so long, not even the drop of a connection.
STUCK_SECONDS = 120.0
# A queue from which nothing came for so long is empty.
QUIET_SECONDS = 1.0


class Pipeline:
    """One worker of the ingest service.

    Memory is bounded: a batch is stored and one is decoded; all else waits in the journal. When
    its quota is used up, nothing more is read, and the broker keeps the rest in its own queue.

    Attributes:
        metrics: what has happened so far.
        stopping: set it to stop.

    Raises:
        JournalTakenError: from the constructor: the worker runs already.
        OSError: from the constructor: the journal's folder cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.metrics = Metrics(settings.ingest_worker)
        self.stopping = threading.Event()
        self._settings = settings
        self._known = Known()
        self._writer = Writer(
            settings.database_url.get_secret_value(), self._known, self.metrics, self.stopping
        )
        self._journal = self._open_journal(settings.ingest_worker)
        self._session: Session | None = None
        self._connected_before = False
        self._arrival = 0
        self._oldest: int | None = None
        self._told: dict[str, float] = {}
        # When the receiving thread last moved; on a machine that sleeps this stands still too.
        self._moved = time.monotonic()
        self._storing: Future[None] | None = None
        self._watch()

    def _folder(self, worker: int) -> Path:
        return self._settings.ingest_journal / str(worker)

    def _open_journal(self, worker: int) -> Journal:
        return Journal(
            self._folder(worker),
            self._settings.ingest_journal_bytes,
            synced=self._settings.durability is Durability.POWER,
        )

    def run(self) -> None:
        """Work until ``stopping`` is set.

        Raises:
            broker.session.SessionRefusedError: the broker does not let ingest in.
        """
        with ThreadPoolExecutor(1, "store") as executor:
            self._storing = storing = executor.submit(self.store)
            try:
                self.receive(storing)
            finally:
                self.stopping.set()
                self._journal.wake()
                wait([storing], DRAIN_SECONDS)
                self._writer.cancel()
                storing.result()
                if self._session is not None:
                    self._session.close()
                self._writer.close()
                self._journal.close()

    def _watch(self) -> None:
        """Let the gauges tell how it is at the moment when they are asked."""
        metrics = self.metrics
        metrics.lag.set_function(self.lag)
        metrics.journal_quota.set(self._settings.ingest_journal_bytes)
        metrics.journal_bytes.set_function(lambda: self._journal.waiting)
        metrics.broker_connected.set_function(lambda: self._session is not None)
        metrics.database_up.set_function(lambda: self._writer.healthy)

    def problem(self) -> str | None:
        """Why the service is not ready, one line for each reason; None where it is."""
        return unready(
            broker=self._session is not None,
            database=self._writer.healthy,
            journal_full=self._journal.full,
        )

    def stuck(self) -> str | None:
        """Why only a new start will help; None where the service lives."""
        if self._storing is not None and self._storing.done() and not self.stopping.is_set():
            return "the thread that stores has ended"
        silent = time.monotonic() - self._moved
        if silent > STUCK_SECONDS and not self.stopping.is_set():
            return f"the thread that receives has not moved for {silent:.0f} s"
        return None

    def lag(self) -> float:
        """Seconds since the oldest message came that is just being stored; 0 where none is."""
        oldest = self._oldest  # other threads ask too, while it changes
        return time.time() - oldest / 1e6 if oldest is not None else 0

    def receive(self, storing: Future[None]) -> None:
        """Connect, and again after every loss, and receive, as long as the storing thread lives."""
        attempt = 0
        while not (self.stopping.is_set() or storing.done()):
            try:
                session = self.connect()
                attempt = 0
                self.serve(session, storing)
            except SessionLostError as error:
                self._moved = time.monotonic()
                log.warning("broker away", error=str(error), attempt=attempt + 1)
                ceiling = min(LONGEST_PAUSE, 0.1 * 2**attempt)
                self.stopping.wait(random.uniform(ceiling / 2, ceiling))
                attempt = min(attempt + 1, 10)

    def serve(self, session: Session, storing: Future[None]) -> None:
        """Receive on one connection until it is lost, or there is an end.

        Raises:
            SessionLostError: after everything is kept that had come.
        """
        try:
            self.adopt(session)
            while not (self.stopping.is_set() or storing.done()):
                self._moved = time.monotonic()
                self.accept(session, session.receive(0.5), session.keep_alive)
        except SessionLostError:
            self._session = None
            self.keep([self.stamp(packet) for packet in session.rest()], lambda: None)
            session.close()
            raise

    def connect(self) -> Session:
        """Resume this worker's session in the broker."""
        worker = self._settings.ingest_worker
        session = self._session_of(
            worker, INGEST_SUBSCRIPTIONS if worker == 1 else [SHARED_TELEMETRY]
        )
        if session.present:
            log.info("connected to the broker", session="resumed")
        elif worker == 1:
            log.warning("connected to the broker", session="new: earlier messages may be lost")
        else:
            log.info("connected to the broker", session="new")
        if self._connected_before:
            self.metrics.broker_reconnects.inc()
        self._connected_before = True
        self._session = session
        return session

    def _session_of(self, worker: int, subscriptions: Sequence[str]) -> Session:
        settings = self._settings
        return Session(
            settings.broker_host,
            settings.broker_port,
            INGEST_USERS[worker - 1],
            settings.ingest_password.get_secret_value(),
            subscriptions,
        )

    def accept(
        self,
        session: Session,
        packets: Sequence[mqtt5.PublishPacket],
        meanwhile: Callable[[], None],
    ) -> None:
        """Write what has come to the journal, then acknowledge it.

        Args:
            session: on which it came.
            packets: what has come.
            meanwhile: called again and again while there is no room.
        """
        if not packets:
            return
        self.metrics.received.inc(len(packets))
        if self.keep([self.stamp(packet) for packet in packets], meanwhile):
            ids = [packet.packet_id for packet in packets if packet.packet_id is not None]
            session.acknowledge(ids)
            self.metrics.acknowledged.inc(len(ids))

    def stamp(self, packet: mqtt5.PublishPacket) -> Message:
        """The message with its time of arrival.

        Arrivals never repeat, not even between workers, so that two messages without a time stay
        two readings. A message that the registry sends again says when it first came.
        """
        now = time.time_ns() // 1000
        worker = self._settings.ingest_worker
        now += worker - 1 - now % MAX_WORKERS
        self._arrival = max(now, self._arrival + MAX_WORKERS)
        topic = replayed(packet.topic)
        if topic is None:
            return Message(packet.topic, packet.payload, packet.content_type, self._arrival)
        first = int(dict(packet.user_properties).get(ARRIVAL, self._arrival))
        return Message(topic, packet.payload, packet.content_type, first, replayed=True)

    def keep(self, messages: Sequence[Message], meanwhile: Callable[[], None]) -> bool:
        """Write messages to the journal, as soon as it has room; False: stopped before."""
        while messages and not self.stopping.is_set():
            was_full = self._journal.full
            try:
                self._journal.append(messages)
            except JournalFullError as error:
                if not was_full:
                    log.error("the journal is full: nothing is read", error=str(error))
                self._moved = time.monotonic()
                self.stopping.wait(FULL_SECONDS)
                with contextlib.suppress(SessionLostError):
                    meanwhile()  # where it is lost, the next to use it notices
            else:
                self.metrics.journalled.inc(len(messages))
                return True
        return False

    def adopt(self, session: Session) -> None:
        """Take over from workers that run no more, since fewer were asked for than before."""
        settings = self._settings
        if settings.ingest_worker != 1:
            return
        for worker in range(settings.ingest_workers + 1, MAX_WORKERS + 1):
            if self._folder(worker).exists():
                try:
                    self.adopt_worker(worker, session.keep_alive)
                except JournalTakenError:
                    log.warning("a worker more than asked for still runs", worker=worker)

    def adopt_worker(self, worker: int, meanwhile: Callable[[], None]) -> None:
        """Move a worker's journal and queue into this worker's journal, and end its session."""
        with self._open_journal(worker) as left:
            while messages := left.read():
                if not self.keep(messages, meanwhile):
                    return
                left.release(left.position)
            session = self._session_of(worker, [])
            session.unsubscribe([SHARED_TELEMETRY])
            heard = time.monotonic()
            while time.monotonic() - heard < QUIET_SECONDS and not self.stopping.is_set():
                packets = session.receive(QUIET_SECONDS / 4)
                heard = time.monotonic() if packets else heard
                self.accept(session, packets, meanwhile)
            session.close(forget=not self.stopping.is_set())
            if not self.stopping.is_set():
                shutil.rmtree(left.folder)
        log.info("took over from a worker that runs no more", worker=worker)

    def store(self) -> None:
        """Store batch after batch, and let the journal forget what is committed."""
        with ThreadPoolExecutor(1, "decode") as decoder:
            following = decoder.submit(self.decode)
            while self.goes_on():
                batch, position = following.result()
                following = decoder.submit(self.decode)
                try:
                    self.store_batch(batch, position)
                except StoppedError:
                    log.warning("stopped before the database answered", waiting=len(batch))
                    return

    def goes_on(self) -> bool:
        """Whether there is work, or may still be."""
        if not self.stopping.is_set():
            self._drain_until = time.monotonic() + DRAIN_SECONDS
            return True
        return bool(self._journal.waiting) and time.monotonic() < self._drain_until

    def decode(self) -> tuple[Batch, Position]:
        """The next batch, empty after a moment without messages, and where it ends."""
        batch, size = Batch(self._known), 0
        if self._journal.wait(IDLE_SECONDS):
            self.stopping.wait(self._settings.ingest_linger_ms / 1000)
            started = time.monotonic()
            while (
                len(batch) < self._settings.ingest_batch_messages
                and batch.samples < MAX_SAMPLES
                and size < MAX_PAYLOAD_BYTES
                and (messages := self._journal.read())
            ):
                for message in messages:
                    batch.add(message)
                    size += len(message.payload)
            self.metrics.decode.observe(time.monotonic() - started)
        return batch, self._journal.position

    def store_batch(self, batch: Batch, position: Position) -> None:
        """Store one batch.

        Raises:
            StoppedError: it was called off; the batch stays in the journal.
        """
        if not batch.messages:
            self._writer.idle()
            return
        self._oldest = batch.messages[0].arrival
        stored = self._writer.write(batch)
        self._oldest = None
        self._journal.release(position)
        self.metrics.stored.inc(len(batch))
        self.tell(rejection for part in stored for rejection in part.rejections)

    def tell(self, rejections: Iterable[RejectedMessage]) -> None:
        """Tell devices on their own topics why something was refused."""
        session, now = self._session, time.monotonic()
        for rejection in rejections:
            device = rejection.device_id
            if not device or now - self._told.get(device, -1e9) < TELL_SECONDS:
                continue
            if len(self._told) > 10_000:
                self._told.clear()
            self._told[device] = now
            body = {
                "reason": rejection.reason,
                "detail": rejection.detail,
                "topic": rejection.topic,
                "size": len(rejection.payload),
            }
            try:
                if session is not None:
                    session.publish(
                        str(Topic(device, Channel.REJECTIONS)), msgspec.json.encode(body)
                    )
            except SessionLostError:
                return  # the API tells all the same
