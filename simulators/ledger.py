r"""The ledger of a simulation: what was sent and what the broker answered, on disk.

A line is a hash and a JSON list. The hash is of the hash before and the list, so that a line that
is changed, taken out or put in breaks the chain there: S. Haber and W. S. Stornetta, "How to
time-stamp a digital document", Journal of Cryptology 3, 1991. The last hash is the seal: who keeps
it beside the file also notices when the end was cut off, or everything was written anew.

::

    9f86d081884c7d65 ["ledger",1,"2026-03-02T10:15:00+00:00","127.0.0.1:1883"]
    2c26b46b68ffc68f ["sent",1,"demo-pv-inverter-01","telemetry",1772446500123,"{\"ts\":…}"]
    fcde2b2edba56bf4 ["answered",1772446500125,0,[1]]
    b7bc12de5a6a81c1 ["end","2026-03-02T10:16:00+00:00",1,1]
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from broker.topics import Channel
from simulators.device import Message

VERSION = 1
BEGINNING = "0" * 16
LISTS = msgspec.json.Decoder(list[Any])


class LedgerError(ValueError):
    """The file is no ledger, or not as it was written; the message names the line."""


class Ledger:
    """The file, open for appending; a context manager that seals it.

    Args:
        path: of a file that is not there yet.
        broker: where it is, for people.

    Attributes:
        seal: the last hash.

    Raises:
        FileExistsError: a ledger is never written over, nor continued.
    """

    def __init__(self, path: Path, broker: str = "") -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(path, flags, 0o600)
        self._lines: list[bytes] = []
        self._answers: dict[int, list[int]] = defaultdict(list)
        self._sent = self._answered = 0
        self.seal = BEGINNING
        self._note(["ledger", VERSION, moment(), broker])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write the last line; the seal is final then. Closing twice does nothing."""
        if self._file < 0:
            return
        self.flush()
        self._note(["end", moment(), self._sent, self._answered])
        self.flush()
        os.close(self._file)
        self._file = -1

    def sent(self, device_id: str, message: Message) -> int:
        """Note a message that is on its way for the first time; its number."""
        self._sent += 1
        payload, word = message.payload, "sent"
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            text, word = base64.b64encode(payload).decode(), "sent-base64"
        now = time.time_ns() // 1_000_000
        self._note([word, self._sent, device_id, message.channel, now, text])
        return self._sent

    def answered(self, number: int, code: int) -> None:
        """Note what the broker answered: MQTT 5's reason code, 0 where it has taken it."""
        self._answered += 1
        self._answers[code].append(number)

    def flush(self) -> None:
        """Hand everything over to the system: then it survives the end of this process."""
        if self._answers:
            now = time.time_ns() // 1_000_000
            for code, numbers in self._answers.items():
                self._note(["answered", now, code, numbers])
            self._answers.clear()
        if self._lines:
            os.write(self._file, b"".join(self._lines))
            self._lines.clear()

    def _note(self, entry: list[Any]) -> None:
        body = msgspec.json.encode(entry)
        self.seal = following(self.seal, body)
        self._lines.append(b"%s %s\n" % (self.seal.encode(), body))


def following(before: str, body: bytes) -> str:
    """The hash of a line."""
    return hashlib.sha256(before.encode() + body).hexdigest()[:16]


def moment() -> str:
    """Now, as a text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(slots=True)
class Sent:
    """A message of the ledger.

    Attributes:
        number: its number there.
        channel: where it was published.
        at: when it was sent first, in milliseconds.
        payload: as it went over the wire.
        code: the broker's answer; None: there was none.
        answered_at: when that came, in milliseconds.
    """

    number: int
    channel: str
    at: int
    payload: bytes
    code: int | None = None
    answered_at: int | None = None


@dataclass
class Contents:
    """What a ledger says.

    Attributes:
        devices: what each has sent, in order.
        seal: the last hash.
        begun: when, as a text.
        ended: whether it was closed; otherwise its writer was killed, or the end was cut off.
    """

    devices: dict[str, list[Sent]] = field(default_factory=lambda: defaultdict(list))
    seal: str = BEGINNING
    begun: str = ""
    ended: bool = False

    @property
    def messages(self) -> int:
        """How many there are."""
        return sum(map(len, self.devices.values()))


def read(path: Path) -> Contents:
    """Read a ledger, and check every line of it.

    Raises:
        LedgerError: a line is not what was written, or the file is no ledger.
        OSError: it cannot be read.
    """
    contents, numbered = Contents(), dict[int, Sent]()
    for number, body in checked(path, contents):
        try:
            match LISTS.decode(body):
                case ["sent" | "sent-base64" as word, n, device, channel, at, text]:
                    payload = base64.b64decode(text) if word == "sent-base64" else text.encode()
                    numbered[n] = Sent(n, channel, at, payload)
                    contents.devices[device].append(numbered[n])
                case ["answered", at, code, numbers]:
                    for n in numbers:
                        numbered[n].code, numbered[n].answered_at = code, at
                case ["ledger", version, begun, _] if version == VERSION and number == 1:
                    contents.begun = begun
                case ["end", *_]:
                    contents.ended = True
                case other:
                    raise LedgerError(f"{path}, line {number}: {str(other)[:60]} is not understood")
        except (msgspec.DecodeError, KeyError) as error:
            raise LedgerError(f"{path}, line {number}: {error}") from error
    if not contents.begun:
        raise LedgerError(f"{path} is no ledger: it does not begin like one")
    return contents


def checked(path: Path, contents: Contents) -> Iterator[tuple[int, bytes]]:
    """Number and JSON of each line, in which the chain holds so far."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            told, _, body = line.removesuffix(b"\n").partition(b" ")
            seal = following(contents.seal, body)
            if not line.endswith(b"\n"):
                break  # the writer was killed in the middle of it
            if told != seal.encode():
                raise LedgerError(
                    f"{path}, line {number}: the chain breaks here: this line was changed, or "
                    "lines before it were taken out or put in"
                )
            contents.seal = seal
            yield number, body


TELEMETRY = str(Channel.TELEMETRY)
