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


def load(home: Home) -> Credentials:
    """The passwords of this folder, made at random the first time.

    Raises:
        StackError: the file is damaged. New passwords would lock us out of the database.
    """
    names = [field.name for field in fields(Credentials)]
    if not home.secrets.exists():
        made = Credentials(**{name: secrets.token_urlsafe(24) for name in names})
        replace(home.secrets, json.dumps(asdict(made), indent=1), mode=0o600)
    try:
        stored = json.loads(home.secrets.read_text())
        return Credentials(**{name: str(stored[name]) for name in names})
    except PermissionError:
        raise StackError(
            f"{home.secrets} belongs to another user: run this as the one who ran `technopark up`"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise StackError(f"{home.secrets} is damaged: restore it from a backup") from None
