"""What the decoder lets through, PostgreSQL takes: the rules of tests/fuzz against the real one."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from psycopg.types.json import Jsonb

from broker.payloads import Rejection, decode, decode_attributes
from tests.fuzz.seeds import SEEDS
from tests.fuzz.strategies import NOW, json_texts

Connection = psycopg.Connection[tuple[object]]


@pytest.fixture(scope="module")
def postgres(server: str) -> Iterator[Connection]:
    with psycopg.connect(server, autocommit=True) as connection:
        yield connection


def store(postgres: Connection, content_type: str | None, payload: bytes) -> None:
    """Send everything that would be stored, and compare what comes back."""
    decoded = decode(content_type, payload, NOW)
    for _, _, text in decoded.states:
        row = postgres.execute("SELECT %s::jsonb", (text,)).fetchone()
        assert row == (json.loads(text),)
    texts = [rejection.detail for rejection in decoded.rejections] + [*decoded.units.values()]
    row = postgres.execute("SELECT %s::text[]", (texts,)).fetchone()
    assert row == (texts,)
    attributes = decode_attributes(payload)
    if not isinstance(attributes, Rejection):
        assert postgres.execute("SELECT %s::jsonb", (Jsonb(attributes),)).fetchone()


@given(payload=json_texts())
def test_postgresql_takes_what_is_left_of_any_json(postgres: Connection, payload: bytes) -> None:
    store(postgres, None, payload)


@pytest.mark.parametrize(("content_type", "payload"), SEEDS, ids=range(len(SEEDS)))
def test_postgresql_takes_every_example(
    postgres: Connection, content_type: str | None, payload: bytes
) -> None:
    store(postgres, content_type, payload)
