"""Certificates: the data quality of a device, signed, for whoever has to believe it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from registry.access import Database, SignedIn, found
from registry.http.fields import Answer, example
from registry.http.problems import ConflictError, NotFoundError
from registry.quality import signing
from registry.quality.figures import figures, share
from registry.quality.page import render
from registry.quality.routes import QualityQuery
from registry.quality.spans import at_least, days, spans
from registry.quality.words import Language
from registry.settings import Settings
from registry.sight import HeldDevice
from storage import quality
from storage.history.columns import microseconds, moment
from storage.rows import Connection, Row, Scope

router = APIRouter(tags=["quality"])
# Outside of the API's prefix, where people look for it in ten years too.
well_known = APIRouter(prefix="/.well-known", tags=["quality"])

KEY_PATH = "/.well-known/technopark-certificate-key"
FORMAT = "technopark-certificate/1"
# What the certificate has of each series.
OF_SERIES = (
    "metric", "unit", "interval_seconds", "expected", "received", "completeness", "late",
    "late_share", "duplicates", "out_of_range", "out_of_range_share", "offset_median_seconds",
    "offset_p95_seconds",
)  # fmt: skip
OF_DEVICE = (
    "id", "name", "tenant_id", "tenant", "model_id", "model", "lab_id", "lab", "park"
)  # fmt: skip
PDF: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The signed file.",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class CertificateQuery(QualityQuery):
    """What is certified, and in which language."""

    language: Language = Field("en", description="English or Indonesian")


class CertificateKey(Answer):
    """The public key by which certificates are verified."""

    model_config = example(
        key_id="5f0c6e1b9a3d2c47",
        algorithm="Ed25519",
        public_key="-----BEGIN PUBLIC KEY-----\nMCow…\n-----END PUBLIC KEY-----\n",
    )
    key_id: str
    algorithm: str
    public_key: str


def key_of(request: Request) -> Ed25519PrivateKey | None:
    """The key that signs; None where the platform was given no secret for it."""
    settings: Settings = request.app.state.settings
    secret = settings.certificate_key
    return None if secret is None else signing.private_key(secret.get_secret_value())


@router.get("/devices/{device_id}/certificate", response_class=Response, responses={**PDF, 409: {}})
async def issue_certificate(
    request: Request,
    query: Annotated[CertificateQuery, Query()],
    device_id: HeldDevice,
    connection: Database,
    person: SignedIn,
) -> Response:
    """Issue a signed certificate of the device's data quality, as PDF, to show to others.

    It has the figures of `quality`, a hash of the data that they were counted from, and the method.
    `technopark certificate verify` tells whether a file is as it was signed.
    """
    key = key_of(request)
    if key is None:
        raise ConflictError(
            "this platform has no key for certificates: its operator sets CERTIFICATE_KEY"
        )
    start, end = query.times()
    device = found(await quality.device(connection, person.scope, device_id), "device")
    counted = await figures(connection, person.scope, device, start, end, query.metrics)
    origin = request.app.state.settings.origin
    statement = {
        "format": FORMAT,
        "number": f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}",
        "issued_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "issuer": origin,
        "key": signing.key_id(key.public_key()),
        "key_url": origin + KEY_PATH,
        "language": query.language,
        "device": {name: device[name] for name in OF_DEVICE},
        **stated(counted),
        "data": await data_digest(connection, person.scope, device, counted, query.metrics),
    }
    # Drawing takes a while, in which others are served.
    file = await asyncio.to_thread(make, key, statement)
    name = f"{device_id}-{statement['number']}.pdf"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(file, media_type="application/pdf", headers=disposition)


def make(key: Ed25519PrivateKey, statement: Row) -> bytes:
    """The signed file of a statement."""
    return signing.signed(key, render(statement, signing.sealed_statement(key, statement)))


def stated(counted: Row) -> Row:
    """The figures as a certificate has them: in JSON, and no longer than people read."""
    series = [
        {
            **{name: each[name] for name in OF_SERIES},
            "gaps": each["gaps"]["count"],
            "longest_gap_seconds": (each["gaps"]["longest"] or {"seconds": 0})["seconds"],
        }
        for each in counted["series"]
    ]
    return {
        "from": counted["from"].astimezone(UTC).isoformat(),
        "to": counted["to"].astimezone(UTC).isoformat(),
        "time_zone": counted["time_zone"],
        "summary": summary(counted),
        "by_status": counted["by_status"],
        "days": [{**day, "day": day["day"].isoformat()} for day in counted["days"]],
        "series": series,
        "rejections": counted["rejections"],
    }


def summary(counted: Row) -> Row:
    """The four figures of all series together, each from 0 to 1."""
    series = counted["series"]
    known = [each for each in series if each["expected"] is not None]
    came = sum(min(each["received"], each["expected"]) for each in known)
    timed = sum(each["timed"] for each in series)
    received = sum(each["received"] for each in series)
    return {
        "uptime": counted["uptime"],
        "completeness": share(came, sum(each["expected"] for each in known)),
        "on_time": share(timed - sum(each["late"] for each in series), timed),
        "in_range": share(received - sum(each["out_of_range"] for each in series), received),
    }


async def data_digest(
    connection: Connection, scope: Scope, device: Row, counted: Row, metrics: list[str] | None
) -> Row:
    """The SHA-256 of the readings that were counted: of each series, and of all.

    That of all is over the lines ``metric readings sha256``, each ended by a line feed, in the
    order of the metrics' names.
    """
    start, end = counted["from"], counted["to"]
    _, bounds = days(start, end, device["zone"])
    found = []
    for row in await quality.series(connection, scope, device["id"], metrics, start, end):
        time = spans((microseconds(part.lower), microseconds(part.upper)) for part in row["during"])
        # A day at a time is held in memory.
        pieces = [
            (moment(low), moment(high))
            for i in range(len(bounds))
            for low, high in at_least([time, bounds[i : i + 1]], 2).tolist()
        ]
        readings, sha256 = await quality.digest(connection, row["id"], pieces)
        found.append({"metric": row["metric"], "readings": readings, "sha256": sha256})
    found.sort(key=lambda each: each["metric"])
    lines = "".join(f"{each['metric']} {each['readings']} {each['sha256']}\n" for each in found)
    return {"sha256": hashlib.sha256(lines.encode()).hexdigest(), "series": found}


@well_known.get("/technopark-certificate-key", response_model=CertificateKey, responses={404: {}})
async def show_certificate_key(request: Request) -> Row:
    """Show the public key by which this platform's certificates are verified."""
    key = key_of(request)
    if key is None:
        raise NotFoundError("this platform signs no certificates")
    public = key.public_key()
    return {
        "key_id": signing.key_id(public),
        "algorithm": "Ed25519",
        "public_key": signing.pem(public),
    }
