"""`technopark park|lab|tenant|user|token …` and `technopark login`."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli import asking
from cli.api import path
from cli.asking import AsJson, Quota

park = typer.Typer(help="Technoparks.", no_args_is_help=True)
lab = typer.Typer(help="Labs and testbeds of parks.", no_args_is_help=True)
tenant = typer.Typer(help="Organisations that own devices.", no_args_is_help=True)
user = typer.Typer(help="People and programs, and their roles.", no_args_is_help=True)
token = typer.Typer(help="Tokens of the API.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="A short name of small letters, digits and '-'.")]
Name = Annotated[str, typer.Argument(help="What people call it.")]
OfPark = Annotated[str | None, typer.Option("--park", help="The park.")]
OfTenant = Annotated[str | None, typer.Option("--tenant", help="The tenant.")]
Kind = Annotated[
    str | None, typer.Option(help="startup, industry, university, community or government.")
]
UserId = Annotated[int, typer.Argument(help="The user's number, from `user list`.")]


@park.command("add")
def add_park(
    park_id: Id,
    name: Name,
    time_zone: Annotated[str, typer.Option(help="For example Asia/Jakarta.")],
    latitude: Annotated[float | None, typer.Option(help="Degrees north.")] = None,
    longitude: Annotated[float | None, typer.Option(help="Degrees east.")] = None,
) -> None:
    """Add a park.

    Example: technopark park add cimahi "Cimahi Technopark" --time-zone Asia/Jakarta
    """
    place = asking.given(time_zone=time_zone, latitude=latitude, longitude=longitude)
    with asking.asking() as api:
        asking.show(api.post("parks", {"id": park_id, "name": name, **place}), as_json=False)


@park.command("list")
def list_parks(as_json: AsJson = False) -> None:
    """List the parks.

    Example: technopark park list --json
    """
    with asking.asking() as api:
        columns = ("id", "name", "time_zone", "latitude", "longitude")
        asking.show_list(api.items("parks"), columns, as_json=as_json)


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
        labs = api.items("labs", park_id=park_id)
        asking.show_list(labs, ("id", "name", "park_id", "kind"), as_json=as_json)


@tenant.command("add")
def add_tenant(
    tenant_id: Id,
    name: Name,
    kind: Kind = "startup",
    park_id: OfPark = None,
    quota: Quota = None,
) -> None:
    """Add a tenant; without a park it is a virtual one.

    Example: technopark tenant add sunny "Sunny Cells" --kind startup --park cimahi
    """
    body = {"id": tenant_id, "name": name, "kind": kind, "park_id": park_id}
    more = asking.given(values_per_second=asking.quota(quota))
    with asking.asking() as api:
        asking.show(api.post("tenants", {**body, **more}), as_json=False)


@tenant.command("list")
def list_tenants(park_id: OfPark = None, as_json: AsJson = False) -> None:
    """List the tenants that you may see.

    Example: technopark tenant list
    """
    with asking.asking() as api:
        tenants = api.items("tenants", park_id=park_id)
        columns = ("id", "name", "kind", "park_id", "values_per_second")
        asking.show_list(tenants, columns, as_json=as_json)


@tenant.command("show")
def show_tenant(tenant_id: Id, as_json: AsJson = False) -> None:
    """Show a tenant.

    Example: technopark tenant show sunny
    """
    with asking.asking() as api:
        asking.show(api.get(path("tenants", tenant_id)), as_json=as_json)


@tenant.command("set")
def set_tenant(
    tenant_id: Id,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    kind: Kind = None,
    park_id: Annotated[
        str | None, typer.Option("--park", help="Its home park; empty for none.")
    ] = None,
    quota: Quota = None,
) -> None:
    """Change a tenant: its owner its name and kind, its park's manager how much it may send.

    Example: technopark tenant set sunny --values-per-second 500
    """
    changes = asking.given(
        name=name, kind=kind, park_id=park_id, values_per_second=asking.quota(quota)
    )
    if not changes:
        raise typer.BadParameter("name what is to be another, for example --kind industry")
    with asking.asking() as api:
        asking.show(api.patch(path("tenants", tenant_id), changes), as_json=False)


@user.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")], name: Name
) -> None:
    """Add a user, who has no role yet.

    Example: technopark user add maria@sunny.example "Maria Sousa"
    """
    with asking.asking() as api:
        asking.show(api.post("users", {"email": email, "name": name}), as_json=False)


@user.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List the users whom you may see.

    Example: technopark user list
    """
    with asking.asking() as api:
        asking.show_list(api.items("users"), ("id", "email", "name"), as_json=as_json)


