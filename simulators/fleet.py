"""Many devices in one thread: one selector tells which of them can go on.

There is no task, thread or client object for a device, so that one process holds ten thousand of
them and publishes what they measure. ADR 0025 has the figures of the alternatives.
"""

from __future__ import annotations

import heapq
import resource
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self

import mqtt5

from simulators.connection import Address, Connection, Login
from simulators.device import Device, Habits, LoginRefusedError, Message

ANSWER_SECONDS = 10.0
# A name is looked up again after so long.
NAME_SECONDS = 60.0
# Log-ins under way at a time: a broker's queue of new connections is short, and what does not fit
# is tried again by TCP a whole second later.
LOGINS_AT_ONCE = 64
# Files that the program needs beside the sockets.
OTHER_FILES = 64
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class TooManyDevicesError(ValueError):
    """More connections than this process may hold; the message says how many, and what helps."""


@dataclass
class Pace:
    """How well a fleet keeps its time.

    Attributes:
        lag: seconds that the last messages were produced after they were due.
        longest: the longest lag.
        missed: messages that were not produced, because they were due too long ago.
    """

    lag: float = 0.0
    longest: float = 0.0
    missed: int = 0

    def note(self, lag: float) -> None:
        """Note how late something was produced."""
        self.lag = lag
        self.longest = max(self.longest, lag)


