"""What fuzzing begins with: examples of every format, and the words that they are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import numpy as np

from broker.payloads.formats import FORMATS

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
JSON, CBOR = "application/json", "application/cbor"
SENML_JSON, SENML_CBOR = "application/senml+json", "application/senml+cbor"
# The first byte of an input is the number of its type: every one of the table, none, an unknown
# one; and behind them what is no telemetry.
TYPES: list[str | None] = [None, *FORMATS, "application/json; charset=utf-8", "application/xml"]
FACTS = len(TYPES)

DOCUMENTS: list[Any] = [
    {"temperature": 21.5, "door": True, "mode": "eco", "errors": [1, "x"], "n": None},
    {"motor": {"winding": {"temperature": 80}}},
    {"ts": NOW_MS, "values": {"temperature": 21.5, "humidity": 45}},
    {"ts": "2026-01-01T07:00:00+07:00", "values": {"temperature": 21.5}},
    [{"ts": NOW_MS // 1000, "values": {"t": 1}}, {"ts": NOW_MS * 1000, "values": {"t": 2}}],
    {"ts": [NOW_MS, NOW_MS + 1], "values": {"a": [1, 2.5], "on": [True, False], "s": ["x", None]}},
    {"t0": NOW_MS * 1_000_000, "dt": 0.5, "values": {"vibration": [1.0, 2.0, 3.0]}},
    {"ts": [str(NOW_MS), NOW_MS], "values": {"a": [[1], {"b": 2}]}},
    {"a": 2**64, "b": -(2**63), "c": 1e300, "d": "\u2028", "e": [[[]]]},
]
PACKS: list[list[dict[Any, Any]]] = [
    [{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}],
    [
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e09, "bu": "A", "bver": 5,
         "n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "v": 1.7},
    ],
    [
        {"bn": "2001:db8::2/", "bt": 1.320078429e09, "n": "temperature", "u": "Cel", "v": 25.2},
        {"bn": "2001:db8::1/", "n": "humidity", "u": "%RH", "v": 67},
    ],
    [
        {"n": "label", "vs": "Machine Room"}, {"n": "open", "vb": False},
        {"n": "nfc-reader", "vd": "aGkgCg"}, {"n": "e", "bs": 100, "bv": 20, "s": 7, "ut": 5},
    ],
    [{-2: "d:", -3: 1276020076, 0: "a", 2: cbor2.CBORTag(4, [-2, 27315]), 6: -1, 1: "V"},
     {0: "b", 8: b"\x01"}, {0: "c", 3: "x"}, {0: "d", 4: True}, {-6: 1, 0: "e", 5: 2}],
]  # fmt: skip
LINES = [
    b'myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000',
    b"weather,firmware=1.2 temperature=21.5,count=3i,ok=t 1767225600000000000\n# c\npower p=1u",
    b'm a="x\\"y\nm b=5",c=2\r\nm\\ x,t\\,u=5" f=-1.234456e+78',
]
RAW = [
    b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": "\\ud800", "e": "\\u0000", "a": 3}',
    b"[" * 30 + b"]" * 30,
    b'\xef\xbb\xbf{"a": 1}',
    # RFC 8949, appendix A: floats of every length, big numbers, items without a told length.
    bytes.fromhex("bf6161f93c006162fa47c350006163fb3ff199999999999aff"),
    bytes.fromhex("a46161c249010000000000000000616298209f01ff6163f76164f8ff"),
    bytes.fromhex("d9d9f7a26274731a695e9a006676616c756573a1616101"),
]


def typed_arrays() -> list[bytes]:
    """Columns as the typed arrays of RFC 8746."""
    kinds = {64: "u1", 70: "<u4", 79: "<i8", 80: ">f2", 81: ">f4", 85: "<f4", 86: "<f8"}
    return [
        cbor2.dumps(
            {
                "ts": [NOW_MS, NOW_MS + 1],
                "values": {"a": cbor2.CBORTag(tag, np.array([1, 2], dtype).tobytes())},
            }
        )
        for tag, dtype in kinds.items()
    ]


def examples() -> list[tuple[str | None, bytes]]:
    """Content types and payloads."""
    texts = [json.dumps(document).encode() for document in DOCUMENTS]
    binary = [cbor2.dumps(document) for document in DOCUMENTS] + typed_arrays()
    senml = [json.dumps(pack).encode() for pack in PACKS[:-1]]
    return [
        *((kind, each) for kind in (None, JSON) for each in (*texts, *RAW[:3])),
        *((kind, each) for kind in (None, CBOR) for each in (*binary, *RAW[3:])),
        *((kind, each) for kind in (None, SENML_JSON) for each in senml),
        *((kind, cbor2.dumps(pack)) for kind in (None, SENML_CBOR) for pack in PACKS),
        *((None, line) for line in LINES),
    ]


SEEDS = examples()
STATUSES = [b"online", b'"offline"', b'{"firmware": "1.2", "net": {"ip": "10.0.0.1"}}']
TOKENS = [
    *(json.dumps(word).encode() for word in ("ts", "values", "t0", "dt", "n", "bn", "bt", "v")),
    b"NaN", b"Infinity", b"null", b"true", b"1e999", b"\\u0000", b"\\ud800", b"\\udc00", b'\\"',
    b"1767225600", b"1767225600000", b"1767225600000000000", b"9" * 25, b"-", b".", b"e", b'"',
    b"2026-01-01T00:00:00Z", b"+07:00", b"[", b"]", b"{", b"}", b",", b":", b"\0", b"\xff",
    b"\xc0", b"\xc1", b"\xc2", b"\xc3", b"\xc4\x82", b"\xc5\x82", b"\xd8\x19", b"\xd8\x1c",
    b"\xd8\x1d\x00", b"\xd8\x40\x41", b"\xd8\x56\x48", b"\xd9\x01\x00", b"\xd9\x01\x02",
    b"\xd9\xd9\xf7", b"\xf6", b"\xf7", b"\xf9\x7c\x00", b"\xf9\x7e\x00", b"\x9f", b"\xbf", b"\x5f",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", b"\xa1\x61a", b"\xa2", b"\x82", b"\x62ts",
    b"\x66values", b"\x62t0", b"\x62dt", b"\x1a\x69\x55\xb9\x00", b"m a=1", b" a=", b",t=", b"1i",
    b"\n", b"\r\n", b"# ", b"\\ ", b'="', b"vs", b"vb", b"vd", b"bver", b"online", b"offline",
]  # fmt: skip


def write_corpus(folder: Path) -> None:
    """Write every example as an input of the fuzzer."""
    numbered = [(TYPES.index(kind), payload) for kind, payload in SEEDS]
    numbered += [(FACTS, payload) for payload in STATUSES]
    for index, (kind, payload) in enumerate(numbered):
        (folder / f"seed-{index}").write_bytes(bytes([kind]) + payload)


def write_dictionary(path: Path) -> None:
    """Write the words, one a line, in libFuzzer's notation."""
    words = ("".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS)
    path.write_text("".join(f'"{word}"\n' for word in words))
