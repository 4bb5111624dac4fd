"""Telemetry over HTTP: the same payloads as by MQTT, and from here on the same path."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from broker.passwords import hash_secret, new_secret, verify_secret
from broker.payloads import decode
from broker.topics import DEVICE_ID, Channel, Topic
from registry.access import Pool, pool
from registry.http.fields import Answer, example
from registry.http.problems import UnauthorizedError, UnavailableError, UnprocessableError
from registry.mosquitto.publisher import Publisher
from registry.mosquitto.room import Room
from storage import credentials
from storage.rows import Row

router = APIRouter(tags=["telemetry"])

secret_scheme = HTTPBearer(
    auto_error=False, scheme_name="secret", description="the device's secret, `tpd_…`"
)
# What HTTP clients say of a body whose kind nobody told them: it tells nothing.
LONGEST_TYPE = 127
MEANINGLESS_TYPES = frozenset({"", "application/x-www-form-urlencoded", "application/octet-stream"})
# For a device that does not exist as much is computed as for one that does.
NOBODY = hash_secret(new_secret())


class Refused(Answer):
    """A part of the message that is not stored."""

    model_config = example(reason="not-a-number", detail="'power' is NaN, which is no number")
    reason: str
    detail: str


class Accepted(Answer):
    """What of the message is stored."""

    model_config = example(readings=2, states=0, rejections=[])
    readings: int
    states: int
    rejections: list[Refused]


async def device(
    device_id: str,
    opened: Annotated[Pool, Depends(pool)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(secret_scheme)],
) -> str:
    """The id of the path, if the secret is one of this device's.

    The connection is given back before the broker is waited for.
    """
    secret = bearer.credentials if bearer else ""
    known = DEVICE_ID.fullmatch(device_id) is not None
    async with opened.connection() as connection:
        hashes = await credentials.valid_hashes(connection, device_id) if known else []
    if not any(verify_secret(secret, hashed) for hashed in hashes or [NOBODY]):
        raise UnauthorizedError("there is no such device, or this is not its secret")
    return device_id


async def publisher(request: Request) -> Publisher:
    """The app's connection to the broker."""
    opened: Publisher = request.app.state.publisher
    return opened


async def require_room(request: Request) -> None:
    """Refuse while the broker has no room: devices with MQTT have to wait as well."""
    room: Room = request.app.state.room
    if room.is_full:
        raise UnavailableError("too many messages wait to be stored: send it again later")


def content_type(request: Request) -> str | None:
    """The media type of the body; None where it is only a habit of the sender's library."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return None if kind in MEANINGLESS_TYPES else kind[:LONGEST_TYPE]


BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {},
            "examples": {
                "flat": {"value": {"temperature": 21.5, "door": True}},
                "timed": {"value": {"ts": 1767225600000, "values": {"temperature": 21.5}}},
            },
        }
    },
}


@router.post(
    "/devices/{device_id}/telemetry",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=Accepted,
    dependencies=[Depends(require_room)],
    openapi_extra={"requestBody": BODY},
)
async def receive_telemetry(
    request: Request,
    sender: Annotated[str, Depends(device)],
    broker: Annotated[Publisher, Depends(publisher)],
) -> Row:
    """Take readings from a device that has no MQTT; the bearer is the device's own secret.

    The answer tells what of the message is stored. It comes when the broker has the message safe.
    """
    payload, kind = await request.body(), content_type(request)
    decoded = decode(kind, payload, time.time_ns() // 1000)
    await broker.publish(str(Topic(sender, Channel.TELEMETRY)), payload, kind)
    if decoded.rejections and not decoded.count and not decoded.states:
        raise UnprocessableError(
            "nothing of this message can be stored",
            [{"reason": part.reason, "detail": part.detail} for part in decoded.rejections],
        )
    return {
        "readings": decoded.count,
        "states": len(decoded.states),
        "rejections": [
            {"reason": part.reason, "detail": part.detail} for part in decoded.rejections
        ],
    }
