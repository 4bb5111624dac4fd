"""Certificates are signed with Ed25519: the statement by itself, and the whole file. ADR 0023.

A signed file is a PDF in which the statement stands as plain text, with its own signature; the
last line of the file signs every byte before it. So whoever verifies a file that was changed still
learns whether what it states is what the platform stated.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

BEGIN, SIGNED, END = (b"-----BEGIN STATEMENT-----\n", b"\n-----SIGNATURE ", b"-----\n")
STATEMENT = re.compile(re.escape(BEGIN) + rb"([^\n]*)" + re.escape(SIGNED) + rb"([A-Za-z0-9+/=]*)")
# PDF readers pass over a comment behind the end.
LAST_LINE = re.compile(rb"\n%technopark-signature ([0-9a-f]{16}) ([A-Za-z0-9+/=]+)\n\Z")
# Nobody can pass off one kind of signature as the other.
OF_STATEMENT, OF_FILE = b"technopark statement\n", b"technopark file\n"


@dataclass(frozen=True)
class Verdict:
    """What became of a file since it was signed.

    Attributes:
        problems: sentences; none: the file is as the platform signed it.
        statement: what the platform stated, if that part is as it was.
    """

    problems: list[str]
    statement: dict[str, Any] | None


def private_key(secret: str) -> Ed25519PrivateKey:
    """The key that is made of the platform's secret."""
    seed = hashlib.sha256(b"technopark certificate key\n" + secret.encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def pem(key: Ed25519PublicKey) -> str:
    """The public key as text."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """By which people tell keys apart: 16 digits of the key's SHA-256."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def sealed_statement(key: Ed25519PrivateKey, statement: dict[str, Any]) -> bytes:
    """The statement as it stands in the file: a line of JSON between marks, and its signature."""
    text = json.dumps(statement, ensure_ascii=False, sort_keys=True).encode()
    return BEGIN + text + SIGNED + base64.b64encode(key.sign(OF_STATEMENT + text)) + END


def signed(key: Ed25519PrivateKey, file: bytes) -> bytes:
    """The file with its last line."""
    signature = base64.b64encode(key.sign(OF_FILE + file)).decode()
    return file + f"\n%technopark-signature {key_id(key.public_key())} {signature}\n".encode()


def verify(key: Ed25519PublicKey, file: bytes) -> Verdict:
    """Whether the file is as it was signed with this key, and if not, what was changed."""
    last = LAST_LINE.search(file)
    if last and last[1].decode() != key_id(key):
        return Verdict(
            [f"it was signed with the key {last[1].decode()}, and this is {key_id(key)}"], None
        )
    statement = statement_of(key, file)
    problems = []
    if last is None:
        problems.append("its last line, the signature, is missing: something was cut off or added")
    elif not is_signed(key, last[2], OF_FILE + file[: last.start()]):
        problems.append("it was changed after it was signed")
    if problems and statement is None:
        problems.append("the statement is missing, or its figures were changed")
    elif problems:
        problems.append("the statement is as it was signed, so it is the pages that were changed")
    return Verdict(problems, statement)


def statement_of(key: Ed25519PublicKey, file: bytes) -> dict[str, Any] | None:
    """The statement; None where there is none, or several, or its signature is not the key's."""
    found = STATEMENT.findall(file)
    if len(found) != 1:
        return None
    text, signature = found[0]
    if not is_signed(key, signature, OF_STATEMENT + text):
        return None
    statement: dict[str, Any] = json.loads(text)
    return statement


def is_signed(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    """Whether the signature, in base64, is the key's for this content."""
    try:
        key.verify(base64.b64decode(signature, validate=True), content)
    except (InvalidSignature, binascii.Error):
        return False
    return True
