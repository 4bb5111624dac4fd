"""The API's description: OpenAPI, and a page that shows it without any foreign host."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from registry.http.problems import MEDIA_TYPE

OPENAPI_URL = "/api/v1/openapi.json"
DESCRIPTION = """\
Parks, labs, tenants, people, device models, devices and what they send.

People and programs send a token, devices their secret: `Authorization: Bearer …`. The console
has a session instead, in a cookie.
Lists come in pages: pass `next` as `cursor` to get the page after. Errors are problem documents
(RFC 9457). What you may not see is answered like what does not exist: 404.
"""
EXAMPLE = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "there is no such device",
    "errors": [],
}
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong and how to mend it"},
        "errors": {
            "type": "array",
            "description": "the refused fields",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "a place in the body"},
                    "parameter": {"type": "string"},
                    "reason": {"type": "string", "description": "of a telemetry rejection"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "examples": [EXAMPLE],
}
REFUSALS = {
    "401": "The token or secret is missing or not valid.",
    "403": "You may see this, but not do that with it.",
    "404": "There is no such thing, or none that you may see.",
    "409": "It does not go together with what is there.",
    "412": "It is not any more as you read it: `If-Match` does not hold.",
    "413": "The body is larger than 1 MiB, or a file than 16 MiB.",
    "415": "The body is not JSON, or is not called so by its Content-Type.",
    "422": "Some fields are not as they should be.",
    "429": "Too many tries; Retry-After says when to try again.",
    "503": "A part that is needed is away; Retry-After says when to try again.",
}
TAGGED = frozenset({"get", "patch"})
ETAG = {"description": "what tells this answer from another", "schema": {"type": "string"}}
NOT_MODIFIED = "You have it: the ETag that you sent is still the one."
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "the ETag of what you have; where it is the same, nothing is sent again",
    "schema": {"type": "string"},
}
WITH_BODY = frozenset({"409", "413", "422"})
# Who comes here has something that could be guessed, so tries are counted.
GUESSED = frozenset({"/api/v1/claims", "/api/v1/provision"})


def install(app: FastAPI) -> None:
    """Serve the OpenAPI document and the page ``/docs``."""
    app.mount("/docs/files", StaticFiles(packages=[("fastapi_offline", "static")]))

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=OPENAPI_URL,
            title=app.title,
            swagger_js_url="/docs/files/swagger-ui-bundle.js",
            swagger_css_url="/docs/files/swagger-ui.css",
            swagger_favicon_url="/docs/files/favicon.png",
        )

    app.openapi = lambda: described(app)  # type: ignore[method-assign]  # FastAPI's own way


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once, with the problem documents of every operation."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        document["components"]["schemas"]["Problem"] = PROBLEM
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                add_refusals(path, operation)
                if method in TAGGED:
                    add_etags(method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def add_etags(method: str, operation: dict[str, Any]) -> None:
    """Tell that an answer has an ETag, and that one which the client has need not come again."""
    if "200" not in operation["responses"]:
        return
    operation["responses"]["200"]["headers"] = {"ETag": ETAG}
    if method == "get":
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": NOT_MODIFIED, "headers": {"ETag": ETAG}}


def add_refusals(path: str, operation: dict[str, Any]) -> None:
    """Name the refusals that the operation can answer with."""
    for status, description in REFUSALS.items():
        if can_refuse(path, operation, status):
            schema = {"$ref": "#/components/schemas/Problem"}
            content = {MEDIA_TYPE: {"schema": schema}}
            operation["responses"][status] = {"description": description, "content": content}


def names(operation: dict[str, Any], parameter: str) -> bool:
    """Whether the operation has the parameter."""
    return any(each["name"] == parameter for each in operation.get("parameters", ()))


def takes_json_alone(operation: dict[str, Any]) -> bool:
    """Whether the body has to be JSON of a certain shape; other routes tell by what is in it."""
    content = operation.get("requestBody", {}).get("content", {})
    return list(content) == ["application/json"] and bool(content["application/json"]["schema"])


def can_refuse(path: str, operation: dict[str, Any], status: str) -> bool:
    """Whether the operation can answer with the status."""
    if path.startswith("/health"):
        return status == "503" and path.endswith("ready")
    if status == "412":
        return names(operation, "If-Match")
    if status == "415":
        return takes_json_alone(operation)
    if status in operation["responses"] or (
        status == "409" and names(operation, "Idempotency-Key")
    ):
        return True
    if status in WITH_BODY:
        return "requestBody" in operation or (status == "422" and "parameters" in operation)
    if status == "429":
        # In identity a password may be part of the body.
        return path in GUESSED or ("identity" in operation["tags"] and "requestBody" in operation)
    return status != "404" or "{" in path or path == "/api/v1/claims"
