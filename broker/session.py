"""The MQTT 5 session of ingest: a plain socket and a sans-I/O codec, many packets a read.

ADR 0003 has the figures of the alternatives. Everything else in the platform uses paho-mqtt.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Sequence
from enum import IntEnum
from types import TracebackType
from typing import Self, TypeVar

import mqtt5

from broker.config import NEVER_EXPIRES

# Many packets a read; more than this brings nothing, and what is read is held in memory.
READ_BYTES = 1 << 18

P = TypeVar("P", mqtt5.ConnAckPacket, mqtt5.SubAckPacket, mqtt5.UnsubAckPacket)


class SessionRefusedError(Exception):
    """The broker refuses this user, or what it asks for; trying again changes nothing."""


class SessionLostError(OSError):
    """The connection is gone. The session lives on in the broker."""


class Session:
    """A persistent session: what was not acknowledged comes again after a reconnect.

    One thread receives; any thread may acknowledge, publish or close.

    Args:
        host: of the broker.
        port: of its plain MQTT listener.
        username: also the client id, so that the session belongs to this user alone.
        password: of that user.
        subscriptions: topic filters, at QoS 1.
        passing: topic filters, at QoS 0.
        receive_maximum: messages that the broker may send before the first is acknowledged.
        keep_alive: seconds; the broker is asked for a sign of life when it was silent so long.

    Attributes:
        present: whether the broker still had the session, with all that was queued for it.

    Raises:
        SessionRefusedError: from the constructor, with the broker's reason.
        SessionLostError: from every method, when the connection is gone.
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: str,
        password: str,
        subscriptions: Sequence[str],
        *,
        passing: Sequence[str] = (),
        receive_maximum: int = 65_535,
        keep_alive: int = 30,
    ) -> None:
        self._keep_alive = keep_alive
        self._sending = threading.Lock()
        self._buffer = bytearray()
        self._early: list[mqtt5.PublishPacket] = []
        try:
            self._socket = socket.create_connection((host, port), timeout=keep_alive)
        except OSError as error:
            raise SessionLostError(f"no broker at {host}:{port}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sent_at = self._heard_at = time.monotonic()
        try:
            self.present = self._connect(username, password, receive_maximum)
            self._subscribe(subscriptions, mqtt5.QoS.AT_LEAST_ONCE)
            self._subscribe(passing, mqtt5.QoS.AT_MOST_ONCE)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _connect(self, username: str, password: str, receive_maximum: int) -> bool:
        self._send(
            mqtt5.ConnectPacket(
                username,
                username=username,
                password=password.encode(),
                clean_start=False,
                session_expiry_interval=NEVER_EXPIRES,
                receive_max=receive_maximum,
                keep_alive=self._keep_alive,
            ).write()
        )
        answer = self._await(mqtt5.ConnAckPacket)
        if answer.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            raise SessionRefusedError(f"the broker refuses {username}: {words(answer.reason_code)}")
        if answer.server_keep_alive is not None:
            self._keep_alive = answer.server_keep_alive
        return answer.session_present

    def _subscribe(self, patterns: Sequence[str], qos: mqtt5.QoS) -> None:
        if not patterns:
            return
        filters = [
            mqtt5.TopicFilter(
                pattern,
                max_qos=qos,
                retain_handling=mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
            )
            for pattern in patterns
        ]
        self._send(mqtt5.SubscribePacket(1, filters).write())
        codes = self._await(mqtt5.SubAckPacket).reason_codes
        for pattern, code in zip(patterns, codes, strict=True):
            if code.value != qos.value:
                raise SessionRefusedError(f"the broker does not send {pattern}: {words(code)}")

    def unsubscribe(self, patterns: Sequence[str]) -> None:
        """End subscriptions. What was queued by them still comes."""
        self._send(mqtt5.UnsubscribePacket(1, list(patterns)).write())
        self._await(mqtt5.UnsubAckPacket)

    def _await(self, kind: type[P]) -> P:
        """The next packet of one kind; messages that come with it are kept for ``receive``."""
        deadline = time.monotonic() + self._keep_alive
        answer: P | None = None
        while answer is None:
            if time.monotonic() > deadline:
                raise SessionLostError(f"the broker did not answer in {self._keep_alive} s")
            for packet in self._read(1.0):
                if isinstance(packet, kind):
                    answer = packet
                elif isinstance(packet, mqtt5.PublishPacket):
                    self._early.append(packet)
                elif isinstance(packet, mqtt5.DisconnectPacket):
                    raise SessionRefusedError(f"the broker says {words(packet.reason_code)}")
        return answer

    def receive(self, timeout: float) -> list[mqtt5.PublishPacket]:
        """The messages that have come, at the latest after ``timeout`` seconds.

        The connection is kept alive by the way, so this has to be called, or ``keep_alive``,
        more often than the keep-alive time.
        """
        if self._early:
            early, self._early = self._early, []
            return early
        self.keep_alive()
        messages = []
        for packet in self._read(timeout):
            if isinstance(packet, mqtt5.PublishPacket):
                messages.append(packet)
            elif isinstance(packet, mqtt5.DisconnectPacket):
                raise SessionLostError(f"the broker says {words(packet.reason_code)}")
        return messages

    def rest(self) -> list[mqtt5.PublishPacket]:
        """After the loss of the connection: the messages that had come before it.

        A broker that is killed may have acknowledged them to their publishers and not yet written
        them, so that they come no second time.
        """
        messages, self._early = self._early, []
        with contextlib.suppress(SessionLostError):
            while packets := self._read(0):
                messages += [p for p in packets if isinstance(p, mqtt5.PublishPacket)]
        return messages

    def keep_alive(self) -> None:
        """Ask for a sign of life where one is due, and notice when it does not come."""
        now = time.monotonic()
        if now - self._heard_at > self._keep_alive * 1.5 and not self._has_input(0):
            raise SessionLostError(f"the broker was silent for {now - self._heard_at:.0f} s")
        if now - self._sent_at > self._keep_alive / 2:
            self._send(mqtt5.PingReqPacket().write())

    def _has_input(self, timeout: float) -> bool:
        return bool(select.select([self._socket], [], [], timeout)[0])

    def _read(self, timeout: float) -> list[mqtt5.Packet]:
        """Wait for bytes and decode the packets that they complete."""
        try:
            data = self._socket.recv(READ_BYTES) if self._has_input(timeout) else None
        except (OSError, ValueError) as error:
            raise SessionLostError(f"the connection to the broker broke: {error}") from error
        if data is None:
            return []
        if not data:
            raise SessionLostError("the broker closed the connection")
        self._heard_at = time.monotonic()
        self._buffer += data
        packets: list[mqtt5.Packet] = []
        used = 0
        with memoryview(self._buffer) as view:
            try:
                while used < len(view):
                    packet, size = mqtt5.read(view[used:])
                    packets.append(packet)
                    used += size
            except IndexError:
                pass  # the rest of this packet comes with the next read
            except ValueError as error:
                raise SessionLostError(f"the broker sent no MQTT: {error}") from error
        del self._buffer[:used]
        return packets

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Tell the broker that these messages are safe, in the order in which they came.

        Packet ids belong to this connection: ids of an earlier one must not be passed here.
        """
        if packet_ids:
            self._send(b"".join([mqtt5.PubAckPacket(number).write() for number in packet_ids]))

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0."""
        self._send(mqtt5.PublishPacket(topic, payload, content_type="application/json").write())

    def _send(self, data: bytes) -> None:
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError as error:
            raise SessionLostError(f"the connection to the broker broke: {error}") from error
        self._sent_at = time.monotonic()

    def close(self, *, forget: bool = False) -> None:
        """Leave.

        Args:
            forget: end the session too; otherwise the broker keeps it, and queues what comes.
        """
        goodbye = mqtt5.DisconnectPacket(session_expiry_interval=0 if forget else None)
        try:
            self._send(goodbye.write())
        except SessionLostError:
            pass  # gone already
        finally:
            self._socket.close()


def words(code: IntEnum) -> str:
    """A reason code as people say it: NOT_AUTHORIZED is "not authorized"."""
    return code.name.replace("_", " ").lower()
