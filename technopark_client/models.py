"""What the API takes and answers. Written by `make client`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Acceptance(TypedDict):
    """Who you are, and the password that you choose."""

    token: str
    name: str
    password: str
    language: NotRequired[Literal["en", "id"] | None]


class Agreement(TypedDict):
    """An agreement and its state at this moment.

    ``warning`` is null, but for the last 30 days of an agreement.
    """

    id: int
    tenant_id: str
    reader_tenant_id: str | None
    reader_park_id: str | None
    reader_email: str | None
    device_ids: list[str] | None
    tags: list[str] | None
    model_ids: list[str] | None
    metrics: list[str] | None
    include_metadata: bool
    message: str
    first_day: str
    last_day: str
    history_from: str
    state: Literal[
        "offered", "accepted", "running", "ending", "ended", "refused", "withdrawn", "revoked"
    ]
    warning: str | None
    starts_at: str
    ends_at: str
    created_at: str
    decided_at: str | None


class AgreementChanges(TypedDict):
    """What is to be another; the rest stays. Only while it is offered."""

    device_ids: NotRequired[list[str] | None]
    tags: NotRequired[list[str] | None]
    model_ids: NotRequired[list[str] | None]
    metrics: NotRequired[list[str] | None]
    include_metadata: NotRequired[bool]
    message: NotRequired[str]
    first_day: NotRequired[str]
    last_day: NotRequired[str]
    history_from: NotRequired[str]


class AlertChanges(TypedDict):
    """What is to be another; the rest stays. Null: no such alert, or not by this way."""

    silent_minutes: NotRequired[int | None]
    out_of_range: NotRequired[bool]
    rejected_percent: NotRequired[float | None]
    complete_percent: NotRequired[float | None]
    emails: NotRequired[list[str]]
    telegram_chat: NotRequired[str | None]
    telegram_token: NotRequired[str | None]
    webhook_url: NotRequired[str | None]


class AlertSettings(TypedDict):
    """Of what a tenant is alerted, null: not at all; and by which ways.

    A device is silent after so many minutes; more than so many percent rejected, or fewer than so
    many percent of the expected readings in a day, are an alert. Secrets are never shown.
    """

    tenant_id: str
    silent_minutes: int | None
    out_of_range: bool
    rejected_percent: float | None
    complete_percent: float | None
    emails: list[str]
    telegram_chat: str | None
    has_telegram_token: bool
    has_webhook: bool


class Authenticator(TypedDict):
    """Whether you have an authenticator app, and how many recovery codes are left."""

    confirmed_at: str | None
    recovery_codes: int


class BookableDevice(TypedDict):
    """A device of a testbed that can be booked."""

    id: str
    name: str
    model: str | None


Booking = TypedDict(
    "Booking",
    {
        "id": int,
        "device_id": str,
        "tenant_id": str | None,
        "from": str,
        "until": str,
        "created_at": str,
    },
)


class CertificateKey(TypedDict):
    """The public key by which certificates are verified."""

    key_id: str
    algorithm: str
    public_key: str


class Change(TypedDict):
    """What was done to a thing: all of it before or after, or what was changed of it.

    A metric of a model is a thing of its own, with the subject `model/metric`.
    """

    id: int
    at: str
    operation: Literal["created", "changed", "deleted"]
    kind: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Claim(TypedDict):
    """A code, and the tenant that shall own the device."""

    code: str
    tenant_id: str


class Command(TypedDict):
    """A command, and what became of it.

    ``sent``: it is on its way. ``done`` and ``refused``: the device answered so. ``undelivered``:
    the broker has nobody to give it to. ``expired``: no answer came until ``expires_at``; whether
    the device did it is not known, and an answer that still comes counts. ``reason`` tells why it
    was refused or not delivered. ``sent_by`` is a user's number.
    """

    id: str
    device_id: str
    name: str
    params: dict[str, Any]
    status: Literal["sent", "done", "refused", "expired", "undelivered"]
    sent_at: str
    sent_by: int | None
    expires_at: str
    replied_at: str | None
    reason: str | None
    reply: Any


class Confirmation(TypedDict):
    """The tenant's own id, typed once more."""

    confirm: str


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
    firmware: str | None
    values_per_second: float | None
    latitude: float | None
    longitude: float | None
    bookable: bool
    created_at: str
    changed_at: str
    retired_at: str | None
    last_seen: str | None
    online: bool | None
    secret: str


