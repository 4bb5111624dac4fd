"""Simulated devices in the registry: their tenant, model and secrets, over the public API.

A simulated device has the tag ``simulated``. Only such a device is given a fresh secret, because
that locks out whoever uses the old one: a real device must never lose its secret to a simulation.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cli.api import Api, ApiError, Json, path
from simulators import KINDS, Site, model_of
from simulators.scenario import Scenario

TAG = "simulated"
# A device that is online but was not heard for so long has lost its broker, not its simulation.
SILENCE = timedelta(seconds=30)
# Devices that are imported in one go.
PORTION = 5000


class EnrolmentError(Exception):
    """A device cannot be simulated; the message says why, and what helps."""


def ensure(api: Api, kind: str, body: Mapping[str, Json]) -> Json:
    """The park, lab or tenant with the id of ``body``, created like it where it is missing.

    Raises:
        ApiError: the API refused.
    """
    try:
        return api.get(path(kind, body["id"]))
    except ApiError as error:
        if error.status != 404:
            raise
    return api.post(kind, body)


def ensure_tenant(api: Api, tenant_id: str) -> Json:
    """The tenant, created where it is missing.

    Raises:
        ApiError: the API refused.
    """
    return ensure(api, "tenants", {"id": tenant_id, "name": tenant_id, "kind": "startup"})


def register(api: Api, scenario: Scenario, *, take_over: bool) -> Iterator[tuple[str, str]]:
    """Create what a scenario needs and is not there; device id and fresh secret, one by one.

    Raises:
        EnrolmentError: a device cannot be simulated.
        ApiError: the API refused.
    """
    park_id = None
    if scenario.park is not None:
        park_id = ensure(api, "parks", scenario.park.model_dump(exclude={"altitude"}))["id"]
        for lab in scenario.labs:
            ensure(api, "labs", {**lab.model_dump(), "park_id": park_id})
    for tenant in scenario.tenants:
        body = tenant.model_dump(exclude={"virtual"})
        ensure(api, "tenants", body if tenant.virtual else {**body, "park_id": park_id})
    devices: dict[str, dict[str, tuple[str, str | None]]] = defaultdict(dict)
    for fleet in scenario.fleets:
        model = ensure_model(api, fleet.tenant, model_of(KINDS[fleet.kind]))
        devices[fleet.tenant].update(dict.fromkeys(fleet.device_ids(), (model, fleet.lab)))
    for tenant_id, wanted in devices.items():
        yield from enrol(api, tenant_id, wanted, take_over=take_over)


def site_of(api: Api, tenant: Mapping[str, Json]) -> Site:
    """Where the tenant's home park is; the default site for a virtual tenant.

    Raises:
        ApiError: the API refused.
    """
    if tenant["park_id"] is None:
        return Site()
    park = api.get(path("parks", tenant["park_id"]))
    zone = ZoneInfo(park["time_zone"])
    if park["latitude"] is None or park["longitude"] is None:
        return Site(time_zone=zone)
    # A park does not say how high it is.
    return Site(park["latitude"], park["longitude"], zone, altitude=0.0)


def ensure_model(api: Api, tenant_id: str, model: Mapping[str, Json]) -> str:
    """The id of the model: one for everybody where we may offer that, else the tenant's own.

    Raises:
        ApiError: the API refused.
    """
    own = f"{tenant_id}-{model['id']}"
    there = {known["id"] for known in api.items("models")}
    for model_id in (model["id"], own):
        if model_id in there:
            return str(model_id)
    try:
        return str(api.post("models", {**model, "tenant_id": None})["id"])
    except ApiError as error:
        if error.status not in (403, 409):
            raise
    return str(api.post("models", {**model, "id": own, "tenant_id": tenant_id})["id"])


def enrol(
    api: Api,
    tenant_id: str,
    wanted: Mapping[str, tuple[str, str | None]],
    *,
    take_over: bool = False,
) -> Iterator[tuple[str, str]]:
    """Create the devices that are missing; device id and fresh secret of each, one by one.

    Args:
        api: in the name of somebody who may change the tenant's devices.
        tenant_id: owns them.
        wanted: model and lab of new devices, by device id.
        take_over: take devices even from a simulation that is running.

    Raises:
        EnrolmentError: an id belongs to a device that is not simulated, or is simulated elsewhere.
        ApiError: the API refused.
    """
    there = {device["id"]: device for device in api.items("devices", tenant_id=tenant_id, tag=TAG)}
    known = [there[device_id] for device_id in wanted if device_id in there]
    if not take_over:
        require_idle(known)
    rows = [
        {
            "id": device_id, "name": device_id, "tenant_id": tenant_id, "model_id": model,
            "lab_id": lab, "tags": [TAG],
        }
        for device_id, (model, lab) in wanted.items()
        if device_id not in there
    ]  # fmt: skip
    for portion in portions(rows):
        yield from created(api, portion)
    for device in known:
        yield device["id"], fresh_secret(api, device["id"])


def portions(rows: Sequence[Mapping[str, Json]]) -> Iterator[Sequence[Mapping[str, Json]]]:
    """The rows, so many that the API takes them in one request."""
    for start in range(0, len(rows), PORTION):
        yield rows[start : start + PORTION]


def created(api: Api, rows: Sequence[Mapping[str, Json]]) -> Iterator[tuple[str, str]]:
    """The secrets of new devices, all of them or none."""
    content = "\n".join(map(json.dumps, rows)).encode()
    with api.stream("POST", "imports", content) as response:
        for line in response.iter_lines():
            [(kind, item)] = json.loads(line).items()
            if kind == "problem":
                raise EnrolmentError(str(item))
            if kind == "fault":
                raise EnrolmentError(f"{rows[item['row'] - 1]['id']}: {item['detail']}")
            if kind == "device":
                yield item["id"], secret_of(item)


def secret_of(imported: Mapping[str, Json]) -> str:
    """The secret of an imported device; there is none of one that was there before."""
    if imported["secret"] is None:
        raise EnrolmentError(
            f"the id {imported['id']} is taken by a device that is not simulated: "
            "choose another with --prefix or --device"
        )
    return str(imported["secret"])


def existing_secret(api: Api, device_id: str, *, take_over: bool) -> str:
    """A fresh secret of a simulated device that is there.

    Raises:
        EnrolmentError: it is not there, not a simulated one, or simulated elsewhere.
        ApiError: the API refused.
    """
    try:
        device = api.get(path("devices", device_id))
    except ApiError as error:
        if error.status != 404:
            raise
        raise EnrolmentError(
            f"there is no device {device_id} that you may use: "
            f"`technopark device add` makes one; give it the tag {TAG!r}"
        ) from error
    if TAG not in device["tags"]:
        raise EnrolmentError(
            f"{device_id} does not have the tag {TAG!r}, and a fresh secret would lock the real "
            "device out: give its secret with --credentials"
        )
    if not take_over:
        require_idle([device])
    return fresh_secret(api, device_id)


def fresh_secret(api: Api, device_id: str) -> str:
    """A new secret; the older ones end at once."""
    answer = api.post(path("devices", device_id, "secrets"), {"overlap_seconds": 0})
    return str(answer["secret"])


def require_idle(devices: Iterable[Mapping[str, Json]]) -> None:
    """Raise EnrolmentError where a device is publishing at this moment."""
    if busy := [device["id"] for device in devices if is_busy(device)]:
        raise EnrolmentError(
            f"{named(busy)} online: another simulation is running. End it, choose other names with "
            "--prefix or --device, or take its devices with --take-over"
        )


def is_busy(device: Mapping[str, Json]) -> bool:
    """Whether a device is online and was heard a moment ago."""
    if not device.get("online") or not device.get("last_seen"):
        return False
    heard = datetime.fromisoformat(device["last_seen"])
    return datetime.now(UTC) - heard < SILENCE


def named(ids: Sequence[str]) -> str:
    """``a is``, or ``a and 3 others are``."""
    return f"{ids[0]} is" if len(ids) == 1 else f"{ids[0]} and {len(ids) - 1} more are"
