"""What was acknowledged, on disk: a line for each message, appended after its acknowledgement."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

# Device → number of the message → hash of its payload.
Entries = dict[str, dict[int, str]]


class Ledger:
    """The file, open for appending."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, device: str, number: int, digest: str, at: float) -> None:
        """Append a line at once: a process that is killed afterwards takes nothing with it."""
        line = {"device": device, "number": number, "hash": digest, "at": round(at, 6)}
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> Entries:
    """All entries of a ledger."""
    entries: Entries = defaultdict(dict)
    with path.open() as lines:
        for line in lines:
            entry = json.loads(line)
            entries[entry["device"]][entry["number"]] = entry["hash"]
    return dict(entries)