class Credentials(TypedDict):
    """How a person signs in; ``code`` is for those who have an authenticator app."""

    email: str
    password: str
    code: NotRequired[str | None]


class Deletion(TypedDict):
    """A requested deletion; ``devices`` counts those that are left."""

    tenant_id: str
    requested_at: str
    started_at: str | None
    devices: int


class Device(TypedDict):
    """A device. ``attributes`` is what it says of itself, ``metadata`` what people say of it.

    ``firmware`` is the attribute of this name.
    """

    id: str
    tenant_id: str
    name: str
    model_id: str | None
    lab_id: str | None
    stage: Literal["prototype", "pilot", "production", "retired"]
    tags: list[str]
    metadata: dict[str, Any]
    attributes: dict[str, Any]
    firmware: str | None
    values_per_second: float | None
    latitude: float | None
    longitude: float | None
    bookable: bool
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
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]
    bookable: NotRequired[bool]


class DeviceCount(TypedDict):
    """How many rejections a device has."""

    device_id: str
    count: int


class DeviceDay(TypedDict):
    """A device on a day: which share of it it was up, and the readings of all its series."""

    day: str
    uptime: float | None
    received: int
    expected: int | None


class Enrolment(TypedDict):
    """What the app needs, shown once: as text, and as the address that a QR code holds."""

    secret: str
    uri: str


class Entry(TypedDict):
    """What was done, by whom and from where.

    Without a user it was a program that holds the database's password, such as ingest for what a
    device says of its firmware. The address is that of whoever was connected to the API.
    """

    id: int
    at: str
    operation: Literal["created", "changed", "deleted"]
    kind: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    user_id: int | None
    user_name: str | None
    token_id: int | None
    program: str | None
    address: str | None
    request_id: str | None


class FirstCode(TypedDict):
    """A code that the app shows."""

    code: str


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


Holding = TypedDict(
    "Holding",
    {
        "device_id": str,
        "from": str | None,
        "until": str | None,
    },
)


class Introduction(TypedDict):
    """What the device says of itself. Without an id it gets one made of the serial number."""

    serial: str
    id: NotRequired[str | None]
    name: NotRequired[str | None]


class Invitation(TypedDict):
    """An invitation that waits; its link is not shown any more."""

    id: int
    email: str
    role: Literal[
        "platform-admin", "park-manager", "tenant-owner", "tenant-member", "mentor", "viewer"
    ]
    park_id: str | None
    tenant_id: str | None
    until: str | None
    language: str | None
    created_at: str
    expires_at: str


class IssuedCode(TypedDict):
    """A new code; print it now, nobody can show it again. The code before is worthless."""

    device_id: str
    code: str
    expires_at: str


class IssuedInvitation(TypedDict):
    """An invitation with its link.

    ``mailed``: a mail with the link is on its way. Where it is false, send the link to that person
    by a way that you trust.
    """

    id: int
    email: str
    role: Literal[
        "platform-admin", "park-manager", "tenant-owner", "tenant-member", "mentor", "viewer"
    ]
    park_id: str | None
    tenant_id: str | None
    until: str | None
    language: str | None
    created_at: str
    expires_at: str
    token: str
    link: str
    mailed: bool


class IssuedKey(TypedDict):
    """A new key: keep it now, nobody can show it again."""

    id: int
    tenant_id: str
    name: str
    id_prefix: str
    model_id: str | None
    lab_id: str | None
    tags: list[str]
    max_devices: int
    made: int
    created_at: str
    expires_at: str
    revoked_at: str | None
    key: str


