"""Scopes: a token may do less than its user, never more.

Reading needs one scope, changing another for each kind of thing. Which one follows from the
method of the request and from the tag of the route. What has no scope of its own, as everything
of a person's own identity, is for sessions and for tokens without scopes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Request
from pydantic import AfterValidator, Field

from registry.http.fields import distinct
from registry.http.problems import ForbiddenError

TokenScope = Literal["read", "devices:write", "organisations:write", "people:write"]
Scopes = Annotated[
    list[TokenScope],
    Field(min_length=1, max_length=4, description="null: all that the user may do"),
    AfterValidator(distinct),
]
# By the tag of the route.
WRITES: dict[str, TokenScope] = {
    "devices": "devices:write",
    "device secrets": "devices:write",
    "models": "devices:write",
    "rejections": "devices:write",
    "commands": "devices:write",
    "imports": "devices:write",
    "claims": "devices:write",
    "provisioning": "devices:write",
    "testbeds": "devices:write",
    "parks and labs": "organisations:write",
    "tenants": "organisations:write",
    "transfers": "organisations:write",
    "agreements": "organisations:write",
    "showcases": "organisations:write",
    "people": "people:write",
}


def needed_scope(request: Request) -> TokenScope | None:
    """The scope that a token needs for the request; None where none is enough."""
    if request.method in ("GET", "HEAD"):
        return "read"
    tags: list[str] = request.scope["route"].tags
    return next((WRITES[tag] for tag in tags if tag in WRITES), None)


def require_scope(needed: TokenScope | None, scopes: list[str] | None) -> None:
    """Return only if a token with these scopes may do what needs one; None are all scopes."""
    if scopes is None:
        return
    if needed is None:
        raise ForbiddenError("this needs a token without scopes")
    if needed not in scopes:
        raise ForbiddenError(f"this token may not do this: it needs the scope {needed}")
