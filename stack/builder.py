"""Building the private tree of Debian packages: apt fetches and verifies, tar unpacks.

Nothing here needs to be root, and no package's own scripts are run: the tree needs two accounts
and the linker's cache, which are made here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from stack import namespace
from stack.errors import RuntimeUnavailableError
from stack.processes import bound

# Debian's testing suite: the first with Mosquitto 2.1 and TimescaleDB for PostgreSQL 18.
SUITE = "forky"
PACKAGES = (
    "postgresql-18-timescaledb", "mosquitto", "mosquitto-clients",
    "base-files", "coreutils", "dash", "util-linux",
)  # fmt: skip
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Debian keeps 30000 to 59999 free of accounts, so these collide with none of the machine's.
POSTGRES_ID, MOSQUITTO_ID = 39901, 39902
NEEDED_BYTES = 600 * 1024**2
OTHERWISE = "or use `docker compose up`"

Progress = Callable[[str], None]


def build(tree: Path, progress: Progress, mirror: str | None = None) -> None:
    """Build the tree beside its place and move it there only when it is whole.

    Args:
        tree: where it will be; does not exist.
        progress: told in a few words what is being done.
        mirror: Debian archive to take; by default that of the machine's own apt.

    Raises:
        RuntimeUnavailableError: with the one sentence that says how to mend it.
    """
    require_machine(tree.parent)
    partial = tree.with_name("runtime.partial")
    shutil.rmtree(partial, ignore_errors=True)
    root, apt = partial / "root", partial / "apt"
    root.mkdir(parents=True)
    packages = download(apt, mirror or debian_mirror(), progress)
    for done, package in enumerate(packages, start=1):
        progress(f"unpacking {done} of {len(packages)}")
        unpack(package, root)
    furnish(root)
    root.rename(tree)
    shutil.rmtree(partial)


def require_machine(folder: Path) -> None:
    """Refuse early what would fail late."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise RuntimeUnavailableError(
            "this machine has no Mosquitto 2.1+ and PostgreSQL 17+ with TimescaleDB, and is no "
            f"Debian on which they could be fetched: install them, {OTHERWISE}"
        )
    if not namespace.available():
        raise RuntimeUnavailableError(
            "this kernel does not let an ordinary user have namespaces: install Mosquitto 2.1+ and "
            f"PostgreSQL 17+ with TimescaleDB, run this as root, {OTHERWISE}"
        )
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise RuntimeUnavailableError(
            f"building the runtime needs {NEEDED_BYTES >> 20} MB, but {folder} has only "
            f"{free >> 20} MB free: make room, or set TECHNOPARK_HOME to a folder elsewhere"
        )


def download(folder: Path, mirror: str, progress: Progress) -> list[Path]:
    """Fetch the packages and all that they need, with signatures verified by apt."""
    (folder / "lists/partial").mkdir(parents=True)
    (folder / "archives/partial").mkdir(parents=True)
    (folder / "status").touch()
    signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    (folder / "sources.list").write_text(f"deb {signed}{mirror} {SUITE} main\n")
    (folder / "apt.conf").write_text(apt_configuration(folder))
    progress(f"reading the package lists of Debian {SUITE}")
    for _ in apt_get(["update"], folder):
        pass
    total = "?"
    for line in apt_get(["install", "--yes", "--download-only", *PACKAGES], folder):
        if found := re.search(r"(\d+) newly installed", line):
            total = found[1]
        elif found := re.match(r"Get:(\d+) ", line):
            progress(f"downloading {found[1]} of {total} packages")
    return sorted((folder / "archives").glob("*.deb"))


def apt_configuration(folder: Path) -> str:
    """An apt of its own, that neither reads nor changes the machine's."""
    return f"""\
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}";
Dir::Log "{folder}";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Debug::NoLocking "true";
"""


def apt_get(arguments: list[str], folder: Path) -> Iterator[str]:
    """Run apt-get; the lines that it writes, as they come."""
    environment = {**system_environment(), "APT_CONFIG": str(folder / "apt.conf")}
    with subprocess.Popen(
        bound(["apt-get", "--quiet", *arguments]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        reason = "it gave no reason"
        for line in process.stdout or ():
            if line.startswith(("E: ", "W: ")) and reason == "it gave no reason":
                reason = line[3:].strip()
            yield line
    if process.returncode != 0:
        raise RuntimeUnavailableError(
            f"the packages of the runtime could not be fetched ({reason}): check the network to "
            f"your Debian mirror and run this again, {OTHERWISE}"
        )


def system_environment() -> Mapping[str, str]:
    """What Debian's programs are given: their messages in English, the way out by proxy."""
    kept = ("http_proxy", "https_proxy", "no_proxy")
    proxies = {name: os.environ[name] for name in kept if name in os.environ}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **proxies}


def unpack(package: Path, root: Path) -> None:
    """Put the files of a package into the tree: ours, none setuid, without its documentation."""
    tar = ["tar", "--extract", "--directory", str(root), "--no-same-owner", "--no-same-permissions"]
    tar += [f"--exclude=./usr/share/{name}" for name in ("doc", "man", "locale")]
    with subprocess.Popen(
        bound(["dpkg-deb", "--fsys-tarfile", package]), stdout=subprocess.PIPE
    ) as archive:
        result = subprocess.run(
            bound(tar), stdin=archive.stdout, capture_output=True, text=True, check=False
        )
    if result.returncode != 0 or archive.returncode != 0:
        raise RuntimeUnavailableError(
            f"{package.name} could not be unpacked ({result.stderr.strip()}): "
            "check the disk and run this again"
        )


def furnish(root: Path) -> None:
    """What the packages' own scripts would have made, as far as our programs need it."""
    for name in ("dev", "proc", "mnt", "tmp"):
        (root / name).mkdir(exist_ok=True)
    root_user = os.geteuid() == 0
    ids = {
        "postgres": POSTGRES_ID if root_user else os.geteuid(),
        "mosquitto": MOSQUITTO_ID if root_user else os.geteuid(),
    }
    accounts = "".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in ids.items())
    groups = "".join(f"{name}:x:{uid}:\n" for name, uid in ids.items())
    (root / "etc/passwd").write_text(f"root:x:0:0::/:/bin/sh\n{accounts}")
    (root / "etc/group").write_text(f"root:x:0:\n{groups}")
    linker = namespace.enter(root, root.parent, bound(["/usr/sbin/ldconfig"]))
    subprocess.run(linker, check=True, capture_output=True, env=system_environment())


def debian_mirror() -> str:
    """The archive that this machine's own apt uses.

    Raises:
        RuntimeUnavailableError: its sources name no Debian archive.
    """
    release = Path("/etc/os-release").read_text()
    codename = re.search(r"^VERSION_CODENAME=(\S+)", release, re.MULTILINE)
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"],
        capture_output=True, text=True, check=True, env=system_environment(),
    ).stdout  # fmt: skip
    for line in listing.splitlines():
        uri, suite, component = line.split()
        if codename and suite == codename[1] and component == "main" and "debian" in uri:
            return uri
    raise RuntimeUnavailableError(
        "apt's sources name no Debian archive: set TECHNOPARK_DEBIAN_MIRROR to one, install "
        f"Mosquitto 2.1+ and PostgreSQL 17+ with TimescaleDB, {OTHERWISE}"
    )
