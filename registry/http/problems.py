"""Refusals: classes with a status, and the one place that makes RFC 9457 answers of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

MEDIA_TYPE = "application/problem+json"
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
RETRY_SECONDS = 2

log = structlog.get_logger()

# One refused field: {"pointer": "#/name"} in the body or {"parameter": "limit"}, and "detail".
FieldError = Mapping[str, str]


class ProblemError(Exception):
    """A refusal that the client is told about.

    Attributes:
        status: of the answer.
        detail: what is wrong and how to mend it, without anything secret.
        errors: the fields that are to blame.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        self.detail, self.errors = detail, list(errors)
        super().__init__(detail)


class UnauthorizedError(ProblemError):
    """Nobody knows who asks."""

    status = HTTPStatus.UNAUTHORIZED
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="technopark"'}


class ForbiddenError(ProblemError):
    """The asker may see the thing, but not do this with it."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(ProblemError):
    """There is no such thing, or none that the asker may see; the answer is the same."""

    status = HTTPStatus.NOT_FOUND


class ConflictError(ProblemError):
    """It does not go together with what is there."""

    status = HTTPStatus.CONFLICT


class PreconditionFailedError(ProblemError):
    """The thing is not any more as the asker believes."""

    status = HTTPStatus.PRECONDITION_FAILED


class UnprocessableError(ProblemError):
    """The request is understood, and wrong."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UnsupportedMediaTypeError(ProblemError):
    """The body is not of a kind that the route takes."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    headers: ClassVar[Mapping[str, str]] = {"Accept": "application/json"}


class TooManyAttemptsError(ProblemError):
    """Too many attempts failed; the next one is heard after a while.

    Args:
        seconds: how long the while is.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts failed: try again in {seconds} s")
        self.headers = {"Retry-After": str(seconds)}  # type: ignore[misc]  # of this refusal alone


