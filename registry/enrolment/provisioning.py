"""A device makes its own entry, with a key that it has in common with others."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import Field

from broker.passwords import hash_secret, new_secret
from registry.access import Database, note_actor
from registry.devices import plain_id
from registry.enrolment.tries import Tries
from registry.http.fields import Answer, Body, DeviceId, Name, example, matching
from registry.http.problems import (
    ConflictError,
    ForbiddenError,
    UnauthorizedError,
    UnprocessableError,
    in_body,
)
from storage import credentials, devices, provisioning
from storage.rows import Connection, Row

router = APIRouter(prefix="/provision", tags=["provisioning"])

# In a minute: of devices with one key, and of wrong keys from one address.
TRIES = 600
SERIAL_RULE = "a serial number has letters, digits, '.', '_', ':' or '-', the first no sign"

key_scheme = HTTPBearer(
    auto_error=False, scheme_name="provisioning-key", description="a provisioning key, `tpp_…`"
)
Serial = Annotated[
    str,
    Field(max_length=64, description="what tells the device from all others with the key"),
    matching(r"[A-Za-z0-9][A-Za-z0-9._:-]*", SERIAL_RULE),
]


class Introduction(Body):
    """What the device says of itself. Without an id it gets one made of the serial number."""

    model_config = example(serial="24:6F:28:AE:0C:51", name="Roof 17")
    serial: Serial
    id: DeviceId | None = Field(None, description="begins with the key's prefix and `-`")
    name: Name | None = None


class ProvisionedDevice(Answer):
    """Who the device is from now on: what it needs for MQTT and HTTP."""

    model_config = example(id="sunny-roof-24-6f-28-ae-0c-51", secret="tpd_…")  # noqa: S106
    id: str
    secret: str


async def valid_key(
    request: Request,
    connection: Database,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(key_scheme)],
) -> Row:
    """The key of the request, which has no other sender until its end."""
    tries: Tries = request.app.state.provisioning_tries
    address = request.client.host if request.client else ""
    tries.require(address)
    key = await provisioning.lock_valid_key(connection, bearer.credentials) if bearer else None
    if key is None:
        tries.count(address)
        raise UnauthorizedError(
            "this provisioning key is not valid: it is missing, unknown, expired or revoked"
        )
    await note_actor(connection, None, None)
    tries.require(key["id"])
    tries.count(key["id"])
    return key


@router.post("", status_code=status.HTTP_201_CREATED, response_model=ProvisionedDevice)
async def provision_device(
    body: Introduction, key: Annotated[Row, Depends(valid_key)], connection: Database
) -> Row:
    """Let a device make its own entry; the bearer is the provisioning key.

    A device that lost the answer asks again, and gets another secret until it was heard once.
    """
    device = await provisioning.provisioned_device(connection, key["id"], body.serial)
    if device is None:
        device_id = await make(connection, key, body)
    elif device["is_waiting"]:
        device_id = device["id"]
    else:
        raise ConflictError(
            "the device with this serial number was heard already: its owner can rotate its secret"
        )
    secret = new_secret()
    await credentials.issue_secret(connection, device_id, hash_secret(secret))
    return {"id": device_id, "secret": secret}


async def make(connection: Connection, key: Row, body: Introduction) -> str:
    """Add the device.

    Returns:
        Its id.

    Raises:
        ForbiddenError: the key has made all of its devices.
        ConflictError: the id is taken.
    """
    if key["made"] >= key["max_devices"]:
        raise ForbiddenError("this key has made all of its devices: the tenant has to make another")
    device = {
        "id": chosen_id(key["id_prefix"], body),
        "tenant_id": key["tenant_id"],
        "name": body.name or body.serial,
        "model_id": key["model_id"],
        "lab_id": key["lab_id"],
        "stage": "prototype",
        "tags": key["tags"],
        "metadata": {"serial": body.serial},
        "values_per_second": None,
        "latitude": None,
        "longitude": None,
    }
    if not await devices.create_device(connection, device):
        sentence = "this device id is taken: send an `id` of its own"
        raise ConflictError(sentence, [in_body("id", sentence)])
    await provisioning.note_device(connection, key["id"], body.serial, device["id"])
    return str(device["id"])


def chosen_id(prefix: str, body: Introduction) -> str:
    """The id that the device asks for, else one made of prefix and serial number.

    Raises:
        UnprocessableError: it does not begin as the key wants it.
    """
    if body.id is None:
        # There is one: a serial number begins with a letter or a digit.
        return plain_id(prefix, body.serial) or prefix
    if not body.id.startswith(f"{prefix}-"):
        sentence = f"with this key an id begins with {prefix}-"
        raise UnprocessableError(sentence, [in_body("id", sentence)])
    return body.id
