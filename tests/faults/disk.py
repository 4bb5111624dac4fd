"""A small disk for the database, which can be filled without harm to anything else.

It is a tmpfs in the mount namespace of the trial: nobody else sees it, and it goes with the trial.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack import credentials, database, runtime
from stack.home import Home

# What the database takes at its beginning, with its WAL, and what a run adds.
FIRST_MEBIBYTES, RUN_MEBIBYTES = 320, 2
SMALL_WAL = "max_wal_size = '128MB'\nmin_wal_size = '64MB'\n"
# As PostgreSQL writes it into its log.
NO_SPACE = b"No space left on device"


@dataclass
class Disk:
    """The disk of one trial; ``make`` first.

    Attributes:
        home: the platform's folder.
        runs: of the trial, which the disk has to hold.
    """

    home: Path
    runs: int

    @property
    def folder(self) -> Path:
        """The database's, where the disk is mounted."""
        return Home(self.home).postgres

    def make(self) -> None:
        """Create the database's cluster on it, for a platform that has not been started yet."""
        programs = runtime.ensure(self.home)
        database.create(programs, self.folder, credentials.load(Home(self.home)).database)
        with (self.folder / "postgresql.conf").open("a") as configuration:
            configuration.write(SMALL_WAL)
        created = self.folder.rename(self.home / "postgres-created")
        self.folder.mkdir()
        size = FIRST_MEBIBYTES + RUN_MEBIBYTES * self.runs
        run("mount", "-t", "tmpfs", "-o", f"size={size}m", "faults", self.folder)
        run("cp", "--archive", f"{created}/.", self.folder)
        shutil.rmtree(created)

    def remove(self, *, keep: bool) -> None:
        """Unmount it, if it was made.

        Args:
            keep: the database's files are moved to where the disk was.
        """
        if not self.folder.is_mount():
            return
        kept = self.home / "postgres-kept"
        if keep:
            run("cp", "--archive", self.folder, kept)
        run("umount", self.folder)
        if keep:
            self.folder.rmdir()
            kept.rename(self.folder)

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Leave not a byte of room."""
        ballast = self.folder / "ballast"
        try:
            fill(ballast)
            yield
        finally:
            ballast.unlink(missing_ok=True)


def fill(ballast: Path) -> None:
    """Let a file grow until nothing more fits."""
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        # The small pieces take what is too small for a large one.
        for piece in (bytes(1 << 20), bytes(1 << 12)):
            write_until_full(file, piece)
    finally:
        os.close(file)


def write_until_full(file: int, piece: bytes) -> None:
    try:
        while True:
            os.write(file, piece)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def run(*command: str | Path) -> None:
    # An ordinary user's PATH may not have mount.
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env={"PATH": path})
