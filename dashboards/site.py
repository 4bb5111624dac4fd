"""An organisation at work: what it should be, and the connections by which it becomes that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboards.grafana import Grafana
from dashboards.plan import Plan, Verb
from dashboards.wanted import Organisation
from storage.grafana import Memory


@dataclass(frozen=True)
class Source:
    """Where Grafana finds the database: ``host:port``, the database's name, and how."""

    address: str
    database: str
    sslmode: str = "disable"


@dataclass(frozen=True)
class Site:
    """An organisation at work.

    Attributes:
        wanted: what it should be.
        grafana: a connection in it; None: a dry run, and it is not there yet.
        server: a connection in none.
    """

    wanted: Organisation
    grafana: Grafana | None
    server: Grafana
    memory: Memory
    source: Source
    plan: Plan

    @property
    def here(self) -> Grafana:
        """The connection in it, for what is done: a dry run does nothing."""
        if self.grafana is None:
            raise LookupError("a dry run does nothing")
        return self.grafana

    def note(self, verb: Verb, what: str) -> None:
        """Note a step that needs nothing done."""
        self.plan.note(verb, self.wanted.name, what)

    def do(self, verb: Verb, what: str, work: Any) -> Any:
        """Note a step, and do it unless this is a dry run."""
        return self.plan.do(verb, self.wanted.name, what, work)


def enter(server: Grafana, org_id: int) -> None:
    """Make ourselves an administrator of the organisation, as whoever made it is by itself."""
    login = server.address.user
    path = f"/orgs/{org_id}/users"
    users = {user["login"]: user for user in server.call(server.api.client.GET, path)}
    if login not in users:
        server.call(server.api.client.POST, path, {"loginOrEmail": login, "role": "Admin"})
    elif users[login]["role"] != "Admin":
        path = f"{path}/{users[login]['userId']}"
        server.call(server.api.client.PATCH, path, {"role": "Admin"})
