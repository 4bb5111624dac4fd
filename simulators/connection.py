"""One MQTT 5 connection of a device, driven by the running asyncio loop instead of a thread.

paho-mqtt does the protocol; the loop tells it when its socket can be read or written. So one thread
serves a whole fleet. A lost connection is not mended here: whoever owns it opens another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from broker.topics import Channel, Topic

KEEP_ALIVE = 60
# How often paho may look whether a ping is due. The broker waits 1.5 times KEEP_ALIVE.
TICK = 10.0
ANSWER_SECONDS = 10.0
# MQTT 5, 3.2.2.2: who says one of these says it again next time.
FINAL_REFUSALS = frozenset({132, 133, 134, 135, 138, 140})
TAKEN_OVER = 142
# MQTT 5, 3.14.2.1. So there is one way in which a device becomes offline.
WITH_LAST_WILL = ReasonCode(PacketTypes.DISCONNECT, identifier=4)

Acknowledged = Callable[[int, ReasonCode], None]


class LoginRefusedError(Exception):
    """The broker does not let this device in; its words are the message."""


@dataclass(frozen=True)
class Address:
    """Where the broker listens for plain MQTT."""

    host: str = "127.0.0.1"
    port: int = 1883

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Connection:
    """An open connection.

    Attributes:
        ended: done when the connection is gone; its result is why.
    """

    def __init__(self, client: mqtt.Client, acknowledged: Acknowledged) -> None:
        """Take over ``client``, which has sent its CONNECT."""
        self.client = client
        self.loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[ReasonCode] = self.loop.create_future()
        self.welcome: asyncio.Future[ReasonCode] = self.loop.create_future()
        self.acknowledged = acknowledged
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_socket_close = self._on_socket_close
        self.loop.add_reader(client.socket(), self._readable)  # type: ignore[arg-type]  # untyped
        self.timer = self.loop.call_later(TICK, self._tick)

    @classmethod
    async def open(
        cls, address: Address, device_id: str, secret: str, acknowledged: Acknowledged
    ) -> Connection:
        """Connect and log in.

        Args:
            address: of the broker.
            device_id: also the user name and the client id.
            secret: the password.
            acknowledged: called with packet id and reason code for each PUBACK.

        Raises:
            LoginRefusedError: another attempt will not help.
            OSError: there is no broker, or it is not ready.
        """
        client = new_client(device_id, secret)
        # Only the moment of connecting, with its look-up of the name, needs a thread.
        await asyncio.to_thread(client.connect, address.host, address.port, KEEP_ALIVE)
        if client.socket() is None:
            raise ConnectionError("the connection was lost at once")
        connection = cls(client, acknowledged)
        try:
            await connection._welcomed()
        except BaseException:
            connection.close()
            raise
        return connection

    async def _welcomed(self) -> None:
        await asyncio.wait(
            {self.welcome, self.ended}, timeout=ANSWER_SECONDS, return_when="FIRST_COMPLETED"
        )
        if not self.welcome.done():
            raise ConnectionError("the broker did not answer the log-in")
        reason = self.welcome.result()
        if reason.value in FINAL_REFUSALS:
            raise LoginRefusedError(
                f"the broker refused its secret ({reason}): it is wrong, or was rotated or revoked"
            )
        if reason.is_failure:
            raise ConnectionError(str(reason))

    def publish(self, topic: Topic, payload: bytes, *, retain: bool = False) -> int:
        """Send with QoS 1; the packet id that the PUBACK will carry."""
        info = self.client.publish(str(topic), payload, qos=1, retain=retain)
        self._write_later()
        return info.mid

    def close(self) -> None:
        """Leave; the broker publishes the last will, as it does when a connection is lost."""
        self.timer.cancel()
        self.client.disconnect(WITH_LAST_WILL)
        # A goodbye that could not be written at once is not waited for.
        if (socket := self.client.socket()) is not None:
            self._on_socket_close(self.client, None, socket)
            socket.close()

    def _readable(self) -> None:
        self.client.loop_read()
        self._write_later()

    def _writable(self) -> None:
        self.client.loop_write()
        if not self.client.want_write() and (socket := self.client.socket()) is not None:
            self.loop.remove_writer(socket)

    def _write_later(self) -> None:
        """Have the loop write what did not fit, or what paho kept during a callback."""
        if self.client.want_write() and (socket := self.client.socket()) is not None:
            self.loop.add_writer(socket, self._writable)

    def _tick(self) -> None:
        self.client.loop_misc()
        self._write_later()
        self.timer = self.loop.call_later(TICK, self._tick)

    def _on_connect(
        self, _c: mqtt.Client, _u: Any, _f: mqtt.ConnectFlags, reason: ReasonCode, _p: Any
    ) -> None:
        if not self.welcome.done():
            self.welcome.set_result(reason)

    def _on_disconnect(
        self, _c: mqtt.Client, _u: Any, _f: mqtt.DisconnectFlags, reason: ReasonCode, _p: Any
    ) -> None:
        self.timer.cancel()
        if not self.ended.done():
            self.ended.set_result(reason)

    def _on_publish(
        self, _c: mqtt.Client, _u: Any, packet_id: int, reason: ReasonCode, _p: Properties
    ) -> None:
        self.acknowledged(packet_id, reason)

    def _on_socket_close(self, _c: mqtt.Client, _u: Any, socket: Any) -> None:
        # paho closes the socket next; the loop must forget it while its number is still its own.
        self.loop.remove_reader(socket)
        self.loop.remove_writer(socket)


def new_client(device_id: str, secret: str) -> mqtt.Client:
    """A client that has not connected yet; its last will says ``offline``."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=device_id,
        protocol=mqtt.MQTTv5,
        reconnect_on_failure=False,
    )
    client.username_pw_set(device_id, secret)
    client.will_set(str(Topic(device_id, Channel.STATUS)), b"offline", qos=1, retain=True)
    return client
