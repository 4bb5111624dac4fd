"""Whether the broker has room for more messages. ADR 0010 tells why somebody has to ask.

Mosquitto has no limit at which it holds its publishers back: it drops what it acknowledged, or
locks out the reader that would make room, or acknowledges what no longer fits on the disk. So
the registry, which decides whom the broker lets in, lets nobody in while there is no room.
"""

from __future__ import annotations

import shutil
from pathlib import Path

# What waits in the broker, as it counts it: messages, and the bytes of their payloads.
COUNTERS = "$SYS/broker/store/messages"
# Measured: 520 to 580 bytes of memory beside the payload, for payloads of 20 to 1,500 bytes.
MESSAGE_BYTES = 600
# The broker acknowledges on a full disk what it cannot write any more: stop well before.
DISK_RESERVE = 256 << 20


class Room:
    """Follows what waits in the broker.

    Args:
        folder: the broker's, whose disk must not run full.
        memory: bytes that waiting messages may take.

    Attributes:
        is_full: whether devices have to wait. Room has to be half empty until they need not.
    """

    def __init__(self, folder: Path, memory: int) -> None:
        self._folder, self._memory = folder, memory
        self._counters = {"count": 0, "bytes": 0}
        self.is_full = False

    def counted(self, topic: str, value: str) -> None:
        """A counter of the broker has changed."""
        root, _, name = topic.rpartition("/")
        if root == COUNTERS and name in self._counters and value.isdecimal():
            self._counters[name] = int(value)

    @property
    def used(self) -> int:
        """About how many bytes of memory the waiting messages take."""
        return self._counters["count"] * MESSAGE_BYTES + self._counters["bytes"]

    def look(self) -> bool:
        """Look again.

        Returns:
            Whether ``is_full`` has changed.
        """
        free = shutil.disk_usage(self._folder).free
        share = 2 if self.is_full else 1
        is_full = self.used >= self._memory / share or free < DISK_RESERVE * share
        changed, self.is_full = is_full != self.is_full, is_full
        return changed
