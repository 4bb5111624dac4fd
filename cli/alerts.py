"""`technopark tenant alerts`: of what a tenant is alerted, and by which ways."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import asking
from cli.api import Json, path
from cli.asking import AsJson

Off = "empty: not at all."


def alerts(
    tenant_id: Annotated[str, typer.Argument(help="The tenant's id.")],
    silent_minutes: Annotated[
        str | None, typer.Option(help=f"A device is silent after them; {Off}")
    ] = None,
    out_of_range: Annotated[
        bool | None, typer.Option(help="Values outside the range of the model.")
    ] = None,
    rejected_percent: Annotated[
        str | None, typer.Option(help=f"More than this was rejected; {Off}")
    ] = None,
    complete_percent: Annotated[
        str | None, typer.Option(help=f"Less than this came in a day; {Off}")
    ] = None,
    email: Annotated[
        list[str] | None, typer.Option(help="Alerts go there; again for more; empty: to none.")
    ] = None,
    telegram_chat: Annotated[
        str | None, typer.Option(help="And to this chat or @channel; empty: not.")
    ] = None,
    ask_telegram_token: Annotated[
        bool, typer.Option("--telegram-token", help="Ask for the token of the Telegram bot.")
    ] = False,
    ask_webhook: Annotated[
        bool, typer.Option("--webhook", help="Ask for the address of a webhook; empty: none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show of what a tenant is alerted, after changing what is given; the next sync tells Grafana.

    Secrets are asked for: they would stay in the history of your shell.

    Example: technopark tenant alerts sunny --silent-minutes 30 --email ops@sunny.example
    """
    changes = asking.given(
        rejected_percent=asking.number(rejected_percent, "--rejected-percent"),
        complete_percent=asking.number(complete_percent, "--complete-percent"),
        out_of_range=out_of_range,
        telegram_chat=telegram_chat,
    )
    changes |= minutes(silent_minutes)
    if email is not None:
        changes["emails"] = [address for address in email if address]
    if ask_telegram_token:
        changes["telegram_token"] = asked("Token of the Telegram bot")
    if ask_webhook:
        changes["webhook_url"] = asked("Address of the webhook")
    where = path("tenants", tenant_id, "alerts")
    with asking.asking() as api:
        settings = api.patch(where, changes) if changes else api.get(where)
        asking.show(settings, as_json=as_json)


def minutes(text: str | None) -> dict[str, Json]:
    """The minutes that were typed; an empty text stands for "not at all"."""
    if text is None:
        return {}
    if text and not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is no number of minutes", param_hint="--silent-minutes")
    return {"silent_minutes": int(text) if text else None}


def asked(what: str) -> str | None:
    """A secret that was typed, unseen; None for an empty one."""
    return typer.prompt(what, default="", hide_input=True, show_default=False) or None
