"""What Grafana's sync asks of the database: what there should be, and what it remembers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from storage import queries
from storage.errors import StorageError
from storage.rows import Row
from storage.tenant_sql import new_password

QUERIES = queries.load("grafana")
TENANT, PARK = "tenant:", "park:"
# The roles of the other organisations; migration 0022 makes them.
ROLES = {"operators": "technopark_operators", "showcases": "technopark_showcase"}


@dataclass(frozen=True)
class Wanted:
    """What there should be in Grafana, as the database has it.

    Attributes:
        tenants: ``id, name, language`` and the columns of ``alert_settings``.
        parks: ``id, name, language``.
        people: ``key, email, name, edits`` of those who may look.
        showcases: ``id, name, tenant, language, access_token, delay_seconds, decimals,
            last_day``.
    """

    tenants: list[Row]
    parks: list[Row]
    people: list[Row]
    showcases: list[Row]


@dataclass(frozen=True)
class Memory:
    """What the sync remembers of earlier runs, in the database; each call is a transaction.

    Attributes:
        connection: in autocommit mode, as the owner of the database.
    """

    connection: psycopg.Connection[Any]

    def lock(self) -> None:
        """Keep other syncs out as long as the connection lives.

        Raises:
            StorageError: one is running.
        """
        (is_ours,) = self._rows("lock")[0].values()
        if not is_ours:
            raise StorageError("another sync is running: wait for its end")

    def wanted(self) -> Wanted:
        """What there should be, all of the same moment."""
        with self.connection.transaction():
            self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return Wanted(*map(self._rows, ("tenants", "parks", "people", "showcases")))

    def organisations(self) -> dict[str, Row]:
        """``org_id, contacts`` of the organisations that were made, by their keys."""
        return {row["key"]: row for row in self._rows("organisations")}

    def remember(self, key: str, org_id: int) -> None:
        """The organisation of a key is this one from now on."""
        self._do("remember_organisation", key=key, org_id=org_id)

    def remember_contacts(self, key: str, contacts: str) -> None:
        """The contact points were written, and this is their digest."""
        self._do("remember_contacts", key=key, contacts=contacts)

    def forget(self, key: str) -> None:
        """The organisation is gone, or another's from now on."""
        self._do("forget_organisation", key=key)

    def people(self, key: str) -> set[str]:
        """The e-mail addresses of those whom the sync has let in."""
        return {row["email"] for row in self._rows("let_in", key=key)}

    def remember_person(self, key: str, email: str) -> None:
        """Somebody is let in by the sync."""
        self._do("remember_person", key=key, email=email)

    def forget_person(self, key: str, email: str) -> None:
        """Somebody is not in there any more."""
        self._do("forget_person", key=key, email=email)

    def made_users(self) -> list[str]:
        """The e-mail addresses of the users of Grafana that the sync has made."""
        return [row["email"] for row in self._rows("made_users")]

    def remember_user(self, email: str) -> None:
        """A user of Grafana is made by the sync."""
        self._do("remember_user", email=email)

    def forget_user(self, email: str) -> None:
        """A user of Grafana is no more."""
        self._do("forget_user", email=email)

    def role(self, key: str) -> str | None:
        """The role by which an organisation reads; None where it is still to be made."""
        if key in ROLES:
            return ROLES[key]
        if key.startswith(PARK):
            rows = self._rows("park_role", park_id=key.removeprefix(PARK))
        else:
            rows = self._rows("role", tenant_id=key.removeprefix(TENANT))
        return rows[0]["rolname"] if rows else None

    def set_password(self, key: str) -> tuple[str, str]:
        """Make the role by which an organisation reads, and give it a new password.

        Returns:
            The role and the password, which nobody can read again.
        """
        with self.connection.transaction():
            role = ROLES.get(key) or self._make_role(key)
            password = secrets.token_urlsafe(24)
            self.connection.execute(new_password(self.connection.pgconn, role, password))
        return role, password

    def _make_role(self, key: str) -> str:
        if key.startswith(PARK):
            park = key.removeprefix(PARK)
            return str(self._rows("make_park_role", park_id=park)[0]["make_park_role"])
        tenant = key.removeprefix(TENANT)
        # A tenant from before there was SQL for tenants has none of its own yet.
        self._do("make_tenant", tenant_id=tenant)
        return str(self._rows("make_role", tenant_id=tenant)[0]["make_grafana_role"])

    def _rows(self, query: str, **parameters: object) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(QUERIES[query], parameters).fetchall()

    def _do(self, query: str, **parameters: object) -> None:
        self.connection.execute(QUERIES[query], parameters)
