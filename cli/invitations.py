"""Of `technopark user` what has to do with links: invitations, and links for another password.

What is secret is asked for: what stands on a command line, others on the machine can read.
"""

from __future__ import annotations

from typing import Annotated

import typer

from cli import asking
from cli.api import Json, path
from cli.asking import AsJson
from cli.organisations import (
    Language,
    OfPark,
    OfTenant,
    RoleName,
    Until,
    UserRef,
    place_of,
    user,
    user_number,
)


@user.command("invite")
def invite(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    role: RoleName,
    park_id: OfPark = None,
    tenant_id: OfTenant = None,
    until: Until = None,
    language: Language = None,
    as_json: AsJson = False,
) -> None:
    """Invite somebody to a role, by a link that is good once, for 7 days.

    Example: technopark user invite maria@sunny.example tenant-member --tenant sunny

    A mentor until a day: technopark user invite budi@itb.example mentor --tenant sunny --until 2026-12-31

    Who runs a park: technopark user invite siti@cimahi.example park-manager --park cimahi
    """  # noqa: E501 - an example is a line to copy
    place = place_of(role, park_id, tenant_id)
    body = {"email": email, "role": role, **place, "until": until, "language": language}
    with asking.asking() as api:
        issued = api.post("invitations", body)
    show_link(issued, email, as_json=as_json)


@user.command("invitations")
def invitations(as_json: AsJson = False) -> None:
    """List the invitations that wait.

    Example: technopark user invitations
    """
    with asking.asking() as api:
        columns = ("id", "email", "role", "tenant_id", "park_id", "expires_at")
        asking.show_list(api.items("invitations"), columns, as_json=as_json)


@user.command("uninvite")
def uninvite(
    invitation: Annotated[int, typer.Argument(help="Its number, from `user invitations`.")],
) -> None:
    """Withdraw an invitation: its link is worthless.

    Example: technopark user uninvite 3
    """
    with asking.asking() as api:
        api.delete(path("invitations", invitation))
    asking.say("withdrawn")


@user.command("reset-password")
def reset_password(who: UserRef, as_json: AsJson = False) -> None:
    """Make a link by which a user sets a password; it is good once, for a day.

    Example: technopark user reset-password maria@sunny.example
    """
    with asking.asking() as api:
        issued = api.post(path("users", user_number(api, who), "password-reset"))
    show_link(issued, who, as_json=as_json)


def show_link(issued: dict[str, Json], who: str, *, as_json: bool) -> None:
    """A link, and whether it has to be sent by hand."""
    if as_json:
        asking.show(issued, as_json=True)
        return
    end = asking.moment(issued["expires_at"])
    if issued["mailed"]:
        told = f"A mail with this link goes to {who}."
    else:
        told = "No mail is sent: send it by a way that you trust."
    asking.say(f"The link, shown only this once, good until {end}. {told}\n\n  {issued['link']}")


@user.command("accept")
def accept() -> None:
    """Use a link that you were sent: accept an invitation, or set another password.

    Example: technopark user accept
    """
    link = asked_link()
    with asking.asking("") as api:
        if link.startswith("tpr_"):
            api.post("password-resets/accept", {"token": link, "password": asked_password()})
            asking.say("your password is set")
        else:
            body = {"token": link, "name": typer.prompt("Your name"), "password": asked_password()}
            accepted = api.post("invitations/accept", body)
            asking.say(f"welcome; sign in with `technopark login --email {accepted['email']}`")


@user.command("join")
def join() -> None:
    """Accept an invitation as the user who you are already.

    Example: technopark user join
    """
    link = asked_link()
    with asking.asking() as api:
        held = api.post("invitations/join", {"token": link})
    asking.say(f"you are {held['role']} of {held['tenant_id'] or held['park_id'] or 'all'} now")


def asked_link() -> str:
    """The secret of a link; the whole link may be pasted."""
    text: str = typer.prompt("Link", hide_input=True)
    return text.strip().rpartition("#")[2]


def asked_password() -> str:
    """A new password, typed twice."""
    return str(
        typer.prompt(
            "New password, of 12 letters at least", hide_input=True, confirmation_prompt=True
        )
    )
