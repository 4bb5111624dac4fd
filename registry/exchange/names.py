"""Names of devices, metrics and units in columns; in a stream of rows they are ranks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.rows import Row

TIME = pa.timestamp("us", "UTC")
WORD = pa.dictionary(pa.int32(), pa.string())


def wanted(parts: Sequence[Row], key: Sequence[str], kind: pa.DataType) -> pa.Table:
    """The parts as ``storage.streams`` takes them.

    Args:
        parts: ``key, start, end``, in the order of the file.
        key: the columns that make a thing: all parts of one have its rank.
        kind: of the column ``key``.
    """
    return pa.table(
        {
            "rank": pa.array(ranks(parts, key), pa.int32()),
            "key": pa.array([part["key"] for part in parts], kind),
            "start": pa.array([part["start"] for part in parts], TIME),
            "end": pa.array([part["end"] for part in parts], TIME),
        }
    )


def ranks(parts: Sequence[Row], key: Sequence[str]) -> list[int]:
    """The place of each part's thing among all."""
    places: dict[tuple[Any, ...], int] = {}
    return [places.setdefault(tuple(part[name] for name in key), len(places)) for part in parts]


def distinct(parts: Iterable[Row], key: Sequence[str]) -> list[Row]:
    """One part of each thing, by rank."""
    return list({tuple(part[name] for name in key): part for part in parts}.values())


def distinct_pairs(
    first: pa.DictionaryArray, second: pa.DictionaryArray
) -> tuple[list[tuple[str, str]], NDArray[np.intp]]:
    """The pairs of names in two columns, each once, and the place of each row's pair among them."""
    width = max(len(second.dictionary), 1)
    codes = first.indices.to_numpy().astype(np.int64) * width + second.indices.to_numpy()
    distinct, places = np.unique(codes, return_inverse=True)
    names = first.dictionary.to_pylist(), second.dictionary.to_pylist()
    pairs = [(names[0][code // width], names[1][code % width]) for code in distinct.tolist()]
    return pairs, places


class Names:
    """The names of things by rank, each text once.

    Args:
        texts: the name of each rank; None where it has none.
    """

    def __init__(self, texts: Sequence[str | None]) -> None:
        known: dict[str | None, int] = {}
        places = [known.setdefault(text, len(known)) for text in texts]
        self._places = np.array(places, np.int32)
        self._texts = pa.array(list(known), pa.string())

    def of(self, rank: NDArray[np.int32]) -> pa.DictionaryArray:
        """The names of rows, with a dictionary of those alone that they have."""
        places = self._places[rank]
        used = np.zeros(len(self._texts), bool)
        used[places] = True
        fewer = (np.cumsum(used) - 1).astype(np.int32)
        texts = self._texts.take(pa.array(np.flatnonzero(used)))
        if texts.null_count:
            # A null is an index that is none, not an entry of the dictionary.
            mask = ~texts.is_valid().to_numpy(zero_copy_only=False)[fewer[places]]
            indices = pa.array(fewer[places], mask=mask)
            return pa.DictionaryArray.from_arrays(indices, texts.fill_null(""))
        return pa.DictionaryArray.from_arrays(pa.array(fewer[places]), texts)
