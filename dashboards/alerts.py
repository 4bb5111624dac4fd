"""Alerts of a tenant: rules in SQL on its own views, the ways to tell people, and the policy.

A rule's query returns a row for each thing that is wrong: the names of the thing as text, and one
number. Grafana alerts for each row. Nothing wrong is no row, which is why "no data" is well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.defaults import DATASOURCE
from dashboards.language import Language, translated_rule

Json = dict[str, Any]

# What is ours of rules and contact points begins with it.
PREFIX = "technopark-"
GROUP = "Technopark"
# All contact points of a tenant have one name: an alert goes by all of them.
RECEIVER = "Technopark"
LABEL = "technopark"
# Under which annotation a rule carries the digest of what it was made of.
DIGEST = "technopark_digest"
# How many rejections there must be before their share says something.
FEWEST_REJECTIONS = 5


@dataclass(frozen=True)
class Alerts:
    """Of what a tenant is alerted, None: not at all; and by which ways.

    The defaults are those of the table ``alert_settings``.
    """

    silent_minutes: int | None = 60
    out_of_range: bool = True
    rejected_percent: float | None = 5
    complete_percent: float | None = 80
    emails: Sequence[str] = ()
    telegram_chat: str | None = None
    telegram_token: str | None = field(default=None, repr=False)
    webhook_url: str | None = field(default=None, repr=False)


def rules(alerts: Alerts, tenant_id: str, folder: str, language: Language = "en") -> list[Json]:
    """The alert rules, as Grafana's provisioning API takes them.

    Args:
        alerts: what is chosen.
        tenant_id: whose devices; those that others let it read are theirs to look after.
        folder: the uid of the folder in which the rules are.
        language: of their titles and summaries.
    """
    made = []
    if alerts.silent_minutes is not None:
        made.append(silent(alerts.silent_minutes, tenant_id))
    if alerts.out_of_range:
        made.append(out_of_range(tenant_id))
    if alerts.rejected_percent is not None:
        made.append(rejected(alerts.rejected_percent))
    if alerts.complete_percent is not None:
        made.append(incomplete(alerts.complete_percent, tenant_id))
    spoken = [translated_rule(rule, language) for rule in made]
    return [signed({**rule, "folderUID": folder, "ruleGroup": GROUP}) for rule in spoken]


def silent(minutes: int, tenant_id: str) -> Json:
    """A device that was heard once says nothing any more."""
    return rule(
        "silent",
        "Silent device",
        "{{ $labels.device }} has been silent for {{ humanize $values.A.Value }} minutes",
        filled(
            """SELECT device, (extract(epoch FROM now() - last_seen) / 60)::float8 AS minutes
FROM devices
WHERE tenant = 'TENANT' AND stage <> 'retired'
  AND last_seen < now() - INTERVAL 'MINUTES minutes'""",
            TENANT=tenant_id,
            MINUTES=minutes,
        ),
    )


def out_of_range(tenant_id: str) -> Json:
    """Values that the model does not think plausible."""
    return rule(
        "range",
        "Value out of range",
        "{{ $labels.device }}: {{ $values.A.Value }} values of {{ $labels.metric }} were outside "
        "the range of its model in the last 10 minutes",
        filled(
            """SELECT f.device, f.metric, f.flag, count(*)::float8 AS readings
FROM flags f
JOIN devices d ON d.device = f.device
WHERE d.tenant = 'TENANT' AND f.ts BETWEEN now() - INTERVAL '10 minutes' AND now()
GROUP BY f.device, f.metric, f.flag""",
            TENANT=tenant_id,
        ),
    )


def rejected(percent: float) -> Json:
    """Too much of what a device sends is refused."""
    return rule(
        "rejections",
        "Many rejections",
        "{{ $labels.device }}: {{ humanize $values.A.Value }} % of what it sent in the last 15 "
        "minutes was rejected",
        filled(
            """SELECT r.device, (100.0 * r.refused / (r.refused + s.stored))::float8 AS percent
