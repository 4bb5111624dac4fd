"""Device ids and topics of the public contract, as values that cannot be wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

DEVICE_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
DEVICE_ID_RULE = (
    "a device id has 3 to 63 characters: small letters, digits and '-', not '-' at the beginning"
)
COMMAND_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
METRIC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


DEVICES = "devices"
# What was rejected is sent again below this instead of ``DEVICES``. Only the registry may, so that
# no device can backdate its messages by the property that says when they came, µs since 1970.
REPLAYS = "replays"
ARRIVAL = "arrival"


class Channel(StrEnum):
    """What a topic below a device is for."""

    TELEMETRY = "telemetry"
    ATTRIBUTES = "attributes"
    STATUS = "status"
    COMMANDS = "commands"
    REPLY = "reply"
    DESIRED = "desired"
    REJECTIONS = "rejections"


# Channels that a device publishes; the platform publishes the others.
FROM_DEVICE = frozenset({Channel.TELEMETRY, Channel.ATTRIBUTES, Channel.STATUS, Channel.REPLY})
WITH_COMMAND = frozenset({Channel.COMMANDS, Channel.REPLY})


class InvalidTopicError(ValueError):
    """The text is no topic of the contract."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the contract.

    Attributes:
        device_id: matches ``DEVICE_ID``.
        channel: what is published there.
        command_id: set for commands and their replies, and only there.

    Raises:
        InvalidTopicError: a part breaks the contract.
    """

    device_id: str
    channel: Channel
    command_id: str | None = None

    def __post_init__(self) -> None:
        if not DEVICE_ID.fullmatch(self.device_id):
            raise InvalidTopicError(f"{self.device_id!r}: {DEVICE_ID_RULE}")
        if (self.command_id is not None) != (self.channel in WITH_COMMAND):
            raise InvalidTopicError(f"{self.channel} takes a command id only where it is one's own")
        if self.command_id is not None and not COMMAND_ID.fullmatch(self.command_id):
            raise InvalidTopicError(f"{self.command_id!r} is no command id")

    def __str__(self) -> str:
        if self.channel is Channel.REPLY:
            return f"devices/{self.device_id}/commands/{self.command_id}/reply"
        if self.channel is Channel.COMMANDS:
            return f"devices/{self.device_id}/commands/{self.command_id}"
        return f"devices/{self.device_id}/{self.channel}"

    @classmethod
    def parse(cls, text: str) -> Topic:
        """The topic that ``text`` names."""
        match text.split("/"):
            case ["devices", device, "commands", command]:
                return cls(device, Channel.COMMANDS, command)
            case ["devices", device, "commands", command, "reply"]:
                return cls(device, Channel.REPLY, command)
            case ["devices", device, name] if name in PLAIN_CHANNELS:
                return cls(device, Channel(name))
        raise InvalidTopicError(f"{text!r} is no topic of a device")


def replay_of(topic: str) -> str:
    """Where a message of a device's topic is sent again."""
    return REPLAYS + topic.removeprefix(DEVICES)


def replayed(topic: str) -> str | None:
    """The device's topic of a message that is sent again; None for every other message."""
    return DEVICES + topic.removeprefix(REPLAYS) if topic.startswith(f"{REPLAYS}/") else None


PLAIN_CHANNELS = frozenset(set(Channel) - WITH_COMMAND)
