"""`technopark park|lab|tenant|user …`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import asking
from cli.api import Api, path
from cli.asking import AsJson, Quota, Yes
from cli.audit import history_of
from cli.failure import failed
from registry.rights import Role

IN_TENANT = [{"--tenant"}]
PLACES: dict[str, list[set[str]]] = {
    "platform-admin": [set()],
    "park-manager": [{"--park"}],
    "tenant-owner": IN_TENANT,
    "tenant-member": IN_TENANT,
    "mentor": IN_TENANT,
    "viewer": [{"--park"}, {"--tenant"}],
}
TENANT_RULE = "this is a role in a tenant: add --tenant and its id, and no --park"
PLACE_RULES = {
    "platform-admin": "this is a role in the whole platform: leave out --park and --tenant",
    "park-manager": "this is a role in a park: add --park and its id, and no --tenant",
    "tenant-owner": TENANT_RULE,
    "tenant-member": TENANT_RULE,
    "mentor": TENANT_RULE,
    "viewer": "this is a role in a park or in a tenant: add --park or --tenant, and its id",
}

park = typer.Typer(help="Technoparks.", no_args_is_help=True)
lab = typer.Typer(help="Labs and testbeds of parks.", no_args_is_help=True)
tenant = typer.Typer(help="Organisations that own devices.", no_args_is_help=True)
user = typer.Typer(help="People and programs, and their roles.", no_args_is_help=True)
park.command("history")(history_of("park", "cimahi"))
lab.command("history")(history_of("lab", "cimahi-solar"))
tenant.command("history")(history_of("tenant", "sunny"))

Id = Annotated[str, typer.Argument(help="A short name of small letters, digits and '-'.")]
Name = Annotated[str, typer.Argument(help="What people call it.")]
OfPark = Annotated[str | None, typer.Option("--park", help="The park.")]
OfTenant = Annotated[str | None, typer.Option("--tenant", help="The tenant.")]
Kind = Annotated[
    str | None, typer.Option(help="startup, industry, university, community or government.")
]
UserRef = Annotated[
    str, typer.Argument(metavar="USER", help="E-mail address, or number from `user list`.")
]
RoleName = Annotated[
    Role,
    typer.Argument(
        help="In a tenant: tenant-owner, tenant-member, or mentor and viewer, who only read. "
        "In a park: park-manager, or viewer. In all: platform-admin."
    ),
]
Until = Annotated[str | None, typer.Option(help="The role's last day, for example 2026-12-31.")]
Language = Annotated[
    Literal["en", "id"] | None,
    typer.Option(help="Of mails to the person: English, or Bahasa Indonesia."),
]


GrafanaLanguage = Annotated[
    Literal["en", "id"] | None,
    typer.Option("--language", help="Of Grafana: English (en), or Bahasa Indonesia (id)."),
]
TimeZone = Annotated[str, typer.Option(help="For example Asia/Jakarta.")]
NewName = Annotated[str | None, typer.Option("--name", help="What people call it.")]
NewTimeZone = Annotated[str | None, typer.Option("--time-zone", help="For example Asia/Jakarta.")]
Latitude = Annotated[float | None, typer.Option(help="Degrees north.")]
Longitude = Annotated[float | None, typer.Option(help="Degrees east.")]


@park.command("add")
def add_park(
    park_id: Id,
    name: Name,
    time_zone: TimeZone,
    latitude: Latitude = None,
    longitude: Longitude = None,
    language: GrafanaLanguage = None,
) -> None:
    """Add a park.

    Example: technopark park add cimahi "Cimahi Technopark" --time-zone Asia/Jakarta
    """
    more = asking.given(
        time_zone=time_zone, latitude=latitude, longitude=longitude, language=language
    )
    with asking.asking() as api:
        asking.show(api.post("parks", {"id": park_id, "name": name, **more}), as_json=False)


@park.command("list")
def list_parks(as_json: AsJson = False) -> None:
    """List the parks.

    Example: technopark park list --json
    """
    with asking.asking() as api:
        columns = ("id", "name", "time_zone", "latitude", "longitude", "language")
        asking.show_list(api.list_parks(), columns, as_json=as_json)


@park.command("set")
def set_park(
    park_id: Id,
    name: NewName = None,
    time_zone: NewTimeZone = None,
    latitude: Latitude = None,
    longitude: Longitude = None,
    language: GrafanaLanguage = None,
) -> None:
    """Change a park: for its managers.

    Example: technopark park set cimahi --language id
    """
    changes = asking.given(
        name=name, time_zone=time_zone, latitude=latitude, longitude=longitude, language=language
    )
    if not changes:
        raise typer.BadParameter("name what is to be another, for example --language id")
    with asking.asking() as api:
        asking.show(api.patch(path("parks", park_id), changes), as_json=False)


@lab.command("add")
def add_lab(
    lab_id: Id,
    name: Name,
    park_id: Annotated[str, typer.Option("--park", help="The park.")],
    testbed: Annotated[bool, typer.Option("--testbed", help="A rig rather than a room.")] = False,
) -> None:
    """Add a lab to a park.

    Example: technopark lab add cimahi-solar "Solar roof" --park cimahi --testbed
    """
    kind = "testbed" if testbed else "lab"
    body = {"id": lab_id, "name": name, "park_id": park_id, "kind": kind}
    with asking.asking() as api:
        asking.show(api.post("labs", body), as_json=False)


@lab.command("list")
def list_labs(park_id: OfPark = None, as_json: AsJson = False) -> None:
    """List labs.

    Example: technopark lab list --park cimahi
    """
    with asking.asking() as api:
        labs = api.list_labs(park_id=park_id)
        asking.show_list(labs, ("id", "name", "park_id", "kind"), as_json=as_json)


@tenant.command("add")
def add_tenant(
    tenant_id: Id,
    name: Name,
    kind: Kind = "startup",
    park_id: OfPark = None,
    language: GrafanaLanguage = None,
    quota: Quota = None,
) -> None:
    """Add a tenant; without a park it is a virtual one.

    Example: technopark tenant add sunny "Sunny Cells" --kind startup --park cimahi
    """
    body = {"id": tenant_id, "name": name, "kind": kind, "park_id": park_id}
    more = asking.given(
        language=language, values_per_second=asking.number(quota, "--values-per-second")
    )
    with asking.asking() as api:
        asking.show(api.post("tenants", {**body, **more}), as_json=False)


@tenant.command("list")
def list_tenants(park_id: OfPark = None, as_json: AsJson = False) -> None:
    """List the tenants that you may see.

    Example: technopark tenant list
    """
    with asking.asking() as api:
        tenants = api.list_tenants(park_id=park_id)
        columns = ("id", "name", "kind", "park_id", "language", "values_per_second")
        asking.show_list(tenants, columns, as_json=as_json)


@tenant.command("show")
def show_tenant(tenant_id: Id, as_json: AsJson = False) -> None:
    """Show a tenant.

    Example: technopark tenant show sunny
    """
    with asking.asking() as api:
        asking.show(api.show_tenant(tenant_id), as_json=as_json)


@tenant.command("set")
def set_tenant(
    tenant_id: Id,
    name: NewName = None,
    kind: Kind = None,
    park_id: Annotated[
        str | None, typer.Option("--park", help="Its home park; empty for none.")
    ] = None,
    language: GrafanaLanguage = None,
    quota: Quota = None,
) -> None:
    """Change a tenant: its owner name, kind and language, its park's manager how much it may send.

    Example: technopark tenant set sunny --values-per-second 500
    """
    changes = asking.given(
        name=name,
        kind=kind,
        park_id=park_id,
        language=language,
        values_per_second=asking.number(quota, "--values-per-second"),
    )
    if not changes:
        raise typer.BadParameter("name what is to be another, for example --kind industry")
    with asking.asking() as api:
        asking.show(api.patch(path("tenants", tenant_id), changes), as_json=False)


@user.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    name: Name,
    language: Language = None,
) -> None:
    """Add a user, who has no role and no password yet; `user invite` gives both at once.

    Example: technopark user add maria@sunny.example "Maria Sousa"
    """
    body = {"email": email, "name": name, **asking.given(language=language)}
    with asking.asking() as api:
        asking.show(api.post("users", body), as_json=False)


@user.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List the users whom you may see.

    Example: technopark user list
    """
    with asking.asking() as api:
        asking.show_list(api.list_users(), ("id", "email", "name"), as_json=as_json)


