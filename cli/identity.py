"""`technopark login`, `technopark token …`, and of `technopark user` what concerns signing in.

What is secret is asked for: what stands on a command line, others on the machine can read.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli import asking
from cli.api import Api, ApiError, Json, path
from cli.asking import AsJson
from cli.invitations import asked_password
from cli.organisations import user

token = typer.Typer(help="Tokens of the API.", no_args_is_help=True)

LOGIN_DAYS = 90


@token.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="read, devices:write, organisations:write or people:write; can be given again. "
            "Without any it may do all that you may.",
        ),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="How long it is valid.")] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Its last day, in UTC, instead of --days."),
    ] = None,
    user_id: Annotated[
        int | None, typer.Option("--user", help="For another user; administrators only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token, and show it once.

    Example: technopark token add "night job" --scope read --scope devices:write --days 90
    """
    body = {
        "name": name,
        "scopes": scopes or None,
        "expires_at": end_of(days, expires),
        "user_id": user_id,
    }
    with asking.asking() as api:
        issued = api.post("tokens", body)
    if as_json:
        asking.show(issued, as_json=True)
    else:
        asking.say(f"The token, shown only this once:\n\n  {issued['token']}")


def end_of(days: int | None, last_day: datetime | None) -> str | None:
    """When a token ends, as the API wants it; None: never.

    Raises:
        typer.BadParameter: both were given.
    """
    if days is not None and last_day is not None:
        raise typer.BadParameter("give --days or --expires, not both")
    if days is not None:
        return (datetime.now(UTC) + timedelta(days=days)).isoformat()
    if last_day is not None:
        return (last_day.replace(tzinfo=UTC) + timedelta(days=1)).isoformat()
    return None


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
        columns = ("id", "name", "scopes", "created_at", "expires_at", "last_used_at")
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
    email: Annotated[
        str | None, typer.Option(help="Your address: asks for your password, and makes a token.")
    ] = None,
) -> None:
    """Keep a token for the other commands, in a file that only you can read.

    With an e-mail address the token is made now, and is good for 90 days.

    Example: technopark login --email maria@sunny.example
    """
    if email:
        text = token_by_password(email)
    else:
        text = (own_token or typer.prompt("Token", hide_input=True)).strip()
    with asking.asking(text) as api:
        me = api.get("me")
    file = asking.token_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text + "\n")
    asking.say(f"you are {me['name']} ({me['email']}); the token is kept in {file}")


def token_by_password(email: str) -> str:
    """A new token of who knows the password, and has the authenticator app if there is one."""
    body = {
        "email": email,
        "password": typer.prompt("Password", hide_input=True),
        "name": "technopark login",
        "expires_at": end_of(LOGIN_DAYS, None),
    }
    with asking.asking("") as api:
        return str(signed_in(api, body)["token"])


def signed_in(api: Api, body: dict[str, Json]) -> Json:
    """The answer to a sign-in, with a code where one is asked for."""
    try:
        return api.post("tokens/sign-in", body)
    except ApiError as error:
        if not any(refused.get("pointer") == "#/code" for refused in error.errors):
            raise
    return api.post(
        "tokens/sign-in", {**body, "code": typer.prompt("Code of the app, or a recovery code")}
    )


@user.command("set-password")
def set_password() -> None:
    """Set your own password; your sessions at the console end.

    Example: technopark user set-password
    """
    present = typer.prompt("Present password (empty: none)", hide_input=True, default="")
    body = {"password": asked_password(), "current_password": present or None}
    with asking.asking() as api:
        api.put("me/password", body)
    asking.say("your password is set")
