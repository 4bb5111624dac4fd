"""What there should be in Grafana: its organisations with all that is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboards import alerts
from dashboards.alerts import Alerts
from dashboards.catalogue import Json, operator_dashboards, park_dashboards, tenant_dashboards
from dashboards.language import LANGUAGES, Language, translated_boards
from dashboards.showcase import showcase
from storage.grafana import PARK, TENANT, Wanted

# Grafana's own limit of an organisation's name.
LONGEST_NAME = 190
OPERATORS, SHOWCASES = "operators", "showcases"
FIXED_NAMES = {OPERATORS: "Technopark operators", SHOWCASES: "Technopark showcases"}
Decrypt = Callable[[bytes], str]


@dataclass(frozen=True)
class Person:
    """Somebody who may look: never as an administrator."""

    name: str
    role: str


@dataclass(frozen=True)
class Organisation:
    """An organisation and all that is ours in it.

    Attributes:
        key: by which the sync knows it: `tenant:acme`, `park:cimahi`, `operators` or `showcases`.
        name: as Grafana shows it.
        dashboards: by their uids.
        people: by their e-mail addresses, in small letters.
        rules: for alerts.
        contacts: the contact points, with their secrets.
        links: the access tokens of the dashboards that everybody may see.
        is_gone: it is to be removed, as far as it is ours.
    """

    key: str
    name: str
    dashboards: Mapping[str, Json] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    rules: list[Json] = field(default_factory=list)
    contacts: list[Json] = field(default_factory=list, repr=False)
    links: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_gone: bool = False

    @property
    def folder(self) -> str:
        """The uid of its folder: no other organisation has it, so that it tells whose this is."""
        return folder_of(self.key)


def folder_of(key: str) -> str:
    """The uid of the folder of an organisation."""
    return "technopark-" + hashlib.sha256(key.encode()).hexdigest()[:16]


def name_of(id_: str, name: str) -> str:
    """What the organisation of a tenant or a park is called.

    Names of tenants may be equal, those of organisations may not: so the id is in it.
    """
    end = f" ({id_})"
    return name[: LONGEST_NAME - len(end)].strip() + end


def organisations(
    wanted: Wanted, decrypt: Decrypt, language: Language = "en"
) -> Iterator[Organisation]:
    """All organisations that there should be.

    Args:
        wanted: as the database has it.
        decrypt: opens the secrets of contact points.
        language: of the operators.
    """
    people = by_key(wanted.people)
    boards = translated_boards(operator_dashboards(), language)
    yield Organisation(OPERATORS, FIXED_NAMES[OPERATORS], boards, people.get(OPERATORS, {}))
    of_parks = in_each_language(park_dashboards())
    for park in wanted.parks:
        key = PARK + park["id"]
        # No tenant's id has a blank in it.
        name = name_of(f"park {park['id']}", park["name"])
        yield Organisation(key, name, of_parks[park["language"]], people.get(key, {}))
    of_tenants = in_each_language(tenant_dashboards())
    for tenant in wanted.tenants:
        key = TENANT + tenant["id"]
        chosen = alerts_of(tenant, decrypt)
        yield Organisation(
            key,
            name_of(tenant["id"], tenant["name"]),
            of_tenants[tenant["language"]],
            people.get(key, {}),
            alerts.rules(chosen, tenant["id"], folder_of(key), tenant["language"]),
            alerts.contact_points(chosen),
        )
    yield showcases(wanted.showcases)


def in_each_language(boards: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    """Dashboards by their uids, by language."""
    return {language: translated_boards(boards, language) for language in LANGUAGES}


def by_key(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Person]]:
    """The people of each organisation."""
    found: dict[str, dict[str, Person]] = {}
    for row in rows:
        person = Person(row["name"], "Editor" if row["edits"] else "Viewer")
        found.setdefault(row["key"], {})[row["email"]] = person
    return found


def alerts_of(tenant: Mapping[str, Any], decrypt: Decrypt) -> Alerts:
    """Of what a tenant is alerted, and how."""
    if not tenant["chosen"]:
        return Alerts()

    def opened(name: str) -> str | None:
        return decrypt(tenant[name]) if tenant[name] is not None else None

    return Alerts(
        tenant["silent_minutes"],
        tenant["out_of_range"],
        tenant["rejected_percent"],
        tenant["complete_percent"],
        tenant["emails"],
        tenant["telegram_chat"],
        opened("telegram_token"),
        opened("webhook_url"),
    )


def showcases(rows: Iterable[Mapping[str, Any]]) -> Organisation:
    """The organisation of what everybody may see; nobody is let in."""
    boards: dict[str, Json] = {}
    links: dict[str, str] = {}
    for row in rows:
        uid, board = showcase(
            row["id"],
            row["name"],
            row["tenant"],
            row["delay_seconds"],
            row["last_day"],
            row["language"],
        )
        boards[uid], links[uid] = board, row["access_token"]
    return Organisation(SHOWCASES, FIXED_NAMES[SHOWCASES], boards, links=links)
