"""Alerts in Grafana: rules, contact points and our part of the notification policy.

By Grafana's provisioning API, so that rules and contact points can be changed in the platform
alone. The policy stays open for people's own routes.
"""

from __future__ import annotations

from dashboards.alerts import DIGEST, PREFIX, RECEIVER, digest, with_route
from dashboards.grafana import Json
from dashboards.plan import Verb
from dashboards.site import Site


def rules(site: Site) -> None:
    """The alert rules; each carries the digest of what it was made of."""
    grafana = site.grafana
    found = grafana.call(grafana.api.alertingprovisioning.get_alertrules_all) if grafana else []
    there = {rule["uid"]: rule for rule in found if rule["uid"].startswith(PREFIX)}
    for rule in site.wanted.rules:
        old = there.pop(rule["uid"], None)
        what = f"alert rule {rule['title']}"
        if old is None:
            site.do("create", what, lambda r=rule: save_rule(site, r, is_new=True))
        elif (old.get("annotations") or {}).get(DIGEST) != rule["annotations"][DIGEST]:
            site.do("change", what, lambda r=rule: save_rule(site, r, is_new=False))
    for uid, rule in there.items():
        site.do("remove", f"alert rule {rule['title']}", lambda u=uid: delete_rule(site, u))


def save_rule(site: Site, rule: Json, is_new: bool) -> None:
    """Write a rule."""
    api = site.here.api.alertingprovisioning
    body = {**rule, "orgID": site.here.org_id}
    if is_new:
        site.here.call(api.create_alertrule, body)
    else:
        site.here.call(api.update_alertrule, rule["uid"], body)


def delete_rule(site: Site, uid: str) -> None:
    """Delete a rule."""
    site.here.found(site.here.api.alertingprovisioning.delete_alertrule, uid)


def contacts(site: Site) -> None:
    """The contact points, then the policy that leads to them, then the end of those not wanted.

    Grafana does not show secrets again: whether one has changed, a digest in the database says.
    """
    there = points_of(site)
    wanted = {point["uid"]: point for point in site.wanted.contacts}
    is_known = digest(site.wanted.contacts) == remembered(site)
    for uid, point in wanted.items():
        if uid not in there or not is_known:
            verb: Verb = "change" if uid in there else "create"
            what = f"contact point {point['type']}"
            site.do(verb, what, lambda p=point, n=uid not in there: save_point(site, p, is_new=n))
    policy(site, bool(wanted))
    for uid in sorted(there - wanted.keys()):
        what = f"contact point {uid.removeprefix(PREFIX)}"
        site.do("remove", what, lambda u=uid: delete_point(site, u))
    if not is_known and not site.plan.is_dry:
        site.memory.remember_contacts(site.wanted.key, digest(site.wanted.contacts))


def points_of(site: Site) -> set[str]:
    """The uids of the contact points that are ours."""
    if site.grafana is None:
        return set()
    points = site.grafana.call(site.grafana.api.alertingprovisioning.get_contactpoints)
    return {point["uid"] for point in points if point["uid"].startswith(PREFIX)}


def remembered(site: Site) -> str:
    """The digest of the contact points as they were written last; that of none, if never."""
    row = site.memory.organisations().get(site.wanted.key)
    return (row and row["contacts"]) or digest([])


def save_point(site: Site, point: Json, is_new: bool) -> None:
    """Write a contact point."""
    api = site.here.api.alertingprovisioning
    if is_new:
        site.here.call(api.create_contactpoint, point, secret=True)
    else:
        site.here.call(api.update_contactpoint, point["uid"], point, secret=True)


def delete_point(site: Site, uid: str) -> None:
    """Delete a contact point."""
    site.here.found(site.here.api.alertingprovisioning.delete_contactpoint, uid)


def policy(site: Site, wanted: bool) -> None:
    """Our part of the notification policy."""
    tree = policy_of(site)
    new = with_route(tree, wanted)
    if new["routes"] != (tree.get("routes") or []):
        what = f"notification policy: {'with' if wanted else 'without'} {RECEIVER}"
        site.do("change", what, lambda: save_policy(site, new))


def policy_of(site: Site) -> Json:
    """The whole notification policy."""
    if site.grafana is None:
        return {}
    api = site.grafana.api.alertingprovisioning
    tree: Json = site.grafana.call(api.get_notification_policy_tree)
    return tree


def save_policy(site: Site, tree: Json) -> None:
    """Write the notification policy, so that people may go on changing it in Grafana."""
    site.here.call(site.here.api.alertingprovisioning.set_notification_policy_tree, tree, True)
