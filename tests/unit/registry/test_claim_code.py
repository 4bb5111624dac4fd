import re
from collections.abc import Iterator

import pytest

from registry.enrolment.claim_code import ALPHABET, digest, new_code, plain
from registry.enrolment.claims import CODE
from registry.enrolment.tries import MAX_KNOWN, PERIOD_SECONDS, TooManyTriesError, Tries


def test_a_code_is_taken_however_it_is_typed() -> None:
    for _ in range(50):
        code = new_code()
        assert re.fullmatch(r"([0-9A-Z]{4}-){3}[0-9A-Z]{5}", code)
        typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
        assert digest(typed) == digest(code.replace("-", "")) == digest(code)
        assert digest(code.replace("1", "I")) == digest(code)
    assert len({new_code() for _ in range(50)}) == 50
    assert plain(CODE)


def slips(code: str) -> Iterator[str]:
    """Every code in which one symbol is another, or two neighbours have changed places."""
    for place, symbol in enumerate(code):
        yield from (
            code[:place] + other + code[place + 1 :] for other in ALPHABET.replace(symbol, "")
        )
        if code[place : place + 2] != code[place : place + 2][::-1]:
            yield code[:place] + code[place : place + 2][::-1] + code[place + 2 :]


def test_a_slip_of_the_finger_is_noticed() -> None:
    for slip in slips(plain(new_code())):
        with pytest.raises(ValueError, match="compare it with the label"):
            plain(slip)


@pytest.mark.parametrize("typed", ["", "K7QD", CODE + "0", CODE[:-1] + "U", "\0" * 17, "☀️" * 9])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="no claim code"):
        plain(typed)


def test_tries_are_allowed_again_after_a_minute() -> None:
    now = 0.0
    tries = Tries(2, lambda: now)
    for _ in range(2):
        tries.require("maria")
        tries.count("maria")
    with pytest.raises(TooManyTriesError, match="wait a minute"):
        tries.require("maria")
    tries.require("joao")
    now = PERIOD_SECONDS
    tries.require("maria")


def test_tries_are_kept_of_so_many_only() -> None:
    tries = Tries(1)
    for who in range(MAX_KNOWN + 1):
        tries.count(who)
    tries.require(0)
    with pytest.raises(TooManyTriesError):
        tries.require(1)
