"""What a hostile or a broken device sends: it costs itself, and nothing else."""

import json
from typing import Any

import cbor2
import numpy as np
import pytest

from broker.payloads import Decoded, Reason, Rejection, decode, decode_attributes
from broker.payloads.decoded import shown
from tests.fuzz.invariants import require_storable
from tests.fuzz.megabytes import HANGS

NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
NOW_MS = NOW // 1000
JSON, CBOR = "application/json", "application/cbor"
SENML_JSON, SENML_CBOR = "application/senml+json", "application/senml+cbor"
MEGABYTE = 1_000_000


def cbor(document: Any) -> Decoded:
    return decode(CBOR, cbor2.dumps(document), NOW)


def senml(*records: dict[Any, Any]) -> Decoded:
    return decode(SENML_JSON, json.dumps(records).encode(), NOW)


def type_of(value: object) -> str:
    return type(value).__name__


def reasons(decoded: Decoded) -> list[str]:
    return [str(reason) for reason in decoded.refused]


# --- names -----------------------------------------------------------------------------------


def test_a_key_that_is_a_number_too_long_to_be_written_is_refused() -> None:
    assert reasons(cbor({10**5000: 1})) == ["unknown-format"]
    assert reasons(cbor({2**64 - 1: {"a": 1}, 1: {"a": 1}})) == ["bad-metric-name"]


@pytest.mark.parametrize("key", [True, None, 1.5, b"x", cbor2.undefined])
def test_a_key_of_cbor_that_is_no_text_never_becomes_part_of_a_name(key: object) -> None:
    decoded = decode(CBOR, cbor2.dumps({key: {"a": 1}, "b": {key: 1}}), NOW)
    assert decoded.readings == []
    assert decoded.refused


def test_a_list_with_a_number_beyond_all_bounds_is_refused_in_words() -> None:
    assert reasons(cbor([[10**5000]])) == ["unknown-format"]


@pytest.mark.parametrize(
    "value",
    [[[10**5000]], {"a": 10**5000}, "x" * 10**6, b"\x00" * 10**6],
    ids=type_of,
)
def test_whatever_is_shown_in_a_sentence_is_short(value: object) -> None:
    assert len(shown(value)) <= 60


@pytest.mark.parametrize("depth", [500, *range(900, 1000, 3), *range(985, 1000)])
def test_lists_as_deep_as_the_parser_goes_are_refused(depth: int) -> None:
    assert decode(JSON, b"[" * depth + b"]" * depth, NOW).refused


@pytest.mark.parametrize(("depth", "stored"), [(190, 1), (300, 0), (100_000, 0)])
def test_nesting_in_cbor_costs_only_itself_as_far_as_the_parser_goes(
    depth: int, stored: int
) -> None:
    deep = b"\x81" * depth + b"\x80"
    decoded = decode(CBOR, b"\xa2\x61a\x01\x61b" + deep, NOW)
    assert (decoded.count, reasons(decoded)) == (stored, ["too-deep"])


# --- CBOR ------------------------------------------------------------------------------------


def test_a_decimal_fraction_is_a_number() -> None:
    # RFC 8428, 6 allows them as numbers; 273.15 is the example of RFC 8949, 3.4.4.
    payload = bytes.fromhex("a16161c48221196ab3")
    assert decode(CBOR, payload, NOW).readings == [("a", NOW, 273.15)]
    pack = [{0: "a", 2: cbor2.CBORTag(4, [-2, 27315])}, {0: "b", 2: cbor2.CBORTag(5, [-1, 3])}]
    assert decode(SENML_CBOR, cbor2.dumps(pack), NOW).readings == [
        ("a", NOW, 273.15),
        ("b", NOW, 1.5),
    ]


@pytest.mark.parametrize(
    "tagged",
    [
        "c1fb7ff8000000000000",  # the epoch time NaN
        "c063616263",  # a text that is no time
        "c4821b7fffffffffffffff01",  # 1e9223372036854775807
        "c5821b7fffffffffffffff01",
        "c463616263",  # a decimal fraction that is a text
        "d81e820100",  # one divided by zero
        "d82563616263",  # no UUID
        "d85643010203",  # an array of doubles, of three bytes
        "d81900",  # a reference to a text, of which there is none
        "d81d00",  # a reference to itself
    ],
)
def test_a_tag_that_cannot_be_read_costs_only_its_value(tagged: str) -> None:
    payload = bytes.fromhex(f"a26161{tagged}616201")
    assert ("b", NOW, 1) in decode(CBOR, payload, NOW).readings


