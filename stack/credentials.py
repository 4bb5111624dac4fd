"""The passwords that the platform's own programs use among themselves, made once."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, fields

from stack.errors import StackError
from stack.home import Home, replace


@dataclass(frozen=True, repr=False)
class Credentials:
    """One password for each of our own accounts. Never on a command line, never in a log."""

    database: str
    ingest: str
    registry: str
    grafana: str
    identity: str
    certificate: str


# Those that folders of older versions lack: nothing depends on them yet.
LATER = ("identity", "certificate")


def load(home: Home) -> Credentials:
    """The passwords of this folder, made at random the first time.

    Raises:
        StackError: the file is damaged. New passwords would lock us out of the database.
    """
    names = [field.name for field in fields(Credentials)]
    if not home.secrets.exists():
        write(home, Credentials(**{name: secrets.token_urlsafe(24) for name in names}))
    try:
        stored = json.loads(home.secrets.read_text())
        missing = {name: secrets.token_urlsafe(24) for name in LATER if name not in stored}
        loaded = Credentials(**{name: str((stored | missing)[name]) for name in names})
        if missing:
            write(home, loaded)
        return loaded
    except PermissionError:
        raise StackError(
            f"{home.secrets} belongs to another user: run this as the one who ran `technopark up`"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise StackError(f"{home.secrets} is damaged: restore it from a backup") from None


def write(home: Home, credentials: Credentials) -> None:
    """Keep the passwords in a file that only we can read."""
    replace(home.secrets, json.dumps(asdict(credentials), indent=1), mode=0o600)
