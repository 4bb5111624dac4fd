from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.app import create_app
from registry.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(
        Settings(
            database_url="postgresql://nowhere",
            broker_folder=Path("/nowhere"),
            registry_password="x",
            ingest_password="x",
        )
    ).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def has_example(content: dict[str, Any], document: dict[str, Any]) -> bool:
    """Whether a body has an example: its own, or that of the schema to which it refers."""
    if "examples" in content or "example" in content:
        return True
    # A file, such as a PDF.
    if content["schema"].get("format") == "binary":
        return True
    name = content["schema"]["$ref"].rpartition("/")[2]
    return bool(document["components"]["schemas"][name]["examples"])


def test_every_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for body in [*bodies, *operation["responses"].values()]:
            for content in body.get("content", {}).values():
                assert has_example(content, document), name


def test_every_operation_has_a_summary_a_tag_and_its_refusals(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        if "/api/v1/" in name:
            refusals = {"401", "403", "503"} & set(operation["responses"])
            assert len(refusals) == 3, name
            # Who comes without a key has attempts counted.
            assert "security" in operation or "429" in operation["responses"], name


def test_every_refusal_is_described_as_a_problem_document(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], name


def test_every_example_of_a_body_is_one_that_the_body_takes(document: dict[str, Any]) -> None:
    """Examples are copied: a field that is in none of the schema's would be refused."""
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            assert set(example) <= set(schema["properties"])
            # FastAPI leaves null values out of the document, also in examples.
            needed = {
                name
                for name in schema.get("required", [])
                if {"type": "null"} not in schema["properties"][name].get("anyOf", [])
            }
            assert needed <= set(example)
