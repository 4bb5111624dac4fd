"""What is wrong with the rows of a file of history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.exchange.lines import Fault

# So many faults are told one by one; the others are counted.
TOLD = 100


class Faults:
    """What is wrong with rows: the first ones in words, and all of them counted."""

    def __init__(self) -> None:
        self.told: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self.rows = 0

    def add(
        self,
        lines: NDArray[np.int64],
        column: str | None,
        reason: str,
        detail: Callable[[int], str],
    ) -> None:
        """Note rows; ``detail`` makes the sentence about one of them, by its index."""
        for index in range(min(len(lines), TOLD - len(self.told))):
            self.told.append(Fault(row=int(lines[index]), column=column, detail=detail(index)))
        self.counts[reason] += len(lines)
        self.rows += len(lines)

    def add_line(self, number: int, detail: str) -> None:
        """Note a line that has too few or too many cells."""
        self.add(np.array([number]), None, "bad-line", lambda _: detail)


def says(cells: pa.Array, wrong: NDArray[np.intp], words: str) -> Callable[[int], str]:
    """A sentence about the cell of a row."""
    return lambda index: f"{ascii(cells[int(wrong[index])].as_py())[:60]} {words}"