class IssuedReset(TypedDict):
    """The link, good once, for a day.

    ``mailed``: a mail with it is on its way. Where it is false, send it to that person by a way
    that you trust.
    """

    user_id: int
    expires_at: str
    token: str
    link: str
    mailed: bool


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
    scopes: list[str] | None
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    token: str


class Joining(TypedDict):
    """The link of an invitation for the person who asks."""

    token: str


class KeptTime(TypedDict):
    """How long the data of a device are kept while a tenant holds it, and by which setting.

    What is older than ``kept_from`` goes; null: nothing. ``data_from`` is the time of the oldest
    that is there; null: nothing is.
    """

    tenant_id: str
    days: int | None
    level: Literal["device", "model", "tenant", "platform"] | None
    kept_from: str | None
    data_from: str | None


class Key(TypedDict):
    """A key, which is itself not shown any more; ``made`` counts its devices."""

    id: int
    tenant_id: str
    name: str
    id_prefix: str
    model_id: str | None
    lab_id: str | None
    tags: list[str]
    max_devices: int
    made: int
    created_at: str
    expires_at: str
    revoked_at: str | None


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


class Metric1(TypedDict):
    """A quantity that devices of the model send, with its plausible range.

    A number outside the range is stored and flagged, or rejected.
    """

    metric: str
    kind: NotRequired[Literal["number", "boolean", "text", "object"]]
    unit: NotRequired[str | None]
    minimum: NotRequired[float | None]
    maximum: NotRequired[float | None]
    out_of_range: NotRequired[Literal["flag", "reject"]]
    expected_interval_seconds: NotRequired[float | None]


class Model(TypedDict):
    """A type of device with the metrics that it sends."""

    id: str
    tenant_id: str | None
    name: str
    description: str
    metrics: list[Metric1]
    created_at: str


class ModelChanges(TypedDict):
    """What is to be another; the rest stays. A list of metrics replaces the whole list."""

    name: NotRequired[str]
    description: NotRequired[str]
    metrics: NotRequired[list[Metric1]]


class NewAgreement(TypedDict):
    """An offer to one reader: a tenant, a park, or the person who has an e-mail address.

    It is about the devices that are named, have one of the tags or are of one of the models; where
    all three are null, about every device. Without ``metrics`` it is about all of them. Days are
    those of the tenant's home park, the last one included; the first is today if it is left out.
    Readings are shown from the first day on, or from ``history_from``.
    """

    tenant_id: str
    reader_tenant_id: NotRequired[str | None]
    reader_park_id: NotRequired[str | None]
    reader_email: NotRequired[str | None]
    device_ids: NotRequired[list[str] | None]
    tags: NotRequired[list[str] | None]
    model_ids: NotRequired[list[str] | None]
    metrics: NotRequired[list[str] | None]
    include_metadata: NotRequired[bool]
    message: NotRequired[str]
    first_day: NotRequired[str | None]
    last_day: str
    history_from: NotRequired[str | None]


NewBooking = TypedDict(
    "NewBooking",
    {
        "device_id": str,
        "tenant_id": str,
        "from": NotRequired[str],
        "until": str,
    },
)


class NewCode(TypedDict):
    """How long the code is good: printed labels lie in boxes for a while."""

    days: NotRequired[int]


class NewCommand(TypedDict):
    """What the device is to do.

    ``ttl_seconds`` is how long the broker keeps it for a device that is away.
    """

    name: str
    params: NotRequired[dict[str, Any]]
    ttl_seconds: NotRequired[int]


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
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]


class NewInvitation(TypedDict):
    """Whom you invite, and the role that he or she will have."""

    role: Literal[
        "platform-admin", "park-manager", "tenant-owner", "tenant-member", "mentor", "viewer"
    ]
    park_id: NotRequired[str | None]
    tenant_id: NotRequired[str | None]
    until: NotRequired[str | None]
    email: str
    language: NotRequired[Literal["en", "id"] | None]


