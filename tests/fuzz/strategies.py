"""Documents in every format of the contract, with whatever could upset their reader."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.oracle import CODES, Said

NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
NOW_S = NOW // 1_000_000

good_names = st.sampled_from(["a", "b", "t", "temperature", "_x", "A-1", "motor.rpm", "x" * 64])
names = good_names | st.sampled_from(
    ["", " ", ".", "1", "a.", "ä", "a b", "x" * 65, "x" * 5000, "ts", "values", "t0", "dt", "n"]
) | st.text(max_size=8)  # fmt: skip

numbers = (
    st.integers()
    | st.floats()
    | st.integers(-(2**64), 2**64)
    | st.sampled_from([2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**300, -(10**307), 1e308, -0.0])
)
texts = st.text(max_size=8) | st.sampled_from(
    ["", "\0", "a\0b", "\\u0000", "\\\0", '"', "\u2028", "\ufeff", "\U0010ffff", "x" * 1000]
)
# What a text of JSON can hold, and neither UTF-8 nor a database.
half_pairs = st.sampled_from(["\ud800", "a\udfffb", "\udc00\ud800"])
# What only JSON can say.
beyond = st.sampled_from([10**320, -(10**398), 10**400])
plain = st.none() | st.booleans() | numbers | texts


def trees(leaves: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Values of any shape."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    ) | st.builds(nested, leaves, st.integers(1, 60), st.sampled_from("[{m"))


def nested(leaf: Any, depth: int, kind: str) -> Any:
    """A value so many levels deep in lists, in objects, or in both by turns."""
    for level in range(depth):
        leaf = [leaf] if kind == "[" or (kind == "m" and level % 2) else {"a": leaf}
    return leaf


def near(unit: int) -> SearchStrategy[Any]:
    """Times around the plausible range, in ``unit`` parts of a second."""
    whole = st.integers(946_684_799 * unit, (NOW_S + 3601) * unit)
    return whole | whole.map(float) | st.sampled_from([(NOW_S + 3600) * unit, 946_684_800 * unit])


good_times = st.integers(946_684_800, NOW_S) | st.integers(946_684_800_000, NOW_S * 1000)
times = (
    good_times
    | st.sampled_from([1, 1000, 10**6, 10**9]).flatmap(near)
    | st.datetimes(timezones=st.timezones() | st.none()).map(lambda moment: moment.isoformat())
    | st.sampled_from(
        ["2026-01-01T00:00:60Z", "2025-12-31T24:00:00Z", "2026-W01-4T00:00:00Z", "20260101T000000Z",
         "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01", "now", "\0",
         1e11, 1e14, 1e17, 1e20, 10**11, 10**14, 10**17, 10**20, 2**63, -1, 0]
    )
    | plain
)  # fmt: skip
steps = st.floats(1e-3, 1e6) | st.integers(1, 10**6) | plain | st.sampled_from([1e9, 999_999_999])


def flat(leaves: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """``{"a": …}``."""
    return st.dictionaries(names, leaves | trees(leaves), max_size=6)


def timed(leaves: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """``{"ts": …, "values": {…}}``, and the same with a key too many."""
    entry = st.fixed_dictionaries({"ts": times, "values": flat(leaves) | leaves})
    return entry | st.fixed_dictionaries({"ts": times, "values": flat(leaves), "id": leaves})


@st.composite
def columnar(draw: st.DrawFn, leaves: SearchStrategy[Any]) -> Any:
    """``{"ts": […], "values": {"a": […]}}`` and ``{"t0": …, "dt": …, "values": {…}}``."""
    length = draw(st.integers(0, 5))
    cell = draw(st.sampled_from([numbers, st.floats(allow_nan=False), st.booleans(), leaves]))
    column = st.lists(cell, min_size=length, max_size=length)
    values = draw(
        st.dictionaries(names, column | st.lists(leaves, max_size=5) | leaves, max_size=4)
    )
    if draw(st.booleans()):
        when = draw(st.sampled_from([good_times, times]))
        return {"ts": draw(st.lists(when, min_size=length, max_size=length)), "values": values}
    return {"t0": draw(times), "dt": draw(steps), "values": values}


def documents(leaves: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Every shape of the contract, lists of them, and anything else."""
    one = flat(leaves) | timed(leaves) | columnar(leaves)
    return one | st.lists(one | leaves, max_size=4) | trees(leaves)


