"""Starts services, waits until each answers, restarts those that die, stops all in reverse."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from stack.errors import ServiceFailedError, StopRequestedError

BACKOFF_FIRST, BACKOFF_MOST = 0.5, 8.0
# A service that lived this long starts over at the first delay.
STEADY_SECONDS = 30.0
PAUSE = 0.05
LOG_BYTES = 20 * 1024**2
LOG_LINES_SHOWN = 12


@dataclass(frozen=True)
class Service:
    """A program that the platform runs.

    Attributes:
        name: one word, also of its log.
        command: the program itself, or wrappers that exec it.
        environment: all of it; nothing is inherited.
        log: where its output is appended.
        is_ready: whether it answers; quick, never raises.
        patience: seconds until its first start counts as failed.
        stop_signal: what asks it to end.
        grace: seconds until it is killed instead.
        restarts: whether it is started again when it ends.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[], bool] = lambda: True
    patience: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    restarts: bool = True


class State(StrEnum):
    """Where a service stands."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    DONE = "done"
    ENDED = "ended"

    @property
    def is_over(self) -> bool:
        """Whether nothing more follows: it finished by itself, or was ended."""
        return self in (State.DONE, State.ENDED)


class Process(Protocol):
    """What the supervisor needs of ``subprocess.Popen``."""

    @property
    def pid(self) -> int:
        """Its id, and that of its process group."""

    def poll(self) -> int | None:
        """The exit status; None while it runs."""


@dataclass
class Child:
    """A service and its process.

    Attributes:
        failures: deaths in a row, without steady life between.
        deaths: all of them.
        retry_at: when a WAITING one is started again, by the supervisor's clock.
    """

    service: Service
    process: Process
    started_at: float
    state: State = State.STARTING
    failures: int = 0
    deaths: int = 0
    retry_at: float = 0.0


@dataclass
class Supervisor:
    """The services of one ``up``. Use it from the main thread: see ``processes.bound``.

    Attributes:
        children: by name, in the order of their start.
        on_change: called after every change of a state.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    spawn: Callable[[Service], Process] = field(default_factory=lambda: spawn)
    kill: Callable[[int, signal.Signals], None] = field(default_factory=lambda: kill_group)
    stop_requested: Callable[[], bool] = lambda: False
    on_change: Callable[[Child], None] = lambda _: None
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, service: Service) -> None:
        """Start a service and return when it answers.

        Raises:
            ServiceFailedError: it ended, or was not ready in time; with its last log lines.
            StopRequestedError: waiting for it was called off.
        """
        child = self.launch(service)
        while not service.is_ready():
            if (status := child.process.poll()) is not None:
                child.state = State.ENDED
                raise ServiceFailedError(failure(service, f"ended {describe(status)}"))
            if self.clock() - child.started_at > service.patience:
                raise ServiceFailedError(
                    failure(service, f"did not answer within {service.patience:.0f} s")
                )
            if self.stop_requested():
                raise StopRequestedError
            self.sleep(PAUSE)
        self.change(child, State.READY)

    def launch(self, service: Service) -> Child:
        """Start a service without waiting for it; ``step`` notices when it answers."""
        child = Child(service, self.spawn(service), self.clock())
        self.children[service.name] = child
        self.on_change(child)
        return child

    def step(self) -> None:
        """Look after every child once. To be called several times a second."""
        for child in self.children.values():
            if child.state is State.WAITING:
                if self.clock() >= child.retry_at:
                    self.restart(child)
            elif not child.state.is_over:
                self.check(child)

    def check(self, child: Child) -> None:
        """Notice that a running child died, answers again, or has been steady."""
        status = child.process.poll()
        if status is not None:
            self.bury(child, status)
        elif child.state is State.STARTING and child.service.is_ready():
            self.change(child, State.READY)
        elif child.failures and self.clock() - child.started_at > STEADY_SECONDS:
            child.failures = 0

    def bury(self, child: Child, status: int) -> None:
        """Decide what follows the end of a child."""
        note(child.service.log, f"{child.service.name} ended {describe(status)}")
        if not child.service.restarts:
            self.change(child, State.ENDED if status else State.DONE)
            return
        delay = min(BACKOFF_FIRST * 2**child.failures, BACKOFF_MOST)
        child.failures += 1
        child.deaths += 1
        child.retry_at = self.clock() + delay
        self.change(child, State.WAITING)

    def restart(self, child: Child) -> None:
        """Start a child that died."""
        child.process = self.spawn(child.service)
        child.started_at = self.clock()
        self.change(child, State.STARTING)

    def change(self, child: Child, state: State) -> None:
        """Set a child's state and tell."""
        child.state = state
        self.on_change(child)

    def stop(
        self, names: Sequence[str] | None = None, hurry: Callable[[], bool] | None = None
    ) -> None:
        """Stop the named children, or all, in reverse order of their start.

        Args:
            names: whom; None: all.
            hurry: asked while waiting; true ends the grace at once.
        """
        for name in reversed(list(self.children)):
            if names is None or name in names:
                self.stop_one(self.children[name], hurry or (lambda: False))

    def stop_one(self, child: Child, hurry: Callable[[], bool]) -> None:
        """Ask a child to end, wait, and kill what is left of its process group."""
        if child.process.poll() is None:
            self.kill(child.process.pid, child.service.stop_signal)
            deadline = self.clock() + child.service.grace
            while child.process.poll() is None and self.clock() < deadline and not hurry():
                self.sleep(PAUSE)
        self.kill(child.process.pid, signal.SIGKILL)
        while child.process.poll() is None:
            self.sleep(PAUSE)
        self.change(child, State.ENDED)


def spawn(service: Service) -> subprocess.Popen[bytes]:
    """Start a service's process in a session of its own, where no terminal's Ctrl-C reaches it."""
    service.log.parent.mkdir(exist_ok=True)
    keep_small(service.log)
    note(service.log, f"{service.name} starts")
    with service.log.open("ab") as log:
        return subprocess.Popen(
            service.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(service.environment),
            cwd=service.log.parent,
            start_new_session=True,
        )


def kill_group(group: int, which: signal.Signals) -> None:
    """Signal a child; SIGKILL goes to all that it has started, everything else to it alone."""
    with contextlib.suppress(ProcessLookupError):
        if which is signal.SIGKILL:
            os.killpg(group, which)
        else:
            os.kill(group, which)


def note(log: Path, text: str) -> None:
    """Put a line of the supervisor's own into a service's log."""
    with log.open("a") as file:
        file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z technopark: {text}\n")


def keep_small(log: Path) -> None:
    """Move the contents of a log that has grown large to ``NAME.log.1``.

    The file stays the same one, because a running service goes on appending to it.
    """
    if log.exists() and log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def tail(log: Path, lines: int = LOG_LINES_SHOWN) -> list[str]:
    """The last lines of a log, read from its last 64 kB."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65536))
        return file.read().decode(errors="replace").splitlines()[-lines:]


def describe(status: int) -> str:
    """An exit status in words."""
    return f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"


def failure(service: Service, what: str) -> str:
    """The message about a service that did not come up."""
    lines = "".join(f"\n  {line}" for line in tail(service.log))
    return f"{service.name} {what}. The end of its log, {service.log}:{lines}"