FROM (
  SELECT device, count(*) AS refused FROM rejections
  WHERE ts > now() - INTERVAL '15 minutes' GROUP BY device
) r
CROSS JOIN LATERAL (
  SELECT count(*) AS stored FROM telemetry t
  WHERE t.device = r.device AND t.ts BETWEEN now() - INTERVAL '15 minutes' AND now()
) s
WHERE r.refused >= FEWEST
  AND 100.0 * r.refused > LIMIT * (r.refused + s.stored)""",
            FEWEST=FEWEST_REJECTIONS,
            LIMIT=percent,
        ),
    )


def incomplete(percent: float, tenant_id: str) -> Json:
    """Too little came of what should come regularly."""
    return rule(
        "completeness",
        "Incomplete data",
        "{{ $labels.device }}: only {{ humanize $values.A.Value }} % of {{ $labels.metric }} came "
        "in the last 24 hours",
        # One that is 0 would be taken for "all is well" by the condition.
        filled(
            """SELECT c.device, c.metric, greatest(c.percent, 0.001)::float8 AS percent
FROM completeness c
JOIN devices d ON d.device = c.device
WHERE d.tenant = 'TENANT' AND d.stage <> 'retired' AND c.percent < LIMIT
  AND d.created_at < now() - INTERVAL '25 hours'""",
            TENANT=tenant_id,
            LIMIT=percent,
        ),
    )


def filled(sql: str, **words: str | float) -> str:
    """The query with values in the place of words. They are ids and numbers, checked before."""
    for word, value in words.items():
        sql = sql.replace(word, str(value))
    return sql


def rule(name: str, title: str, summary: str, sql: str) -> Json:
    """A rule that alerts for every row of a query."""
    query = {
        "refId": "A",
        "datasource": DATASOURCE.to_json(),
        "editorMode": "code",
        "format": "table",
        "rawQuery": True,
        "rawSql": sql,
        "intervalMs": 60_000,
        "maxDataPoints": 1000,
    }
    above_zero = {
        "refId": "B",
        "type": "threshold",
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        "expression": "A",
        "conditions": [{"type": "query", "evaluator": {"type": "gt", "params": [0]}}],
    }
    parts = [("A", DATASOURCE.uid, query), ("B", "__expr__", above_zero)]
    return {
        "uid": PREFIX + name,
        "title": title,
        "condition": "B",
        "data": [
            {
                "refId": ref,
                "relativeTimeRange": {"from": 600, "to": 0},
                "datasourceUid": source,
                "model": model,
            }
            for ref, source, model in parts
        ],
        "for": "0s",
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {LABEL: name},
        "annotations": {"summary": summary},
    }


def signed(made: Json) -> Json:
    """The rule with the digest of all that it is made of."""
    return {**made, "annotations": {**made["annotations"], DIGEST: digest(made)}}


def contact_points(alerts: Alerts) -> list[Json]:
    """The ways to tell people, as Grafana's provisioning API takes them; with their secrets."""
    chosen: list[tuple[str, Json]] = []
    if alerts.emails:
        chosen.append(("email", {"addresses": ";".join(alerts.emails), "singleEmail": False}))
    if alerts.telegram_chat and alerts.telegram_token:
        telegram = {"chatid": alerts.telegram_chat, "bottoken": alerts.telegram_token}
        chosen.append(("telegram", telegram))
    if alerts.webhook_url:
        chosen.append(("webhook", {"url": alerts.webhook_url, "httpMethod": "POST"}))
    return [
        {"uid": PREFIX + kind, "name": RECEIVER, "type": kind, "settings": settings}
        for kind, settings in chosen
    ]


def route() -> Json:
    """The part of the notification policy that is ours: our alerts go to our receiver."""
    return {
        "receiver": RECEIVER,
        "object_matchers": [[LABEL, "=~", ".+"]],
        "group_by": ["alertname", "device"],
    }


def with_route(tree: Json, wanted: bool) -> Json:
    """The notification policy with our part, or without it; what people put there stays."""
    routes: list[Json] = tree.get("routes") or []
    ours = [each for each in routes if each.get("receiver") == RECEIVER]
    others = [each for each in routes if each.get("receiver") != RECEIVER]
    return {**tree, "routes": [*(ours or [route()]), *others] if wanted else others}


def digest(thing: object) -> str:
    """A short name of JSON."""
    return hashlib.sha256(json.dumps(thing, sort_keys=True).encode()).hexdigest()[:32]
