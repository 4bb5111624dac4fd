"""The folder of an organisation with its dashboards, and the links by which everybody sees some.

Whose a dashboard is says the message of its newest version: the sync's has a digest in it.
"""

from __future__ import annotations

from dashboards.alerts import digest
from dashboards.grafana import Json
from dashboards.site import Site

# Before the digest, in the message of each version that the sync has saved.
MESSAGE = "technopark sync "


def folder(site: Site) -> None:
    """The folder with our dashboards and alert rules; by its uid the organisation is known."""
    if site.wanted.is_gone:
        return
    grafana, uid = site.grafana, site.wanted.folder
    if grafana is None or grafana.found(grafana.api.folder.get_folder, uid) is None:
        site.do(
            "create",
            "folder Technopark",
            lambda: site.here.call(site.here.api.folder.create_folder, "Technopark", uid),
        )


def saved_by_us(version: Json) -> bool:
    """Whether the sync has saved this version of a dashboard."""
    return str(version.get("message", "")).startswith(MESSAGE)


def dashboards(site: Site) -> None:
    """The dashboards; one that somebody has changed is left as it is."""
    for uid, board in site.wanted.dashboards.items():
        versions = site.grafana.versions(uid) if site.grafana else []
        title = f"dashboard {board['title']}"
        if not versions:
            site.do("create", title, lambda b=board: save(site, b, 0))
        elif not saved_by_us(versions[0]):
            site.note("keep", f"{title}: somebody has changed it")
        elif versions[0]["message"] != MESSAGE + digest(board):
            number = versions[0]["version"]
            site.do("change", title, lambda b=board, n=number: save(site, b, n))
    for uid, title in in_folder(site).items():
        if uid in site.wanted.dashboards:
            continue
        versions = site.grafana.versions(uid) if site.grafana else []
        if versions and saved_by_us(versions[0]):
            site.do("remove", f"dashboard {title}", lambda u=uid: delete_dashboard(site, u))
        elif any(map(saved_by_us, versions)):
            site.note("keep", f"dashboard {title}: it is no more, but somebody has changed it")


def save(site: Site, board: Json, version: int) -> None:
    """Save a dashboard after a version of it, or as a new one."""
    grafana = site.here
    body = {
        "dashboard": {**board, "id": None, "version": version},
        "folderUid": site.wanted.folder,
        "message": MESSAGE + digest(board),
        "overwrite": False,
    }
    grafana.call(grafana.api.dashboard.update_dashboard, body)


def delete_dashboard(site: Site, uid: str) -> None:
    """Delete a dashboard."""
    site.here.found(site.here.api.dashboard.delete_dashboard, uid)


def in_folder(site: Site) -> dict[str, str]:
    """The titles of the dashboards in our folder, by their uids."""
    if site.grafana is None:
        return {}
    path = f"/search?type=dash-db&limit=5000&folderUIDs={site.wanted.folder}"
    return {
        row["uid"]: row["title"] for row in site.grafana.call(site.grafana.api.client.GET, path)
    }


def made_by_people(site: Site) -> int:
    """How many dashboards in the organisation people have made or changed."""
    grafana = site.here
    rows = grafana.call(grafana.api.client.GET, "/search?type=dash-db&limit=5000")
    newest = (grafana.versions(row["uid"])[:1] for row in rows)
    return sum(not (version and saved_by_us(version[0])) for version in newest)


def public(site: Site) -> dict[str, Json]:
    """The dashboards that everybody may see, by their uids; of an organisation that has such."""
    if site.grafana is None or not (site.wanted.links or site.wanted.key == "showcases"):
        return {}
    pages = site.grafana.pages("/dashboards/public-dashboards?", "publicDashboards")
    return {row["dashboardUid"]: row for row in pages}


def end_links(site: Site) -> None:
    """Links of what is not shown any more, or by another token."""
    for uid, link in public(site).items():
        token = site.wanted.links.get(uid)
        if uid.startswith("showcase-") and token != link["accessToken"]:
            path = f"/dashboards/uid/{uid}/public-dashboards/{link['uid']}"
            site.do(
                "remove",
                f"link to {uid}",
                lambda p=path: site.here.found(site.here.api.client.DELETE, p),
            )


def links(site: Site) -> None:
    """Links by which everybody may see a dashboard."""
    there = public(site)
    for uid, token in site.wanted.links.items():
        if uid not in there or there[uid]["accessToken"] != token:
            body = {
                "accessToken": token,
                "isEnabled": True,
                "timeSelectionEnabled": True,
                "annotationsEnabled": False,
                "share": "public",
            }
            path = f"/dashboards/uid/{uid}/public-dashboards/"
            site.do(
                "create",
                f"link to {uid}",
                lambda p=path, b=body: site.here.call(site.here.api.client.POST, p, b),
            )
        elif not there[uid]["isEnabled"]:
            site.note("keep", f"link to {uid}: somebody has switched it off")