@user.command("grant")
def grant(
    user_id: UserId,
    role: Annotated[
        str,
        typer.Argument(
            help="platform-admin, park-manager, tenant-owner, tenant-member, mentor or viewer."
        ),
    ],
    park_id: OfPark = None,
    tenant_id: OfTenant = None,
    until: Annotated[str | None, typer.Option(help="Its last day, for example 2026-12-31.")] = None,
) -> None:
    """Give a user a role.

    Example: technopark user grant 2 mentor --tenant sunny --until 2026-12-31
    """
    body = {"role": role, "park_id": park_id, "tenant_id": tenant_id, "until": until}
    with asking.asking() as api:
        asking.show(api.post(path("users", user_id, "memberships"), body), as_json=False)


@user.command("roles")
def roles(user_id: UserId, as_json: AsJson = False) -> None:
    """List a user's roles.

    Example: technopark user roles 2
    """
    with asking.asking() as api:
        held = api.items(path("users", user_id, "memberships"))
        columns = ("id", "role", "park_id", "tenant_id", "until")
        asking.show_list(held, columns, as_json=as_json)


@user.command("ungrant")
def ungrant(
    user_id: UserId,
    membership: Annotated[int, typer.Argument(help="The role's number, from `user roles`.")],
) -> None:
    """Take a role away.

    Example: technopark user ungrant 2 7
    """
    with asking.asking() as api:
        api.delete(path("users", user_id, "memberships", membership))
    asking.say("taken away")


@token.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    days: Annotated[int | None, typer.Option(min=1, help="How long it is valid.")] = None,
    user_id: Annotated[
        int | None, typer.Option("--user", help="For another user; administrators only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token, and show it once.

    Example: technopark token add "night job" --days 90
    """
    end = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()
    with asking.asking() as api:
        issued = api.post("tokens", {"name": name, "expires_at": end, "user_id": user_id})
    if as_json:
        asking.show(issued, as_json=True)
    else:
        asking.say(f"The token, shown only this once:\n\n  {issued['token']}")


@token.command("list")
def list_tokens(
    user_id: Annotated[int | None, typer.Option("--user", help="Of another user.")] = None,
    as_json: AsJson = False,
) -> None:
    """List your tokens, without the tokens themselves.

    Example: technopark token list
    """
    with asking.asking() as api:
        tokens = api.items("tokens", user_id=user_id)
        columns = ("id", "name", "created_at", "expires_at", "last_used_at")
        asking.show_list(tokens, columns, as_json=as_json)


@token.command("revoke")
def revoke_token(
    token_id: Annotated[int, typer.Argument(help="The token's number, from `token list`.")],
) -> None:
    """Make a token worthless, at once.

    Example: technopark token revoke 11
    """
    with asking.asking() as api:
        api.delete(path("tokens", token_id))
    asking.say("revoked")


def login(
    own_token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="The token, tpa_…; asked for if left out.")
    ] = "",
) -> None:
    """Keep a token for the other commands, in a file that only you can read.

    Example: technopark login
    """
    text = own_token or typer.prompt("Token", hide_input=True)
    with asking.asking(text.strip()) as api:
        me = api.get("me")
    file = asking.token_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text.strip() + "\n")
    asking.say(f"you are {me['name']} ({me['email']}); the token is kept in {file}")
