"""What must hold for the decoder whatever comes: the rules that atheris and hypothesis share."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import numpy as np

from broker.payloads import (
    Column,
    Decoded,
    Reason,
    Rejection,
    decode,
    decode_attributes,
    decode_status,
)
from tests.fuzz import oracle
from tests.fuzz.oracle import FIRST_US, HOUR_US, LEVELS, NAME, BeyondError, Said, canonical

LONGEST_SENTENCE = 500
LONGEST_UNIT = 64
JSON_TYPES = ("application/json", "text/json")
SENML_JSON_TYPES = ("application/senml+json", "application/sensml+json")
SENML_CBOR_TYPES = ("application/senml+cbor", "application/sensml+cbor")
# Whatever a line could say is one of these.
TOKEN = re.compile(r"=([^,\s]*)")


class InventedError(AssertionError):
    """The decoder said what the payload does not say, or what cannot be stored."""


def require(truth: bool, sentence: str) -> None:
    """A rule.

    Raises:
        InventedError: it is broken.
    """
    if not truth:
        raise InventedError(sentence)


def check(content_type: str | None, payload: bytes, arrival_us: int) -> Decoded:
    """Decode a payload, and hold the outcome to every rule.

    Raises:
        InventedError: one is broken.
    """
    decoded = decode(content_type, payload, arrival_us)
    require_storable(decoded, arrival_us)
    media_type = (content_type or "").partition(";")[0].strip().lower()
    try:
        if media_type in JSON_TYPES:
            require_same(decoded, said_by_json(payload, arrival_us))
        elif media_type in SENML_JSON_TYPES:
            require_same(decoded, said_by_senml(payload, arrival_us))
        elif media_type == "application/cbor":
            require_same(decoded, said_by_cbor(payload, arrival_us))
        elif media_type in SENML_CBOR_TYPES:
            require_same(decoded, said_by_senml_in_cbor(payload, arrival_us))
        elif media_type in ("", "text/plain"):
            check_unnamed(decoded, payload, arrival_us)
    except BeyondError:
        pass
    return decoded


def check_unnamed(decoded: Decoded, payload: bytes, arrival_us: int) -> None:
    """Hold a payload whose format nobody named to the rules of the one that it is in."""
    if payload.lstrip()[:1] in (b"{", b"["):
        require_same(decoded, said_by_json(payload, arrival_us, named=False))
    elif decoded.attributes:
        require_tokens(decoded, payload)


def check_facts(payload: bytes) -> None:
    """Decode attributes and status, and hold the outcome to every rule.

    Raises:
        InventedError: one is broken.
    """
    attributes = decode_attributes(payload)
    if isinstance(attributes, Rejection):
        require_sentence(attributes)
    else:
        text = json.dumps(attributes, allow_nan=False)
        require(oracle.is_storable(json.loads(text), LEVELS), "attributes are no jsonb")
        require(
            canonical(attributes) == canonical(oracle.json_of(payload)),
            "attributes are not what was sent",
        )
    status = decode_status(payload)
    if isinstance(status, Rejection):
        require_sentence(status)
    else:
        word = b"online" if status else b"offline"
        require(word in payload and payload.strip(b'" \t\r\n\v\f') == word, "no such status")


# --- what can be stored ----------------------------------------------------------------------


def require_storable(decoded: Decoded, arrival_us: int) -> None:
    """Names, numbers, times, texts and sentences as the contract and PostgreSQL have them."""
    for name, ts, value in decoded.readings:
        require_point(name, ts, arrival_us)
        require(type(value) in (bool, int, float), f"{type(value)} is no reading")
        require(math.isfinite(float(value)), f"{name} is {value}")
    for column in decoded.columns:
        require_column(column, arrival_us)
    for name, ts, text in decoded.states:
        require_point(name, ts, arrival_us)
        require_jsonb(text)
    for name, unit in decoded.units.items():
        require(NAME.match(name) is not None, f"{name!r} is no name")
        require(unit.isprintable() and 0 < len(unit) <= LONGEST_UNIT, f"{unit!r} is no unit")
    for name, text in decoded.attributes.items():
        require(is_text(name) and is_text(text), "an attribute is no text that can be stored")
    require(len(decoded.rejections) <= len(Reason), "more rejections than reasons")
    for rejection in decoded.rejections:
        require_sentence(rejection)


def require_point(name: Any, ts: Any, arrival_us: int) -> None:
    """A good name at a plausible time."""
    require(isinstance(name, str) and NAME.match(name) is not None, f"{name!r} is no name")
    require(type(ts) is int, f"{ts!r} are no microseconds")
    require(FIRST_US <= ts <= arrival_us + HOUR_US, f"{ts} is no plausible time")


def require_column(column: Column, arrival_us: int) -> None:
    """A column of doubles at plausible times."""
    require(NAME.match(column.metric) is not None, f"{column.metric!r} is no name")
    require(column.ts.dtype == np.int64 and column.value.dtype == np.float64, "wrong dtypes")
    require(column.ts.ndim == 1 and column.ts.shape == column.value.shape, "wrong shapes")
    require(bool(np.isfinite(column.value).all()), f"{column.metric} is not finite")
    if column.boolean:
        require(set(column.value.tolist()) <= {0.0, 1.0}, "a boolean is neither 0 nor 1")
    for ts in (column.ts.min(initial=FIRST_US), column.ts.max(initial=FIRST_US)):
        require(FIRST_US <= ts <= arrival_us + HOUR_US, f"{ts} is no plausible time")


def require_jsonb(text: str) -> None:
    """JSON that PostgreSQL takes: no NUL, no half of a surrogate pair, no NaN."""
    require(is_text(text), "a state is no text that can be stored")
    try:
        value = json.loads(text, parse_constant=float)
    except (ValueError, RecursionError):
        raise InventedError(f"{text[:80]!r} is no JSON") from None
    require(oracle.is_storable(value, LEVELS), f"{text[:80]!r} is no jsonb")


def require_sentence(rejection: Rejection) -> None:
    """A reason, and a sentence that can be shown and stored."""
    require(isinstance(rejection.reason, Reason), "a rejection without a reason")
    sentence = rejection.detail
    require(0 < len(sentence) <= LONGEST_SENTENCE, f"a sentence of {len(sentence)} characters")
    require(sentence.isprintable() and is_text(sentence), f"{sentence!r} cannot be shown")


def is_text(text: Any) -> bool:
    """Whether PostgreSQL stores it as text."""
    try:
        return isinstance(text, str) and b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


# --- what was sent ---------------------------------------------------------------------------


def said_by_json(payload: bytes, arrival_us: int, *, named: bool = True) -> Said:
    """What the platform's shapes in JSON say, or SenML where nobody named the format."""
    try:
        document = oracle.json_of(payload)
    except ValueError:
        return Said(refused=1)
    if not named and oracle.looks_like_pack(document):
        return oracle.of_pack(document, arrival_us)
    return oracle.of_document(document, arrival_us)


