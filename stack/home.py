"""The platform's folder: what is where in it, who holds it, and what ``up`` left written there."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stack import processes
from stack.errors import AlreadyRunningError


@dataclass(frozen=True)
class Home:
    """The layout. ``path`` is absolute."""

    path: Path

    @property
    def secrets(self) -> Path:
        """Passwords that the platform made for itself, 0600."""
        return self.path / "secrets.json"

    @property
    def postgres(self) -> Path:
        """The database cluster."""
        return self.path / "postgres"

    @property
    def broker(self) -> Path:
        """The broker's configuration, credentials and store."""
        return self.path / "broker"

    @property
    def journal(self) -> Path:
        """What ingest has received and not stored yet, a folder for each worker."""
        return self.path / "ingest"

    @property
    def logs(self) -> Path:
        """One file per service."""
        return self.path / "logs"

    @property
    def authority(self) -> Path:
        """The certificate that devices trust; its key, beside it, never leaves the folder."""
        return self.path / "ca.pem"

    @property
    def record(self) -> Path:
        """What runs: written by ``up``, read by ``status``, ``down`` and the next ``up``."""
        return self.path / "up.json"

    @property
    def lock(self) -> Path:
        """Held by ``up`` as long as it lives."""
        return self.path / "up.lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only ``up`` of this folder, and end what a killed one may have left.

        Raises:
            AlreadyRunningError: another has the folder.
        """
        lock = FileLock(self.lock)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = self.read_record().get("pid", "unknown")
            raise AlreadyRunningError(
                f"the platform in {self.path} is running already (process {holder}): "
                "see `technopark status`, stop it with `technopark down`"
            ) from None
        try:
            self.end_survivors()
            self.write_record({"pid": os.getpid()})
            yield
        finally:
            self.record.unlink(missing_ok=True)
            lock.release()

    def is_held(self) -> bool:
        """Whether an ``up`` works on the folder."""
        if not self.lock.exists():
            return False
        lock = FileLock(self.lock)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def end_survivors(self) -> list[int]:
        """Kill processes of an ``up`` that is gone. The kernel should have; this makes sure."""
        services = self.read_record().get("services", [])
        return processes.end(
            (service["pid"], service["started"]) for service in services if service.get("pid")
        )

    def read_record(self) -> dict[str, Any]:
        """What the last ``up`` wrote; empty where there is nothing, or nothing of use."""
        try:
            found = json.loads(self.record.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Put the record in place at once, so that nobody reads half of it."""
        replace(self.record, json.dumps(record, indent=1), mode=0o600)


def replace(path: Path, text: str, mode: int) -> None:
    """Put ``text`` in the place of the file at once, with the permissions ``mode``."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)
    Path(temporary).rename(path)
