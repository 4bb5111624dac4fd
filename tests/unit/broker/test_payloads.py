import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.payloads import Decoded, Reason, decode, decode_attributes, decode_status
from broker.payloads.times import EARLIEST_US, read_time

NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


def reasons(payload: bytes, content_type: str | None = None) -> list[str]:
    return [str(r.reason) for r in decode(content_type, payload, NOW).rejections]


def test_flat_json_gets_the_time_of_arrival() -> None:
    decoded = decode(None, b'{"temperature": 21.5, "door": true}', NOW)
    assert decoded.readings == [("temperature", NOW, 21.5), ("door", NOW, True)]


def test_timed_json_keeps_its_own_time() -> None:
    decoded = decode(None, b'{"ts": 1767225600123, "values": {"t": 1}}', NOW)
    assert decoded.readings == [("t", NOW + 123_000, 1)]


def test_a_list_of_timed_entries_is_read_entry_by_entry() -> None:
    payload = b'[{"ts": 1767225600, "values": {"t": 1}}, {"ts": 1767225601, "values": {"t": 2}}]'
    assert decode(None, payload, NOW).readings == [("t", NOW, 1), ("t", NOW + 1_000_000, 2)]


def test_entries_of_a_list_without_times_do_not_fall_on_each_other() -> None:
    times = {ts for _, ts, _ in decode(None, b'[{"t": 1}, {"t": 2}]', NOW).readings}
    assert len(times) == 2


@pytest.mark.parametrize(
    "ts",
    [
        1767225600,
        1767225600.0,
        1767225600000,
        1767225600000000,
        1767225600000000000,
        "2026-01-01T00:00:00Z",
        "2026-01-01T07:00:00+07:00",
    ],
)
def test_a_time_is_read_in_every_unit_of_the_contract(ts: object) -> None:
    assert read_time(ts, NOW, Decoded()) == NOW


@pytest.mark.parametrize("ts", ["2026-01-01T00:00:00", "yesterday", True, None, {}, 1e30, 10**40])
def test_what_is_no_time_is_rejected_as_such(ts: object) -> None:
    payload = json.dumps({"ts": ts, "values": {"t": 1}}).encode()
    assert reasons(payload) == ["bad-time"]


def test_a_clock_more_than_an_hour_ahead_is_told_so() -> None:
    ahead = (NOW + 3601 * 1_000_000) // 1000
    assert reasons(json.dumps({"ts": ahead, "values": {"t": 1}}).encode()) == ["clock-ahead"]


def test_an_hour_ahead_is_still_stored() -> None:
    ahead = (NOW + 3600 * 1_000_000) // 1000
    assert decode(None, json.dumps({"ts": ahead, "values": {"t": 1}}).encode(), NOW).readings


def test_a_time_before_the_year_2000_is_rejected() -> None:
    assert reasons(b'{"ts": 946684799, "values": {"t": 1}}') == ["too-old"]
    assert not reasons(b'{"ts": 946684800, "values": {"t": 1}}')


def test_one_bad_value_costs_only_itself() -> None:
    payload = b'{"a": 1, "b": NaN, "bad name": 2, "c": 1e999, "d": "x\\u0000", "e": 3}'
    decoded = decode(None, payload, NOW)
    assert [name for name, _, _ in decoded.readings] == ["a", "e"]
    assert [str(r.reason) for r in decoded.rejections] == [
        "not-a-number",
        "bad-metric-name",
        "bad-text",
    ]
    assert "(and 1 more)" in decoded.rejections[0].detail


def test_an_integer_of_5000_digits_costs_only_itself() -> None:
    decoded = decode(None, b'{"a": 1, "b": ' + b"9" * 5000 + b"}", NOW)
    assert [name for name, _, _ in decoded.readings] == ["a"]
    assert [r.reason for r in decoded.rejections] == [Reason.NOT_A_NUMBER]


def test_texts_and_lists_are_states() -> None:
    decoded = decode(None, b'{"mode": "eco", "errors": [1, "x"]}', NOW)
    assert decoded.states == [("mode", NOW, '"eco"'), ("errors", NOW, '[1,"x"]')]


