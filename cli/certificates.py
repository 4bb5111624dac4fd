"""`technopark certificate …`: the data quality of a device, signed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import httpx
import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cli import asking
from cli.api import Json, path
from cli.asking import AsJson
from cli.failure import failed, plain_errors
from cli.quality import End, Start
from registry.quality import signing

app = typer.Typer(help="Signed certificates of data quality.", no_args_is_help=True)

KEY_PATH = "/.well-known/technopark-certificate-key"

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key",
        dir_okay=False,
        help="The platform's public key; else the platform is asked.",
    ),
]


@app.command()
def issue(
    device: Annotated[str, typer.Argument(help="The device's id.")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The PDF that is written.")],
    start: Start = None,
    end: End = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only this; may be repeated.")] = None,
    language: Annotated[str, typer.Option(help="en or id.")] = "en",
) -> None:
    """Write a signed certificate of a device's data quality.

    Example: technopark certificate issue sunny-roof-1 roof-1.pdf --from 2026-03-01T00:00:00Z
    """
    asked = {"from": start, "to": end, "language": language}
    where = path("devices", device, "certificate")
    with plain_errors(), asking.asking() as api:
        with api.stream("GET", where, b"", **asked, metric=metric or []) as response:
            certificate = response.read()
        file.write_bytes(certificate)
    asking.say(f"{file}: signed, {len(certificate):,} bytes")


@app.command()
def key(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="Where it is kept; else it is shown.")
    ] = None,
) -> None:
    """Keep the platform's public key, with which certificates are verified without the platform.

    Example: technopark certificate key technopark.pem
    """
    published = asked_key()
    if file is None:
        asking.say(published["public_key"].strip())
        return
    with plain_errors():
        file.write_text(published["public_key"])
    asking.say(f"{file}: the key {published['key_id']}")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The PDF.")],
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether a certificate is as the platform signed it, and if not, what was changed.

    Example: technopark certificate verify roof-1.pdf --key technopark.pem
    """
    with plain_errors():
        content = file.read_bytes()
        text = asked_key()["public_key"] if key_file is None else key_file.read_text()
    verdict = signing.verify(public_key(text), content)
    if as_json:
        found = {"valid": not verdict.problems, "problems": verdict.problems}
        asking.say(json.dumps({**found, "statement": verdict.statement}, ensure_ascii=False))
    elif verdict.statement:
        tell(verdict.statement)
    if verdict.problems:
        raise failed(f"{file} is not as it was signed: {'; '.join(verdict.problems)}")
    if not as_json:
        asking.say(f"{file} is as {verdict.statement and verdict.statement['issuer']} signed it")


def tell(statement: Json) -> None:
    """What was signed, in a few lines."""
    device, summary = statement["device"], statement["summary"]
    # Of a device that was another's when the certificate was issued it has the id alone.
    whose = f"{device['name']} ({device['id']}) of {device['tenant']}"
    asking.show(
        {
            "number": statement["number"],
            "device": whose if device["tenant"] else device["id"],
            "from": asking.moment(statement["from"].replace("+00:00", "Z")),
            "to": asking.moment(statement["to"].replace("+00:00", "Z")),
            **{name: f"{share:.2%}" for name, share in summary.items() if share is not None},
            "data": f"SHA-256 {statement['data']['sha256']}",
            "key": statement["key"],
        },
        as_json=False,
    )


def asked_key() -> dict[str, str]:
    """The public key that the platform publishes.

    Raises:
        typer.Exit: it does not answer, or has none.
    """
    url = asking.api_url().rstrip("/") + KEY_PATH
    try:
        answer = httpx.get(url, timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        raise failed(f"{url} gives no key: name a file with it, --key FILE") from error
    found: dict[str, str] = answer.json()
    return found


def public_key(text: str) -> Ed25519PublicKey:
    """The key of a file.

    Raises:
        typer.Exit: it is none.
    """
    try:
        found = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PublicKey):
        raise failed("this is no public key of certificates: `technopark certificate key` gives it")
    return found
