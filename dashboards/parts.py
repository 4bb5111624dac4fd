"""The parts of an organisation: its folder, data source, dashboards, links and people.

Each function reads what is there, compares it with what should be, and does what is missing. Whose
a thing is can be read in Grafana itself: by its uid, or by the message of a dashboard's version.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dashboards.alerts import digest
from dashboards.defaults import DATASOURCE
from dashboards.grafana import ConflictError, Grafana, Json
from dashboards.plan import Plan, Verb
from dashboards.wanted import Organisation, Person
from storage.grafana import Memory

# Before the digest, in the message of each version that the sync has saved.
MESSAGE = "technopark sync "
# What PostgreSQL says to a role that it does not let in: SQLSTATE class 28.
LOCKED_OUT = re.compile(r"authentication failed|not permitted to log in|28P01|28000|does not exist")


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


def folder(site: Site) -> None:
    """The folder with our dashboards and alert rules; by its uid the organisation is known."""
    if site.wanted.is_gone:
        return
    grafana, uid = site.grafana, site.wanted.folder
    if grafana is None or grafana.found(grafana.api.folder.get_folder, uid) is None:
        site.do(
            "create",
            "folder Technopark",
            lambda: site.here.call(site.here.api.folder.create_folder, "Technopark", uid),
        )


def data_source(site: Site) -> None:
    """The database, read as the organisation's own role.

    The role gets a new password where the data source is not there or does not get in by the one
    it has; nobody else uses that role.
    """
    grafana, uid = site.grafana, str(DATASOURCE.uid)
    there = grafana and grafana.found(grafana.api.datasource.get_datasource_by_uid, uid)
    if site.wanted.is_gone:
        if grafana and there:
            remove = grafana.api.datasource.delete_datasource_by_uid
            site.do("remove", "data source", lambda: grafana.call(remove, uid))
        return
    problem = None
    if grafana is None or not there:
        site.do("create", "data source", lambda: save_source(site, None))
    elif differs(there, source_body(site, site.memory.role(site.wanted.key) or "")):
        site.do("change", "data source", lambda: save_source(site, there))
    else:
        problem = problem_of(grafana.health_of_source(uid))
        if problem and LOCKED_OUT.search(problem):
            problem = None
            site.do("change", "password of the data source", lambda: save_source(site, there))
    if problem:
        site.note("warn", f"the data source does not work: {problem}")


def source_body(site: Site, role: str) -> Json:
    """The data source as Grafana stores it, without its password."""
    return {
        "name": "Technopark",
        "uid": DATASOURCE.uid,
        "type": DATASOURCE.type_val,
        "access": "proxy",
        "isDefault": True,
        "url": site.source.address,
        "user": role,
        "jsonData": {
            "database": site.source.database,
            "sslmode": site.source.sslmode,
            "postgresVersion": 1000,
            "timescaledb": True,
            # The role may have more: the rest is for a second Grafana while it takes over.
            "maxOpenConns": 4,
            "maxIdleConns": 1,
            "connMaxLifetime": 600,
        },
    }


def differs(there: Json, wanted: Json) -> bool:
    """Whether the data source is not as it should be; what Grafana adds is its own."""
    return any(
        there.get(name) != value for name, value in wanted.items() if name != "jsonData"
    ) or (not wanted["jsonData"].items() <= (there.get("jsonData") or {}).items())


def save_source(site: Site, there: Json | None) -> None:
    """Write the data source with a new password."""
    grafana = site.here
    role, password = site.memory.set_password(site.wanted.key)
    body = {**(there or {}), **source_body(site, role), "secureJsonData": {"password": password}}
    if there:
        change = grafana.api.datasource.update_datasource_by_uid
        grafana.call(change, DATASOURCE.uid, body, secret=True)
    else:
        grafana.call(grafana.api.datasource.create_datasource, body, secret=True)
    if problem := problem_of(grafana.health_of_source(str(DATASOURCE.uid))):
        site.note("warn", f"the data source does not work: {problem}")


def problem_of(health: Json) -> str | None:
    """What a data source says of why it does not work; None: it does."""
    if health.get("status") == "OK":
        return None
    details = health.get("details") or {}
    said = f"{health.get('message', '')} {details.get('verboseMessage', '')}".strip()
    return said or json.dumps(health)


def saved_by_us(version: Json) -> bool:
    """Whether the sync has saved this version of a dashboard."""
    return str(version.get("message", "")).startswith(MESSAGE)


def dashboards(site: Site) -> None:
    """The dashboards; one that somebody has changed is left as it is."""
    for uid, board in site.wanted.dashboards.items():
        versions = site.grafana.versions(uid) if site.grafana else []
        title = f"dashboard {board['title']}"
        if not versions:
            site.do("create", title, lambda b=board: save(site, b, 0))
        elif not saved_by_us(versions[0]):
            site.note("keep", f"{title}: somebody has changed it")
        elif versions[0]["message"] != MESSAGE + digest(board):
            number = versions[0]["version"]
            site.do("change", title, lambda b=board, n=number: save(site, b, n))
    for uid, title in in_folder(site).items():
        if uid in site.wanted.dashboards:
            continue
        versions = site.grafana.versions(uid) if site.grafana else []
        if versions and saved_by_us(versions[0]):
            site.do("remove", f"dashboard {title}", lambda u=uid: delete_dashboard(site, u))
        elif any(map(saved_by_us, versions)):
            site.note("keep", f"dashboard {title}: it is no more, but somebody has changed it")


def save(site: Site, board: Json, version: int) -> None:
    """Save a dashboard after a version of it, or as a new one."""
    grafana = site.here
    body = {
        "dashboard": {**board, "id": None, "version": version},
        "folderUid": site.wanted.folder,
        "message": MESSAGE + digest(board),
        "overwrite": False,
    }
    grafana.call(grafana.api.dashboard.update_dashboard, body)


def delete_dashboard(site: Site, uid: str) -> None:
    """Delete a dashboard."""
    site.here.found(site.here.api.dashboard.delete_dashboard, uid)


def in_folder(site: Site) -> dict[str, str]:
    """The titles of the dashboards in our folder, by their uids."""
    if site.grafana is None:
        return {}
    path = f"/search?type=dash-db&limit=5000&folderUIDs={site.wanted.folder}"
    return {
        row["uid"]: row["title"] for row in site.grafana.call(site.grafana.api.client.GET, path)
    }


def made_by_people(site: Site) -> int:
    """How many dashboards in the organisation people have made or changed."""
    grafana = site.here
    rows = grafana.call(grafana.api.client.GET, "/search?type=dash-db&limit=5000")
    newest = (grafana.versions(row["uid"])[:1] for row in rows)
    return sum(not (version and saved_by_us(version[0])) for version in newest)


def public(site: Site) -> dict[str, Json]:
    """The dashboards that everybody may see, by their uids; of an organisation that has such."""
    if site.grafana is None or not (site.wanted.links or site.wanted.key == "showcases"):
        return {}
    pages = site.grafana.pages("/dashboards/public-dashboards?", "publicDashboards")
    return {row["dashboardUid"]: row for row in pages}


def end_links(site: Site) -> None:
    """Links of what is not shown any more, or by another token."""
    for uid, link in public(site).items():
        token = site.wanted.links.get(uid)
        if uid.startswith("showcase-") and token != link["accessToken"]:
            path = f"/dashboards/uid/{uid}/public-dashboards/{link['uid']}"
            site.do(
                "remove",
                f"link to {uid}",
                lambda p=path: (
                    site.grafana and site.grafana.found(site.grafana.api.client.DELETE, p)
                ),
            )


def links(site: Site) -> None:
    """Links by which everybody may see a dashboard."""
    there = public(site)
    for uid, token in site.wanted.links.items():
        if uid not in there or there[uid]["accessToken"] != token:
            body = {
                "accessToken": token,
                "isEnabled": True,
                "timeSelectionEnabled": True,
                "annotationsEnabled": False,
                "share": "public",
            }
            path = f"/dashboards/uid/{uid}/public-dashboards/"
            site.do(
                "create",
                f"link to {uid}",
                lambda p=path, b=body: (
                    site.grafana and site.grafana.call(site.grafana.api.client.POST, p, b)
                ),
            )
        elif not there[uid]["isEnabled"]:
            site.note("keep", f"link to {uid}: somebody has switched it off")


def people(site: Site) -> None:
    """Who may look. Grafana's administrators, and whom they let in by hand, stay."""
    there = users_of(site)
    let_in = site.memory.people(site.wanted.key)
    for email, person in site.wanted.people.items():
        user = there.get(email)
        if user is None:
            what = f"{email} as {person.role}"
            site.do("create", what, lambda e=email, p=person: let_person_in(site, e, p))
        elif user["role"] not in (person.role, "Admin"):
            what = f"{email} to {person.role}, was {user['role']}"
            site.do("change", what, lambda u=user, p=person: set_role(site, u, p))
        if user and email not in let_in and not site.plan.is_dry:
            site.memory.remember_person(site.wanted.key, email)
    for email in sorted(let_in - site.wanted.people.keys()):
        user = there.get(email)
        if user and user["role"] != "Admin":
            site.do("remove", email, lambda u=user: put_out(site, u))
        if not site.plan.is_dry:
            site.memory.forget_person(site.wanted.key, email)
    for email in sorted(there.keys() - site.wanted.people.keys() - let_in):
        if there[email]["role"] != "Admin":
            site.note("keep", f"{email}: let in by hand")


