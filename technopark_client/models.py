"""What the API takes and answers. Written by `make client`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class CreatedDevice(TypedDict):
    """A new device with its secret: keep it now, nobody can show it again."""

    id: str
    tenant_id: str
    name: str
    model_id: str | None
    lab_id: str | None
    stage: Literal["prototype", "pilot", "production", "retired"]
    tags: list[str]
    metadata: dict[str, Any]
    attributes: dict[str, Any]
    values_per_second: float | None
    created_at: str
    changed_at: str
    retired_at: str | None
    last_seen: str | None
    online: bool | None
    secret: str


class Device(TypedDict):
    """A device. ``attributes`` is what it says of itself, ``metadata`` what people say of it."""

    id: str
    tenant_id: str
    name: str
    model_id: str | None
    lab_id: str | None
    stage: Literal["prototype", "pilot", "production", "retired"]
    tags: list[str]
    metadata: dict[str, Any]
    attributes: dict[str, Any]
    values_per_second: float | None
    created_at: str
    changed_at: str
    retired_at: str | None
    last_seen: str | None
    online: bool | None


class DeviceChanges(TypedDict):
    """What is to be another; the rest stays."""

    name: NotRequired[str]
    model_id: NotRequired[str | None]
    lab_id: NotRequired[str | None]
    stage: NotRequired[Literal["prototype", "pilot", "production"]]
    tags: NotRequired[list[str]]
    metadata: NotRequired[dict[str, Any]]
    values_per_second: NotRequired[float | None]


class DeviceCount(TypedDict):
    """How many rejections a device has."""

    device_id: str
    count: int


class Health(TypedDict):
    """Whether all is well, or what rests meanwhile; who cannot serve at all answers a problem."""

    status: NotRequired[Literal["ok", "degraded"]]
    problems: NotRequired[list[str]]


class Held(TypedDict):
    """A role that counts today."""

    role: Literal[
        "platform-admin", "park-manager", "tenant-owner", "tenant-member", "mentor", "viewer"
    ]
    park_id: str | None
    tenant_id: str | None
    until: str | None


class IssuedSecret(TypedDict):
    """A new secret: keep it now, nobody can show it again."""

    id: int
    device_id: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    secret: str


class IssuedToken(TypedDict):
    """A new token: keep it now, nobody can show it again."""

    id: int
    user_id: int
    name: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    token: str


class Lab(TypedDict):
    """A lab or a testbed."""

    id: str
    park_id: str
    name: str
    kind: Literal["lab", "testbed"]
    created_at: str


class LabChanges(TypedDict):
    """What is to be another; the rest stays."""

    name: NotRequired[str]
    kind: NotRequired[Literal["lab", "testbed"]]


class Latest(TypedDict):
    """The newest value of a metric: a number (a boolean is 0 or 1), or a state's JSON."""

    metric: str
    ts: str
    value: Any
    unit: str | None
    kind: Literal["number", "boolean", "text", "object"]
    flag: Literal["below-range", "above-range"] | None


class LatestOfDevice(TypedDict):
    """The newest value of a metric of a device."""

    metric: str
    ts: str
    value: Any
    unit: str | None
    kind: Literal["number", "boolean", "text", "object"]
    flag: Literal["below-range", "above-range"] | None
    device_id: str


class Me(TypedDict):
    """The user whom the token stands for, with the roles that count today."""

    id: int
    email: str
    name: str
    memberships: list[Held]


class Membership(TypedDict):
    """A role of a user."""

    id: int
    user_id: int
    role: Literal[
        "platform-admin", "park-manager", "tenant-owner", "tenant-member", "mentor", "viewer"
    ]
    park_id: str | None
    tenant_id: str | None
    until: str | None
    created_at: str


class Metric(TypedDict):
    """A quantity that devices of the model send, with its plausible range.

    A number outside the range is stored and flagged, or rejected.
    """

    metric: str
    kind: NotRequired[Literal["number", "boolean", "text", "object"]]
    unit: NotRequired[str | None]
    minimum: NotRequired[float | None]
    maximum: NotRequired[float | None]
    out_of_range: NotRequired[Literal["flag", "reject"]]


class Model(TypedDict):
    """A type of device with the metrics that it sends."""

    id: str
    tenant_id: str | None
    name: str
    description: str
    metrics: list[Metric]
    created_at: str


class ModelChanges(TypedDict):
    """What is to be another; the rest stays. A list of metrics replaces the whole list."""

    name: NotRequired[str]
    description: NotRequired[str]
    metrics: NotRequired[list[Metric]]


class NewDevice(TypedDict):
    """A prototype or a sensor. Without an id it gets one made of tenant and name."""

    id: NotRequired[str | None]
    tenant_id: str
    name: str
    model_id: NotRequired[str | None]
    lab_id: NotRequired[str | None]
    stage: NotRequired[Literal["prototype", "pilot", "production"]]
    tags: NotRequired[list[str]]
    metadata: NotRequired[dict[str, Any]]
    values_per_second: NotRequired[float | None]


class NewLab(TypedDict):
    """A room or a rig of a park where devices stand."""

    id: str
    park_id: str
    name: str
    kind: NotRequired[Literal["lab", "testbed"]]


