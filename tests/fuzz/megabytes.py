"""Payloads of a megabyte that are dear to read: each once took seconds, minutes, or all memory."""

from __future__ import annotations

import json
import struct
import time

import cbor2

from broker.payloads import decode

MEGABYTE = 1_000_000
LONG = "x" * (MEGABYTE // 2)
NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
NOW_MS = NOW // 1000
JSON, CBOR, SENML_JSON = "application/json", "application/cbor", "application/senml+json"


def many(item: str, before: str = "[", after: str = "]") -> bytes:
    """JSON of a megabyte: a list of one item over and over."""
    count = MEGABYTE // (len(item) + 1)
    return (before + ",".join([item] * count) + after).encode()


def names(value: str, name: str = "a") -> str:
    """An object of a megabyte whose names are all different, in JSON."""
    return "{" + ",".join(f'"{name}{n}":{value}' for n in range(MEGABYTE // 14)) + "}"


def sampled(column: str, t0: int = NOW_MS, dt: float = 0.001) -> bytes:
    """Samples of one column."""
    return f'{{"t0":{t0},"dt":{dt},"values":{{"a":{column}}}}}'.encode()


def bignum(value: int) -> bytes:
    """A number of any length in CBOR."""
    return b"\xc2" + cbor2.dumps(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def shared(head: bytes, keys: list[bytes], levels: int = 12, index: int = 0) -> bytes:
    """Containers in containers; each has eight places, and seven of them refer to the first."""
    if index == levels:
        return b"\x01"
    inner = shared(head, keys, levels, index + 1)
    reference = b"\xd8\x1d" + cbor2.dumps(index + 1) if index + 1 < levels else b"\x01"
    return b"\xd8\x1c" + head + keys[0] + inner + b"".join(key + reference for key in keys[1:])


def sized(head: bytes, count: int) -> bytes:
    """The head of an item of CBOR with a count of four bytes."""
    return head + struct.pack(">I", count)


# What could not be decoded at all.
HANGS: dict[str, tuple[str | None, bytes]] = {
    "blanks": (None, b"a" + b" " * MEGABYTE),
    "tags of a line": (None, b"m," + b",".join(b"a%d=1" % n for n in range(90_000)) + b" a=1"),
    "a long name of an object": (
        JSON,
        json.dumps({LONG: {f"{n:x}": 1 for n in range(50_000)}}).encode(),
    ),
    "a long base name": (SENML_JSON, json.dumps([{"bn": LONG}, *[{"v": 1}] * 50_000]).encode()),
    "long base names": (
        SENML_JSON,
        json.dumps([{"bn": "y"}, {"bn": LONG}, *[{"n": "a", "v": 1}] * 20_000]).encode(),
    ),
    "keys with one hash": (
        CBOR,
        sized(b"\xba", 70_000)
        + b"".join(bignum((2**61 - 1) * (n + 1)) + b"\x01" for n in range(70_000)),
    ),
    "a decimal fraction": (
        CBOR,
        sized(b"\xa1\x61a\xc4\x82\x00\xc2\x5a", MEGABYTE) + b"\xff" * MEGABYTE,
    ),
    "a regular expression": (CBOR, cbor2.dumps({"a": cbor2.CBORTag(35, "a|" * 500_000)})),
    "maps of references": (CBOR, shared(b"\xa8", [b"\x61%c" % n for n in b"abcdefgh"])),
    "lists of references": (CBOR, b"\xa1\x61a" + shared(b"\x88", [b""] * 8)),
    "references to a text": (
        CBOR,
        sized(b"\xd9\x01\x00\xa1\x61a\x9a", 200_001)
        + cbor2.dumps("x" * 100_000)
        + b"\xd8\x19\x00" * 200_000,
    ),
    "an array that is not there": (CBOR, b"\x9b\x0f" + b"\xff" * 7),
    "texts of a column": (JSON, sampled(json.dumps([*[""] * 100_000, LONG]))),
}
# What is many small parts.
CROWDS: dict[str, tuple[str | None, bytes]] = {
    "lines": (None, b"m a=1\n" * (MEGABYTE // 6)),
    "bad lines": (None, b"m a=1\n" + b"m\n" * (MEGABYTE // 2)),
    "old lines": (None, b"m a=1 1\n" * (MEGABYTE // 8)),
    "lines with open texts": (None, b'm,t=" a="x\n' * (MEGABYTE // 11)),
    "numbers": (JSON, many("0")),
    "empty objects": (JSON, many("{}")),
    "empty lists": (JSON, many("[]")),
    "old times": (JSON, many("0", '{"ts":[null,', '],"values":{}}')),
    "texts as times": (JSON, many('""', '{"ts":[', '],"values":{}}')),
    "nulls of a column": (JSON, sampled(many("null").decode())),
    "lists of a column": (JSON, sampled(many("[]", '["",').decode())),
    "objects of a column": (JSON, sampled(many("{}").decode())),
    "columns": (JSON, b'{"t0":%d,"dt":1,"values":%s}' % (NOW_MS, names("[1]").encode())),
    "columns of the future": (
        JSON,
        b'{"t0":%d,"dt":9e6,"values":%s}' % (NOW_MS, names("[1,1]").encode()),
    ),
    "bad names": (JSON, names("1", "-").encode()),
    "bad names of columns": (
        JSON,
        b'{"t0":%d,"dt":1,"values":%s}' % (NOW_MS, names("[1]", "-").encode()),
    ),
    "NaN": (JSON, names("NaN").encode()),
    "timed objects": (JSON, many('{"ts":0,"values":{"a":1}}')),
    "records": (SENML_JSON, many('{"n":"a","v":1}')),
    "records without a name": (SENML_JSON, many('{"v":1}')),
    "records of a huge time": (SENML_JSON, many('{"v":1}', '[{"bt":1%s},' % ("0" * 398))),
    "empty records": (SENML_JSON, many("{}")),
    "numbers in CBOR": (CBOR, sized(b"\x9a", MEGABYTE) + b"\x01" * MEGABYTE),
    "empty maps in CBOR": (None, sized(b"\x9a", MEGABYTE) + b"\xa0" * MEGABYTE),
    "a number as a key": (CBOR, sized(b"\x82\xa1\x01\x01\x9a", MEGABYTE) + b"\x01" * MEGABYTE),
}


def slowest() -> tuple[str, float]:
    """The name of the payload that takes longest, and how many seconds of this process's time."""
    took: dict[str, float] = {}
    for name, (content_type, payload) in {**HANGS, **CROWDS}.items():
        begun = time.process_time()
        decode(content_type, payload, NOW)
        took[name] = time.process_time() - begun
    name = max(took, key=lambda each: took[each])
    return name, took[name]