def users_of(site: Site) -> dict[str, Json]:
    """Grafana's users in the organisation, by their e-mail addresses."""
    if site.grafana is None:
        return {}
    rows = site.server.call(
        site.server.api.organizations.organization_user_list, site.grafana.org_id
    )
    return {(row["email"] or row["login"]).lower(): row for row in rows}


def let_person_in(site: Site, email: str, person: Person) -> None:
    """Let somebody in, as a new user of Grafana where there is none."""
    server, org_id = site.server, site.here.org_id
    # First: should this be the last thing that the sync does, the next one knows whom it let in.
    site.memory.remember_person(site.wanted.key, email)
    lookup = f"/users/lookup?loginOrEmail={quote(email)}"
    if server.found(server.api.client.GET, lookup) is None:
        user = {
            "name": person.name,
            "email": email,
            "login": email,
            # Nobody knows it: people come by the OpenID provider, or ask for a new one by mail.
            "password": secrets.token_urlsafe(32),
            # Else a new user would be let into Grafana's first organisation.
            "OrgId": org_id,
        }
        site.memory.remember_user(email)
        server.call(server.api.admin.create_user, user, secret=True)
    role = {"loginOrEmail": email, "role": person.role}
    try:
        server.call(server.api.organizations.organization_user_add, org_id, role)
    except ConflictError:
        # By being created; as what, Grafana's settings say.
        set_role(site, users_of(site)[email], person)


def set_role(site: Site, user: Json, person: Person) -> None:
    """Give somebody the role that he or she should have."""
    change = site.server.api.organizations.organization_user_update
    site.server.call(change, site.here.org_id, user["userId"], person.role)


def put_out(site: Site, user: Json) -> None:
    """Let somebody in no more; see ``departed`` for the user."""
    remove = site.server.api.organizations.organization_user_delete
    site.server.found(remove, site.here.org_id, user["userId"])


def departed(server: Grafana, memory: Memory, plan: Plan, wanted: Iterable[Organisation]) -> None:
    """Delete the users that the sync has made and that are in no organisation any more."""
    staying = {email for organisation in wanted for email in organisation.people}
    for email in sorted(set(memory.made_users()) - staying):
        user = server.found(server.api.client.GET, f"/users/lookup?loginOrEmail={quote(email)}")
        # Somebody may have let him or her into an organisation of others.
        if user and server.call(server.api.users.get_user_organisations, user["id"]):
            continue
        if user:
            remove = server.api.admin.delete_user
            plan.do("remove", "Grafana", f"user {email}", server.found, remove, user["id"])
        if not plan.is_dry:
            memory.forget_user(email)
