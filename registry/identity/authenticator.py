"""Codes of authenticator apps (RFC 6238), and recovery codes for who has lost the app."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from registry.http.problems import ConflictError
from registry.settings import Settings
from storage import authenticators
from storage.accounts import hash_token
from storage.rows import Connection

STEP_SECONDS = 30
# A code counts half a minute before and after its time: clocks differ, people are slow.
DRIFT = (0, -1, 1)
RECOVERY_CODES = 10


def cipher(settings: Settings) -> Fernet:
    """What keeps secrets safe in the database.

    Raises:
        ConflictError: the platform was given no key for it.
    """
    if settings.identity_key is None:
        raise ConflictError("this platform has no key for secrets: its operator sets IDENTITY_KEY")
    return cipher_of(settings.identity_key)


def cipher_of(identity_key: SecretStr) -> Fernet:
    """What opens and closes secrets in the database, by the platform's key."""
    key = hashlib.sha256(identity_key.get_secret_value().encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


async def takes(connection: Connection, cipher: Fernet, user_id: int, code: str) -> bool:
    """Whether the code is one of the user's app or a recovery code; it is used up by that."""
    code = code.replace(" ", "").replace("-", "").lower()
    if not code.isdecimal():
        return await authenticators.take_recovery_code(connection, user_id, hash_token(code))
    step = await step_of(connection, cipher, user_id, code)
    return step is not None and await authenticators.take_step(connection, user_id, step)


async def step_of(connection: Connection, cipher: Fernet, user_id: int, code: str) -> int | None:
    """The time step of a code of the user's app; None where it is not one of about now."""
    row = await authenticators.authenticator(connection, user_id)
    if row is None:
        return None
    try:
        app = pyotp.TOTP(cipher.decrypt(row["secret"]).decode())
    except InvalidToken as error:
        raise ConflictError(
            "the platform's key for authenticator apps was changed: an administrator removes yours"
        ) from error
    now = int(time.time()) // STEP_SECONDS
    return next((now + d for d in DRIFT if matches(app, now + d, code)), None)


def matches(app: pyotp.TOTP, step: int, code: str) -> bool:
    """Whether the code is the app's at the time step."""
    return hmac.compare_digest(app.generate_otp(step).encode(), code.encode())


def new_recovery_codes() -> list[str]:
    """Codes of 80 random bits, in groups that people can copy."""
    texts = (base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES))
    return ["-".join(text.lower()[i : i + 4] for i in range(0, 16, 4)) for text in texts]