def test_half_a_surrogate_pair_is_rejected_and_its_neighbour_stored() -> None:
    decoded = decode(None, b'{"mode": "\\ud800", "t": 1}', NOW)
    assert [r.reason for r in decoded.rejections] == [Reason.BAD_TEXT]
    assert decoded.readings == [("t", NOW, 1)]


def test_nested_objects_flatten_with_dots() -> None:
    decoded = decode(None, b'{"motor": {"winding": {"temperature": 80}}}', NOW)
    assert decoded.readings == [("motor.winding.temperature", NOW, 80)]


def test_null_is_no_value_and_no_error() -> None:
    decoded = decode(None, b'{"t": null, "n": {"x": null}}', NOW)
    assert not decoded.readings
    assert not decoded.rejections


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "unknown-format"),
        (b"21.5", "unknown-format"),
        (b"temperature=21.5", "unknown-format"),
        (b"\xff\xfe", "unknown-format"),
        (b'{"a": 1', "unknown-format"),
        (b"[1, 2]", "unknown-format"),
        (b"[" * 100_000, "too-deep"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "too-deep"),
    ],
)
def test_what_is_no_telemetry_is_rejected_with_its_reason(payload: bytes, reason: str) -> None:
    assert reasons(payload) == [reason]


def test_a_content_type_that_is_not_understood_is_named() -> None:
    (rejection,) = decode("application/xml; charset=utf-8", b"<t/>", NOW).rejections
    assert rejection.reason == "unknown-format"
    assert "application/xml" in rejection.detail


def test_a_thousand_bad_names_make_one_rejection() -> None:
    payload = json.dumps({f"bad name {n}": n for n in range(1000)}).encode()
    (rejection,) = decode(None, payload, NOW).rejections
    assert rejection.detail.endswith("(and 999 more)")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(json_values | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_document_gives_finite_readings_in_the_allowed_time(document: object) -> None:
    decoded = decode(None, json.dumps(document).encode(), NOW)
    for _, ts, value in decoded.readings:
        assert abs(value) < float("inf")
        assert EARLIEST_US <= ts <= NOW + 3600 * 1_000_000
    for _, _, text in decoded.states:
        assert "\x00" not in json.dumps(json.loads(text))


@given(st.binary())
def test_no_bytes_raise(payload: bytes) -> None:
    decode(None, payload, NOW)
    decode_attributes(payload)
    decode_status(payload)


@given(st.datetimes(min_value=datetime(2000, 1, 2), max_value=datetime(2025, 12, 31)))  # noqa: DTZ001
def test_a_text_time_is_read_to_the_microsecond(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    read = read_time(aware.isoformat(), NOW, Decoded())
    assert isinstance(read, int)
    assert divmod(read, 1_000_000) == (int(aware.timestamp() // 1), aware.microsecond)


def test_attributes_are_an_object_without_what_the_database_refuses() -> None:
    assert decode_attributes(b'{"firmware": "1.2"}') == {"firmware": "1.2"}
    for payload in (b"[1]", b'{"a": NaN}', b'{"a": "\\u0000"}', b'{"a": "\\ud800"}', b"x"):
        assert not isinstance(decode_attributes(payload), dict)


def test_a_status_is_online_or_offline() -> None:
    assert decode_status(b"online") is True
    assert decode_status(b'"offline"') is False
    assert decode_status(b"on") not in (True, False)


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()


@given(
    st.integers() | st.floats(0, 2e9), st.dictionaries(st.text(), numbers | st.text() | st.none())
)
def test_the_quick_way_for_timed_numbers_says_the_same_as_the_long_one(
    ts: float, values: dict[str, object]
) -> None:
    quick = decode(None, json.dumps({"ts": ts, "values": values}).encode(), NOW)
    # A blank before the first key is enough to be sent the long way.
    long = decode(
        None, json.dumps({"ts": ts, "values": values}).replace("{", "{ ", 1).encode(), NOW
    )
    assert quick == long
