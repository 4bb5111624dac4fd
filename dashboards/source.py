"""The data source of an organisation: the database, read by a role of its own."""

from __future__ import annotations

import json
import re

from dashboards.defaults import DATASOURCE
from dashboards.grafana import Json
from dashboards.site import Site

# What PostgreSQL says to a role that it does not let in: SQLSTATE class 28.
LOCKED_OUT = re.compile(r"authentication failed|not permitted to log in|28P01|28000")


def data_source(site: Site) -> None:
    """The database, read as the organisation's own role.

    The role gets a new password where the data source is not there or does not get in by the one
    it has; nobody else uses that role.
    """
    grafana, uid = site.grafana, str(DATASOURCE.uid)
    there = grafana and grafana.found(grafana.api.datasource.get_datasource_by_uid, uid)
    if site.wanted.is_gone:
        if grafana and there:
            remove = grafana.api.datasource.delete_datasource_by_uid
            site.do("remove", "data source", lambda: grafana.call(remove, uid))
        return
    problem = None
    if grafana is None or not there:
        site.do("create", "data source", lambda: save_source(site, None))
    elif differs(there, source_body(site, site.memory.role(site.wanted.key) or "")):
        site.do("change", "data source", lambda: save_source(site, there))
    else:
        problem = problem_of(grafana.health_of_source(uid))
        if problem and LOCKED_OUT.search(problem):
            problem = None
            site.do("change", "password of the data source", lambda: save_source(site, there))
    if problem:
        site.note("warn", f"the data source does not work: {problem}")


def source_body(site: Site, role: str) -> Json:
    """The data source as Grafana stores it, without its password."""
    return {
        "name": "Technopark",
        "uid": DATASOURCE.uid,
        "type": DATASOURCE.type_val,
        "access": "proxy",
        "isDefault": True,
        "url": site.source.address,
        "user": role,
        "jsonData": {
            "database": site.source.database,
            "sslmode": site.source.sslmode,
            "postgresVersion": 1000,
            "timescaledb": True,
            # The role may have more: the rest is for a second Grafana while it takes over.
            "maxOpenConns": 4,
            "maxIdleConns": 1,
            "connMaxLifetime": 600,
        },
    }


def differs(there: Json, wanted: Json) -> bool:
    """Whether the data source is not as it should be; what Grafana adds is its own."""
    return any(
        there.get(name) != value for name, value in wanted.items() if name != "jsonData"
    ) or (not wanted["jsonData"].items() <= (there.get("jsonData") or {}).items())


def save_source(site: Site, there: Json | None) -> None:
    """Write the data source with a new password."""
    grafana = site.here
    role, password = site.memory.set_password(site.wanted.key)
    body = {**(there or {}), **source_body(site, role), "secureJsonData": {"password": password}}
    if there:
        change = grafana.api.datasource.update_datasource_by_uid
        grafana.call(change, DATASOURCE.uid, body, secret=True)
    else:
        grafana.call(grafana.api.datasource.create_datasource, body, secret=True)
    if problem := problem_of(grafana.health_of_source(str(DATASOURCE.uid))):
        site.note("warn", f"the data source does not work: {problem}")


def problem_of(health: Json) -> str | None:
    """What a data source says of why it does not work; None: it does."""
    if health.get("status") == "OK":
        return None
    details = health.get("details") or {}
    said = f"{health.get('message', '')} {details.get('verboseMessage', '')}".strip()
    return said or json.dumps(health)
