"""The programs that the platform stands on: Mosquitto and PostgreSQL with TimescaleDB.

They are taken from the machine where it has them in recent versions. Otherwise a private tree of
Debian packages is built once under the platform's home; its programs run in it by chroot, inside
a mount namespace of their own, so nothing is installed into the machine and nothing stays mounted.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

POSTGRES_MINIMUM = 17
MOSQUITTO_MINIMUM = (2, 1)

# Debian's testing suite: the first with Mosquitto 2.1 and TimescaleDB for PostgreSQL 18.
SUITE = "forky"
PACKAGES = ("postgresql-18-timescaledb", "mosquitto", "mosquitto-clients")
# Where the home folder appears to programs that run inside a namespace. It exists on every
# system, is empty by convention, and does not depend on who may traverse the real path.
INSIDE_HOME = Path("/mnt")


class RuntimeUnavailableError(Exception):
    """The programs are neither installed nor can they be built here."""


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
        return INSIDE_HOME / path.relative_to(self.home) if self.isolated else path

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
        """The command line that runs ``argv`` as ``account``, and ends it with its parent.

        The process started is the program itself: every wrapper is replaced by exec, so its
        process id takes the signals. ``death_signal`` is what the kernel sends when the parent
        is gone, however it went.
        """
        last = ["setpriv", "--pdeathsig", death_signal]
        if os.geteuid() == 0:
            uid, gid = self.owner(account)
            last += ["--reuid", str(uid), "--regid", str(gid), "--clear-groups"]
        last += [str(part) for part in argv]
        if not self.isolated:
            return last
        enter = ["unshare", "--mount", "--propagation", "private"]
        if os.geteuid() != 0:
            enter += ["--map-current-user", "--keep-caps"]
        script = 'mount --rbind "$2" "$1/mnt"; '
        if self.root != Path("/"):
            script += 'mount --rbind /dev "$1/dev"; mount --rbind /proc "$1/proc"; '
        script += 'root=$1; shift 2; exec chroot "$root" "$@"'
        return [*enter, "sh", "-ec", script, "sh", str(self.root), str(self.home), *last]

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


def find(home: Path, root: Path = Path("/")) -> Runtime | None:
    """The runtime that ``root`` holds, or None where a program is missing or too old."""
    postgres = newest_postgres(root)
    mosquitto = next(
        (p for p in ("usr/sbin/mosquitto", "usr/local/sbin/mosquitto") if (root / p).exists()), None
    )
    plugins = next(
        (found.parent for found in root.glob("usr/lib/**/mosquitto_persist_sqlite.so")), None
    )
    if postgres is None or mosquitto is None or plugins is None:
        return None
    runtime = Runtime(
        root=root,
        postgres_bin=Path("/") / postgres.relative_to(root),
        mosquitto=Path("/") / mosquitto,
        plugins=Path("/") / plugins.relative_to(root),
        home=home,
        isolated=root != Path("/") or os.geteuid() == 0,
    )
    return runtime if mosquitto_version(runtime) >= MOSQUITTO_MINIMUM else None


def newest_postgres(root: Path) -> Path | None:
    """The program folder of the newest PostgreSQL under ``root`` that has TimescaleDB."""
    versions = [
        (int(folder.name), folder / "bin")
        for folder in root.glob("usr/lib/postgresql/*")
        if folder.name.isdecimal()
        and (folder / "bin/postgres").exists()
        and (folder / "lib/timescaledb.so").exists()
    ]
    usable = [pair for pair in versions if pair[0] >= POSTGRES_MINIMUM]
    return max(usable)[1] if usable else None


def mosquitto_version(runtime: Runtime) -> tuple[int, ...]:
    """The broker's version, (0,) where it does not tell."""
    result = subprocess.run(
        runtime.command([runtime.mosquitto, "-h"], account="mosquitto"),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    found = re.search(r"mosquitto version (\d+(?:\.\d+)+)", result.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else (0,)


def ensure(home: Path, progress: Callable[[str], None] = lambda _: None) -> Runtime:
    """The machine's own programs, else the private tree, built now if it has to be.

    Args:
        home: the platform's folder; the tree is ``home/runtime``.
        progress: told in a few words what is being done.

    Raises:
        RuntimeUnavailableError: with the one sentence that says what to install.
    """
    home.mkdir(parents=True, exist_ok=True)
    # The accounts of the database and the broker pass through it to their own folders.
    home.chmod(0o711)
    tree = home / "runtime"
    if system := find(home):
        return system
    # One process builds; the others wait here and find the finished tree.
    with FileLock(home / "runtime.lock"):
        if not tree.exists():
            build(tree, progress)
    runtime = find(home, tree)
    if runtime is None:
        raise RuntimeUnavailableError(
            f"the runtime in {tree} is too old or damaged: remove that folder and run this again"
        )
    return runtime


def build(tree: Path, progress: Callable[[str], None]) -> None:
    """Build the private tree beside its place and move it there only when it is whole."""
    mirror = debian_mirror()
    require_mmdebstrap(progress)
    partial = tree.with_name("runtime.partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [
        "mmdebstrap", "--variant=apt", f"--include={','.join(PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Check-Valid-Until "false"',
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        SUITE, str(partial), f"deb {mirror} {SUITE} main",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        words = list(told(process.stderr or iter(()), progress))
    if process.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        reason = next((w for w in reversed(words) if w.startswith("E: ")), "E: it failed")
        raise RuntimeUnavailableError(
            f"the private runtime could not be built ({reason[3:]}): check the network to your "
            "Debian mirror and run this again, or use `docker compose up`"
        )
    partial.rename(tree)


def told(lines: Iterator[str], progress: Callable[[str], None]) -> Iterator[str]:
    """Pass the builder's informative lines on to ``progress``, and return every line."""
    for line in lines:
        text = line.strip()
        if text.startswith("I: "):
            progress(text[3:])
        yield text


def debian_mirror() -> str:
    """The archive that this machine's own apt uses.

    Raises:
        RuntimeUnavailableError: this is no Debian with apt.
    """
    if shutil.which("apt-get") is None:
        raise RuntimeUnavailableError(INSTALL_HINT)
    codename = re.search(
        r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.MULTILINE
    )
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for line in listing.splitlines():
        uri, release, component = line.split()
        if codename and release == codename[1] and component == "main" and "debian" in uri:
            return uri
    raise RuntimeUnavailableError(INSTALL_HINT)


INSTALL_HINT = (
    "this machine has no Mosquitto 2.1+ and PostgreSQL 17+ with TimescaleDB, and is no Debian on "
    "which they could be built: install them, or use `docker compose up`"
)


def require_mmdebstrap(progress: Callable[[str], None]) -> None:
    """Install the builder where it is missing and that is allowed."""
    if shutil.which("mmdebstrap"):
        return
    if os.geteuid() != 0:
        raise RuntimeUnavailableError(
            "building the private runtime needs mmdebstrap: "
            "run `sudo apt-get install mmdebstrap uidmap`, or use `docker compose up`"
        )
    progress("installing mmdebstrap")
    for step in (["update"], ["install", "--yes", "--no-install-recommends", "mmdebstrap"]):
        result = subprocess.run(
            ["apt-get", "--quiet", *step], capture_output=True, text=True, check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RuntimeUnavailableError(
            f"mmdebstrap could not be installed ({last}): check the network and run this again"
        )


def account_name() -> str:
    """The name of the user who runs this, for messages."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


if __name__ == "__main__":
    found = ensure(Path(sys.argv[1]), lambda text: print(text, file=sys.stderr))  # noqa: T201
    print(found)  # noqa: T201
