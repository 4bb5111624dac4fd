"""Who may look into an organisation."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from urllib.parse import quote

from dashboards.grafana import ConflictError, Grafana, Json
from dashboards.plan import Plan
from dashboards.site import Site
from dashboards.wanted import Organisation, Person
from storage.grafana import Memory


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
