"""The target of atheris: one input is one message. Run by ``python -m tests.fuzz``."""

from __future__ import annotations

import sys

import atheris

# Only this is instrumented: what the coverage counts are branches of the decoder.
with atheris.instrument_imports(include=["broker.payloads"]):
    from tests.fuzz.invariants import check, check_facts
    from tests.fuzz.seeds import FACTS, TYPES

NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


def one_input(data: bytes) -> None:
    """Decode an input: its first byte is the content type, the rest is the payload.

    Raises:
        InventedError: the decoder breaks a rule; any other exception is the decoder's own.
    """
    if not data:
        return
    kind = data[0] % (len(TYPES) + 1)
    if kind == FACTS:
        check_facts(data[1:])
    else:
        check(TYPES[kind], data[1:], NOW)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