def test_a_tag_that_nobody_knows_is_passed_over() -> None:
    document = cbor2.CBORTag(4711, {"a": cbor2.CBORTag(4712, {"b": 1}), "c": [1, [2]]})
    decoded = cbor(document)
    assert decoded.readings == [("a.b", NOW, 1)]
    assert decoded.states == [("c", NOW, "[1,[2]]")]


def test_a_time_of_cbor_is_a_time() -> None:
    for when in (cbor2.CBORTag(1, NOW_MS // 1000), cbor2.CBORTag(0, "2026-01-01T00:00:00Z")):
        assert cbor({"ts": when, "values": {"a": 1}}).readings == [("a", NOW, 1)]


def test_what_follows_a_document_of_cbor_is_not_passed_over_in_silence() -> None:
    two = cbor2.dumps({"a": 1}) + cbor2.dumps({"b": 2})
    assert reasons(decode(CBOR, two, NOW)) == ["unknown-format"]
    assert decode(CBOR, two, NOW).readings == []


@pytest.mark.parametrize("inner", [b"\xa0", b"\x80"])
def test_a_key_of_cbor_that_is_a_container_is_refused(inner: bytes) -> None:
    decoded = decode(CBOR, b"\xa1" + inner + b"\x01", NOW)
    assert reasons(decoded) == ["unknown-format"]


def test_numbers_as_keys_beside_texts_cost_only_themselves() -> None:
    decoded = cbor({1: 2, "a": 3, "cells": {1: 3.5}})
    assert decoded.readings == [("a", NOW, 3), ("cells.1", NOW, 3.5)]
    assert reasons(decoded) == ["bad-metric-name"]


# --- times -----------------------------------------------------------------------------------


def test_nanoseconds_as_doubles_are_read_in_columns_as_they_are_singly() -> None:
    decoded = cbor({"ts": [NOW * 1000.0], "values": {"a": [1.5]}})
    assert [int(ts) for ts in decoded.columns[0].ts] == [NOW]


@pytest.mark.parametrize(("tag", "dtype"), [(85, "<f4"), (84, "<f2"), (80, ">f2")])
def test_short_floats_as_times_are_exact_or_refused(tag: int, dtype: str) -> None:
    times = np.array([61_440, np.inf], dtype)
    with np.errstate(all="raise"):
        decoded = cbor(
            {"ts": cbor2.CBORTag(tag, times.tobytes()), "values": {"a": [1, 2]}},
        )
    single = [float(ts) for ts in times]
    expected = [
        ts for second in single for _, ts, _ in cbor({"ts": second, "values": {"a": 1}}).readings
    ]
    assert [int(ts) for column in decoded.columns for ts in column.ts] == expected


def test_samples_beyond_the_range_of_integers_are_ahead() -> None:
    values = cbor2.CBORTag(64, bytes(10 * MEGABYTE))
    decoded = cbor({"t0": NOW_MS, "dt": 9.9e8, "values": {"a": values}})
    assert reasons(decoded) == ["clock-ahead"]
    assert decoded.count == 1


@pytest.mark.parametrize("seconds", [10**300, -(10**300)], ids=["ahead", "old"])
def test_a_time_of_three_hundred_digits_is_not_written_out(seconds: int) -> None:
    for decoded in (
        decode(SENML_CBOR, cbor2.dumps([{0: "a", -3: seconds, 2: 1}]), NOW),
        senml({"n": "a", "bt": seconds, "v": 1}),
        senml({"n": "a", "t": seconds, "v": 1}),
    ):
        assert [len(each.detail) < 150 for each in decoded.rejections] == [True]
        assert decoded.readings == []


# --- texts -----------------------------------------------------------------------------------


def test_a_long_text_in_a_column_does_not_ask_for_memory() -> None:
    texts = [""] * 50_000 + ["x" * 500_000]
    column = json.dumps({"t0": NOW_MS, "dt": 0.001, "values": {"a": texts}}).encode()
    assert len(decode(JSON, column, NOW).states) == 50_001
    times = json.dumps({"ts": texts, "values": {"a": texts}}).encode()
    assert reasons(decode(JSON, times, NOW)) == ["bad-time"]


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert decode(JSON, rb'{"a": "\\u0000"}', NOW).states == [("a", NOW, r'"\\u0000"')]
    assert reasons(decode(JSON, rb'{"a": "\\\u0000"}', NOW)) == ["bad-text"]
    assert decode_attributes(rb'{"a": "\\u0000"}') == {"a": r"\u0000"}


def test_states_and_attributes_are_no_deeper_than_whoever_reads_them_can_follow() -> None:
    deep = b"[" * 100 + b"]" * 100
    assert reasons(decode(JSON, b'{"a": ' + deep + b', "b": 1}', NOW)) == ["too-deep"]
    refused = decode_attributes(b'{"a": ' + deep + b"}")
    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.TOO_DEEP


# --- SenML -----------------------------------------------------------------------------------


def test_a_sum_beyond_all_numbers_is_no_number() -> None:
    payload = b'[{"n":"a","bs":0.5,"s":1%s},{"n":"b","v":NaN,"s":1}]' % (b"0" * 390)
    assert reasons(decode(SENML_JSON, payload, NOW)) == ["not-a-number"]
    payload = b'[{"n":"a","bv":0.5,"v":1%s},{"n":"b","v":NaN}]' % (b"0" * 390)
    assert reasons(decode(SENML_JSON, payload, NOW)) == ["not-a-number"]


@pytest.mark.parametrize("name", [5, 1 << 20_000, ["x"], True, {"a": 1}, b"x"], ids=type_of)
def test_a_senml_name_that_is_no_text_is_refused(name: object) -> None:
    for label in (0, -2):
        payload = cbor2.dumps([{label: name, 2: 1}, {0: "b", -2: "", 2: 2}])
        decoded = decode(SENML_CBOR, payload, NOW)
        assert decoded.readings == [("b", NOW, 2)]
        assert decoded.refused


def test_a_bad_base_field_holds_for_the_records_after_it() -> None:
    good = {"bn": "a:", "bt": 1_700_000_000, "n": "t", "v": 1}
    decoded = senml(good, {"bt": "?", "n": "t", "v": 2}, {"n": "t", "v": 3}, {**good, "v": 4})
    assert [value for _, _, value in decoded.readings] == [1, 4]
    assert sum(count for _, count in decoded.refused.values()) == 2


def test_a_newer_version_holds_for_the_records_after_it() -> None:
    # RFC 8428, 4.4: a pack of a later version must not be used.
    decoded = senml({"bver": 11, "n": "t", "v": 1}, {"n": "u", "v": 2})
    assert decoded.readings == []
    assert reasons(decoded) == ["unknown-format"]


def test_a_record_with_two_values_or_a_value_of_the_wrong_type_is_refused() -> None:
    decoded = senml(
        {"n": "a", "v": 1, "vs": "x"},
        {"n": "b", "vb": 5},
        {"n": "c", "vs": 5},
        {"n": "d", "vs": {"x": 1}},
        {"n": "e", "v": 2},
    )
    assert decoded.readings == [("e", NOW, 2)]
    assert decoded.states == []
    assert sum(count for _, count in decoded.refused.values()) == 4


def test_null_in_senml_is_no_value() -> None:
    decoded = senml({"n": "a", "v": None}, {"n": "b", "v": 1, "t": None, "u": None})
    assert decoded.readings == [("b", NOW, 1)]
    assert decoded.refused == {}


@pytest.mark.parametrize("unit", ["\x00", "\ud800", "\n"])
def test_a_unit_that_cannot_be_stored_costs_only_itself(unit: str) -> None:
    decoded = senml({"n": "a", "u": unit, "v": 1})
    assert decoded.readings == [("a", NOW, 1)]
    assert decoded.units == {}
    assert reasons(decoded) == ["bad-text"]


# --- line protocol ---------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x0b", "\x85"])
def test_a_text_that_looks_like_a_line_is_not_read_as_one(end: str) -> None:
    payload = f'm a="x{end}m b=5 {end}" 1767225600000000000\nm c=1'.encode()
    decoded = decode(None, payload, NOW)
    assert [name for name, _, _ in decoded.readings] == ["c"]
    assert decoded.states == [("a", NOW, json.dumps(f"x{end}m b=5 {end}", ensure_ascii=False))]
    assert decoded.refused == {}


def test_a_quote_that_is_never_closed_costs_only_its_line() -> None:
    decoded = decode(None, b'm a="x\nm b=1\nm c=2', NOW)
    assert [name for name, _, _ in decoded.readings] == ["b", "c"]
    assert reasons(decoded) == ["unknown-format"]


def test_a_quote_in_a_tag_opens_no_text() -> None:
    decoded = decode(None, b'm,width=5" a=1\nm,width=7" b=2', NOW)
    assert [name for name, _, _ in decoded.readings] == ["a", "b"]


# --- a megabyte that once took minutes, or all memory ----------------------------------------


@pytest.mark.timeout(15)
@pytest.mark.parametrize("name", HANGS)
def test_a_megabyte_cannot_stop_the_decoder(name: str) -> None:
    content_type, payload = HANGS[name]
    decoded = decode(content_type, payload, NOW)
    require_storable(decoded, NOW)
    assert decoded.refused or decoded.states
    assert decoded.count < 200
