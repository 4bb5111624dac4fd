"""What both kinds of links share: how they look, and the one refusal of a link that is over."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from registry.http.fields import Body
from registry.http.problems import UnprocessableError, in_body
from registry.settings import Settings
from storage.rows import Row

# The page that the links lead to: the files of the folder ``link``.
PAGE = "/link"
OVER = "this link was used, replaced or withdrawn, or is too old: ask for another"

LinkToken = Annotated[
    str, Field(max_length=100, description="what stands behind the # of the link")
]


class LinkBody(Body):
    """What a link is used with."""

    token: LinkToken


def with_link(settings: Settings, row: Row) -> Row:
    """The row with its link. What is behind the # never reaches a server's log."""
    return {**row, "link": f"{settings.origin}{PAGE}/#{row['token']}"}


def still_good(row: Row | None) -> Row:
    """The row of a link, or the refusal."""
    if row is None:
        raise UnprocessableError(OVER, [in_body("token", OVER)])
    return row
