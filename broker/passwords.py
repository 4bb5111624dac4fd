"""Device secrets, and the broker's password file that is made of their hashes.

The file format is Mosquitto's: ``user:$7$iterations$salt$digest``, PBKDF2 with SHA-512, base64.
Mosquitto 2.1.2 accepts salts of 12 and of 64 bytes and no other length (measured).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import signal
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

SECRET_PREFIX = "tpd_"  # noqa: S105
# A secret is 192 random bits, so guessing is hopeless at any speed and one iteration is enough:
# at every reload the broker hashes the password of every connected client again.
ITERATIONS = 1
SALT_BYTES = 12
DIGEST_BYTES = 64
HASH = re.compile(r"\$7\$(\d+)\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
# Internal users of the broker begin with "_", which no device id can.
USER = re.compile(r"_?[a-z0-9][a-z0-9-]{1,62}")


class PasswordFileError(ValueError):
    """An entry would make the broker refuse its password file, and stop."""


def new_secret() -> str:
    """A device secret of 192 random bits: ``tpd_`` and 32 characters."""
    return SECRET_PREFIX + secrets.token_urlsafe(24)


def hash_secret(secret: str) -> str:
    """The only form in which a secret is stored."""
    salt = os.urandom(SALT_BYTES)
    digest = derive(secret, salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def verify_secret(secret: str, hashed: str) -> bool:
    """Whether ``hashed`` was made of ``secret``. False for a malformed hash."""
    found = HASH.fullmatch(hashed)
    if found is None:
        return False
    salt, digest = base64.b64decode(found[2]), base64.b64decode(found[3])
    return hmac.compare_digest(derive(secret, salt, int(found[1])), digest)


def derive(secret: str, salt: bytes, iterations: int) -> bytes:
    """PBKDF2-HMAC-SHA512, 64 bytes."""
    return hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, iterations)


def render(entries: Iterable[tuple[str, str]]) -> str:
    """The text of a password file.

    Args:
        entries: user name and hash, each user once.

    Raises:
        PasswordFileError: with the user whose entry the broker would not accept. The broker ends
            itself over one malformed line, so none may pass.
    """
    lines: dict[str, str] = {}
    for user, hashed in entries:
        if not USER.fullmatch(user):
            raise PasswordFileError(f"{user!r} is no user name for the broker")
        if user in lines:
            raise PasswordFileError(f"{user!r} has two entries")
        if not well_formed(hashed):
            raise PasswordFileError(f"the hash of {user!r} is malformed")
        lines[user] = f"{user}:{hashed}\n"
    return "".join(lines.values())


def well_formed(hashed: str) -> bool:
    """Whether Mosquitto can decode the hash."""
    found = HASH.fullmatch(hashed)
    try:
        return (
            found is not None
            and int(found[1]) > 0
            and len(base64.b64decode(found[2], validate=True)) == SALT_BYTES
            and len(base64.b64decode(found[3], validate=True)) == DIGEST_BYTES
        )
    except binascii.Error:
        return False


def replace(path: Path, text: str, owner: tuple[int, int] | None = None) -> bool:
    """Put ``text`` in the place of the file at once, readable by its owner alone.

    Args:
        path: the password file.
        text: from ``render``.
        owner: user and group id of the broker; by default those of the folder's owner.

    Returns:
        Whether the contents changed.
    """
    if path.exists() and path.read_text() == text:
        return False
    folder = path.parent.stat()
    uid, gid = owner or (folder.st_uid, folder.st_gid)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".passwords-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            if (uid, gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), uid, gid)
        Path(temporary).rename(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def reload(pid_file: Path) -> bool:
    """Tell the broker to read its files again.

    Returns:
        Whether it was told. One that starts, or does not run, is not; whoever connects to it
        afterwards knows that it is there to be told.
    """
    try:
        process_id = int(pid_file.read_text())
        status = Path(f"/proc/{process_id}/status").read_text()
        # After a crash the id may be another process's; and Mosquitto writes it long before it
        # handles the signal, which would end it until then.
        ready = status.startswith("Name:\tmosquitto\n") and catches(status, signal.SIGHUP)
        if ready:
            os.kill(process_id, signal.SIGHUP)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    return ready


def catches(status: str, number: signal.Signals) -> bool:
    """Whether a process, by its ``/proc/…/status``, has a handler for a signal."""
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def internal_entries(passwords: Mapping[str, str]) -> list[tuple[str, str]]:
    """The entries of the platform's own users, from their names and passwords."""
    return [(user, hash_secret(password)) for user, password in passwords.items()]
