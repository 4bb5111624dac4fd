"""What a device says of itself: attributes and status."""

from __future__ import annotations

from typing import Any

from broker.payloads.decoded import Decoded, Reason, Rejection
from broker.payloads.parsers import NOTHING, parse_json
from broker.payloads.values import to_json


def decode_attributes(payload: bytes) -> dict[str, Any] | Rejection:
    """The object that a device says of itself, or why it is none.

    Returns:
        Names and JSON values, safe to be stored as jsonb.
    """
    decoded = Decoded()
    document = parse_json(payload, decoded)
    if document is NOTHING:
        return decoded.rejections[0]
    if not isinstance(document, dict):
        return Rejection(Reason.UNKNOWN_FORMAT, "attributes are a JSON object")
    text = to_json(document)
    if isinstance(text, Rejection):
        return Rejection(text.reason, f"the object {text.detail}")
    return document


def decode_status(payload: bytes) -> bool | Rejection:
    """Whether the device says that it is online."""
    known = (b"offline", b"online")
    text = payload.strip().strip(b'"')
    if text in known:
        return bool(known.index(text))
    return Rejection(Reason.BAD_STATUS, "a status is the word online or offline")