class NewKey(TypedDict):
    """What a key's devices are, how many it makes, and for how long."""

    name: str
    id_prefix: NotRequired[str | None]
    model_id: NotRequired[str | None]
    lab_id: NotRequired[str | None]
    tags: NotRequired[list[str]]
    max_devices: int
    days: NotRequired[int]


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
    metrics: NotRequired[list[Metric1]]


class NewOwnersSecret(TypedDict):
    """The only secret by which a device may come in from now on."""

    device_id: str
    secret: str


class NewPark(TypedDict):
    """A technopark: a site with a time zone and a place."""

    id: str
    name: str
    time_zone: str
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]
    language: NotRequired[Literal["en", "id"]]


class NewRetention(TypedDict):
    """How many days data are kept; null: as the next more general setting says.

    ``longest_days`` goes with the platform's own setting: nothing is kept longer, whatever the
    others say.
    """

    tenant_id: NotRequired[str | None]
    model_id: NotRequired[str | None]
    device_id: NotRequired[str | None]
    days: int | Literal["forever"] | None
    longest_days: NotRequired[int | None]


class NewSecret(TypedDict):
    """How long the secrets that the device has by now stay valid beside the new one."""

    overlap_seconds: NotRequired[int]


class NewShowcase(TypedDict):
    """What everybody may see of a device, and until which day.

    Readings are shown so much later than they were measured, with so many digits after the point;
    -2 rounds to hundreds. Without `history_from` they are shown from today on.
    """

    device_id: str
    metrics: NotRequired[list[str] | None]
    history_from: NotRequired[str | None]
    last_day: str
    delay_seconds: NotRequired[int]
    decimals: NotRequired[int]


class NewTenant(TypedDict):
    """An organisation; without a home park it is virtual."""

    id: str
    name: str
    kind: Literal["startup", "industry", "university", "community", "government"]
    park_id: NotRequired[str | None]
    language: NotRequired[Literal["en", "id"]]
    values_per_second: NotRequired[float | None]


class NewToken(TypedDict):
    """A token for yourself; an administrator may make one for another user."""

    name: str
    scopes: NotRequired[
        list[Literal["read", "devices:write", "organisations:write", "people:write"]] | None
    ]
    expires_at: NotRequired[str | None]
    user_id: NotRequired[int | None]


class NewTransfer(TypedDict):
    """Devices of a tenant for another one, all of them or none.

    With their history the receiver gets the readings of before too, and the giver keeps none.
    """

    from_tenant_id: str
    to_tenant_id: str
    devices: list[str]
    with_history: NotRequired[bool]
    message: NotRequired[str]
    days: NotRequired[int]


class NewUser(TypedDict):
    """A person or a program."""

    email: str
    name: str
    language: NotRequired[Literal["en", "id"] | None]


class Notice(TypedDict):
    """A warning that an agreement ends in at most so many days."""

    id: int
    agreement_id: int
    days: int
    tenant_id: str
    reader_tenant_id: str | None
    reader_park_id: str | None
    reader_email: str | None
    last_day: str
    created_at: str


class OfferedDevice(TypedDict):
    """A device as it was when it was offered."""

    id: str
    name: str
    model: str | None


class OtherPassword(TypedDict):
    """The password that you choose."""

    token: str
    password: str


class OwnPassword(TypedDict):
    """Another password; the present one has to be given where there is one."""

    password: str
    current_password: NotRequired[str | None]


class OwnProof(TypedDict):
    """Your password."""

    password: str


class Park(TypedDict):
    """A technopark."""

    id: str
    name: str
    time_zone: str
    latitude: float | None
    longitude: float | None
    language: Literal["en", "id"]
    created_at: str


class ParkChanges(TypedDict):
    """What is to be another; the rest stays."""

    name: NotRequired[str]
    time_zone: NotRequired[str]
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]
    language: NotRequired[Literal["en", "id"]]


class ProvisionedDevice(TypedDict):
    """Who the device is from now on: what it needs for MQTT and HTTP."""

    id: str
    secret: str


QualityGap = TypedDict(
    "QualityGap",
    {
        "from": str,
        "to": str,
        "seconds": float,
    },
)


