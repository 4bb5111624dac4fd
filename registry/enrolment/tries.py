"""How often somebody may try in a minute. It is kept in memory: one process speaks for the API."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from http import HTTPStatus

from registry.http.problems import ProblemError

PERIOD_SECONDS = 60
MAX_KNOWN = 10_000


class TooManyTriesError(ProblemError):
    """Somebody tried too often."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    headers = {"Retry-After": str(PERIOD_SECONDS)}  # noqa: RUF012 - as in the base class


class Tries:
    """The tries of the last minute, by who tried.

    Args:
        allowed: in a minute.
        clock: seconds that only grow.
    """

    def __init__(self, allowed: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowed, self._clock = allowed, clock
        self._known: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def require(self, who: Hashable) -> None:
        """Return only if there is a try left.

        Raises:
            TooManyTriesError: there is none.
        """
        times = self._known.get(who, deque())
        while times and times[0] <= self._clock() - PERIOD_SECONDS:
            times.popleft()
        if len(times) >= self._allowed:
            raise TooManyTriesError("too many tries: wait a minute")

    def count(self, who: Hashable) -> None:
        """Note a try. Of very many who try, those are forgotten who did so longest ago."""
        self._known.setdefault(who, deque()).append(self._clock())
        self._known.move_to_end(who)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
