"""Command lines whose processes end with their parent, and how processes are told apart."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

END_SECONDS = 5.0
# The parent may be gone before the kernel was told to signal its death. Then the child has another
# parent already, sees it here, and does not become the program.
IF_PARENT_LIVES = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'


def bound(
    argv: Sequence[str | Path], *, death_signal: str = "KILL", options: Sequence[str] = ()
) -> list[str]:
    """The command line that runs ``argv`` and ends it with this process, however that ends.

    The kernel watches the thread that starts the command, so start it from one that lives as long
    as the process. Every wrapper is replaced by exec: the process started is ``argv`` itself.

    Args:
        argv: program and arguments.
        death_signal: what the kernel sends when this process is gone.
        options: more of setpriv's options, such as another user.
    """
    wrapper = ["setpriv", "--pdeathsig", death_signal, *options]
    check = ["sh", "-c", IF_PARENT_LIVES, "sh", str(os.getpid())]
    return [*wrapper, *check, *(str(part) for part in argv)]


def start_time(pid: int) -> float | None:
    """When the process started, in epoch seconds; None where there is no such process.

    A process id is given again to others; together with this it names one process for good.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def is_alive(pid: int, started: float) -> bool:
    """Whether the process that had this id at that time still runs."""
    now = start_time(pid)
    return now is not None and abs(now - started) < 1


def end(processes: Iterable[tuple[int, float]], patience: float = END_SECONDS) -> list[int]:
    """See to it that none of ``(pid, start time)`` runs any more.

    Args:
        processes: whom.
        patience: seconds in which they may end by themselves: they may have been told already.

    Returns:
        The ids of those that had to be killed.
    """
    found = [psutil.Process(pid) for pid, started in processes if is_alive(pid, started)]
    _, stubborn = psutil.wait_procs(found, timeout=patience)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience)
    return [process.pid for process in stubborn]
