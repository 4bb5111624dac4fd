"""The stages of a device's life, and the moves from one to another."""

from __future__ import annotations

from typing import Literal

from registry.http.problems import ConflictError, in_body

Stage = Literal["prototype", "pilot", "production", "retired"]
ServingStage = Literal["prototype", "pilot", "production"]
# One step forward or back. Every stage also leads to retired, by retiring the device; from there
# no way leads back.
MOVES: dict[Stage, tuple[Stage, ...]] = {
    "prototype": ("pilot",),
    "pilot": ("prototype", "production"),
    "production": ("pilot",),
    "retired": (),
}


def require_move(old: Stage, new: Stage) -> None:
    """Return only if a device may go from one stage to the other; staying is no move.

    Raises:
        ConflictError: it may not; the sentence names where it may go.
    """
    if new == old or new in MOVES[old]:
        return
    if old == "retired":
        sentence = "this device is retired, and stays so"
    else:
        ways = " or ".join(MOVES[old])
        sentence = f"from {old} a device goes to {ways}, or is retired: not to {new}"
    raise ConflictError(sentence, [in_body("stage", sentence)])
