"""The registry's connection to the broker: publishes with QoS 1, and reads its log and figures.

paho-mqtt runs in a thread of its own. Everything here happens in the event loop: paho's callbacks
only hand over to it, so that no lock of ours can meet one of paho's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

import structlog
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from broker.config import REGISTRY_USER
from registry.http.problems import UnavailableError
from registry.mosquitto.figures import SYS_TOPICS, BrokerMetrics

# The broker disconnects who sends a packet above 1 MiB, and topic and content type count too.
MAX_PAYLOAD = 1_048_576 - 1024
MAX_WAITING = 1000
MAX_TURN = 250
TIMEOUT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 10
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.5
# A message waits so long for a connection that is just being made, at the start of all or after
# a restart of the broker. It is longer than the longest pause, so it does not miss it.
PATIENCE_SECONDS = 2.0
# Notices: who connects, who leaves, who is refused.
LOG_TOPIC = "$SYS/broker/log/N"
LISTENING = SubscribeOptions(qos=1)
# MQTT 5, 3.4.2.1: taken, but nobody is subscribed, so it is not stored either.
NO_MATCHING_SUBSCRIBERS = 0x10

log = structlog.get_logger()


class NobodyListensError(UnavailableError):
    """The broker took a message, and has nobody to give it to."""


class Publisher:
    """Publishes as ``_registry``; away from the broker it refuses after a moment.

    Args:
        host: of the broker.
        port: of its plain MQTT listener.
        password: of the broker's user ``_registry``.
        heard: called with each line of the broker's log, and with None at each new connection:
            what was known from the log before no longer holds.
        figures: told what the broker says of itself.
        counted: told the same, as text.
    """

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        heard: Callable[[str | None], None],
        figures: BrokerMetrics,
        counted: Callable[[str, str], None] = lambda _topic, _value: None,
    ) -> None:
        self._host, self._port, self._password = host, port, password
        self._heard, self._figures, self._counted = heard, figures, counted
        self._client: Client | None = None
        self._present = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        # Whoever has many messages sends them in turns of MAX_TURN, so that there is always room
        # for single ones.
        self.turn = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._client is not None

    @property
    def waiting(self) -> int:
        """How many messages are on their way to the broker."""
        return len(self._waiting)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        content_type: str | None = None,
        user_properties: Mapping[str, str] = MappingProxyType({}),
        expiry: int | None = None,
    ) -> None:
        """Publish with QoS 1, and return when the broker has the message safe.

        Args:
            topic: one that the broker's access rules let the registry write.
            payload: at most ``MAX_PAYLOAD`` bytes.
            content_type: of the payload; None says nothing of it.
            user_properties: of MQTT 5, by name.
            expiry: seconds for which the broker keeps it for a subscriber who is away; None: for
                ever.

        Raises:
            UnavailableError: the broker is away, or did not take it.
            NobodyListensError: nobody is subscribed, nor has a session that is.
        """
        client = await self._await_client()
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's own
        if content_type:
            properties.ContentType = content_type
        if user_properties:
            properties.UserProperty = list(user_properties.items())
        if expiry is not None:
            properties.MessageExpiryInterval = expiry
        sent = client.publish(topic, payload, qos=1, properties=properties)
        taken = self._waiting[sent.mid] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await taken
        except TimeoutError as error:
            raise UnavailableError("the broker is busy: send the message again soon") from error
        finally:
            self._waiting.pop(sent.mid, None)

    async def _await_client(self) -> Client:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._present.wait()
        except TimeoutError as error:
            raise UnavailableError(
                "the broker does not answer: send the message again soon"
            ) from error
        if self._client is None or self.waiting >= MAX_WAITING:
            raise UnavailableError("the broker is busy: send the message again soon")
        return self._client

    async def run(self) -> None:
        """Stay connected until cancelled."""
        pause = SHORTEST_PAUSE_SECONDS
        while True:
            was_connected = await self._serve()
            pause = (
                SHORTEST_PAUSE_SECONDS if was_connected else min(pause * 2, LONGEST_PAUSE_SECONDS)
            )
            # Jitter: many clients that lost one broker do not come back in step.
            await asyncio.sleep(pause * random.uniform(0.5, 1))

    async def _serve(self) -> bool:
        """One connection from its beginning to its end.

        Its client is a new one, so that nothing which was given up is sent later all the same.

        Returns:
            Whether the broker let the registry in.
        """
        client, ended = self._new_client()
        try:
            await asyncio.to_thread(client.connect, self._host, self._port, KEEP_ALIVE_SECONDS)
        except OSError:
            return False
        client.loop_start()
        try:
            await ended.wait()
            return self.connected
        finally:
            self._lose()
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    def _new_client(self) -> tuple[Client, asyncio.Event]:
        """A client whose callbacks hand over to the event loop, and what tells of its end."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=REGISTRY_USER,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.username_pw_set(REGISTRY_USER, self._password)
        client.max_inflight_messages_set(MAX_WAITING)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def soon(callback: Callable[..., None], *arguments: object) -> None:
            loop.call_soon_threadsafe(callback, *arguments)

        client.on_connect = lambda c, _u, _f, reason, _p: soon(self._connected, c, reason)
        client.on_publish = lambda _c, _u, mid, reason, _p: soon(self._acknowledged, mid, reason)
        client.on_message = lambda _c, _u, message: soon(
            self._listen, message.topic, message.payload
        )
        client.on_disconnect = lambda _c, _u, _f, _r, _p: soon(ended.set)
        return client, ended

    def _connected(self, client: Client, reason: ReasonCode) -> None:
        if reason.is_failure:
            log.error("the broker refuses the registry", reason=str(reason))
            return
        self._client = client
        self._present.set()
        self._heard(None)
        client.subscribe([(LOG_TOPIC, LISTENING), *((topic, LISTENING) for topic in SYS_TOPICS)])

    def _listen(self, topic: str, payload: bytes) -> None:
        if topic == LOG_TOPIC:
            self._heard(payload.decode(errors="replace"))
        else:
            self._figures.note(topic, payload)
            self._counted(topic, payload.decode(errors="replace"))

    def _acknowledged(self, mid: int, reason: ReasonCode) -> None:
        taken = self._waiting.get(mid)
        if taken is None or taken.done():
            return
        if reason.value == NO_MATCHING_SUBSCRIBERS:
            taken.set_exception(
                NobodyListensError("ingest is not there: send the message again soon")
            )
        elif reason.is_failure:
            log.error("the broker did not take a message", reason=str(reason))
            taken.set_exception(
                UnavailableError("the broker refuses the message: see the log of the registry")
            )
        else:
            taken.set_result(None)

    def _lose(self) -> None:
        self._client = None
        self._present.clear()
        self._figures.forget()
        for taken in self._waiting.values():
            if not taken.done():
                taken.set_exception(
                    UnavailableError("the broker went away: send the message again soon")
                )
