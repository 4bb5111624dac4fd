"""Bytes to documents: JSON and CBOR, by the libraries made for them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import cbor2
import msgspec
import numpy as np

from broker.payloads.decoded import Decoded, Reason
from broker.payloads.values import MAX_DEPTH

# RFC 8949, 3.4.6: a CBOR document may begin with a tag that says that it is one.
SELF_DESCRIBED = b"\xd9\xd9\xf7"
NOTHING = object()
# A document of CBOR that is nested deeper is refused as a whole; one of JSON at Python's own limit.
CBOR_DEPTH = 200
TOO_DEEP = f"the payload is nested deeper than {MAX_DEPTH} levels"


class Timed(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The shape of nearly every message: a time, and numbers."""

    ts: int
    values: dict[str, float]


TIMED = msgspec.json.Decoder(Timed)


def parse_timed(payload: bytes) -> Timed | None:
    """The document where it has that shape, in less than half the time of ``parse_json``."""
    if not payload.startswith(b'{"ts"'):
        return None
    try:
        return TIMED.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def parse_json(payload: bytes, decoded: Decoded) -> Any:
    """The document; NOTHING, with a rejection, where there is none.

    What strict JSON refuses but devices send, such as NaN, is read by a slower parser, so that
    it costs only the value that has it.
    """
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    except RecursionError:
        decoded.reject(Reason.TOO_DEEP, lambda: TOO_DEEP)
        return NOTHING
    try:
        return json.loads(payload.decode("utf-8-sig"), parse_int=bounded_int)
    except UnicodeDecodeError as error:
        why = f"it is no UTF-8 text: byte {error.start} is {payload[error.start]:#04x}"
    except RecursionError:
        decoded.reject(Reason.TOO_DEEP, lambda: TOO_DEEP)
        return NOTHING
    except json.JSONDecodeError as error:
        why = f"{error.msg} at byte {error.pos}" if payload else "it is empty"
    decoded.reject(Reason.UNKNOWN_FORMAT, lambda: f"the payload is no JSON: {why}")
    return NOTHING


def bounded_int(digits: str) -> float:
    """An integer; infinity where it has more digits than Python reads, which no number has."""
    try:
        return int(digits)
    except ValueError:
        return math.inf


def parse_cbor(payload: bytes, decoded: Decoded) -> Any:
    """The document (RFC 8949), with typed arrays (RFC 8746); NOTHING where there is none."""
    document = payload.removeprefix(SELF_DESCRIBED)
    try:
        return load_cbor(document, texts_only=True)
    except CBOR_ERRORS as error:
        why = str(error)
    # SenML has numbers as keys.
    if has_plain_keys(document):
        try:
            return load_cbor(document, texts_only=False)
        except CBOR_ERRORS as error:
            why = str(error)
    if "nesting depth" in why:
        decoded.reject(Reason.TOO_DEEP, lambda: TOO_DEEP)
    else:
        decoded.reject(Reason.UNKNOWN_FORMAT, lambda: f"the payload is no CBOR: {why}"[:300])
    return NOTHING


CBOR_ERRORS = (cbor2.CBORError, RecursionError, TypeError, ValueError, OverflowError)


def load_cbor(document: bytes, *, texts_only: bool) -> Any:
    """Read a document.

    Args:
        document: CBOR.
        texts_only: refuse keys that are neither texts nor bytes.

    Raises:
        CBOR_ERRORS: it is none, or something follows it.
    """
    stream = BytesIO(document)
    value = cbor2.CBORDecoder(
        stream,
        tag_hook=strange_tag,
        semantic_decoders=TAGS,
        max_depth=CBOR_DEPTH,
        strict_hashable_types=texts_only,
    ).decode()
    if stream.tell() < len(document):
        raise ValueError(f"{len(document) - stream.tell()} bytes follow the document")
    return value


# What is still missing in a container whose end a mark tells: even, and never counted down.
UNTOLD = 2**66


