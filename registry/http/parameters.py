"""Parameters of queries: one that the route does not have is refused, not passed over.

A filter whose name is misspelt would show everything, and a `dry_run` where there is none would not
be dry.
"""

from __future__ import annotations

from functools import cache

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from registry.http.problems import WRONG_FIELDS, FieldError, UnprocessableError


async def only_known(request: Request) -> None:
    """Refuse a parameter that there is not, or that is given again where one counts."""
    if not request.url.query:
        return
    known = parameters(request.scope["route"])
    errors: list[FieldError] = []
    for name in request.query_params:
        if name not in known:
            sentence = "there is no such parameter: is its name misspelt?"
            names = f" There are {', '.join(known)}." if known else " There are none here."
            errors.append({"parameter": name, "detail": sentence + names})
        elif not known[name] and len(request.query_params.getlist(name)) > 1:
            errors.append({"parameter": name, "detail": "give this parameter once"})
    if errors:
        raise UnprocessableError(WRONG_FIELDS, errors)


KNOWN = Depends(only_known)


def parameters(route: APIRoute) -> dict[str, bool]:
    """The query parameters of a route, and whether each may be given several times."""
    return taken_by(route.dependant)


def taken_by(dependant: Dependant) -> dict[str, bool]:
    """The parameters that a handler takes, or a dependency, and those that it depends on take."""
    known: dict[str, bool] = {}
    for each in dependant.dependencies:
        known |= taken_by(each)
    for parameter in dependant.query_params:
        kind = parameter.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            known |= gathered(kind)
        else:
            known[parameter.alias] = is_list(parameter.field_info)
    return known


@cache
def gathered(model: type[BaseModel]) -> dict[str, bool]:
    """The parameters that a model gathers."""
    return {field.alias or own: is_list(field) for own, field in model.model_fields.items()}


def is_list(field: FieldInfo) -> bool:
    """Whether a field holds several values."""
    return "list[" in str(field.annotation)
