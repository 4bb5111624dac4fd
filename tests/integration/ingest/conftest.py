"""The writer between batches and a real database; the broker has no part in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.writer import Writer
from tests.integration.ingest.writing import writing


@pytest.fixture
def writer(database_url: str) -> Iterator[Writer]:
    opened = writing(database_url)
    yield opened
    opened.close()
