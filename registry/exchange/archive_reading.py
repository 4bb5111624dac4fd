"""Reading an archive that somebody sends: nothing of it is believed before it was looked at.

No file of it is ever written to a disk by its own name, and none is larger than the archive itself:
tar does not compress. The tables do; a row group says before how much it takes, and is bounded.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from registry.exchange.archive_format import (
    BLOCK,
    DEVICES,
    FORMAT,
    MANIFEST,
    MODELS,
    SERIES,
    TABLES,
    TENANT,
    VERSION,
    Head,
    Manifest,
    Part,
)
from registry.exchange.parquet_files import open_parquet
from registry.http.problems import UnprocessableError

# No manifest is larger: 100 bytes a part, and a part has two million readings.
MANIFEST_BYTES = 16 << 20
SHOWN = 60


class Place(NamedTuple):
    """Where the bytes of a file are."""

    offset: int
    size: int


def refused(sentence: str) -> UnprocessableError:
    """The refusal of an archive."""
    return UnprocessableError(sentence)


@dataclass(frozen=True)
class ArchiveFile:
    """An archive whose files are there, with the sizes that its manifest gives.

    Attributes:
        path: where it is.
        manifest: of it.
        places: of its files.
    """

    path: Path
    manifest: Manifest
    places: dict[str, Place]

    @classmethod
    def open(cls, path: Path) -> ArchiveFile:
        """Look at the archive as a whole.

        Raises:
            UnprocessableError: it is none, cut off, or of a newer version.
        """
        with path.open("rb") as file:
            places = scan(file)
            if MANIFEST not in places:
                raise refused("the archive is cut off: its last file, manifest.json, is missing")
            manifest = read_manifest(file, places.pop(MANIFEST))
        for part in manifest.parts:
            if part.name not in places or places[part.name].size != part.bytes:
                raise refused(f"the archive is damaged: {part.name} is missing or cut off")
        if strange := [name for name in places if not known(name)]:
            raise refused(f"an archive has no such file: {strange[0][:SHOWN]!a}")
        if len(places) != len(manifest.parts):
            raise refused("the archive has files that its manifest does not name")
        for name in (TENANT, MODELS, DEVICES, SERIES):
            if name not in places:
                raise refused(f"the archive is damaged: {name} is missing")
        return cls(path, manifest, places)

    def verified(self) -> Iterator[int]:
        """Compare the hashes of all parts; the bytes that were compared, step by step.

        Raises:
            UnprocessableError: a part is not what it was.
        """
        for part in self.manifest.parts:
            digest = hashlib.sha256()
            for piece in self.pieces(part.name):
                digest.update(piece)
                yield len(piece)
            if digest.hexdigest() != part.sha256:
                raise refused(f"the archive is damaged: {part.name} is not as its hash says")

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, a MiB at a time."""
        place = self.places[name]
        left = place.size
        with self.path.open("rb") as file:
            file.seek(place.offset)
            while left and (piece := file.read(min(left, 1 << 20))):
                left -= len(piece)
                yield piece

    def read(self, name: str, limit: int) -> bytes:
        """A whole file, if it is no larger than the limit."""
        if self.places[name].size > limit:
            raise refused(f"{name} is larger than {limit} bytes")
        return b"".join(self.pieces(name))

    def text_lines(self, name: str, limit: int) -> Iterator[bytes]:
        """The lines of a file, none of them longer than the limit."""
        place = self.places[name]
        with self.path.open("rb") as file:
            file.seek(place.offset)
            left = place.size
            while left and (line := file.readline(min(limit, left))):
                left -= len(line)
                if not line.endswith(b"\n"):
                    raise refused(f"{name} has a line of more than {limit} bytes, or without end")
                yield line

    def table(self, name: str, schema: pa.Schema) -> pq.ParquetFile:
        """A Parquet file with these columns, read from where it is."""
        place = self.places[name]
        with pa.memory_map(str(self.path)) as mapped:
            mapped.seek(place.offset)
            source = pa.BufferReader(mapped.read_buffer(place.size))
        return open_parquet(source, name, schema)

    def tables(self) -> Iterator[tuple[str, Part]]:
        """The parts of the tables, in the order in which they are to be stored."""
        for kind in TABLES:
            for part in self.manifest.parts:
                if part.name.startswith(f"{kind}/"):
                    yield kind, part


def scan(file: BinaryIO) -> dict[str, Place]:
    """Where the files of a tar file are. Other things than files are refused, links above all."""
    places: dict[str, Place] = {}
    size = file.seek(0, 2)
    at = 0
    while at + BLOCK <= size:
        file.seek(at)
        block = file.read(BLOCK)
        if not any(block):
            return places
        try:
            head = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as error:
            raise refused("this is no archive of a tenant, or a damaged one") from error
        if not head.isreg() or head.name in places:
            raise refused(f"an archive has no such file: {head.name[:SHOWN]!a}")
        places[head.name] = Place(at + BLOCK, head.size)
        at += BLOCK + head.size + (-head.size % BLOCK)
    raise refused("this is no archive of a tenant, or it is cut off")


def known(name: str) -> bool:
    """Whether version 1 has a file of the name."""
    folder, _, file = name.rpartition("/")
    if not folder:
        return name in (MANIFEST, TENANT, MODELS, DEVICES, SERIES)
    number, _, ending = file.partition(".")
    return folder in TABLES and number.isdecimal() and ending == "parquet"


def read_manifest(file: BinaryIO, place: Place) -> Manifest:
    """The manifest, if it is one of this version."""
    if place.size > MANIFEST_BYTES:
        raise refused("the archive's manifest.json is too large")
    file.seek(place.offset)
    text = file.read(place.size)
    try:
        head = Head.model_validate_json(text)
        if head.format == FORMAT and head.version > VERSION:
            raise refused(
                f"the archive is of version {head.version}, and this platform reads up to "
                f"{VERSION}: update the platform"
            )
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise refused(f"the archive's manifest.json is not as it should be: {field}") from error
    if manifest.format != FORMAT:
        raise refused("this is no archive of a tenant")
    return manifest
