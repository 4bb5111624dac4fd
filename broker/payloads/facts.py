"""What a device says of itself: attributes and status."""

from __future__ import annotations

import json
from typing import Any

from broker.payloads.decoded import Decoded, Reason, Rejection
from broker.payloads.parsers import parse_json


def decode_attributes(payload: bytes) -> dict[str, Any] | Rejection:
    """The object that a device says of itself, or why it is none.

    Returns:
        Names and JSON values, safe to be stored as jsonb.
    """
    decoded = Decoded()
    document = parse_json(payload, decoded)
    if decoded.rejections:
        return decoded.rejections[0]
    if not isinstance(document, dict):
        return Rejection(Reason.UNKNOWN_FORMAT, "attributes are a JSON object")
    try:
        text = json.dumps(document, allow_nan=False)
    except (ValueError, RecursionError):
        return Rejection(Reason.NOT_A_NUMBER, "attributes hold a number that JSON does not have")
    if "\\u0000" in text or ("\\ud" in text and not is_encodable(text)):
        return Rejection(Reason.BAD_TEXT, "attributes hold a character that cannot be stored")
    return document


def is_encodable(text: str) -> bool:
    """Whether every surrogate of a JSON text has its other half."""
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def decode_status(payload: bytes) -> bool | Rejection:
    """Whether the device says that it is online."""
    known = (b"offline", b"online")
    text = payload.strip().strip(b'"')
    if text in known:
        return bool(known.index(text))
    return Rejection(Reason.BAD_STATUS, "a status is the word online or offline")