class QualityGaps(TypedDict):
    """How many gaps there are and how long they are together; ``items``: the longest hundred."""

    count: int
    total_seconds: float
    longest: QualityGap | None
    items: list[QualityGap]


class QualityLine(TypedDict):
    """A device in a report. ``completeness`` is null where no model says how often it sends."""

    device_id: str
    name: str
    tenant_id: str
    model_id: str | None
    lab_id: str | None
    expected: int | None
    received: int
    completeness: float | None
    late_share: float | None
    duplicates: int
    out_of_range_share: float | None
    rejected: int
    last_seen: str | None
    online: bool | None


QualityReport = TypedDict(
    "QualityReport",
    {
        "from": str,
        "to": str,
        "devices": int,
        "items": list[QualityLine],
    },
)


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


class RecoveryCodes(TypedDict):
    """Keep them on paper: each signs you in once if the app is lost. Nobody can show them again."""

    recovery_codes: list[str]


class Refused(TypedDict):
    """A part of the message that is not stored."""

    reason: str
    detail: str


class RejectedCount(TypedDict):
    """How many messages, or parts of them, were not stored for a reason."""

    reason: str
    count: int


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


class Removal(TypedDict):
    """Your password, and a code of the app or a recovery code."""

    password: str
    code: str


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
                "older-than-retention",
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


class Retention(TypedDict):
    """How many days data are kept: of the device, model or tenant, or of all."""

    id: int | None
    tenant_id: str | None
    model_id: str | None
    device_id: str | None
    days: int | Literal["forever"] | None
    longest_days: int | None


class RetentionChunk(TypedDict):
    """Data of all devices of some days, which would go in one piece. ``end`` is left out."""

    table: Literal["readings", "states", "flags", "rejections"]
    start: str
    end: str
    rows: int
    bytes: int


class RetentionDryRun(TypedDict):
    """What would go: now, or with ``days`` if that were set."""

    tenant_id: NotRequired[str | None]
    model_id: NotRequired[str | None]
    device_id: NotRequired[str | None]
    days: NotRequired[int | Literal["forever"] | None]
    limit: NotRequired[int]
    cursor: NotRequired[str | None]


class RetentionDue(TypedDict):
    """How many rows of a device would go, in a chunk or one by one; bytes are about so many.

    The tenant is the one that held the device at their time.
    """

    device_id: str
    tenant_id: str
    readings: int
    states: int
    flags: int
    rejections: int
    bytes: int


class RetentionPlan(TypedDict):
    """What would go; chunks are for administrators, on the first page.

    Rows of a chunk are gone with it: those of ``devices`` count them again.
    """

    chunks: list[RetentionChunk]
    devices: list[RetentionDue]
    next: str | None


class RetentionStep(TypedDict):
    """What a step has let go, and whether it was the last; busy: somebody else is at work."""

    chunks: int
    rows: int
    done: bool
    busy: bool


class Secret(TypedDict):
    """When a secret was made and ends; itself it is not shown any more."""

    id: int
    device_id: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class SeriesDay(TypedDict):
    """The readings of a series on a day."""

    day: str
    received: int
    expected: int | None


class SeriesHistory(TypedDict):
    """A series: times, and a column of the same length for each aggregate, or ``value``.

    A time is that of a reading, or the beginning of a bucket. ``thinned_from`` is how many points
    there were, where `points` left some out.
    """

    device_id: str
    metric: str
    unit: str | None
    time_zone: str
    ts: list[float] | list[str]
    values: dict[str, list[float | None]]
    thinned_from: int | None


class SeriesQuality(TypedDict):
    """The figures of a series; what depends on an interval that nobody gives is null.

    ``late``, ``duplicates`` and the clock's offset are of the whole days that the time touches.
    """

    metric: str
    unit: str | None
    interval_seconds: float | None
    expected: int | None
    received: int
    completeness: float | None
    late: int
    late_share: float | None
    duplicates: int
    out_of_range: int
    out_of_range_share: float | None
    offset_median_seconds: float | None
    offset_p95_seconds: float | None
    gaps: QualityGaps
    days: list[SeriesDay]


