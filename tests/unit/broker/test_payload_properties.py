"""Whatever is sent: nothing raises, no reading is invented, and none is lost in silence.

A few seconds here; `pytest --hypothesis-profile=long` on this file makes 100,000 examples.
"""

from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.payloads import Column, Decoded, Reason, decode
from tests.fuzz import oracle
from tests.fuzz.invariants import (
    InventedError,
    check,
    check_facts,
    require_same,
    require_storable,
)
from tests.fuzz.seeds import SEEDS, TOKENS, TYPES
from tests.fuzz.strategies import (
    NOW,
    as_line,
    documents,
    json_texts,
    packs,
    plain,
    points,
    said_by_points,
    trees,
    with_codes,
)

JSON, CBOR = "application/json", "application/cbor"
SENML_JSON, SENML_CBOR = "application/senml+json", "application/senml+cbor"
# The documents are big; how long one takes to be made is no fault.
roomy = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@roomy
@given(json_texts())
def test_json_says_what_an_independent_reader_finds_in_it(payload: bytes) -> None:
    for content_type in (JSON, None):
        check(content_type, payload, NOW)
    check_facts(payload)


@roomy
@given(documents(plain))
def test_cbor_says_what_was_encoded(document: Any) -> None:
    decoded = check(CBOR, cbor2.dumps(document), NOW)
    require_same(decoded, oracle.of_document(document, NOW))


@roomy
@given(packs)
def test_senml_says_what_its_records_resolve_to_in_json_and_in_cbor(pack: Any) -> None:
    said = oracle.of_pack(pack, NOW)
    if oracle.is_storable(pack, 4):
        # Only then is the JSON text one that every parser reads alike.
        require_same(check(SENML_JSON, oracle.canonical(pack).encode(), NOW), said_in_doubles(pack))
    require_same(check(SENML_CBOR, cbor2.dumps(with_codes(pack)), NOW), said)


def said_in_doubles(pack: Any) -> oracle.Said:
    """What the pack says where long integers are doubles, as in canonical JSON."""
    return oracle.of_pack(oracle.rounded(pack), NOW)


@roomy
@given(st.lists(points, max_size=5), st.sampled_from(["\n", "\r\n", "\n\n", "\n# m a=1\n"]))
def test_line_protocol_says_what_its_points_say(sent: list[dict[str, Any]], end: str) -> None:
    payload = end.join(as_line(point) for point in sent).encode()
    decoded = check(None, payload, NOW)
    if sent:
        require_same(decoded, said_by_points(sent, NOW))


tagged = st.recursive(
    plain | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=3) | st.integers(-8, 9) | st.booleans(), inner, max_size=4
        )
        | st.builds(cbor2.CBORTag, st.integers(0, 300) | st.integers(0, 2**64 - 1), inner)
    ),
    max_leaves=12,
)


@roomy
@given(tagged, st.sampled_from([None, CBOR, SENML_CBOR]))
def test_cbor_with_any_tag_and_any_key_gives_what_can_be_stored(
    document: Any, content_type: str | None
) -> None:
    check(content_type, cbor2.dumps(document), NOW)


@roomy
@given(st.sampled_from(SEEDS), st.data())
def test_a_damaged_message_gives_what_can_be_stored(
    seed: tuple[str | None, bytes], data: st.DataObject
) -> None:
    content_type, payload = seed
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(payload)))
        end = min(len(payload), start + data.draw(st.integers(0, 4)))
        patch = data.draw(st.sampled_from(TOKENS) | st.binary(max_size=4))
        payload = payload[:start] + patch + payload[end:]
    check(data.draw(st.sampled_from([content_type, None])), payload, NOW)
    check_facts(payload)


@roomy
@given(st.binary(max_size=64), st.sampled_from(TYPES))
def test_any_bytes_of_any_type_give_what_can_be_stored(
    payload: bytes, content_type: str | None
) -> None:
    check(content_type, payload, NOW)


@roomy
@given(trees(plain), st.sampled_from([SENML_JSON, SENML_CBOR, None]))
def test_what_is_no_pack_gives_what_can_be_stored(document: Any, content_type: str | None) -> None:
    check(content_type, cbor2.dumps(document), NOW)
    check(content_type, oracle.canonical(document).encode(), NOW)


@pytest.mark.parametrize(("content_type", "payload"), SEEDS, ids=range(len(SEEDS)))
def test_every_example_keeps_the_rules(content_type: str | None, payload: bytes) -> None:
    check(content_type, payload, NOW)
    check_facts(payload)


# --- the rules themselves: each of them can be broken --------------------------------------------


def column(ts: list[int], value: list[float]) -> Column:
    return Column("a", np.array(ts, np.int64), np.array(value, np.float64))


@pytest.mark.parametrize(
    "decoded",
    [
        Decoded(readings=[("a b", NOW, 1.0)]),
        Decoded(readings=[("a", NOW, float("nan"))]),
        Decoded(readings=[("a", NOW, "1")]),  # type: ignore[list-item]
        Decoded(readings=[("a", float(NOW), 1)]),  # type: ignore[list-item]
        Decoded(readings=[("a", NOW + 3_600_000_001, 1)]),
        Decoded(readings=[("a", 0, 1)]),
        Decoded(columns=[column([NOW, NOW], [1.0])]),
        Decoded(columns=[column([0], [1.0])]),
        Decoded(columns=[column([NOW], [float("inf")])]),
        Decoded(states=[("a", NOW, '"\\u0000"')]),
        Decoded(states=[("a", NOW, "NaN")]),
        Decoded(states=[("a", NOW, '"\\ud800"')]),
        Decoded(states=[("a", NOW, "[" * 20 + "]" * 20)]),
        Decoded(units={"a": "\0"}),
        Decoded(units={"a": "x" * 65}),
        Decoded(attributes={"a": "\ud800"}),
        Decoded(refused={Reason.BAD_TEXT: ("", 1)}),
        Decoded(refused={Reason.BAD_TEXT: ("a\nb", 1)}),
        Decoded(refused={Reason.BAD_TEXT: ("x" * 501, 1)}),
        Decoded(refused={"because": ("of it", 1)}),  # type: ignore[dict-item]
    ],
)
def test_what_cannot_be_stored_is_noticed(decoded: Decoded) -> None:
    with pytest.raises(InventedError):
        require_storable(decoded, NOW)


@pytest.mark.parametrize(
    "other",
    [
        b'{"a": 1, "b": "x", "c": 2}',
        b'{"a": 1}',
        b'{"a": 1.0000001, "b": "x"}',
        b'{"a": 1, "b": "y"}',
        b'{"a": 1, "b": "x", "1": 1}',
        b'{"ts": 1767225599, "values": {"a": 1, "b": "x"}}',
    ],
)
def test_what_was_not_sent_is_noticed(other: bytes) -> None:
    decoded = decode(JSON, b'{"a": 1, "b": "x"}', NOW)
    require_same(decoded, oracle.of_document({"a": 1, "b": "x"}, NOW))
    with pytest.raises(InventedError):
        require_same(decoded, oracle.of_document(oracle.json_of(other), NOW))
