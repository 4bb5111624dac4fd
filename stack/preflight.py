"""What is checked before anything starts, and by ``doctor``: ports, disk and clock."""

from __future__ import annotations

import errno
import shutil
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from stack.errors import PortTakenError, StackError
from stack.settings import PREFIX, Settings

NEEDED_BYTES = 500 * 1024**2
# A clock that shows an earlier day is wrong: this version did not exist.
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)


def require(settings: Settings) -> None:
    """Refuse to start where it cannot go well.

    Raises:
        StackError: names what is in the way and how to mend it.
    """
    require_clock()
    require_disk(settings.home)
    for name in settings.ports():
        require_port(settings, name)
    for port in settings.worker_ports():
        require_port(settings, "ingest_port", port)


def require_port(settings: Settings, name: str, port: int | None = None) -> None:
    """Refuse a port that is taken.

    Args:
        settings: of the platform.
        name: the setting that chooses the port.
        port: where it is not the setting's own, but follows it.
    """
    port = port or int(getattr(settings, name))
    try:
        bind(address_of(settings, name), port)
    except PermissionError:
        raise StackError(
            f"port {port} may be opened only by root: {how_to_choose(name)} above 1023"
        ) from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise StackError(
                f"this machine has no address {address_of(settings, name)} ({error.strerror}): "
                f"set {PREFIX}LISTEN to one that it has"
            ) from None
        raise PortTakenError(
            f"port {port} is taken{holder_of(port)}: end that program, or {how_to_choose(name)}"
        ) from None


def address_of(settings: Settings, name: str) -> str:
    """Where the port is opened: database and metrics are for this machine alone."""
    private = ("database_port", "registry_port", "ingest_port")
    return "127.0.0.1" if name in private else str(settings.listen)


def how_to_choose(name: str) -> str:
    """The two ways of setting another port."""
    return f"choose another with --{name.replace('_', '-')} or {PREFIX}{name.upper()}"


def bind(address: str, port: int) -> None:
    """Open the port as a server does, and close it again."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen(1)


def holder_of(port: int) -> str:
    """`` by NAME (process N)`` where the system tells."""
    try:
        for connection in psutil.net_connections("tcp"):
            local = tuple(connection.laddr)
            if connection.status == psutil.CONN_LISTEN and local[1:2] == (port,):
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        return ""
    return ""


def free_bytes(folder: Path) -> int:
    """Room on the disk of ``folder``, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_disk(folder: Path) -> None:
    """Refuse a disk that is nearly full: the database stops for good when it is."""
    free = free_bytes(folder)
    if free < NEEDED_BYTES:
        raise StackError(
            f"{folder} has only {free >> 20} MB free, {NEEDED_BYTES >> 20} MB are needed: "
            f"make room, or set {PREFIX}HOME to a folder on another disk"
        )


def require_clock() -> None:
    """Refuse a clock that is years behind: every reading would be stored in the wrong place."""
    now = datetime.fromtimestamp(time.time(), UTC)
    if now < RELEASED:
        raise StackError(
            f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC, which is before this version was "
            "made: set it (`sudo timedatectl set-ntp true`) and run this again"
        )