class Session(TypedDict):
    """A session. It ends after 12 hours without use, and in any case at ``expires_at``."""

    id: int
    address: str
    agent: str
    created_at: str
    last_used_at: str
    expires_at: str
    current: bool


class Showcase(TypedDict):
    """A showcase and its state at this moment.

    ``link`` is null where the platform does not know where people reach Grafana. It leads to
    something as soon as Grafana was told, by `technopark dashboards sync`.
    """

    id: int
    tenant_id: str
    device_id: str
    metrics: list[str] | None
    history_from: str
    last_day: str
    delay_seconds: int
    decimals: int
    state: Literal["running", "ended"]
    ends_at: str
    created_at: str
    ended_at: str | None
    link: str | None


class SignInToken(TypedDict):
    """A token for who has no session and no token: the command line."""

    email: str
    password: str
    code: NotRequired[str | None]
    name: str
    scopes: NotRequired[
        list[Literal["read", "devices:write", "organisations:write", "people:write"]] | None
    ]
    expires_at: NotRequired[str | None]


class SqlAccess(TypedDict):
    """Where and as whom the tenant's programs log in: keep it now, nobody can show it again.

    The views are in the schema that is called like the user.
    """

    host: str
    port: int
    database: str
    user: str
    password: str


class State(TypedDict):
    """A text or a list at a time."""

    metric: str
    ts: str
    value: Any


class Step(TypedDict):
    """What a step has deleted, and whether it was the last."""

    rows: int
    devices: int
    done: bool


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
    language: Literal["en", "id"]
    values_per_second: float | None
    created_at: str


class TenantChanges(TypedDict):
    """What is to be another; the rest stays.

    The home park is for administrators to give, the quota for them and the home park's manager.
    """

    name: NotRequired[str]
    kind: NotRequired[Literal["startup", "industry", "university", "community", "government"]]
    park_id: NotRequired[str | None]
    language: NotRequired[Literal["en", "id"]]
    values_per_second: NotRequired[float | None]


class Token(TypedDict):
    """A token, which is itself not shown any more."""

    id: int
    user_id: int
    name: str
    scopes: list[str] | None
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class Transfer(TypedDict):
    """An offer of devices, and what became of it."""

    id: int
    from_tenant_id: str
    from_tenant_name: str
    to_tenant_id: str
    devices: list[OfferedDevice]
    with_history: bool
    message: str
    state: Literal["offered", "accepted", "refused", "withdrawn", "expired"]
    offered_at: str
    expires_at: str
    answered_at: str | None


class User(TypedDict):
    """A person or a program."""

    id: int
    email: str
    name: str
    language: str | None
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


class AcceptedTransfer(TypedDict):
    """What was accepted, with new secrets: keep them now, nobody can show them again."""

    id: int
    from_tenant_id: str
    from_tenant_name: str
    to_tenant_id: str
    devices: list[OfferedDevice]
    with_history: bool
    message: str
    state: Literal["offered", "accepted", "refused", "withdrawn", "expired"]
    offered_at: str
    expires_at: str
    answered_at: str | None
    secrets: list[NewOwnersSecret]


DeviceQuality = TypedDict(
    "DeviceQuality",
    {
        "device_id": str,
        "from": str,
        "to": str,
        "time_zone": str,
        "uptime": float | None,
        "by_status": bool,
        "days": list[DeviceDay],
        "series": list[SeriesQuality],
        "rejections": list[RejectedCount] | None,
    },
)


class DeviceRetention(TypedDict):
    """How long the data of a device are kept: for each tenant that holds, or held, a time of it."""

    device_id: str
    items: list[KeptTime]


class History(TypedDict):
    """The past of some series, in the order of device and metric."""

    items: list[SeriesHistory]
    start: str
    end: str
    by: str | None
    fill: Literal["none", "null", "previous", "linear"]
