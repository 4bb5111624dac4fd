"""What a fake Grafana answers to each request, as Grafana's documentation says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import psycopg

from tests.integration.dashboards.fake_state import AnswerError, Json, Request, State, empty_org


def list_orgs(grafana: State, request: Request) -> Any:
    size, page = int(request.query["perpage"]), int(request.query["page"])
    orgs = [{"id": int(n), "name": org["name"]} for n, org in grafana.state["orgs"].items()]
    return orgs[page * size : (page + 1) * size]


def require_free_name(grafana: State, name: str, number: str = "") -> None:
    if len(name) > 190:
        raise AnswerError(400, "bad request data")
    if any(org["name"] == name and n != number for n, org in grafana.state["orgs"].items()):
        raise AnswerError(409, "Organization name taken")


def create_org(grafana: State, request: Request) -> Any:
    require_free_name(grafana, request.body["name"])
    grafana.state["last_org"] += 1
    number = grafana.state["last_org"]
    grafana.state["orgs"][str(number)] = empty_org(request.body["name"])
    return {"orgId": number, "message": "Organization created"}


def rename_org(grafana: State, request: Request, number: str) -> Any:
    require_free_name(grafana, request.body["name"], number)
    grafana.org_of(number)["name"] = request.body["name"]
    return {"message": "Organization updated"}


def delete_org(grafana: State, _request: Request, number: str) -> Any:
    grafana.org_of(number)
    del grafana.state["orgs"][number]
    return {"message": "Organization deleted"}


def org_users(grafana: State, _request: Request, number: str) -> Any:
    users = grafana.state["users"]
    return [
        {**users[user], "userId": int(user), "orgId": int(number), "role": role}
        for user, role in grafana.org_of(number)["users"].items()
    ]


def user_of(grafana: State, login_or_email: str) -> str:
    for number, user in grafana.state["users"].items():
        if login_or_email.lower() in (user["login"].lower(), user["email"].lower()):
            return str(number)
    raise AnswerError(404, "user not found")


def add_org_user(grafana: State, request: Request, number: str) -> Any:
    user = user_of(grafana, request.body["loginOrEmail"])
    members = grafana.org_of(number)["users"]
    if user in members:
        raise AnswerError(409, "User is already member of this organization", userId=int(user))
    members[user] = request.body["role"]
    return {"message": "User added to organization", "userId": int(user)}


def change_org_user(grafana: State, request: Request, number: str, user: str) -> Any:
    grafana.org_of(number)["users"][user] = request.body["role"]
    return {"message": "Organization user updated"}


def delete_org_user(grafana: State, _request: Request, number: str, user: str) -> Any:
    grafana.org_of(number)["users"].pop(user, None)
    return {"message": "User removed from organization"}


def lookup(grafana: State, request: Request) -> Any:
    number = user_of(grafana, request.query["loginOrEmail"])
    return {"id": int(number), **grafana.state["users"][number]}


def create_user(grafana: State, request: Request) -> Any:
    body = request.body
    if any(body["email"] == user["email"] for user in grafana.state["users"].values()):
        raise AnswerError(412, "User already exists")
    grafana.state["last_user"] += 1
    number = str(grafana.state["last_user"])
    grafana.state["users"][number] = {name: body[name] for name in ("login", "email", "name")}
    grafana.org_of(str(body.get("OrgId", 1)))["users"][number] = "Viewer"
    return {"id": int(number), "message": "User created"}


def user_orgs(grafana: State, _request: Request, user: str) -> Any:
    return [
        {"orgId": int(number), "name": org["name"], "role": org["users"][user]}
        for number, org in grafana.state["orgs"].items()
        if user in org["users"]
    ]


def delete_user(grafana: State, _request: Request, user: str) -> Any:
    if grafana.state["users"].pop(user, None) is None:
        raise AnswerError(404, "user not found")
    for org in grafana.state["orgs"].values():
        org["users"].pop(user, None)
    return {"message": "User deleted"}


def show_folder(grafana: State, request: Request, uid: str) -> Any:
    try:
        return grafana.org_of(request.org)["folders"][uid]
    except KeyError:
        raise AnswerError(404, "folder not found", status="not-found") from None


def create_folder(grafana: State, request: Request) -> Any:
    folders = grafana.org_of(request.org)["folders"]
    if request.body["uid"] in folders:
        raise AnswerError(409, "a folder with the same uid already exists")
    folders[request.body["uid"]] = {**request.body, "version": 1}
    return folders[request.body["uid"]]


def shown_source(source: Json) -> Json:
    shown = {name: value for name, value in source.items() if name != "secureJsonData"}
    return {
        **shown,
        "readOnly": False,
        "secureJsonFields": dict.fromkeys(source["secureJsonData"], True),
    }


def show_source(grafana: State, request: Request, uid: str) -> Any:
    try:
        return shown_source(grafana.org_of(request.org)["sources"][uid])
    except KeyError:
        raise AnswerError(404, "Data source not found") from None


def create_source(grafana: State, request: Request) -> Any:
    sources = grafana.org_of(request.org)["sources"]
    if request.body["name"] in {source["name"] for source in sources.values()}:
        raise AnswerError(409, "data source with the same name already exists")
    sources[request.body["uid"]] = request.body
    return {"message": "Datasource added", "datasource": shown_source(request.body)}


def change_source(grafana: State, request: Request, uid: str) -> Any:
    show_source(grafana, request, uid)
    kept = ("readOnly", "secureJsonFields")
    body = {name: value for name, value in request.body.items() if name not in kept}
    grafana.org_of(request.org)["sources"][uid] = body
    return {"message": "Datasource updated", "datasource": shown_source(body)}


def delete_source(grafana: State, request: Request, uid: str) -> Any:
    show_source(grafana, request, uid)
    del grafana.org_of(request.org)["sources"][uid]
    return {"message": "Data source deleted"}


def source_health(grafana: State, request: Request, uid: str) -> Any:
    show_source(grafana, request, uid)
    source = grafana.org_of(request.org)["sources"][uid]
    host, port = source["url"].split(":")
    try:
        psycopg.connect(
            host=host,
            port=port,
            user=source["user"],
            password=source["secureJsonData"]["password"],
            dbname=source["jsonData"]["database"],
        ).close()
    except psycopg.OperationalError as error:
        raise AnswerError(400, str(error), status="ERROR") from None
    return {"message": "Database Connection OK", "status": "OK"}


def search(grafana: State, request: Request) -> Any:
    folder = request.query.get("folderUIDs")
    return [
        {"uid": uid, "title": board["versions"][-1]["data"]["title"], "type": "dash-db"}
        for uid, board in grafana.org_of(request.org)["dashboards"].items()
        if folder in (None, board["folder"])
    ]


def save_dashboard(grafana: State, request: Request) -> Any:
    body, board = request.body, request.body["dashboard"]
    org = grafana.org_of(request.org)
    if body["folderUid"] not in org["folders"]:
        raise AnswerError(404, "folder not found")
    there = org["dashboards"].get(board["uid"])
    version = there["versions"][-1]["version"] if there else 0
    if board["version"] != version and not body["overwrite"]:
        message = "The dashboard has been changed by someone else"
        raise AnswerError(412, message, status="version-mismatch")
    saved = {"version": version + 1, "message": body["message"], "data": board}
    entry = org["dashboards"].setdefault(
        board["uid"], {"folder": body["folderUid"], "versions": []}
    )
    entry["versions"].append(saved)
    return {"uid": board["uid"], "status": "success", "version": version + 1}


def require_dashboard(grafana: State, request: Request, uid: str) -> Json:
    try:
        board: Json = grafana.org_of(request.org)["dashboards"][uid]
    except KeyError:
        raise AnswerError(404, "Dashboard not found") from None
    return board


def dashboard_versions(grafana: State, request: Request, uid: str) -> Any:
    versions = require_dashboard(grafana, request, uid)["versions"]
    keys = ("version", "message")
    return {"versions": [{key: v[key] for key in keys} for v in reversed(versions)]}


def delete_dashboard(grafana: State, request: Request, uid: str) -> Any:
    require_dashboard(grafana, request, uid)
    org = grafana.org_of(request.org)
    del org["dashboards"][uid]
    org["public"] = {k: v for k, v in org["public"].items() if v["dashboardUid"] != uid}
    return {"message": "Dashboard deleted"}


def list_public(grafana: State, request: Request) -> Any:
    rows = list(grafana.org_of(request.org)["public"].values())
    size, page = int(request.query["perpage"]), int(request.query["page"])
    return {"publicDashboards": rows[(page - 1) * size : page * size], "totalCount": len(rows)}


def create_public(grafana: State, request: Request, uid: str) -> Any:
    require_dashboard(grafana, request, uid)
    links = grafana.org_of(request.org)["public"]
    if any(link["dashboardUid"] == uid for link in links.values()):
        message = "Dashboard is already public"
        raise AnswerError(400, message, messageId="publicdashboards.dashboardIsPublic")
    if not re.fullmatch("[0-9a-f]{32}", request.body["accessToken"]):
        raise AnswerError(400, "invalid access token")
    links[f"public-{uid}"] = {"uid": f"public-{uid}", "dashboardUid": uid, **request.body}
    return links[f"public-{uid}"]


def delete_public(grafana: State, request: Request, _uid: str, link: str) -> Any:
    if grafana.org_of(request.org)["public"].pop(link, None) is None:
        raise AnswerError(404, "Public dashboard not found")
    return {}


def list_rules(grafana: State, request: Request) -> Any:
    return list(grafana.org_of(request.org)["rules"].values())


def save_rule(grafana: State, request: Request, uid: str = "") -> Any:
    rules, rule = grafana.org_of(request.org)["rules"], request.body
    if not uid and rule["uid"] in rules:
        raise AnswerError(409, "a conflicting alert rule is found")
    if uid and uid not in rules:
        raise AnswerError(404, "could not find alert rule")
    if rule["folderUID"] not in grafana.org_of(request.org)["folders"]:
        raise AnswerError(400, "invalid alert rule: folder does not exist")
    rules[rule["uid"]] = {**rule, "provenance": "api", "isPaused": False}
    return rules[rule["uid"]]


def delete_rule(grafana: State, request: Request, uid: str) -> Any:
    grafana.org_of(request.org)["rules"].pop(uid, None)
    return {}


def list_points(grafana: State, request: Request) -> Any:
    secret = {"bottoken": "[REDACTED]", "url": "[REDACTED]"}
    return [
        {**point, "settings": {k: secret.get(k, v) for k, v in point.get("settings", {}).items()}}
        for point in grafana.org_of(request.org)["points"].values()
    ]


def save_point(grafana: State, request: Request, uid: str = "") -> Any:
    points, point = grafana.org_of(request.org)["points"], request.body
    if "nonsense" in json.dumps(point):
        raise AnswerError(400, f"invalid settings: {json.dumps(point)}")
    if uid and uid not in points:
        raise AnswerError(404, "contact point not found")
    if not uid and point["uid"] in points:
        raise AnswerError(409, "contact point with this uid exists")
    points[point["uid"]] = point
    return {"message": "contactpoint saved"}


def delete_point(grafana: State, request: Request, uid: str) -> Any:
    org = grafana.org_of(request.org)
    receivers = {route["receiver"] for route in org["policy"]["routes"]}
    others = {point["name"] for number, point in org["points"].items() if number != uid}
    if org["points"][uid]["name"] in receivers - others:
        raise AnswerError(409, "contact point is used by a notification policy")
    del org["points"][uid]
    return {}


def show_policy(grafana: State, request: Request) -> Any:
    return grafana.org_of(request.org)["policy"]


def save_policy(grafana: State, request: Request) -> Any:
    org = grafana.org_of(request.org)
    names = {point["name"] for point in org["points"].values()}
    if unknown := {route["receiver"] for route in request.body["routes"]} - names:
        raise AnswerError(400, f"invalid object specification: receiver {unknown} does not exist")
    org["policy"] = request.body
    return {"message": "policies updated"}


ALERTING = "/api/v1/provisioning"
GLOBAL: list[tuple[str, Callable[..., Any]]] = [
    ("GET /api/orgs", list_orgs),
    ("POST /api/orgs", create_org),
    (r"PUT /api/orgs/(\d+)", rename_org),
    (r"DELETE /api/orgs/(\d+)", delete_org),
    (r"GET /api/orgs/(\d+)/users", org_users),
    (r"POST /api/orgs/(\d+)/users", add_org_user),
    (r"PATCH /api/orgs/(\d+)/users/(\d+)", change_org_user),
    (r"DELETE /api/orgs/(\d+)/users/(\d+)", delete_org_user),
    ("GET /api/users/lookup", lookup),
    ("POST /api/admin/users", create_user),
    (r"GET /api/users/(\d+)/orgs", user_orgs),
    (r"DELETE /api/admin/users/(\d+)", delete_user),
]
OF_ORG: list[tuple[str, Callable[..., Any]]] = [
    ("POST /api/folders", create_folder),
    ("GET /api/folders/([^/]+)", show_folder),
    ("POST /api/datasources", create_source),
    ("GET /api/datasources/uid/([^/]+)", show_source),
    ("PUT /api/datasources/uid/([^/]+)", change_source),
    ("DELETE /api/datasources/uid/([^/]+)", delete_source),
    ("GET /api/datasources/uid/([^/]+)/health", source_health),
    ("GET /api/search", search),
    ("POST /api/dashboards/db", save_dashboard),
    ("GET /api/dashboards/uid/([^/]+)/versions", dashboard_versions),
    ("DELETE /api/dashboards/uid/([^/]+)", delete_dashboard),
    ("GET /api/dashboards/public-dashboards", list_public),
    ("POST /api/dashboards/uid/([^/]+)/public-dashboards/", create_public),
    ("DELETE /api/dashboards/uid/([^/]+)/public-dashboards/([^/]+)", delete_public),
    (f"GET {ALERTING}/alert-rules", list_rules),
    (f"POST {ALERTING}/alert-rules", save_rule),
    (f"PUT {ALERTING}/alert-rules/([^/]+)", save_rule),
    (f"DELETE {ALERTING}/alert-rules/([^/]+)", delete_rule),
    (f"GET {ALERTING}/contact-points", list_points),
    (f"POST {ALERTING}/contact-points", save_point),
    (f"PUT {ALERTING}/contact-points/([^/]+)", save_point),
    (f"DELETE {ALERTING}/contact-points/([^/]+)", delete_point),
    (f"GET {ALERTING}/policies", show_policy),
    (f"PUT {ALERTING}/policies", save_policy),
]
ROUTES = [*GLOBAL, *OF_ORG]
IN_ORG = {function for _, function in OF_ORG}
