"""Lists come in pages: an opaque cursor says where the next one begins.

A cursor holds the key of the last item, so that a page costs the same wherever it begins, and
items that come or go between two pages neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from registry.http.fields import ONE_LINE
from registry.http.problems import FieldError, UnprocessableError
from storage.rows import Row

Item = TypeVar("Item", bound=BaseModel)
Key = TypeVar("Key")

CURSOR_LENGTH = 500


def example_page(schema: dict[str, Any], page: type[BaseModel]) -> None:
    """Give a list's schema the example of its items."""
    for item in page.__pydantic_generic_metadata__["args"]:
        examples = item.model_config.get("json_schema_extra", {}).get("examples", [])
        schema["examples"] = [{"items": examples, "next": None}]


class Page(BaseModel, Generic[Item]):
    """One page of a list. ``next`` is the cursor of the page after it; null on the last."""

    model_config = ConfigDict(json_schema_extra=example_page)

    items: list[Item]
    next: str | None


class PageQuery(BaseModel):
    """The parameters of every list."""

    limit: int = Field(50, ge=1, le=1000, description="items on a page")
    cursor: str | None = Field(
        None, max_length=CURSOR_LENGTH, description="`next` of the page before; none: the first"
    )

    def after(self, kind: type[Key]) -> Key | None:
        """The key of the last item of the page before.

        Raises:
            UnprocessableError: it is no cursor of this list.
        """
        return None if self.cursor is None else key(self.cursor, kind, {"parameter": "cursor"})

    def page(self, rows: Sequence[Row], key_of: Callable[[Row], Any]) -> dict[str, Any]:
        """The answer, of ``limit + 1`` rows: the last tells only that there is a next page."""
        items = rows[: self.limit]
        return {
            "items": items,
            "next": cursor(key_of(items[-1])) if len(rows) > len(items) else None,
        }


class Search(BaseModel):
    """What is searched for."""

    q: Annotated[str, Field(max_length=200), ONE_LINE] | None = Field(
        None, description="words that it has in its id or name, in any order"
    )


class SearchQuery(PageQuery, Search):
    """The parameters of a list that can be searched."""


def cursor(key: Any) -> str:
    """The opaque form of a key."""
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode()


def key(cursor: str, kind: type[Key], place: FieldError) -> Key:
    """The key of its opaque form.

    Raises:
        UnprocessableError: it is none; the error names the place where the cursor was.
    """
    try:
        return TypeAdapter(kind).validate_json(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, ValidationError) as error:
        sentence = "this is no cursor of this list: use `next` of its last page as it was"
        raise UnprocessableError(sentence, [{**place, "detail": sentence}]) from error


def by_id(row: Row) -> Any:
    """The key of a list in the order of ids."""
    return row["id"]
