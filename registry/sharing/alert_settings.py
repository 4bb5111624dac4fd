"""Of what a tenant is alerted, and by which ways; `technopark dashboards sync` tells Grafana."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, Field

from registry.access import Database, permitted, readable_tenant
from registry.http.etags import unless_changed
from registry.http.fields import Answer, Body, Email, distinct, example, matching, unset
from registry.identity.authenticator import cipher
from storage import alert_settings
from storage.rows import Row

router = APIRouter(prefix="/tenants/{tenant_id}/alerts", tags=["tenants"])

SECRETS = ("telegram_token", "webhook_url")


def outside(url: str) -> str:
    """Refuse a webhook at an address of the platform's own network.

    Raises:
        ValueError: says what a webhook is.
    """
    rule = "give an https address outside of the platform, such as https://hooks.example.org/x"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        raise ValueError(rule) from None
    try:
        is_outside = ip_address(host).is_global
    except ValueError:
        is_outside = "." in host.strip(".") and not host.endswith((".localhost", ".internal"))
    if not url.startswith("https://") or not is_outside:
        raise ValueError(rule)
    return url


WebhookUrl = Annotated[
    str, Field(max_length=2000), matching(r"[!-~]+", "give an address"), AfterValidator(outside)
]
TelegramToken = Annotated[
    str, matching(r"\d{1,20}:[A-Za-z0-9_-]{20,100}", "give a bot's token as @BotFather shows it")
]
TelegramChat = Annotated[
    str, matching(r"-?\d{1,20}|@[A-Za-z0-9_]{5,32}", "give a chat's number, or a channel's @name")
]
Minutes = Annotated[int, Field(ge=1, le=43_200)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Emails = Annotated[list[Email], Field(max_length=20), AfterValidator(distinct)]


class AlertChanges(Body):
    """What is to be another; the rest stays. Null: no such alert, or not by this way."""

    model_config = example(silent_minutes=30, emails=["ops@sunny.example"], webhook_url=None)
    silent_minutes: Minutes | None = None
    out_of_range: bool = unset()
    rejected_percent: Percent | None = None
    complete_percent: Percent | None = None
    emails: Emails = unset()
    telegram_chat: TelegramChat | None = None
    telegram_token: TelegramToken | None = None
    webhook_url: WebhookUrl | None = None


class AlertSettings(Answer):
    """Of what a tenant is alerted, null: not at all; and by which ways.

    A device is silent after so many minutes; more than so many percent rejected, or fewer than so
    many percent of the expected readings in a day, are an alert. Secrets are never shown.
    """

    model_config = example(
        tenant_id="sunny",
        silent_minutes=30,
        out_of_range=True,
        rejected_percent=5,
        complete_percent=80,
        emails=["ops@sunny.example"],
        telegram_chat="-1001234567890",
        has_telegram_token=True,
        has_webhook=False,
    )
    tenant_id: str
    silent_minutes: int | None
    out_of_range: bool
    rejected_percent: float | None
    complete_percent: float | None
    emails: list[str]
    telegram_chat: str | None
    has_telegram_token: bool
    has_webhook: bool


AlertedTenant = Annotated[Row, Depends(permitted("alert.manage", readable_tenant))]


async def readable_alerts(tenant: AlertedTenant, connection: Database) -> Row:
    """The settings of the tenant of the path."""
    return await alert_settings.settings(connection, tenant["id"])


@router.get("", response_model=AlertSettings)
async def show_alerts(alerts: Annotated[Row, Depends(readable_alerts)]) -> Row:
    """Show of what a tenant is alerted, and by which ways."""
    return alerts


@router.patch(
    "",
    response_model=AlertSettings,
    dependencies=[unless_changed("tenants", readable_alerts, AlertSettings)],
)
async def change_alerts(
    body: AlertChanges, tenant: AlertedTenant, connection: Database, request: Request
) -> Row:
    """Change of what a tenant is alerted, and by which ways."""
    changes = body.changes()
    opened = {name: changes.pop(name) for name in SECRETS if name in changes}
    # Asked for only where something is to be encrypted: a platform may have no key.
    safe = cipher(request.app.state.settings) if any(opened.values()) else None
    closed = {name: safe.encrypt(text.encode()) if safe and text else None
              for name, text in opened.items()}  # fmt: skip
    await alert_settings.change(connection, tenant["id"], changes, closed)
    return await alert_settings.settings(connection, tenant["id"])
