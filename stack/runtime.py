"""The programs that the platform stands on: Mosquitto and PostgreSQL with TimescaleDB.

They are taken from the machine where it has them in recent versions. Otherwise a private tree of
Debian packages is built once under the platform's home (``stack.builder``); its programs run in it
by chroot, inside a mount namespace of their own, so nothing is installed into the machine and
nothing stays mounted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from stack import builder, namespace
from stack.errors import RuntimeUnavailableError
from stack.processes import bound

POSTGRES_MINIMUM = 17
MOSQUITTO_MINIMUM = (2, 1)

# Where Debian and others put things. Never a search of whole trees: root may be a full machine.
POSTGRES_FOLDERS = ("usr/lib/postgresql/*", "usr/pgsql-*")
MOSQUITTO_PROGRAMS = ("usr/sbin/mosquitto", "usr/local/sbin/mosquitto")
PLUGIN_FOLDERS = ("usr/lib", "usr/lib64", "usr/lib/*", "usr/lib/*/mosquitto", "usr/local/lib")


@dataclass(frozen=True)
class Runtime:
    """Where the programs are and how they are run.

    Attributes:
        root: the file system that they see as ``/``; the machine's own, or the private tree.
        postgres_bin: folder of ``postgres`` and ``initdb``, as seen from ``root``.
        mosquitto: the broker's program, as seen from ``root``.
        plugins: folder of the broker's plugins, as seen from ``root``.
        home: the platform's folder on this machine.
        isolated: whether programs run in a namespace of their own (where ``home`` is ``/mnt``).
    """

    root: Path
    postgres_bin: Path
    mosquitto: Path
    plugins: Path
    home: Path
    isolated: bool

    def inside(self, path: Path) -> Path:
        """The name by which a program of the runtime knows ``path``, a path below ``home``."""
        return namespace.INSIDE_HOME / path.relative_to(self.home) if self.isolated else path

    def owner(self, account: str) -> tuple[int, int]:
        """User and group ids that own the files of ``account`` (``postgres``, ``mosquitto``)."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        for line in (self.root / "etc/passwd").read_text().splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == account:
                return int(uid), int(gid)
        raise RuntimeUnavailableError(f"{self.root} has no user {account!r}")

    def command(
        self, argv: Sequence[str | Path], *, account: str, death_signal: str = "KILL"
    ) -> list[str]:
        """The command line that runs ``argv`` as ``account``, and ends it with this process.

        The process started is the program itself: every wrapper is replaced by exec, so its
        process id takes the signals. ``death_signal`` is what the kernel sends when this process
        is gone, however it went.
        """
        if os.geteuid() == 0:
            uid, gid = self.owner(account)
            options = ["--reuid", str(uid), "--regid", str(gid), "--clear-groups"]
        else:
            options = namespace.dropped_capabilities() if self.isolated else []
        program = bound(argv, death_signal=death_signal, options=options)
        return namespace.enter(self.root, self.home, program) if self.isolated else program

    def run(
        self, argv: Sequence[str | Path], *, account: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the runtime to its end.

        Raises:
            subprocess.CalledProcessError: it failed; ``stderr`` has its words.
        """
        return subprocess.run(
            self.command(argv, account=account),
            check=True,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **(env or {})},
            stdin=subprocess.DEVNULL,
        )

    def postgres_version(self) -> str:
        """The server's version, such as ``18.1``."""
        words = self.run([self.postgres_bin / "postgres", "--version"], account="postgres").stdout
        return words.split()[2]

    def mosquitto_version(self) -> str:
        """The broker's version, such as ``2.1.2``; ``0`` where it does not tell."""
        result = subprocess.run(
            self.command([self.mosquitto, "-h"], account="mosquitto"),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        found = re.search(r"mosquitto version (\d+(?:\.\d+)+)", result.stdout)
        return found[1] if found else "0"


def find(home: Path, root: Path = Path("/")) -> Runtime | None:
    """The runtime that ``root`` holds, or None where a program is missing or too old."""
    try:
        return examine(home, root)
    except RuntimeUnavailableError:
        return None


def examine(home: Path, root: Path) -> Runtime:
    """The runtime that ``root`` holds.

    Raises:
        RuntimeUnavailableError: says which program is missing, or which version was found and
            which is needed.
    """
    postgres, mosquitto, plugins = newest_postgres(root), broker_program(root), broker_plugins(root)
    runtime = Runtime(
        root=root,
        postgres_bin=Path("/") / postgres.relative_to(root),
        mosquitto=Path("/") / mosquitto.relative_to(root),
        plugins=Path("/") / plugins.relative_to(root),
        home=home,
        isolated=root != Path("/") or os.geteuid() == 0,
    )
    version = runtime.mosquitto_version()
    if tuple(int(part) for part in version.split(".")) < MOSQUITTO_MINIMUM:
        raise RuntimeUnavailableError(f"Mosquitto {version} was found, 2.1 or newer is needed")
    return runtime


def newest_postgres(root: Path) -> Path:
    """The program folder of the newest PostgreSQL under ``root`` that has TimescaleDB."""
    folders = [found for pattern in POSTGRES_FOLDERS for found in root.glob(pattern)]
    versions = {
        int(number[0]): folder
        for folder in folders
        if (folder / "bin/postgres").exists() and (number := re.search(r"\d+$", folder.name))
    }
    if not versions:
        raise RuntimeUnavailableError("no PostgreSQL was found, 17 or newer is needed")
    if max(versions) < POSTGRES_MINIMUM:
        raise RuntimeUnavailableError(
            f"PostgreSQL {max(versions)} was found, {POSTGRES_MINIMUM} or newer is needed"
        )
    for version in sorted(versions, reverse=True):
        if (versions[version] / "lib/timescaledb.so").exists() and version >= POSTGRES_MINIMUM:
            return versions[version] / "bin"
    raise RuntimeUnavailableError(f"PostgreSQL {max(versions)} was found without TimescaleDB")


def broker_program(root: Path) -> Path:
    """Where Mosquitto is under ``root``."""
    for program in MOSQUITTO_PROGRAMS:
        if (root / program).exists():
            return root / program
    raise RuntimeUnavailableError("no Mosquitto was found, 2.1 or newer is needed")


def broker_plugins(root: Path) -> Path:
    """The folder of Mosquitto's plugins under ``root``. They come with 2.1, not before."""
    for pattern in PLUGIN_FOLDERS:
        for found in root.glob(f"{pattern}/mosquitto_persist_sqlite.so"):
            return found.parent
    raise RuntimeUnavailableError(
        "a Mosquitto without its persist-sqlite plugin was found, 2.1 or newer is needed"
    )


def ensure(
    home: Path, progress: Callable[[str], None] = lambda _: None, mirror: str | None = None
) -> Runtime:
    """The machine's own programs, else the private tree, built now if it has to be.

    Once a tree was built it is used for good: the data belongs to its versions.

    Args:
        home: the platform's folder; the tree is ``home/runtime``.
        progress: told in a few words what is being done.
        mirror: Debian archive to build from; by default that of the machine's own apt.

    Raises:
        RuntimeUnavailableError: with the one sentence that says what to install.
    """
    make_home(home)
    tree = home / "runtime"
    if not tree.exists():
        try:
            return examine(home, Path("/"))
        except RuntimeUnavailableError as reason:
            progress(f"{reason}; so a private runtime is built, once")
        # One process builds; the others wait here and find the finished tree.
        with taking_turns(home / "runtime.lock", progress):
            if not tree.exists():
                builder.build(tree, progress, mirror)
    try:
        return examine(home, tree)
    except RuntimeUnavailableError as reason:
        raise RuntimeUnavailableError(
            f"{tree} is of no use ({reason}): remove that folder and run this again"
        ) from None


def make_home(home: Path) -> None:
    """Create the platform's folder. The accounts of database and broker pass through it."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o711)
        mode = home.stat().st_mode
        if mode & 0o111 != 0o111:
            home.chmod(mode | 0o111)
    except OSError as error:
        raise RuntimeUnavailableError(
            f"the folder {home} cannot be used ({error.strerror}): "
            "make it yours, or set TECHNOPARK_HOME to another"
        ) from error


@contextmanager
def taking_turns(path: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock; say so when another process has it and this one has to wait."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("another process is building the runtime; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


if __name__ == "__main__":
    found = ensure(Path(sys.argv[1]), lambda text: print(text, file=sys.stderr))  # noqa: T201
    print(found)  # noqa: T201
