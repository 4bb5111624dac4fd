"""Every format, with the examples of its own specification."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.payloads import Decoded, decode

NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
NOW_MS = NOW // 1000
JSON, CBOR = "application/json", "application/cbor"
SENML_JSON, SENML_CBOR = "application/senml+json", "application/senml+cbor"


def rows(decoded: Decoded) -> list[tuple[str, int, float]]:
    """Every reading, in columns or not."""
    columns = [
        (column.metric, int(ts), float(value))
        for column in decoded.columns
        for ts, value in zip(column.ts, column.value, strict=True)
    ]
    return decoded.readings + columns


def reasons(decoded: Decoded) -> list[str]:
    return [str(rejection.reason) for rejection in decoded.rejections]


# --- columnar -------------------------------------------------------------------------------


def test_columns_stay_columns() -> None:
    payload = {"ts": [NOW_MS, NOW_MS + 1], "values": {"a": [1, 2.5], "on": [True, False]}}
    decoded = decode(None, json.dumps(payload).encode(), NOW)
    assert decoded.readings == []
    assert rows(decoded) == [
        ("a", NOW, 1.0),
        ("a", NOW + 1000, 2.5),
        ("on", NOW, 1.0),
        ("on", NOW + 1000, 0.0),
    ]
    assert [column.boolean for column in decoded.columns] == [False, True]


def test_samples_are_dt_milliseconds_apart() -> None:
    payload = {"t0": NOW_MS, "dt": 0.5, "values": {"vibration": [1.0, 2.0, 3.0]}}
    assert rows(decode(None, json.dumps(payload).encode(), NOW)) == [
        ("vibration", NOW, 1.0),
        ("vibration", NOW + 500, 2.0),
        ("vibration", NOW + 1000, 3.0),
    ]


def test_one_bad_value_of_a_column_costs_only_itself() -> None:
    payload = b'{"ts": [%d, %d, %d], "values": {"a": [1, NaN, null]}}' % (NOW_MS, NOW_MS + 1, 7)
    decoded = decode(None, payload, NOW)
    assert rows(decoded) == [("a", NOW, 1.0)]
    assert reasons(decoded) == ["too-old", "not-a-number"]


def test_null_in_a_column_is_no_value_and_a_text_is_a_state() -> None:
    payload = {"ts": [NOW_MS, NOW_MS + 1, NOW_MS + 2], "values": {"a": [1, None, "low"]}}
    decoded = decode(None, json.dumps(payload).encode(), NOW)
    assert rows(decoded) == [("a", NOW, 1.0)]
    assert decoded.states == [("a", NOW + 2000, '"low"')]
    assert decoded.rejections == []


@pytest.mark.parametrize(
    "payload",
    [
        {"ts": [NOW_MS], "values": {"a": [1, 2], "b": [1]}},
        {"ts": [NOW_MS], "values": {"a": 1, "b": [1]}},
        {"ts": [NOW_MS], "values": {"a": [[1], [2]], "b": [1]}},
    ],
)
def test_a_column_of_another_length_is_refused_and_its_neighbour_stored(
    payload: dict[str, Any],
) -> None:
    decoded = decode(None, json.dumps(payload).encode(), NOW)
    assert rows(decoded) == [("b", NOW, 1.0)]
    assert reasons(decoded) == ["bad-shape"]


@pytest.mark.parametrize("dt", [0, -1, "1", None, True, 1e300])
def test_a_dt_that_is_no_span_is_refused(dt: object) -> None:
    payload = {"t0": NOW_MS, "dt": dt, "values": {"a": [1.0]}}
    assert reasons(decode(None, json.dumps(payload).encode(), NOW)) == ["bad-time"]


def test_samples_that_run_into_the_future_are_stored_as_far_as_the_clock_is_plausible() -> None:
    payload = {"t0": NOW_MS, "dt": 1_800_000, "values": {"a": [1.0, 2.0, 3.0, 4.0]}}
    decoded = decode(None, json.dumps(payload).encode(), NOW)
    assert [value for _, _, value in rows(decoded)] == [1.0, 2.0, 3.0]
    assert reasons(decoded) == ["clock-ahead"]


@given(
    st.lists(
        st.floats(min_value=946684800, max_value=1767225600) | st.integers(946684800, 1767225600),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([1, 10**3, 10**6, 10**9]),
)
def test_times_of_a_column_are_read_as_single_times_are(seconds: list[float], unit: int) -> None:
    times = [int(second * unit) if unit > 1 else second for second in seconds]
    column = json.dumps({"ts": times, "values": {"a": times}}).encode()
    single = json.dumps([{"ts": ts, "values": {"a": ts}} for ts in times]).encode()
    assert [ts for _, ts, _ in rows(decode(None, column, NOW))] == pytest.approx(
        [ts for _, ts, _ in rows(decode(None, single, NOW))], abs=1
    )


# --- CBOR -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"t": 21.5, "door": True, "mode": "eco", "n": None},
        {"ts": NOW_MS, "values": {"t": 21.5}},
        [{"ts": NOW_MS, "values": {"t": 1}}, {"ts": NOW_MS + 1, "values": {"t": 2}}],
        {"ts": [NOW_MS, NOW_MS + 1], "values": {"a": [1.0, 2.0]}},
        {"t0": NOW_MS, "dt": 1.0, "values": {"a": [1.0, 2.0]}},
    ],
)
@pytest.mark.parametrize("content_type", [None, CBOR])
def test_cbor_says_the_same_as_json(document: Any, content_type: str | None) -> None:
    expected = decode(JSON, json.dumps(document).encode(), NOW)
    found = decode(content_type, cbor2.dumps(document), NOW)
    assert (rows(found), found.states) == (rows(expected), expected.states)
    assert rows(found)


@pytest.mark.parametrize(("tag", "dtype"), [(86, "<f8"), (85, "<f4"), (81, ">f4"), (78, "<i4")])
def test_typed_arrays_of_rfc_8746_are_columns(tag: int, dtype: str) -> None:
    values = np.array([1, 2, 3], dtype)
    payload = {"t0": NOW_MS, "dt": 1, "values": {"a": cbor2.CBORTag(tag, values.tobytes())}}
    decoded = decode(None, cbor2.dumps(payload), NOW)
    assert [value for _, _, value in rows(decoded)] == [1.0, 2.0, 3.0]


def test_self_described_cbor_is_recognised() -> None:
    payload = cbor2.dumps(cbor2.CBORTag(55799, {"t": 1}))
    assert rows(decode(None, payload, NOW)) == [("t", NOW, 1)]


def test_infinity_in_cbor_costs_only_itself() -> None:
    decoded = decode(None, cbor2.dumps({"a": math.inf, "b": 1}), NOW)
    assert rows(decoded) == [("b", NOW, 1)]
    assert reasons(decoded) == ["not-a-number"]


# --- SenML: the examples of RFC 8428, section 5 and 6 ------------------------------------------

MAC = "urn:dev:ow:10e2073a01080063"


def test_rfc_8428_5_1_1_single_data_point() -> None:
    payload = b'[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]'
    decoded = decode(SENML_JSON, payload, NOW)
    assert rows(decoded) == [("urn_dev_ow_10e2073a01080063", NOW, 23.1)]
    assert decoded.units == {"urn_dev_ow_10e2073a01080063": "Cel"}


def test_rfc_8428_5_1_2_multiple_data_points() -> None:
    payload = b"""[
     {"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
     {"n":"current","u":"A","v":1.2}]"""
    decoded = decode(SENML_JSON, payload, NOW)
    assert rows(decoded) == [("voltage", NOW, 120.1), ("current", NOW, 1.2)]
    assert decoded.units == {"voltage": "V", "current": "A"}


def test_rfc_8428_5_1_2_with_relative_times() -> None:
    payload = b"""[
     {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
      "n":"voltage","u":"V","v":120.1},
     {"n":"current","t":-5,"v":1.2}, {"n":"current","t":-4,"v":1.3},
     {"n":"current","t":-3,"v":1.4}, {"n":"current","t":-2,"v":1.5},
     {"n":"current","t":-1,"v":1.6}, {"n":"current","v":1.7}]"""
    decoded = decode(SENML_JSON, payload, NOW)
    base = 1_276_020_076_001_000
    assert rows(decoded) == [
        ("voltage", base, 120.1),
        *(("current", base - (5 - n) * 1_000_000, round(1.2 + n / 10, 1)) for n in range(6)),
    ]
    assert decoded.units == {"voltage": "V", "current": "A"}


def test_rfc_8428_5_1_3_multiple_measurements_relative_to_now() -> None:
    payload = b"""[
     {"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
     {"u":"lon","v":24.30621}, {"u":"lat","v":60.07965},
     {"t":60,"v":20.3}, {"u":"lon","t":60,"v":24.30622}, {"u":"lat","t":60,"v":60.07965}]"""
    decoded = decode(SENML_JSON, payload, NOW)
    base = 1_320_067_464_000_000
    assert {ts for _, ts, _ in rows(decoded)} == {base, base + 60_000_000}
    assert len(rows(decoded)) == 6


def test_rfc_8428_5_1_4_resolved_data_has_the_same_names_as_the_compact() -> None:
    compact = decode(
        SENML_JSON, b'[{"bn":"urn:dev:ow:1:","bt":1320067464,"n":"x","v":1},{"n":"y","v":2}]', NOW
    )
    assert [metric for metric, _, _ in rows(compact)] == ["x", "y"]


def test_rfc_8428_5_1_5_multiple_data_types() -> None:
    payload = b"""[
     {"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
     {"n":"label","vs":"Machine Room"}, {"n":"open","vb":false},
     {"n":"nfc-reader","vd":"aGkgCg"}]"""
    decoded = decode(SENML_JSON, payload, NOW)
    assert rows(decoded) == [("temp", NOW, 23.1), ("open", NOW, False)]
    assert decoded.states == [("label", NOW, '"Machine Room"'), ("nfc-reader", NOW, '"aGkgCg"')]


def test_rfc_8428_5_1_6_a_collection_of_resources_keeps_devices_apart() -> None:
    payload = b"""[
     {"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":25.2},
     {"n":"humidity","u":"%RH","v":30},
     {"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},
     {"n":"humidity","u":"%RH","v":67}]"""
    names = [metric for metric, _, _ in rows(decode(SENML_JSON, payload, NOW))]
    assert names == [
        "_2001_db8__2_temperature",
        "_2001_db8__2_humidity",
        "_2001_db8__1_temperature",
        "_2001_db8__1_humidity",
    ]


def test_rfc_8428_5_1_7_a_setting_without_a_time_is_of_now() -> None:
    payload = b'[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1}]'
    assert rows(decode(SENML_JSON, payload, NOW)) == [("temp", NOW, 23.1)]


def test_rfc_8428_6_cbor_example() -> None:
    payload = bytes.fromhex(
        "87a721781b75726e3a6465763a6f773a313065323037336130313038303036"
        "3a22fb41d303a15b00106223614120050067766f6c7461676501615602fb40"
        "5e066666666666a3006763757272656e74062402fb3ff3333333333333a300"
        "6763757272656e74062302fb3ff4cccccccccccda3006763757272656e7406"
        "2202fb3ff6666666666666a3006763757272656e74062102f93e00a3006763"
        "757272656e74062002fb3ff999999999999aa3006763757272656e74060002"
        "fb3ffb333333333333"
    )
    for content_type in (SENML_CBOR, None):
        decoded = decode(content_type, payload, NOW)
        assert [metric for metric, _, _ in rows(decoded)] == ["voltage"] + ["current"] * 6
        assert [value for _, _, value in rows(decoded)] == [120.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]
        assert {ts // 1_000_000 for _, ts, _ in rows(decoded)} == set(range(1276020071, 1276020077))


def test_base_value_and_sums_are_resolved() -> None:
    payload = b'[{"bn":"d:","bv":20,"bs":100,"n":"t","v":1.5},{"n":"e","s":7}]'
    assert rows(decode(SENML_JSON, payload, NOW)) == [("t", NOW, 21.5), ("e.sum", NOW, 107)]


@pytest.mark.parametrize(
    "record", ['{"n":"t","v":1,"must_":2}', '{"n":"t","v":"x"}', '{"n":"t","v":1,"t":"x"}']
)
def test_a_record_that_must_not_be_read_costs_only_itself(record: str) -> None:
    decoded = decode(SENML_JSON, f'[{record},{{"n":"u","v":2}}]'.encode(), NOW)
    assert rows(decoded) == [("u", NOW, 2)]
    assert len(decoded.rejections) == 1


def test_senml_is_recognised_without_a_content_type_and_flat_lists_are_not_taken_for_it() -> None:
    assert rows(decode(None, b'[{"n":"t","v":1}]', NOW)) == [("t", NOW, 1)]
    assert rows(decode(None, b'[{"n":3,"v":1}]', NOW)) == [("n", NOW, 3), ("v", NOW, 1)]
    assert rows(decode(JSON, b'[{"n":"t","v":1}]', NOW)) == [("v", NOW, 1)]


# --- InfluxDB line protocol: the examples of its reference -------------------------------------


def test_a_line_with_tags_fields_and_nanoseconds() -> None:
    payload = b'myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000'
    decoded = decode(None, payload, NOW)
    assert decoded.states == [("fieldKey", 1_556_813_561_098_000, '"fieldValue"')]
    assert decoded.attributes == {"tag1": "value1", "tag2": "value2"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("f=1", 1.0), ("f=1.0", 1.0), ("f=-1.234456e+78", -1.234456e78), ("f=1i", 1),
     ("f=12485903u", 12485903), ("f=t", True), ("f=FALSE", False)],
)  # fmt: skip
def test_every_type_of_field(field: str, value: float) -> None:
    assert rows(decode(None, f"m {field}".encode(), NOW)) == [("f", NOW, value)]


def test_several_measurements_become_prefixes_and_one_is_left_out() -> None:
    assert [m for m, _, _ in rows(decode(None, b"weather t=1\nweather t=2", NOW))] == ["t", "t"]
    assert [m for m, _, _ in rows(decode(None, b"weather t=1\npower t=2", NOW))] == [
        "weather.t",
        "power.t",
    ]


def test_lines_without_a_time_do_not_fall_on_each_other() -> None:
    times = {ts for _, ts, _ in rows(decode(None, b"m t=1\nm t=2\n# comment\n\nm t=3", NOW))}
    assert len(times) == 3


def test_a_bad_line_costs_only_itself() -> None:
    decoded = decode(None, b"m t=1\nnonsense\nm t=nan\nm t=2", NOW)
    assert [value for _, _, value in rows(decoded)] == [1.0, 2.0]
    assert reasons(decoded) == ["unknown-format"]
    assert "(and 1 more)" in decoded.rejections[0].detail


# --- whatever comes --------------------------------------------------------------------------

cbor_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
labels = st.sampled_from(["n", "bn", "v", "t", "bt", "s", "vb", "vs", "u", "bver", "ts", "values"])


@given(
    cbor_values | st.lists(st.dictionaries(labels | st.integers(-6, 8), cbor_values), max_size=4),
    st.sampled_from([None, CBOR, SENML_CBOR]),
)
def test_any_cbor_gives_finite_readings_in_the_allowed_time(
    document: object, content_type: str | None
) -> None:
    check(decode(content_type, cbor2.dumps(document), NOW))


@given(
    st.binary(), st.sampled_from([None, JSON, CBOR, SENML_JSON, SENML_CBOR, "x/y", "text/plain"])
)
def test_no_bytes_of_any_type_raise(payload: bytes, content_type: str | None) -> None:
    check(decode(content_type, payload, NOW))


def check(decoded: Decoded) -> None:
    for metric, ts, value in rows(decoded):
        assert metric
        assert math.isfinite(value)
        assert 946_684_800_000_000 <= ts <= NOW + 3600 * 1_000_000
    for _, _, text in decoded.states:
        assert "\x00" not in json.dumps(json.loads(text))
        text.encode()