class Fleet:
    """Devices that publish to one broker; a context manager that connects them and lets them go.

    Nothing happens but in ``turn``, which has to be called all the time.

    Args:
        address: of the broker.
        logins: the devices' names and passwords; or their secrets by id.
        attributes: what the devices tell of themselves, by id; those that are left out, nothing.
        habits: what they have in common.
        logins_at_once: how many may be logging in at a time.

    Attributes:
        devices: by id.
        pace: noted by who produces the messages.
        came: connections that were accepted, from the first on.

    Raises:
        TooManyDevicesError: this process may not open as many files.
    """

    def __init__(
        self,
        address: Address,
        logins: Iterable[Login] | Mapping[str, str],
        *,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        habits: Habits | None = None,
        logins_at_once: int = LOGINS_AT_ONCE,
    ) -> None:
        if isinstance(logins, Mapping):
            logins = [Login(device_id, secret) for device_id, secret in logins.items()]
        self.habits = habits or Habits()
        told = attributes or {}
        self.devices = {
            login.device_id: Device(login, self.habits, told.get(login.device_id, {}))
            for login in logins
        }
        require_files(len(self.devices))
        self.address = address
        self.pace = Pace()
        self.came = 0
        self._at_once = logins_at_once
        self._security = address.security()
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._queue: deque[Device] = deque(self.devices.values())
        self._logging_in: dict[Device, float] = {}
        self._target: tuple[socket.AddressFamily, tuple[str, int]] | None = None
        self._looked_up = 0.0
        self._swept = time.monotonic()
        self._dirty: dict[Device, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for device in self.devices.values():
            if device.connection is not None:
                self._close(device, None if device.online else device.trouble, with_will=True)
        self._selector.close()

    @property
    def settled(self) -> bool:
        """Whether nothing will change by waiting."""
        return all(device.settled for device in self.devices.values())

    @property
    def all_refused(self) -> bool:
        """Whether the broker serves none of the devices any more."""
        return all(device.refused is not None for device in self.devices.values())

    def offer(self, device_id: str, message: Message) -> bool:
        """Have a device publish a message; it goes out with the next turn.

        Returns:
            False where the device keeps all it can already, or was refused; it is counted.
        """
        device = self.devices[device_id]
        taken = device.offer(message)
        if taken and device.online:
            self._dirty[device] = None
        return taken

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something in a later turn."""
        due = time.monotonic() + seconds
        heapq.heappush(self._timers, (due, next(self._order), action))

    def cut(self, device_id: str, seconds: float = 0.0) -> None:
        """Take a device's connection away, as a loss of power does, and keep it away so long."""
        device = self.devices[device_id]
        device.away_until = time.monotonic() + seconds
        if device.connection is not None:
            self._close(device, "it was switched off", with_will=False)
            self._come_back(device, seconds + next(device.delays))

    def turn(self, seconds: float) -> None:
        """Do what there is to do, and wait for it no longer than so many seconds."""
        self._flush()
        now = time.monotonic()
        self._run_timers(now)
        self._log_in(now)
        if now - self._swept > self.habits.keep_alive / 8:
            self._sweep(now)
        if self._timers:
            seconds = min(seconds, self._timers[0][0] - now)
        for key, mask in self._selector.select(max(0.0, seconds)):
            self._serve(key.data, mask)
        self._flush()
        if self.habits.book is not None:
            self.habits.book.flush()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for device in dirty:
            connection = device.connection
            if connection is None:
                continue
            try:
                device.flush()
                self._watch(device, connection)
            except OSError as error:
                self._lost(device, error)

    def _run_timers(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _log_in(self, now: float) -> None:
        """Begin the connections that are due, never more than may log in at a time."""
        for device, since in list(self._logging_in.items()):
            if now - since < ANSWER_SECONDS:
                break
            self._lost(device, OSError("the broker did not answer the log-in"))
        while self._queue and len(self._logging_in) < self._at_once:
            device = self._queue.popleft()
            if device.refused is None and device.connection is None:
                self._connect(device, now)

    def _connect(self, device: Device, now: float) -> None:
        if device.away_until > now:
            self._come_back(device, device.away_until - now)
            return
        try:
            connection = Connection(
                self._find(now), device.hello(), self._security, self.address.host
            )
        except OSError as error:
            self._lost(device, error)
            return
        device.connection = connection
        self._logging_in[device] = now
        self._selector.register(connection.socket, READ | WRITE, device)

    def _find(self, now: float) -> tuple[socket.AddressFamily, tuple[str, int]]:
        if self._target is None or now - self._looked_up > NAME_SECONDS:
            address = self.address
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            family, _, _, _, place = found[0]
            self._target, self._looked_up = (family, (str(place[0]), int(place[1]))), now
        return self._target

    def _serve(self, device: Device, mask: int) -> None:
        connection = device.connection
        if connection is None:
            return  # it was lost in this very turn
        try:
            if mask & WRITE or not connection.welcome:
                if not connection.work():
                    return
                self._watch(device, connection)
            if mask & READ:
                device.take(connection, connection.receive())
                self._watch(device, connection)
        except OSError as error:
            self._lost(device, error)
        except LoginRefusedError as error:
            self._refused(device, str(error))
        else:
            if connection.welcome and self._logging_in.pop(device, None) is not None:
                self.came += 1

    def _watch(self, device: Device, connection: Connection) -> None:
        """Be told when a socket can be written, only while something waits for that."""
        key = self._selector.get_key(connection.socket)
        wanted = READ | WRITE if connection.wants_to_write else READ
        if key.events != wanted:
            self._selector.modify(connection.socket, wanted, device)

    def _sweep(self, now: float) -> None:
        """Give a sign of life where one is due, and notice where none comes."""
        self._swept, limit = now, self.habits.keep_alive
        for device in self.devices.values():
            connection = device.connection
            if connection is None or not connection.welcome:
                continue
            try:
                if now - connection.heard_at > 1.5 * limit:
                    raise OSError(f"the broker was silent for {1.5 * limit:.0f} s")
                # A broker that only takes answers nothing: so hearing counts as much as sending.
                if now - min(connection.sent_at, connection.heard_at) > limit / 2:
                    connection.send(mqtt5.PingReqPacket().write())
            except OSError as error:
                self._lost(device, error)

    def _lost(self, device: Device, error: OSError) -> None:
        """Note why a connection ended, and come back after a while."""
        said = error.strerror or str(error)
        self._close(device, f"no broker at {self.address}: {said}", with_will=False)
        device.since = None
        self._come_back(device, next(device.delays))

    def _refused(self, device: Device, reason: str) -> None:
        """Try a log-in again that was refused, as long as a new secret may be on its way."""
        connection = device.connection
        was_in = connection is not None and connection.welcome
        self._close(device, reason, with_will=False)
        left = device.patience_left(time.monotonic())
        if was_in or left <= 0:
            device.refused = reason
        else:
            self._come_back(device, min(next(device.delays), left))

    def _come_back(self, device: Device, seconds: float) -> None:
        self.after(seconds, lambda: self._queue.append(device))

    def _close(self, device: Device, reason: str | None, *, with_will: bool) -> None:
        connection = device.connection
        device.lose(reason)
        self._logging_in.pop(device, None)
        self._dirty.pop(device, None)
        if connection is not None:
            self._selector.unregister(connection.socket)
            connection.close(with_will=with_will)


def require_files(devices: int) -> None:
    """Make sure that this process may open a socket for each device.

    The soft limit is raised as far as the hard one lets it.

    Raises:
        TooManyDevicesError: that is not enough.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = devices + OTHER_FILES
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise TooManyDevicesError(
            f"{devices:,} devices need {needed:,} open files, and this process may have {hard:,} "
            f"at most: simulate fewer, or raise the limit (`ulimit -Hn {needed}` as root, or "
            "LimitNOFILE= of the service)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