def has_plain_keys(document: bytes) -> bool:
    """Whether every key in well-formed CBOR is a text, bytes, or a number of 64 bits.

    The hash of a text is another one in each process, and no more than eight such numbers share
    one. Of anything else a device could send a hundred thousand keys with the same hash, which
    take minutes to be told apart.
    """
    position, missing, in_map = 0, 1, False
    outer: list[tuple[int, bool]] = []
    while missing or outer:
        if not missing:
            missing, in_map = outer.pop()
            continue
        if position >= len(document) or len(outer) > CBOR_DEPTH:
            return False
        major, info = divmod(document[position], 32)
        if (major, info) == (7, 31):
            position, missing = position + 1, 0
            continue
        if in_map and missing % 2 == 0 and major > 3:
            return False
        size = SIZES.get(info, 0)
        told = int.from_bytes(document[position + 1 : position + 1 + size]) if size else info
        position += 1 + size
        # A tag stands before its item, and is none itself.
        missing -= major != 6
        if info == 31 or major in (4, 5):
            outer.append((missing, in_map))
            missing, in_map = UNTOLD if info == 31 else told * (major - 3), major == 5
        elif major in (2, 3):
            position += told
    return True


# RFC 8949, 3: how many bytes follow a head, where its five low bits do not say the number.
SIZES = {24: 1, 25: 2, 26: 4, 27: 8}


def passed_over(value: Any, _immutable: bool) -> Any:
    """What a tag was put on, which says enough without it."""
    return value


def unreadable(_value: Any, _immutable: bool) -> Any:
    """What stands for a value that cannot be read, and costs only itself."""
    return cbor2.undefined


def big_number(value: Any, immutable: bool, *, sign: int) -> Any:
    """A number of more than 64 bits; infinite where no double holds it."""
    if not isinstance(value, bytes):
        return unreadable(value, immutable)
    digits = value.lstrip(b"\0")
    magnitude = int.from_bytes(digits) if len(digits) <= 128 else math.inf
    return magnitude if sign > 0 else -1 - magnitude


def fraction(value: Any, immutable: bool, *, base: int) -> Any:
    """An exponent and a mantissa, as the number that they make."""
    match value:
        case [int(exponent), int(mantissa)] if base == 10:
            return float(f"{mantissa}e{exponent}")
        case [int(exponent), int(mantissa)]:
            try:
                return math.ldexp(mantissa, exponent)
            except OverflowError:
                return math.inf
    return unreadable(value, immutable)


def typed_array(value: Any, immutable: bool, *, dtype: str) -> Any:
    """The array of numbers that the tag announces."""
    if immutable or not isinstance(value, bytes) or len(value) % np.dtype(dtype).itemsize:
        return unreadable(value, immutable)
    return np.frombuffer(value, dtype)


def strange_tag(tag: cbor2.CBORTag, immutable: bool) -> Any:
    """What an unknown tag was put on, in containers that can be changed, as without it."""
    return tag.value if immutable else thawed(tag.value)


def thawed(value: Any) -> Any:
    """Lists and objects out of what the parser had made immutable."""
    if isinstance(value, tuple):
        return [thawed(each) for each in value]
    if isinstance(value, cbor2.frozendict):
        return {key: thawed(each) for key, each in value.items()}
    return value


# RFC 8746: tags 64 to 87 are arrays of numbers, as bytes. Those that NumPy has.
TYPED_ARRAYS = {
    64: "u1", 65: ">u2", 66: ">u4", 67: ">u8", 68: "u1", 69: "<u2", 70: "<u4", 71: "<u8",
    72: "i1", 73: ">i2", 74: ">i4", 75: ">i8", 77: "<i2", 78: "<i4", 79: "<i8",
    80: ">f2", 81: ">f4", 82: ">f8", 84: "<f2", 85: "<f4", 86: "<f8",
}  # fmt: skip
# Every tag that the library would make something of. Dates, patterns, addresses and the like are
# no telemetry, and some of them cost a device nothing and their reader hours. References (25, 29)
# are not followed: with them a few hundred bytes stand for any number of values.
TAGS: dict[int, Callable[[Any, bool], Any]] = {
    **dict.fromkeys(
        (0, 1, 28, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799),
        passed_over,
    ),
    2: partial(big_number, sign=1),
    3: partial(big_number, sign=-1),
    4: partial(fraction, base=10),
    5: partial(fraction, base=2),
    25: unreadable,
    29: unreadable,
    **{tag: partial(typed_array, dtype=dtype) for tag, dtype in TYPED_ARRAYS.items()},
}
