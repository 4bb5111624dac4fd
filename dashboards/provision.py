"""The files by which Grafana is told everything when it starts, for those who run no sync.

Source: Grafana documentation, "Provision Grafana". No secret is in the files: Grafana puts
variables of its own environment in their places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from dashboards import alerts
from dashboards.alerts import Alerts
from dashboards.catalogue import operator_dashboards, tenant_dashboards
from dashboards.defaults import DATASOURCE
from dashboards.language import Language, translated_boards
from dashboards.site import Source

Json = dict[str, Any]
FOLDER, FOLDER_UID = "Technopark", "technopark"
# Grafana's own environment says them.
PASSWORD = "$TECHNOPARK_SQL_PASSWORD"  # noqa: S105
TELEGRAM_TOKEN = "$TECHNOPARK_TELEGRAM_TOKEN"  # noqa: S105
WEBHOOK_URL = "$TECHNOPARK_WEBHOOK_URL"
OPERATOR_ROLE = "technopark_grafana"


def files(
    source: Source,
    path: str,
    org_id: int,
    tenant_id: str | None,
    chosen: Alerts,
    language: Language = "en",
) -> Iterator[tuple[str, str]]:
    """The files: their names below Grafana's provisioning folder, and their texts.

    Args:
        source: where Grafana finds the database.
        path: the folder of the dashboards as Grafana sees it.
        org_id: the number of Grafana's organisation.
        tenant_id: whose Grafana it is; None: the operators'.
        chosen: of what the tenant is alerted, and how; its secrets are variables.
        language: of dashboards and alerts.
    """
    role = "$TECHNOPARK_SQL_USER" if tenant_id else OPERATOR_ROLE
    sources = {"datasources": [data_source(source, role, org_id)]}
    yield "datasources/technopark.yaml", document(sources)
    yield "dashboards/technopark.yaml", document({"providers": [provider(path, org_id)]})
    boards = tenant_dashboards() if tenant_id else operator_dashboards()
    for uid, board in translated_boards(boards, language).items():
        text = json.dumps(board, indent=2, ensure_ascii=False)
        yield f"dashboards/{uid}.json", text + "\n"
    if tenant_id:
        yield "alerting/technopark.yaml", document(alerting(tenant_id, org_id, chosen, language))


def write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write the files, and remove dashboards that are no more; nothing else is touched.

    Returns:
        The files.
    """
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in (folder / "dashboards").glob("technopark-*.json"):
        if f"dashboards/{path.name}" not in texts:
            path.unlink()
    return [folder / name for name in texts]


def document(content: Json) -> str:
    """A file of Grafana's provisioning."""
    whole = {"apiVersion": 1, **content}
    text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=96)
    return "# Made by `technopark dashboards provision`.\n" + text


def data_source(source: Source, role: str, org_id: int) -> Json:
    """The database, read by a role whose password Grafana's environment says."""
    return {
        "name": "Technopark",
        "uid": DATASOURCE.uid,
        "orgId": org_id,
        "type": DATASOURCE.type_val,
        "access": "proxy",
        "isDefault": True,
        "editable": False,
        "url": source.address,
        "user": role,
        "secureJsonData": {"password": PASSWORD},
        "jsonData": {
            "database": source.database,
            "sslmode": source.sslmode,
            "postgresVersion": 1000,
            "timescaledb": True,
            "maxOpenConns": 4,
            "maxIdleConns": 1,
        },
    }


def provider(path: str, org_id: int) -> Json:
    """Where the dashboards are."""
    return {
        "name": "technopark",
        "orgId": org_id,
        "folder": FOLDER,
        "folderUid": FOLDER_UID,
        "type": "file",
        "disableDeletion": False,
        # A change in the browser would be overwritten: save a copy under another name.
        "allowUiUpdates": False,
        "updateIntervalSeconds": 60,
        "options": {"path": path},
    }


def alerting(tenant_id: str, org_id: int, chosen: Alerts, language: Language) -> Json:
    """Rules, contact points and the policy; Grafana's files have other names for some fields."""
    rules = [for_file(rule) for rule in alerts.rules(chosen, tenant_id, FOLDER_UID, language)]
    group = {"orgId": org_id, "name": alerts.GROUP, "folder": FOLDER, "interval": "1m"}
    points = alerts.contact_points(chosen)
    content: Json = {"groups": [{**group, "rules": rules}]}
    if points:
        names = ("uid", "type", "settings")
        receivers = [{name: point[name] for name in names} for point in points]
        content["contactPoints"] = [
            {"orgId": org_id, "name": alerts.RECEIVER, "receivers": receivers}
        ]
        # A file has the whole policy: what is not ours goes to the same people.
        content["policies"] = [{"orgId": org_id, **alerts.route()}]
        del content["policies"][0]["object_matchers"]
    return content


def for_file(rule: Json) -> Json:
    """A rule without what its group says; its `$` is none of Grafana's environment."""
    kept = {name: value for name, value in rule.items() if name not in ("folderUID", "ruleGroup")}
    escaped: Json = json.loads(json.dumps(kept).replace("$", "$$"))
    return escaped
