"""Passwords: which ones are too weak, and Argon2id without letting a flood take the memory."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable
from typing import Annotated, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import AfterValidator, Field, SecretStr

from registry.http.problems import UnavailableError

MIN_LENGTH, MAX_LENGTH, MIN_DISTINCT = 12, 128, 5
# How people disguise letters.
LETTERS_FOR = str.maketrans("013457@$", "oleastas")
# What is left of common passwords without digits and signs. Shorter words come repeated.
COMMON = frozenset(
    """
    abc abcd abcdef abcdefgh abcdefghijkl admin administrator asdf asdfgh asdfghjkl baseball
    changeit changeme default dragon football geheim hello iloveyou letmein login master monkey
    pass passphrase passwd password passwort princess qazwsxedc qwert qwerty qwertyuiop
    qwertzuiop secret senha starwars sunshine superman technopark test trustno user welcome
    whatever willkommen zxcvbnm
    """.split()  # noqa: SIM905 - so it is read
)
# OWASP's Password Storage Cheat Sheet, the first choice of m=19456 (19 MiB), t=2, p=1.
ARGON2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
AT_ONCE, WAITING = 2, 32
# For a user who does not exist as much is computed as for one who does.
NOBODY = ARGON2.hash(secrets.token_urlsafe())

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


def strong(password: SecretStr) -> SecretStr:
    """Refuse what is guessed first."""
    text = password.get_secret_value().casefold()
    words = {word_of(text), word_of(text.translate(LETTERS_FOR))}
    if "" in words or words & COMMON or len(set(text)) < MIN_DISTINCT:
        raise ValueError("this password is too common: choose another, for example four words")
    return password


def word_of(text: str) -> str:
    """The letters alone, and once where they are the same again and again."""
    letters = re.sub(r"[\W\d_]", "", text)
    return re.sub(r"^(.+?)\1+$", r"\1", letters)


NewPassword = Annotated[
    SecretStr,
    Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH),
    AfterValidator(strong),
]
KnownPassword = Annotated[SecretStr, Field(max_length=MAX_LENGTH)]


class Hasher:
    """Argon2id in threads: two at a time, a few that wait, the others are sent away."""

    def __init__(self) -> None:
        self.limiter, self.asked = CapacityLimiter(AT_ONCE), 0

    async def hash(self, password: SecretStr) -> str:
        """What is stored of a password.

        Raises:
            UnavailableError: too many wait already.
        """
        return await self.run(ARGON2.hash, normal(password))

    async def matches(self, hashed: str | None, password: SecretStr) -> bool:
        """Whether the password is the one that was hashed; never where there is none.

        Raises:
            UnavailableError: too many wait already.
        """
        return await self.run(verify, hashed or NOBODY, normal(password))

    async def run(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Do the work in a thread when its turn comes."""
        if self.asked >= AT_ONCE + WAITING:
            raise UnavailableError("too many people sign in at this moment: try again soon")
        self.asked += 1
        try:
            return await to_thread.run_sync(work, *arguments, limiter=self.limiter)
        finally:
            self.asked -= 1


def normal(password: SecretStr) -> str:
    """One spelling for what keyboards spell in several ways."""
    return unicodedata.normalize("NFKC", password.get_secret_value())


def verify(hashed: str, password: str) -> bool:
    """Whether the password is the one that was hashed."""
    try:
        return ARGON2.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(hashed: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return ARGON2.check_needs_rehash(hashed)
