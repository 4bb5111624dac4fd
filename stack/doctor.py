"""What can be wrong on this machine, one line each, with how to mend it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psycopg

from stack import credentials, preflight, runtime, services, supervisor
from stack.errors import RuntimeUnavailableError, StackError
from stack.home import Home
from stack.settings import PREFIX, Settings

# Programs of one machine share its clock; more than this between them is a clock that jumps.
MOST_SECONDS_APART = 2.0


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: was looked at.
        good: None where it could not be tried.
        detail: what was found, and where it is bad how to mend it.
    """

    what: str
    good: bool | None
    detail: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check of the machine, in the order in which one would mend things."""
    home = Home(settings.home)
    running = home.is_held() if home.path.exists() else False
    yield check("folder", lambda: folder(home))
    yield check("disk", lambda: disk(home))
    yield check("programs", lambda: programs(home))
    if running:
        yield from map(service, home.read_record().get("services", []))
        yield check("health", lambda: health(settings))
        yield check("clock", lambda: clocks(settings, home))
    else:
        yield check("clock", lambda: clock(home.path))
        for name in settings.ports():
            yield check(name.replace("_", " "), partial(port, settings, name))


def check(what: str, look: Callable[[], str]) -> Finding:
    """What ``look`` found; an error of ours is a bad finding, in its own words."""
    try:
        return Finding(what, True, look())
    except StackError as error:
        return Finding(what, False, str(error))


def folder(home: Home) -> str:
    """Whether the folder is ours to write, and its secrets nobody else's to read."""
    place = home.path if home.path.exists() else home.path.parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise StackError(f"{place} is not yours to write: change its owner, or set {PREFIX}HOME")
    if home.secrets.exists() and home.secrets.stat().st_mode & 0o077:
        raise StackError(f"others can read the passwords: run `chmod 600 {home.secrets}`")
    return str(home.path)


def disk(home: Home) -> str:
    """Room for what comes."""
    preflight.require_disk(home.path)
    return f"{preflight.free_bytes(home.path) / 1e9:.1f} GB free"


def programs(home: Home) -> str:
    """Which broker and database are used."""
    tree = home.path / "runtime"
    if tree.exists():
        found = runtime.examine(home.path, tree)
        where = "private runtime"
    else:
        try:
            found = runtime.examine(home.path, Path("/"))
            where = "of this machine"
        except RuntimeUnavailableError as reason:
            return f"{reason}; `technopark up` will build a private runtime"
    return f"PostgreSQL {found.postgres_version()}, Mosquitto {found.mosquitto_version()}, {where}"


def port(settings: Settings, name: str) -> str:
    """Whether the port can be opened."""
    preflight.require_port(settings, name)
    return f"{getattr(settings, name)} is free"


def service(entry: dict[str, object]) -> Finding:
    """How a running platform's service is."""
    good = entry["state"] == supervisor.State.READY.value
    deaths = f", restarted {entry['deaths']} times" if entry["deaths"] else ""
    mend = "" if good else f": see `technopark logs {entry['name']}`"
    return Finding(str(entry["name"]), good, f"{entry['state']}{deaths}{mend}")


def health(settings: Settings) -> str:
    """Whether something rests although every service runs."""
    try:
        # Directly: a proxy of the environment is for other hosts.
        answer = httpx.get(f"{settings.api_url}/health/ready", timeout=3, trust_env=False)
        problems = answer.raise_for_status().json()["problems"]
    except httpx.HTTPError as error:
        raise StackError("the API is not ready: see `technopark logs registry`") from error
    if problems:
        raise StackError("; ".join(problems))
    return "nothing rests"


def clock(folder: Path) -> str:
    """Whether the clock is plausible and the file system agrees with it."""
    preflight.require_clock()
    while not folder.exists():
        folder = folder.parent
    if os.access(folder, os.W_OK):
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            require_together(Path(file.name).stat().st_mtime, "the file system")
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())


def clocks(settings: Settings, home: Home) -> str:
    """As ``clock``, and whether the database agrees too."""
    url = services.database_url(settings, credentials.load(home))
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
    except psycopg.OperationalError as error:
        raise StackError("the database does not answer: see `technopark logs postgres`") from error
    require_together(float(row[0]) if row else 0.0, "the database")
    return clock(home.path)


def require_together(other: float, whose: str) -> None:
    """Refuse two clocks that differ."""
    apart = other - time.time()
    if abs(apart) > MOST_SECONDS_APART:
        raise StackError(
            f"the clock of {whose} is {apart:+.0f} s from this machine's: set the time once "
            "(`sudo timedatectl set-ntp true`), then restart the platform"
        )
