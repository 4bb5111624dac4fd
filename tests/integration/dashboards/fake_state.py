"""What a fake Grafana knows, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
USER = "admin"


class AnswerError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, /, **more: object) -> None:
        super().__init__(message)
        self.status, self.body = status, {"message": message, **more}


def empty_org(name: str) -> Json:
    return {
        "name": name,
        "users": {"1": "Admin"},
        "folders": {},
        "sources": {},
        "dashboards": {},
        "public": {},
        "rules": {},
        "points": {"default": {"uid": "default", "name": "grafana-default-email", "type": "email"}},
        "policy": {"receiver": "grafana-default-email", "routes": []},
    }


def first_state() -> Json:
    return {
        "orgs": {"1": empty_org("Main Org.")},
        "users": {"1": {"login": USER, "email": "admin@localhost", "name": "admin"}},
        "last_org": 1,
        "last_user": 1,
    }


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    org: str


@dataclass
class State:
    """All organisations and users."""

    state: Json = field(default_factory=first_state)

    def org(self, name: str) -> Json:
        """The organisation of a name."""
        return next(org for org in self.state["orgs"].values() if org["name"] == name)

    def org_of(self, number: str) -> Json:
        if number not in self.state["orgs"]:
            raise AnswerError(404, "Organization not found")
        org: Json = self.state["orgs"][number]
        return org