@st.composite
def json_texts(draw: st.DrawFn) -> bytes:
    """Documents as JSON, with NaN, endless numbers, half pairs, and names that are there twice."""
    document = draw(documents(plain | half_pairs | beyond))
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    old, new = draw(names), draw(names)
    text = text.replace(json.dumps(old) + ":", json.dumps(new) + ":")
    # Half pairs can only be sent with a backslash.
    return text.encode(errors="backslashreplace")


# --- SenML -----------------------------------------------------------------------------------

senml_names = (
    good_names | st.sampled_from(["", "urn:dev:ow:1:", "a/b", ":", "/x/", "8", "é"]) | texts
)
senml_times = st.integers(-100, 100) | st.floats(-100, 100) | good_times | plain
FIELDS: dict[str, SearchStrategy[Any]] = {
    "bn": senml_names, "bt": senml_times, "bu": texts, "bv": numbers, "bs": numbers,
    "bver": st.integers(8, 12), "n": senml_names, "u": texts, "v": numbers, "vs": texts,
    "vb": st.booleans(), "s": numbers, "t": senml_times, "ut": numbers, "vd": texts,
    "ut_": numbers,
}  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A record, most of whose fields have their type."""
    fields = draw(st.sets(st.sampled_from([*FIELDS]), max_size=6)) | {"n"}
    wrong = draw(st.sampled_from([None, None, None, *FIELDS]))
    return {key: draw(plain if key == wrong else FIELDS[key]) for key in sorted(fields)}


packs = st.lists(records(), max_size=6)


def with_codes(pack: list[dict[str, Any]]) -> list[dict[Any, Any]]:
    """The pack with the labels of CBOR."""
    codes = {label: code for code, label in CODES.items()}
    return [{codes.get(key, key): value for key, value in record.items()} for record in pack]


# --- line protocol ---------------------------------------------------------------------------

letters = st.characters(categories=["L", "N"])
words = st.text(letters, min_size=1, max_size=6) | st.sampled_from(["a b", "a,b", "a=b", "ü"])
tag_words = words | st.just('5"')
field_values = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
    | texts
    | st.sampled_from(["x\nm b=5 \n", "\u2028m b=5", '",b=5', "\r\nm b=5", "\\", '\\"', "#"])
)
points = st.fixed_dictionaries(
    {
        "measurement": words,
        "tags": st.dictionaries(words, tag_words, max_size=3),
        "fields": st.dictionaries(good_names | words, field_values, min_size=1, max_size=4),
        "time": st.none() | st.integers(946_684_800 * 10**9, NOW * 1000),
    }
)


def escaped(word: str) -> str:
    """A measurement, a tag or a field's name as it is sent."""
    for letter in (",", "=", " "):
        word = word.replace(letter, f"\\{letter}")
    return word


def field_text(value: Any) -> str:
    """A field's value as it is sent."""
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    return f"{value}i" if type(value) is int else str(value)


def as_line(point: dict[str, Any]) -> str:
    """A point in line protocol."""
    tags = "".join(f",{escaped(key)}={escaped(value)}" for key, value in point["tags"].items())
    fields = ",".join(
        f"{escaped(key)}={field_text(value)}" for key, value in point["fields"].items()
    )
    when = "" if point["time"] is None else f" {point['time']}"
    return f"{escaped(point['measurement'])}{tags} {fields}{when}"


def said_by_points(sent: list[dict[str, Any]], arrival_us: int) -> Said:
    """What points say; the platform refuses a whole line that holds NUL."""
    said = Said()
    read = [point for point in sent if "\0" not in as_line(point)]
    said.refused = len(sent) - len(read)
    several = len({point["measurement"] for point in read}) > 1
    for index, point in enumerate(read):
        ts = arrival_us + index if point["time"] is None else point["time"] // 1000
        for name, value in point["fields"].items():
            said.leaf(f"{point['measurement']}.{name}" if several else name, value, ts)
    return said
