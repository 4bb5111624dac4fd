"""What the broker's log says of devices: which are connected, and which were refused.

The lines are those of Mosquitto 2.1.2. Client ids are user names, as ``use_username_as_clientid``
makes them, and those of the platform are device ids: a text that somebody sends as a user name
cannot look like one with more behind it, because a line must match as a whole.
"""

from __future__ import annotations

import re

DEVICE = r"(?P<device>[a-z0-9][a-z0-9-]{2,62})"
CONNECTED = re.compile(rf"\S+: New client connected from (?P<address>\S+) as {DEVICE} \(.*\)\.")
LEFT = re.compile(rf"\S+: Client {DEVICE} \[(?P<address>\S+)\] disconnected(?P<why>: [a-z ]+)?\.")
REFUSED = ": not authorised"
# Refusals cost anybody nothing: more than these are not remembered.
MAX_REFUSED = 10_000


class BrokerLog:
    """Follows the lines of the log.

    Attributes:
        connected: device to address, of the connections that began since the log is read.
        refused: devices that tried a secret the broker does not have, not yet dealt with.
    """

    def __init__(self) -> None:
        self.connected: dict[str, str] = {}
        self.refused: set[str] = set()

    def forget(self) -> None:
        """Begin anew: a connection to the broker began, and nobody knows what was missed."""
        self.connected.clear()
        self.refused.clear()

    def read(self, line: str) -> bool:
        """Follow one line.

        Returns:
            Whether a device was refused that is not connected.
        """
        if found := CONNECTED.fullmatch(line):
            self.connected[found["device"]] = found["address"]
            self.refused.discard(found["device"])
        elif found := LEFT.fullmatch(line):
            return self._left(found["device"], found["address"], found["why"])
        return False

    def _left(self, device: str, address: str, why: str | None) -> bool:
        if self.connected.get(device) == address:
            del self.connected[device]
            return False
        if why != REFUSED or device in self.connected or len(self.refused) >= MAX_REFUSED:
            return False
        self.refused.add(device)
        return True

    def take_refused(self) -> list[str]:
        """The refused devices; each is given once."""
        taken = sorted(self.refused)
        self.refused.clear()
        return taken
