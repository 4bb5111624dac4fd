"""Being asked to stop: Ctrl-C, ``technopark down``, a closed terminal."""

from __future__ import annotations

import signal
from types import TracebackType
from typing import Self


class Interruption:
    """Counts the requests to stop while it is entered; the second one means: at once."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, *_: object) -> None:
        self.count += 1

    def requested(self) -> bool:
        """Whether somebody asked."""
        return self.count > 0

    def urgent(self) -> bool:
        """Whether somebody asked again."""
        return self.count > 1