class UnavailableError(ProblemError):
    """A part that is needed is away; the same request may succeed soon."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": str(RETRY_SECONDS)}


def in_body(field: str, detail: str) -> FieldError:
    """A refused field of the body."""
    return {"pointer": f"#/{field}", "detail": detail}


def no_such(field: str, what: str) -> UnprocessableError:
    """A field names a thing that is not there, or not there for the asker."""
    return UnprocessableError(
        f"there is no such {what}", [in_body(field, f"there is no such {what}")]
    )


def answer(
    status: int,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The problem document. Its type is about:blank: the status says what kind it is."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": list(errors),
    }
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every refusal of the app be a problem document."""

    @app.exception_handler(ProblemError)
    async def refused(_: Request, problem: ProblemError) -> JSONResponse:
        return answer(problem.status, problem.detail, problem.errors, problem.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problem = from_validation(error)
        return answer(problem.status, problem.detail, problem.errors, problem.headers)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # The framework names the methods of one route, and a path may have several.
            headers["Allow"] = allowed(app, request.url.path)
            sentence = f"{request.method} is not for this path: it takes {headers['Allow']}"
            return answer(error.status_code, sentence, headers=headers)
        if error.status_code == HTTPStatus.NOT_FOUND:
            sentence = "there is nothing at this path: /docs and /api/v1/openapi.json list them all"
            return answer(error.status_code, sentence, headers=headers)
        if error.status_code == HTTPStatus.BAD_REQUEST:
            # The framework's word for a body that Python's decoder fails on.
            sentence = "the body is no JSON: it is not UTF-8, or nested too deep"
            return answer(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        return answer(error.status_code, str(error.detail), headers=headers)

    @app.exception_handler(psycopg.Error)
    async def database(_: Request, error: psycopg.Error) -> JSONResponse:
        problem = from_database(error)
        return answer(problem.status, problem.detail, problem.errors, problem.headers)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, __: Exception) -> JSONResponse:
        # The server logs it.
        return answer(500, "this is a fault of the platform; its log has the details")


def allowed(app: FastAPI, path: str) -> str:
    """The methods of a path, for the header ``Allow``: of all routes that have it."""
    asked = {"type": "http", "path": path, "root_path": "", "headers": []}
    methods = (
        method
        for method in METHODS
        if any(route.matches({**asked, "method": method})[0] is Match.FULL for route in app.routes)
    )
    return ", ".join(methods)


def from_validation(error: RequestValidationError) -> ProblemError:
    """Each refused field with its place and a sentence; never with what was sent."""
    problems = error.errors()
    first = problems[0]
    if first["type"] == "json_invalid":
        place, why = first["loc"][-1], first["ctx"]["error"]
        return UnprocessableError(f"the body is no JSON: {why} at character {place}")
    if first["loc"] == ("body",) and first["type"] == "missing":
        return UnprocessableError(f"the body is missing: {SEND_JSON}")
    if first["loc"] == ("body",) and isinstance(first["input"], bytes):
        return UnsupportedMediaTypeError(SEND_JSON)
    return UnprocessableError(
        WRONG_FIELDS,
        distinct({**place_of(each["loc"]), "detail": sentence_of(each)} for each in problems),
    )


def distinct(errors: Iterable[FieldError]) -> list[FieldError]:
    """Each once: two dependencies of a route may read the same header."""
    return [*{tuple(each.items()): each for each in errors}.values()]


def sentence_of(problem: Mapping[str, Any]) -> str:
    """What is wrong with a field, and how to mend it, instead of pydantic's words."""
    kind, context = problem["type"], problem.get("ctx", {})
    # A secret, of which pydantic speaks as of a list.
    if context.get("field_type") == "Value" and kind in ("too_short", "too_long"):
        kind = f"string_{kind}"
    sentence = SENTENCES.get(kind)
    if sentence is None:
        return str(problem["msg"]).removeprefix("Value error, ")
    if "{" not in sentence:
        return sentence
    return sentence.format_map({name: plain(value) for name, value in context.items()})


def plain(value: object) -> object:
    """A limit as people write it: 90, where pydantic has 90.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


SEND_JSON = "send the body as JSON, with the header Content-Type: application/json"
WRONG_FIELDS = "some fields are not as they should be"
OBJECT, INTEGER, NUMBER, YES_NO = (
    "give an object",
    "give a whole number",
    "give a number",
    "give true or false",
)
# By pydantic's types of errors.
SENTENCES = {
    "extra_forbidden": "there is no such field: is its name misspelt?",
    "missing": "this has to be given",
    "string_type": "give a text",
    "int_type": INTEGER,
    "int_parsing": INTEGER,
    "int_from_float": INTEGER,
    "int_parsing_size": "this number is too large",
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "give a number that is not infinite",
    "bool_type": YES_NO,
    "bool_parsing": YES_NO,
    "list_type": "give a list",
    "dict_type": OBJECT,
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "literal_error": "give one of {expected}",
    "enum": "give one of {expected}",
    "greater_than": "give more than {gt}",
    "greater_than_equal": "give {ge} or more",
    "less_than_equal": "give {le} or less",
    "string_too_short": "give {min_length} or more characters",
    "string_too_long": "give {max_length} or fewer characters",
    "too_short": "too short: give {min_length} or more",
    "too_long": "too long: give {max_length} or fewer",
}


def place_of(location: Sequence[str | int]) -> FieldError:
    """Where a refused field is: a JSON pointer into the body, or a parameter's name."""
    source, *path = [str(part) for part in location]
    if source == "body":
        # RFC 6901: the body itself is "#".
        keys = (key.replace("~", "~0").replace("/", "~1") for key in path)
        return {"pointer": "#" + "".join(f"/{key}" for key in keys)}
    return {"parameter": ".".join(path)}


def from_database(error: psycopg.Error) -> ProblemError:
    """What a database error means to the client."""
    match error:
        case psycopg.errors.UniqueViolation():
            field, sentence = TAKEN.get(error.diag.constraint_name or "", DEFAULT_TAKEN)
            return ConflictError(sentence, [in_body(field, sentence)])
        case psycopg.errors.ForeignKeyViolation():
            column = referring_column(error)
            return no_such(column, column.removesuffix("_id"))
        case psycopg.errors.IntegrityError() | psycopg.DataError():
            return UnprocessableError(
                "a value cannot be stored: there is a NUL character in it, or it is too large"
            )
        case psycopg.OperationalError() | psycopg.InterfaceError():
            log.warning("the database is away", error=type(error).__name__)
            return UnavailableError("the database does not answer: try again soon")
    log.error("the database refused", exc_info=error)
    return ProblemError("this is a fault of the platform; its log has the details")


# By PostgreSQL's names of constraints; every other unique key of the API's tables is an id.
DEFAULT_TAKEN = ("id", "this id is taken: choose another")
TAKEN = {
    "users_by_email": ("email", "there is a user with this e-mail address already"),
    "memberships_user_id_role_park_id_tenant_id_key": ("role", "the user has this role already"),
}


def referring_column(error: psycopg.Error) -> str:
    """The column of a foreign key that leads nowhere, by PostgreSQL's name of the constraint."""
    constraint, table = error.diag.constraint_name or "", error.diag.table_name or ""
    return constraint.removeprefix(f"{table}_").removesuffix("_fkey")
