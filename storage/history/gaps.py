"""What stands in the buckets in which there are no readings."""

from __future__ import annotations

from typing import Literal

import numpy as np

from storage.history.columns import Times, Values

# none: no bucket at all. null: no value.
Fill = Literal["none", "null", "previous", "linear"]


def filled(ts: Times, values: Values, fill: Fill) -> Values:
    """A column with its gaps filled: with the value before, or on the line between two values.

    Args:
        ts: (n,), the buckets' beginnings.
        values: (n,), NaN where there is none.
        fill: how.

    Returns:
        (n,); what is before the first value, or for a line after the last, stays NaN.
    """
    known = np.flatnonzero(~np.isnan(values))
    if fill in ("none", "null") or not len(known):
        return values
    if fill == "previous":
        before = np.searchsorted(known, np.arange(len(values)), "right") - 1
        return np.where(before < 0, np.nan, values[known[before]])
    return np.interp(ts, ts[known], values[known], left=np.nan, right=np.nan)