class NewMembership(TypedDict):
    """A role in a park or in a tenant; ``until`` is its last day, by the clock of the park."""

    role: Literal[
        "platform-admin", "park-manager", "tenant-owner", "tenant-member", "mentor", "viewer"
    ]
    park_id: NotRequired[str | None]
    tenant_id: NotRequired[str | None]
    until: NotRequired[str | None]


class NewModel(TypedDict):
    """A type of device; without a tenant it is offered to everybody."""

    id: str
    tenant_id: NotRequired[str | None]
    name: str
    description: NotRequired[str]
    metrics: NotRequired[list[Metric]]


class NewPark(TypedDict):
    """A technopark: a site with a time zone and a place."""

    id: str
    name: str
    time_zone: str
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]


class NewSecret(TypedDict):
    """How long the secrets that the device has by now stay valid beside the new one."""

    overlap_seconds: NotRequired[int]


class NewTenant(TypedDict):
    """An organisation; without a home park it is virtual."""

    id: str
    name: str
    kind: Literal["startup", "industry", "university", "community", "government"]
    park_id: NotRequired[str | None]
    values_per_second: NotRequired[float | None]


class NewToken(TypedDict):
    """A token for yourself; an administrator may make one for another user."""

    name: str
    expires_at: NotRequired[str | None]
    user_id: NotRequired[int | None]


class NewUser(TypedDict):
    """A person or a program."""

    email: str
    name: str


class Park(TypedDict):
    """A technopark."""

    id: str
    name: str
    time_zone: str
    latitude: float | None
    longitude: float | None
    created_at: str


class ParkChanges(TypedDict):
    """What is to be another; the rest stays."""

    name: NotRequired[str]
    time_zone: NotRequired[str]
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]


class Reading(TypedDict):
    """A number at a time; the flag tells that it is outside the range that the model gives."""

    metric: str
    ts: str
    value: float
    flag: Literal["below-range", "above-range"] | None


class ReasonCount(TypedDict):
    """How many rejections there are of a reason, and which devices have the most."""

    reason: str
    count: int
    open: int
    devices: int
    newest: str
    most: list[DeviceCount]


class Refused(TypedDict):
    """A part of the message that is not stored."""

    reason: str
    detail: str


class Rejection(TypedDict):
    """A message, or a part of one, that was not stored.

    ``ts`` is when the message came. The payload is its first 1,024 bytes; ``replayable`` tells
    whether the platform has all of it and may send it again. ``replayed_at`` is null while the
    rejection is open: never replayed, or refused again.
    """

    id: int
    ts: str
    device_id: str
    topic: str
    reason: str
    detail: str
    content_type: str | None
    payload: str
    encoding: Literal["utf-8", "base64"]
    size: int
    replayable: bool
    replayed_at: str | None


Replay = TypedDict(
    "Replay",
    {
        "reason": NotRequired[
            Literal[
                "unknown-format",
                "too-large",
                "too-deep",
                "bad-shape",
                "bad-metric-name",
                "not-a-number",
                "bad-text",
                "bad-time",
                "clock-ahead",
                "too-old",
                "bad-topic",
                "bad-status",
                "unknown-device",
                "out-of-range",
                "wrong-kind",
                "wrong-unit",
                "quota",
                "refused-by-storage",
            ]
            | None
        ],
        "from": NotRequired[str | None],
        "to": NotRequired[str | None],
        "include_replayed": NotRequired[bool],
        "limit": NotRequired[int],
        "cursor": NotRequired[str | None],
    },
)


class Replayed(TypedDict):
    """What became of the messages of this call, and how many come after them.

    Skipped is what cannot be sent again, such as a status; not kept, what was too long to be kept
    whole. `next` is the `cursor` of the call that goes on; null where nothing remains.
    """

    replayed: int
    skipped: int
    not_kept: int
    remaining: int
    next: str | None


class Secret(TypedDict):
    """When a secret was made and ends; itself it is not shown any more."""

    id: int
    device_id: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class State(TypedDict):
    """A text or a list at a time."""

    metric: str
    ts: str
    value: Any


Summary = TypedDict(
    "Summary",
    {
        "from": str,
        "to": str,
        "items": list[ReasonCount],
    },
)


class Tenant(TypedDict):
    """An organisation that owns devices; its quota is for all of them together."""

    id: str
    name: str
    kind: Literal["startup", "industry", "university", "community", "government"]
    park_id: str | None
    values_per_second: float | None
    created_at: str


class TenantChanges(TypedDict):
    """What is to be another; the rest stays.

    The home park is for administrators to give, the quota for them and the home park's manager.
    """

    name: NotRequired[str]
    kind: NotRequired[Literal["startup", "industry", "university", "community", "government"]]
    park_id: NotRequired[str | None]
    values_per_second: NotRequired[float | None]


class Token(TypedDict):
    """A token, which is itself not shown any more."""

    id: int
    user_id: int
    name: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class User(TypedDict):
    """A person or a program."""

    id: int
    email: str
    name: str
    created_at: str


class Error(TypedDict):
    pointer: NotRequired[str]
    parameter: NotRequired[str]
    reason: NotRequired[str]
    detail: str


class Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    errors: list[Error]


class Accepted(TypedDict):
    """What of the message is stored."""

    readings: int
    states: int
    rejections: list[Refused]
