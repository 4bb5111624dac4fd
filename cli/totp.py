"""`technopark user totp`: an authenticator app as a second factor of one's own."""

from __future__ import annotations

import sys

import segno
import typer

from cli import asking
from cli.api import Api, ApiError, path
from cli.asking import AsJson, Yes
from cli.organisations import UserRef, user_number

app = typer.Typer(
    help="An authenticator app, whose codes sign-in asks for beside the password.",
    no_args_is_help=True,
)
# So often a first code may be typed wrongly before the command gives up.
TRIES = 3


@app.command("enable")
def enable() -> None:
    """Enrol an authenticator app: shows a QR code, asks for the first code, shows recovery codes.

    Example: technopark user totp enable
    """
    with asking.asking() as api:
        password = typer.prompt("Your password", hide_input=True)
        enrolment = api.post("me/authenticator", {"password": password})
        asking.say("Scan this with the app:\n")
        segno.make_qr(enrolment["uri"]).terminal(sys.stdout, compact=True)
        asking.say(f"\nor type this into it: {grouped(enrolment['secret'])}\n")
        codes = confirmed(api)
    asking.say("\nFrom now on sign-in asks for a code of the app.")
    asking.say("Keep these on paper: each signs you in once if the app is lost.\n")
    for code in codes:
        asking.say(f"  {code}")


def confirmed(api: Api) -> list[str]:
    """The recovery codes, once a code of the app was right."""
    for left in reversed(range(TRIES)):
        code = typer.prompt("The code that the app shows")
        try:
            return list(api.post("me/authenticator/confirm", {"code": code})["recovery_codes"])
        except ApiError as error:
            if not left or error.status != 422:
                raise
            asking.say(f"{error}; is the phone's clock right?")
    raise AssertionError  # the last try returns or raises


def grouped(secret: str) -> str:
    """A secret in groups that people can copy."""
    return " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))


@app.command("status")
def status(as_json: AsJson = False) -> None:
    """Show whether you have an authenticator app, and how many recovery codes are left.

    Example: technopark user totp status
    """
    with asking.asking() as api:
        held = api.get("me/authenticator")
    if as_json:
        asking.show(held, as_json=True)
    elif held["confirmed_at"]:
        since = asking.moment(held["confirmed_at"])
        asking.say(f"enabled since {since}; {held['recovery_codes']} recovery codes are left")
    else:
        asking.say("not enabled: `technopark user totp enable`")


@app.command("disable")
def disable() -> None:
    """Remove the app and the recovery codes: the password alone signs in again.

    Example: technopark user totp disable
    """
    with asking.asking() as api:
        password = typer.prompt("Your password", hide_input=True)
        code = typer.prompt("Code of the app, or a recovery code")
        api.post("me/authenticator/remove", {"password": password, "code": code})
    asking.say("the app is removed: the password alone signs you in")


@app.command("reset")
def reset(
    who: UserRef,
    yes: Yes = False,
) -> None:
    """Remove the app of somebody who has lost it and the recovery codes; administrators only.

    Example: technopark user totp reset maria@sunny.example
    """
    if not yes:
        typer.confirm(f"Are you sure that it is {who} who asks for this?", abort=True)
    with asking.asking() as api:
        api.delete(path("users", user_number(api, who), "authenticator"))
    asking.say("removed: the password alone signs this person in")
