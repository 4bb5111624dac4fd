"""Claim codes: short enough to be typed from a label, and safe against slips.

Crockford's Base32 (https://www.crockford.com/base32.html): 16 symbols of 5 bits, then one that
checks them. Codes whose check symbol would be none of the 32 plain ones are not used.
"""

from __future__ import annotations

import hashlib
import secrets
import textwrap
from typing import Annotated

from pydantic import AfterValidator, Field

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SYMBOLS = 16
CHECK = 37
# What people read for what was printed, and how they separate it.
TYPED = str.maketrans("OIL", "011", "- \t")
RULE = "this is no claim code: compare it with the label, one of its symbols is another"


def new_code() -> str:
    """A code of 80 random bits, in groups as it is printed."""
    while True:
        number = secrets.randbits(5 * SYMBOLS)
        if number % CHECK < len(ALPHABET):
            groups = textwrap.wrap(symbols(number), 4)
            return "-".join(groups) + ALPHABET[number % CHECK]


def symbols(number: int) -> str:
    """The number in Base32, the highest place first."""
    places = range(5 * (SYMBOLS - 1), -1, -5)
    return "".join(ALPHABET[number >> place & 31] for place in places)


def plain(typed: str) -> str:
    """The symbols of a code, whatever way it was typed.

    Raises:
        ValueError: it is none, or was mistyped.
    """
    text = typed.upper().translate(TYPED)
    if len(text) != SYMBOLS + 1 or not set(text) <= set(ALPHABET):
        raise ValueError(RULE)
    number = 0
    for symbol in text[:SYMBOLS]:
        number = number << 5 | ALPHABET.index(symbol)
    if ALPHABET.index(text[SYMBOLS]) != number % CHECK:
        raise ValueError(RULE)
    return text


def digest(code: str) -> bytes:
    """The only form in which a code is stored."""
    return hashlib.sha256(plain(code).encode()).digest()


ClaimCode = Annotated[
    str,
    Field(max_length=64, description="as it is printed; case, spaces and hyphens do not matter"),
    AfterValidator(plain),
]