def said_by_senml(payload: bytes, arrival_us: int) -> Said:
    """What SenML in JSON says."""
    try:
        document = oracle.json_of(payload)
    except ValueError:
        return Said(refused=1)
    return oracle.of_pack(document, arrival_us)


def said_by_cbor(payload: bytes, arrival_us: int) -> Said:
    """What the platform's shapes in CBOR say."""
    try:
        document = oracle.Cbor(payload.removeprefix(b"\xd9\xd9\xf7"), str).document()
    except ValueError:
        return Said(refused=1)
    return oracle.of_document(document, arrival_us)


def said_by_senml_in_cbor(payload: bytes, arrival_us: int) -> Said:
    """What SenML in CBOR says."""
    try:
        document = oracle.Cbor(payload.removeprefix(b"\xd9\xd9\xf7"), str, int).document()
    except ValueError:
        return Said(refused=1)
    return oracle.of_pack(document, arrival_us)


def rows(decoded: Decoded) -> list[tuple[str, int, float]]:
    """Every reading, in columns or not."""
    return [(name, ts, float(value)) for name, ts, value in decoded.readings] + [
        (column.metric, ts, value)
        for column in decoded.columns
        for ts, value in zip(column.ts.tolist(), column.value.tolist(), strict=True)
    ]


def require_same(decoded: Decoded, said: Said) -> None:
    """Everything that was sent and can be stored is there, nothing else is, the rest is refused."""
    require_equal(rows(decoded), said.readings, "readings")
    states = [(name, ts, canonical(json.loads(text))) for name, ts, text in decoded.states]
    require_equal(states, said.states, "states")
    refused = sum(count for _, count in decoded.refused.values())
    require(refused == said.refused, f"{refused} parts are refused, and not {said.refused}")
    require(decoded.units == said.units, f"{decoded.units} are not the units {said.units}")


def require_equal(found: list[Any], sent: list[Any], what: str) -> None:
    """The same values under the same names; times of columns may be rounded the other way."""
    more, less = Counter(found), Counter(sent)
    left, missing = sorted((more - less).elements()), sorted((less - more).elements())
    require(
        len(left) == len(missing)
        and all(
            a[0] == b[0] and a[2] == b[2] and abs(a[1] - b[1]) <= 1
            for a, b in zip(left, missing, strict=True)
        ),
        f"{what} that were not sent: {left[:3]}; that are missing: {missing[:3]}",
    )


def require_tokens(decoded: Decoded, payload: bytes) -> None:
    """Every number and name of line protocol stands in the payload."""
    text = payload.decode()
    plain = text.replace("\\", "")
    numbers = {number for token in TOKEN.findall(text) for number in numbers_of(token)}
    for name, _, value in decoded.readings:
        require(name.rpartition(".")[2] in plain, f"{name} was not sent")
        require(float(value) in numbers, f"{name} = {value} was not sent")


def numbers_of(token: str) -> list[float]:
    """What a field's value can be as a number."""
    if token.lower() in ("t", "true", "f", "false"):
        return [float(token.lower().startswith("t"))]
    try:
        return [float(token.removesuffix("i").removesuffix("u"))]
    except ValueError:
        return []
