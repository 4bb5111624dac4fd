"""The table of formats, and which of them a payload is in.

One bad value costs only itself: everything else in the same message is returned. Nothing here
raises for what a device sent.
"""

from __future__ import annotations

from collections.abc import Callable

from broker.payloads.decoded import Decoded, Reason, shown
from broker.payloads.documents import read_document, read_moment
from broker.payloads.lines import looks_like_lines, read_lines
from broker.payloads.parsers import NOTHING, SELF_DESCRIBED, parse_cbor, parse_json, parse_timed
from broker.payloads.senml import looks_like_senml, read_pack

Reader = Callable[[bytes, int, Decoded], None]


def decode(content_type: str | None, payload: bytes, arrival_us: int) -> Decoded:
    """Decode a telemetry payload.

    Args:
        content_type: of MQTT 5 or HTTP, parameters allowed; None where the sender gave none. It
            decides the format; without one the content does.
        payload: as it was received.
        arrival_us: when it was received, µs since 1970; the time of values without one.

    Returns:
        Readings, states and rejections; all empty for a payload like ``{}``.
    """
    decoded = Decoded()
    media_type = (content_type or "").partition(";")[0].strip().lower()
    reader = FORMATS.get(media_type)
    if reader is None:
        decoded.reject(
            Reason.UNKNOWN_FORMAT,
            lambda: (
                f"the content type {shown(media_type)} is not understood: send application/json"
            ),
        )
    else:
        reader(payload, arrival_us, decoded)
    return decoded


def read_unnamed(payload: bytes, arrival_us: int, decoded: Decoded) -> None:
    """Read a payload whose format only its first byte tells."""
    if (timed := parse_timed(payload)) is not None:
        read_moment(timed.ts, timed.values, arrival_us, decoded)
    # 0x80 to 0xbf are CBOR's arrays and maps; no text in UTF-8 begins so.
    elif (payload[:1] and 0x80 <= payload[0] <= 0xBF) or payload.startswith(SELF_DESCRIBED):
        read_some_cbor(payload, arrival_us, decoded)
    elif payload.lstrip()[:1] not in (b"{", b"[") and looks_like_lines(payload):
        read_lines(payload, arrival_us, decoded)
    else:
        document = parse_json(payload, decoded)
        if looks_like_senml(document):
            read_pack(document, arrival_us, decoded)
        elif document is not NOTHING:
            read_document(document, arrival_us, decoded)


def read_json(payload: bytes, arrival_us: int, decoded: Decoded) -> None:
    """Read the platform's shapes in JSON."""
    if (timed := parse_timed(payload)) is not None:
        read_moment(timed.ts, timed.values, arrival_us, decoded)
    elif (document := parse_json(payload, decoded)) is not NOTHING:
        read_document(document, arrival_us, decoded)


def read_some_cbor(payload: bytes, arrival_us: int, decoded: Decoded) -> None:
    """Read CBOR, whichever of both it is."""
    document = parse_cbor(payload, decoded)
    if looks_like_senml(document):
        read_pack(document, arrival_us, decoded)
    elif document is not NOTHING:
        read_document(document, arrival_us, decoded)


def read_cbor(payload: bytes, arrival_us: int, decoded: Decoded) -> None:
    """Read the platform's shapes in CBOR."""
    document = parse_cbor(payload, decoded)
    if document is not NOTHING:
        read_document(document, arrival_us, decoded)


def read_senml_json(payload: bytes, arrival_us: int, decoded: Decoded) -> None:
    """Read SenML in JSON."""
    document = parse_json(payload, decoded)
    if document is not NOTHING:
        read_pack(document, arrival_us, decoded)


def read_senml_cbor(payload: bytes, arrival_us: int, decoded: Decoded) -> None:
    """Read SenML in CBOR."""
    document = parse_cbor(payload, decoded)
    if document is not NOTHING:
        read_pack(document, arrival_us, decoded)


FORMATS: dict[str, Reader] = {
    "": read_unnamed,
    "text/plain": read_unnamed,
    "application/json": read_json,
    "text/json": read_json,
    "application/cbor": read_cbor,
    "application/senml+json": read_senml_json,
    "application/sensml+json": read_senml_json,
    "application/senml+cbor": read_senml_cbor,
    "application/sensml+cbor": read_senml_cbor,
}
