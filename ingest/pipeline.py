"""From the broker to committed rows: one thread receives and decodes, one writes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import mqtt5
import msgspec
import structlog

from broker.config import INGEST_SUBSCRIPTIONS, INGEST_USER
from broker.session import Session, SessionLostError
from broker.topics import Channel, Topic
from ingest.batch import Batch, Message
from ingest.known import Known
from ingest.metrics import Metrics
from ingest.settings import Settings
from ingest.writer import StoppedError, Writer
from storage.ingest import RejectedMessage

log = structlog.get_logger()

LONGEST_PAUSE = 10.0
# Without messages the database is looked at so often, so that readiness tells the truth.
IDLE_SECONDS = 1.0
# One message of a testbed can hold as much as thousands of others. While so many of its readings
# wait, about 50 MB with all that writing them takes, nothing more is read.
MAX_SAMPLES = 500_000
# A device is told at most so often why its messages are refused; the API tells all.
TELL_SECONDS = 1.0


class Pipeline:
    """The ingest service.

    Memory is bounded: when ``ingest_max_pending`` messages wait for the database, nothing more
    is read, and the broker keeps the rest in its durable queue.

    Attributes:
        metrics: what has happened so far.
        stopping: set it to stop; what was received is written first, if the database answers.
    """

    def __init__(self, settings: Settings) -> None:
        self.metrics = Metrics()
        self.stopping = threading.Event()
        self._settings = settings
        self._known = Known()
        self._writer = Writer(
            settings.database_url.get_secret_value(), self._known, self.metrics, self.stopping
        )
        self._session: Session | None = None
        self._changed = threading.Condition()
        self._pending = Batch(self._known)
        self._arrival = 0
        self._told: dict[str, float] = {}

    def run(self) -> None:
        """Work until ``stopping`` is set.

        Raises:
            broker.session.SessionRefusedError: the broker does not let ingest in.
        """
        with ThreadPoolExecutor(1, "writer") as executor:
            writing = executor.submit(self.write)
            try:
                self.receive(writing)
            finally:
                self.stopping.set()
                with self._changed:
                    self._changed.notify_all()
                writing.result()
                if self._session is not None:
                    self._session.close()
                self._writer.close()

    def problem(self) -> str | None:
        """Why the service is not ready, in a sentence; None where it is."""
        if self._session is None:
            return "ingest is not connected to the broker"
        if not self._writer.healthy:
            return "ingest cannot reach the database; messages wait in the broker"
        return None

    def receive(self, writing: Future[None]) -> None:
        """Connect, and again after every loss, and receive, as long as the writer lives."""
        attempt = 0
        while not (self.stopping.is_set() or writing.done()):
            try:
                session = self.connect()
                attempt = 0
                while not (self.stopping.is_set() or writing.done()):
                    self.accept(session.receive(0.5))
                    self.hold_back(session)
            except SessionLostError as error:
                self._session = None
                log.warning("broker away", error=str(error), attempt=attempt + 1)
                ceiling = min(LONGEST_PAUSE, 0.1 * 2**attempt)
                self.stopping.wait(random.uniform(ceiling / 2, ceiling))
                attempt = min(attempt + 1, 10)

    def connect(self) -> Session:
        """Resume the session in the broker."""
        settings = self._settings
        session = Session(
            settings.broker_host,
            settings.broker_port,
            INGEST_USER,
            settings.ingest_password.get_secret_value(),
            INGEST_SUBSCRIPTIONS,
            receive_maximum=min(settings.ingest_max_pending, 65_535),
        )
        if session.present:
            log.info("connected to the broker", session="resumed")
        else:
            log.warning("connected to the broker", session="new: earlier messages may be lost")
        with self._changed:
            # What waits was received on the old connection, whose ids mean nothing on the new
            # one. The broker sends it again, all but the messages of QoS 0.
            unrepeated = [m for m in self._pending.messages if m.packet_id is None]
            self._pending = self._pending.again(unrepeated)
            self._session = session
        return session

    def accept(self, packets: Sequence[mqtt5.PublishPacket]) -> None:
        """Decode what has come into the batch that waits to be written."""
        if not packets:
            return
        self.metrics.received.inc(len(packets))
        with self._changed:
            for packet in packets:
                # Arrivals never repeat, so that two messages without a time stay two readings.
                self._arrival = max(time.time_ns() // 1000, self._arrival + 1)
                self._pending.add(
                    Message(
                        packet.topic,
                        packet.payload,
                        packet.content_type,
                        self._arrival,
                        packet.packet_id,
                    )
                )
            self.metrics.queue.set(len(self._pending))
            self._changed.notify_all()

    def hold_back(self, session: Session) -> None:
        """Read nothing more while too much waits, and keep the connection alive meanwhile."""
        with self._changed:
            while self.is_full() and not self.stopping.is_set():
                self._changed.wait(1.0)
                session.keep_alive()

    def is_full(self) -> bool:
        """Whether so much waits that the broker has to keep the rest."""
        waiting = self._pending
        return len(waiting) >= self._settings.ingest_max_pending or waiting.samples >= MAX_SAMPLES

    def write(self) -> None:
        """Write batch after batch; acknowledge each when it is committed."""
        self._writer.idle()
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._pending.messages or self.stopping.is_set(), IDLE_SECONDS
                )
                nothing = not self._pending.messages
            if nothing:
                if self.stopping.is_set():
                    return
                self._writer.idle()
                continue
            self.stopping.wait(self._settings.ingest_linger_ms / 1000)
            with self._changed:
                batch, self._pending = self._pending, Batch(self._known)
                session = self._session
                self.metrics.queue.set(0)
                self._changed.notify_all()
            try:
                stored = self._writer.write(batch)
            except StoppedError:
                log.warning("stopped before the database answered", unacknowledged=len(batch))
                return
            if session is not None:
                self.acknowledge(session, batch, stored)

    def acknowledge(self, session: Session, batch: Batch, stored: Sequence[Batch]) -> None:
        """Tell the broker that a batch is safe, and devices what was refused."""
        ids = [m.packet_id for m in batch.messages if m.packet_id is not None]
        try:
            session.acknowledge(ids)
            self.metrics.acknowledged.inc(len(ids))
            for part in stored:
                for rejection in part.rejections:
                    self.tell(session, rejection)
        except SessionLostError:
            # The broker sends the batch again, and the unique key makes that harmless.
            log.info("connection lost before the acknowledgement", messages=len(ids))

    def tell(self, session: Session, rejection: RejectedMessage) -> None:
        """Tell a device on its own topic why a message was refused."""
        now = time.monotonic()
        if (
            not rejection.device_id
            or now - self._told.get(rejection.device_id, -1e9) < TELL_SECONDS
        ):
            return
        if len(self._told) > 10_000:
            self._told.clear()
        self._told[rejection.device_id] = now
        body = {
            "reason": rejection.reason,
            "detail": rejection.detail,
            "topic": rejection.topic,
            "size": len(rejection.payload),
        }
        topic = Topic(rejection.device_id, Channel.REJECTIONS)
        session.publish(str(topic), msgspec.json.encode(body))