@user.command("delete")
def delete_user(who: UserRef, yes: Yes = False) -> None:
    """Delete a user with all that is personal; administrators only.

    Example: technopark user delete maria@sunny.example
    """
    if not yes:
        typer.confirm(f"Delete {who} with all roles, tokens and sessions?", abort=True)
    with asking.asking() as api:
        api.delete(path("users", user_number(api, who)))
    asking.say("deleted")


@user.command("grant")
def grant(
    who: UserRef,
    role: RoleName,
    park_id: OfPark = None,
    tenant_id: OfTenant = None,
    until: Until = None,
) -> None:
    """Give a user a role.

    Example: technopark user grant maria@sunny.example mentor --tenant sunny --until 2026-12-31
    """
    body = {"role": role, **place_of(role, park_id, tenant_id), "until": until}
    with asking.asking() as api:
        given = api.post(path("users", user_number(api, who), "memberships"), body)
        asking.show(given, as_json=False)


@user.command("roles")
def roles(who: UserRef, as_json: AsJson = False) -> None:
    """List a user's roles.

    Example: technopark user roles maria@sunny.example
    """
    with asking.asking() as api:
        held = api.list_memberships(user_number(api, who))
        columns = ("id", "role", "park_id", "tenant_id", "until")
        asking.show_list(held, columns, as_json=as_json)


@user.command("ungrant")
def ungrant(
    who: UserRef,
    membership: Annotated[int, typer.Argument(help="The role's number, from `user roles`.")],
) -> None:
    """Take a role away.

    Example: technopark user ungrant maria@sunny.example 7
    """
    with asking.asking() as api:
        api.end_membership(user_number(api, who), membership)
    asking.say("taken away")


def user_number(api: Api, who: str) -> int:
    """The number of a user, who is named by it or by e-mail address.

    Raises:
        typer.BadParameter: it is neither.
        ApiError: nobody whom you may see has the address.
    """
    if who.isdecimal():
        return int(who)
    if "@" not in who:
        raise typer.BadParameter("give an e-mail address, or a number from `user list`")
    for found in api.list_users(email=who):
        return int(found["id"])
    raise failed(
        f"you see nobody with the address {who}; `technopark user list` shows whom you see"
    )


def place_of(role: str, park_id: str | None, tenant_id: str | None) -> dict[str, str | None]:
    """Where a role is, as the API wants it.

    Raises:
        typer.BadParameter: the role is not of such a place.
    """
    given = {name for name, place in (("--park", park_id), ("--tenant", tenant_id)) if place}
    if given not in PLACES[role]:
        raise typer.BadParameter(PLACE_RULES[role], param_hint=role)
    return {"park_id": park_id, "tenant_id": tenant_id}
