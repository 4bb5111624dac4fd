"""What was received and is not stored yet, on disk: the queue between broker and database.

A block is what one read from the broker brought. It is written before the broker gets its
acknowledgements, and read in order; segments of which everything is stored are deleted. A block
that was being written when the process was killed was never acknowledged, so it is passed over.

ADR 0011 says why there is a journal, and what it costs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import structlog

from ingest.batch import Message

log = structlog.get_logger()

SEGMENT_BYTES = 16 << 20
# A block: its length in bytes and their CRC-32, then messages as MessagePack.
HEADER = struct.Struct(">II")
POSITION = struct.Struct(">QQ")
ENCODER = msgspec.msgpack.Encoder()
DECODER = msgspec.msgpack.Decoder(list[Message])


class JournalFullError(Exception):
    """The journal's quota, or the disk, is used up: what was to be written is not in it."""


class JournalTakenError(Exception):
    """Another process works on this journal."""


class Position(NamedTuple):
    """A place between two blocks."""

    segment: int
    offset: int


@dataclass
class Journal:
    """One worker's journal. One thread appends, another reads and releases.

    Attributes:
        folder: of this journal alone; made where it is not there.
        quota: bytes that may wait.
        synced: whether a block survives the loss of power, or only ``kill -9``.
        full: whether the last append found no room.

    Raises:
        JournalTakenError: from the constructor.
        OSError: the folder cannot be used.
    """

    folder: Path
    quota: int
    synced: bool = False
    full: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise JournalTakenError(
                f"another ingest process works on {self.folder}: stop it first"
            ) from None
        self._positions = os.open(self.folder / "stored", os.O_RDWR | os.O_CREAT, 0o600)
        self._changed = threading.Condition()
        self._woken = False
        # Segments that were there before are only read: their end may be torn.
        self._sizes = {int(path.stem): path.stat().st_size for path in self._paths()}
        self._released = self._load_position()
        self._drop_segments_before(self._released.segment)
        self._read = self._released
        self._writing = max([*self._sizes, self._released.segment]) + 1
        self._output: int | None = None
        self._input: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """Bytes that are not stored yet."""
        return max(0, sum(self._sizes.copy().values()) - self._released.offset)

    @property
    def has_unread(self) -> bool:
        """Whether ``read`` would find something."""
        segment, offset = self._read
        return any(
            number > segment or (number == segment and size > offset)
            for number, size in self._sizes.copy().items()
            if size
        )

    def append(self, messages: Sequence[Message]) -> None:
        """Write a block; when this returns it survives ``kill -9``, or the loss of power.

        Raises:
            JournalFullError: nothing was written.
        """
        body = ENCODER.encode(messages)
        block = HEADER.pack(len(body), zlib.crc32(body)) + body
        if self.waiting + len(block) > self.quota:
            self.full = True
            raise JournalFullError(f"{self.waiting >> 20} MiB wait in {self.folder}")
        output = self._segment_for_writing()
        before = self._sizes[self._writing]
        try:
            written = 0
            while written < len(block):
                written += os.pwrite(output, memoryview(block)[written:], before + written)
            if self.synced:
                os.fdatasync(output)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(output, before)
            self.full = True
            raise JournalFullError(f"{self.folder}: {error.strerror}") from error
        self.full = False
        with self._changed:
            self._sizes[self._writing] = before + len(block)
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait for something to read; whether there is."""
        with self._changed:
            self._changed.wait_for(lambda: self.has_unread or self._woken, seconds)
            return self.has_unread

    def wake(self) -> None:
        """End every ``wait``, at once and from now on."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def read(self) -> list[Message]:
        """The messages of the next block; empty where all is read."""
        while self.has_unread:
            segment, offset = self._read
            if offset >= self._sizes.get(segment, 0):
                self._read = Position(min(n for n in list(self._sizes) if n > segment), 0)
            elif (block := self._block_at(segment, offset)) is not None:
                self._read = Position(segment, offset + HEADER.size + len(block))
                return DECODER.decode(block)
            else:
                self._read = Position(segment, self._sizes[segment])
        return []

    @property
    def position(self) -> Position:
        """Behind the last block that was read."""
        return self._read

    def release(self, position: Position) -> None:
        """Everything before ``position`` is stored: it will not be read again, and makes room."""
        os.pwrite(self._positions, POSITION.pack(*position), 0)
        self._released = position
        self._drop_segments_before(position.segment)

    def close(self) -> None:
        """Let others have the journal; what waits in it waits on."""
        for descriptor in (self._output, self._input and self._input[1], self._positions):
            if descriptor is not None:
                os.close(descriptor)
        self._lock.close()

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.journal"))

    def _path(self, segment: int) -> Path:
        return self.folder / f"{segment:012}.journal"

    def _load_position(self) -> Position:
        stored = os.pread(self._positions, POSITION.size, 0)
        if len(stored) == POSITION.size and POSITION.unpack(stored)[0] in self._sizes:
            return Position(*POSITION.unpack(stored))
        return Position(min(self._sizes, default=0), 0)

    def _drop_segments_before(self, segment: int) -> None:
        for number in [number for number in list(self._sizes) if number < segment]:
            self._path(number).unlink(missing_ok=True)
            del self._sizes[number]

    def _segment_for_writing(self) -> int:
        """The descriptor of the segment that is written, a new one where the last is large."""
        if self._output is not None and self._sizes[self._writing] >= SEGMENT_BYTES:
            os.close(self._output)
            self._output = None
            self._writing += 1
        if self._output is None:
            try:
                self._output = os.open(
                    self._path(self._writing), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
                )
            except OSError as error:
                self.full = True
                raise JournalFullError(f"{self.folder}: {error.strerror}") from error
            if self.synced:
                sync_folder(self.folder)
            self._sizes[self._writing] = 0
        return self._output

    def _block_at(self, segment: int, offset: int) -> bytes | None:
        """The body of a block; None where the rest of the segment holds no whole one."""
        source = self._segment_for_reading(segment)
        header = os.pread(source, HEADER.size, offset)
        if len(header) == HEADER.size:
            size, checksum = HEADER.unpack(header)
            body = os.pread(source, size, offset + HEADER.size)
            if len(body) == size and zlib.crc32(body) == checksum:
                return body
        self._keep_damaged(segment, offset)
        return None

    def _segment_for_reading(self, segment: int) -> int:
        if self._input is None or self._input[0] != segment:
            if self._input is not None:
                os.close(self._input[1])
            self._input = segment, os.open(self._path(segment), os.O_RDONLY)
        return self._input[1]

    def _keep_damaged(self, segment: int, offset: int) -> None:
        """Keep a segment that cannot be read to its end, so that an operator may look at it.

        Usually a block was being written when the process was killed. It was not acknowledged,
        so the broker sends its messages again.
        """
        kept = self._path(segment).with_suffix(".damaged")
        with contextlib.suppress(FileExistsError):
            kept.hardlink_to(self._path(segment))
        log.warning("the end of a journal's segment is left out", file=str(kept), offset=offset)


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder survive the loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
