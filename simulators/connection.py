"""One MQTT 5 connection of a device: a socket that never waits, and a sans-I/O codec.

Nothing here waits or retries. Who owns the connection is told by a selector when it can be read or
written, and opens another when it is lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import mqtt5

from broker.topics import Channel, Topic

READ_BYTES = 1 << 16
TAKEN_OVER = mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER
# MQTT 5, 3.2.2.2: who says one of these says it again next time.
FINAL_REFUSALS = frozenset({132, 133, 134, 135, 138, 140})
# MQTT 5, 3.14.2.1. So there is one way in which a device becomes offline.
WITH_LAST_WILL = mqtt5.DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE
WANTS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class CertificateError(ValueError):
    """The certificates to trust cannot be read; the message names the file."""


@dataclass(frozen=True)
class Address:
    """Where the broker listens for MQTT.

    Attributes:
        host: a name or an address.
        port: of plain MQTT, or of MQTT over TLS.
        tls: whether it is TLS; the broker's certificate is verified.
        ca_file: certificates to trust instead of those of the system.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    tls: bool = False
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def security(self) -> ssl.SSLContext | None:
        """What TLS connections share; None for plain ones.

        Raises:
            CertificateError: ``ca_file`` is not there, or holds no certificate.
        """
        try:
            return ssl.create_default_context(cafile=self.ca_file) if self.tls else None
        except OSError as error:
            raise CertificateError(f"{self.ca_file} cannot be trusted: {error}") from error


@dataclass(frozen=True, slots=True)
class Login:
    """As whom a device connects. On the platform all three names are the device's id.

    Attributes:
        device_id: what the device is called here.
        secret: the password.
        username: of the broker's user; None: the device's id.
        client_id: None: the device's id.
        topic: of its telemetry; None: the platform's.
    """

    device_id: str
    secret: str
    username: str | None = None
    client_id: str | None = None
    topic: str | None = None

    def packet(self, keep_alive: int, *, will: bool) -> bytes:
        """The CONNECT that begins a connection.

        Args:
            keep_alive: seconds.
            will: whether the last will says ``offline`` on the device's status topic.
        """
        last = None
        if will:
            topic = str(Topic(self.device_id, Channel.STATUS))
            last = mqtt5.Will(topic, payload=b"offline", qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True)
        return mqtt5.ConnectPacket(
            self.client_id or self.device_id,
            username=self.username or self.device_id,
            password=self.secret.encode(),
            clean_start=True,
            keep_alive=keep_alive,
            will=last,
        ).write()


class Connection:
    """A connection, from its first SYN on.

    Args:
        target: family and address, as ``getaddrinfo`` tells them.
        hello: bytes that are sent as soon as it stands.
        security: of TLS; None for a plain one.
        name: of the broker, which its certificate has to have.

    Attributes:
        welcome: whether the broker has accepted the log-in; set by the owner.
        sent_at: when something was sent last, in monotonic seconds.
        heard_at: when something was heard last.

    Raises:
        OSError: from the constructor and from ``work``, ``send`` and ``receive``: it is gone.
    """

    __slots__ = (
        "_hello", "_inbox", "_name", "_outbox", "_security", "_standing", "heard_at", "sent_at",
        "socket", "welcome",
    )  # fmt: skip

    def __init__(
        self,
        target: tuple[socket.AddressFamily, tuple[str, int]],
        hello: bytes,
        security: ssl.SSLContext | None = None,
        name: str = "",
    ) -> None:
        family, place = target
        self.welcome = False
        self.sent_at = self.heard_at = time.monotonic()
        self._hello, self._outbox, self._inbox = hello, b"", b""
        self._security, self._name, self._standing = security, name, False
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found = self.socket.connect_ex(place)
        if found not in (0, errno.EINPROGRESS):
            self.socket.close()
            raise OSError(found, os.strerror(found))

    @property
    def wants_to_write(self) -> bool:
        """Whether to be told when the socket can be written."""
        return not self._standing or bool(self._outbox)

    def work(self) -> bool:
        """Go on with what waited for the socket; whether the connection stands, with TLS and all.

        To be called whenever the socket can be read or written.
        """
        if not self._standing:
            if failed := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(failed, os.strerror(failed))
            if self._security is not None and not self._shake_hands(self._security):
                return False
            self._standing = True
            self.send(self._hello)
        elif self._outbox:
            waiting, self._outbox = self._outbox, b""
            self.send(waiting)
        return True

    def _shake_hands(self, security: ssl.SSLContext) -> bool:
        try:
            if not isinstance(self.socket, ssl.SSLSocket):
                # Only now: Python begins no TLS on a socket that TCP is still connecting.
                self.socket = security.wrap_socket(
                    self.socket, server_hostname=self._name, do_handshake_on_connect=False
                )
            self.socket.do_handshake()
        except WANTS:
            return False
        except ssl.SSLCertVerificationError as error:
            raise OSError(f"its certificate is not trusted: {error.verify_message}") from error
        return True

    def send(self, data: bytes) -> None:
        """Send now what the socket takes, and the rest when it can be written again."""
        self.sent_at = time.monotonic()
        if self._outbox:
            self._outbox += data
            return
        try:
            done = self.socket.send(data)
        except WANTS:
            done = 0
        if done < len(data):
            self._outbox = data[done:]

    def receive(self) -> list[mqtt5.Packet]:
        """The packets that have come."""
        try:
            data = self.socket.recv(READ_BYTES)
            # What TLS has decrypted already, no selector tells of.
            while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                data += self.socket.recv(READ_BYTES)
        except WANTS:
            return []
        if not data:
            raise OSError("the broker closed the connection")
        self.heard_at = time.monotonic()
        if self._inbox:
            data = self._inbox + data
        packets: list[mqtt5.Packet] = []
        view, used = memoryview(data), 0
        try:
            while used < len(data):
                packet, size = mqtt5.read(view[used:])
                packets.append(packet)
                used += size
        except IndexError:
            pass  # the rest of this packet comes with the next read
        except ValueError as error:
            raise OSError(f"the broker sent no MQTT 5: {error}") from error
        self._inbox = data[used:]
        return packets

    def close(self, *, with_will: bool) -> None:
        """Leave.

        Args:
            with_will: say so to the broker, which publishes the last will then; otherwise the
                connection is cut, as by a loss of power.
        """
        if with_will and self.welcome:
            with contextlib.suppress(OSError):  # gone already
                self.send(mqtt5.DisconnectPacket(reason_code=WITH_LAST_WILL).write())
        self.socket.close()
