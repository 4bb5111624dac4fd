"""Requests to the API: JSON, pages, errors, and what is asked again by itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, ServerSentEvent

# What a JSON answer can be; its shape is the API's contract.
Json = Any
Parameter = str | int | float | bool | None
Parameters = Mapping[str, Parameter | Sequence[str]]

PREFIX = "/api/v1/"
TIMEOUT_SECONDS = 15.0
# For the next piece of an answer that comes in pieces.
STREAM_SECONDS = 600.0
# Of events there is at least a comment every 15 s: longer silence is a connection that is lost.
QUIET_SECONDS = 60.0
PAGE_SIZE = 200
# Answers after which the same request may succeed soon; the API says when.
TRY_AGAIN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
ATTEMPTS = 3
# Nobody wants to wait longer for one request.
LONGEST_WAIT_SECONDS = 10.0


class ApiError(Exception):
    """The API refused, or did not answer. ``str(error)`` is a sentence for a person.

    Attributes:
        status: the HTTP status; 0 where there was no answer at all.
        title: what kind of error it is.
        detail: what was wrong with this request, and how to mend it.
        errors: one ``{"pointer": …, "detail": …}`` for each field that was refused.
    """

    def __init__(
        self, status: int, title: str, detail: str = "", errors: Sequence[Mapping[str, str]] = ()
    ) -> None:
        self.status, self.title, self.detail, self.errors = status, title, detail, list(errors)
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """The error in one line: the refused fields where there are some, else the detail."""
        return "; ".join(map(field_sentence, self.errors)) or self.detail or self.title


def field_sentence(error: Mapping[str, str]) -> str:
    """What is wrong with one field, after its name if it has one."""
    name = error.get("parameter") or error.get("pointer", "").strip("#/").replace("/", ".")
    return f"{name}: {error.get('detail', '')}" if name else error.get("detail", "")


class Http:
    """The API at ``url`` in the name of ``token``; a context manager.

    Paths are given below ``/api/v1``: ``api.get("devices", tag="roof")``. Answers are parsed JSON.
    Where the API is busy or away for a moment, a request is sent again when the API says; a POST
    has an Idempotency-Key, so that it is done once.

    Args:
        url: of the platform.
        token: ``tpa_…``, or a device's secret; empty for none.
        transport: in the place of the network.
        attempts: how often a request is sent at most.

    Attributes:
        etag: of the last answer that had one, for ``If-Match``.
    """

    def __init__(
        self,
        url: str,
        token: str,
        transport: httpx.BaseTransport | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.url, self.attempts = url.rstrip("/"), attempts
        self.etag: str | None = None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # The platform is reached directly: a proxy of the environment is for other hosts.
        self._client = httpx.Client(
            base_url=self.url + PREFIX,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; leaving the context does it too."""
        self._client.close()

    def get(self, path: str, **parameters: Parameter | Sequence[str]) -> Json:
        """Read; a parameter of None is left out.

        Raises:
            ApiError: the API refused, or did not answer.
        """
        return self._ask("GET", path, params=given(parameters))

    def post(self, path: str, body: Json = None) -> Json:
        """Create or act, once.

        Raises:
            ApiError: as for ``get``.
        """
        headers = {"Idempotency-Key": secrets.token_urlsafe(16)}
        return self._ask("POST", path, json={} if body is None else body, headers=headers)

    def patch(self, path: str, body: Json, if_match: str | None = None) -> Json:
        """Change the fields that ``body`` names; with an ETag only if that is still the thing's.

        Raises:
            ApiError: as for ``get``.
        """
        headers = {} if if_match is None else {"If-Match": if_match}
        return self._ask("PATCH", path, json=body, headers=headers)

    def put(self, path: str, body: Json) -> Json:
        """Set, whatever was there before.

        Raises:
            ApiError: as for ``get``.
        """
        return self._ask("PUT", path, json=body)

    def delete(self, path: str, if_match: str | None = None) -> Json:
        """Take away; with an ETag only if that is still the thing's.

        Raises:
            ApiError: as for ``get``.
        """
        headers = {} if if_match is None else {"If-Match": if_match}
        return self._ask("DELETE", path, headers=headers)

    def items(self, path: str, **parameters: Parameter | Sequence[str]) -> Iterator[Json]:
        """Every item of a list, page after page as they are consumed.

        Raises:
            ApiError: as for ``get``.
        """
        cursor: str | None = None
        while True:
            page = self.get(path, **{"limit": PAGE_SIZE, **parameters, "cursor": cursor})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        content: bytes | Iterable[bytes],
        **parameters: Parameter | Sequence[str],
    ) -> Iterator[httpx.Response]:
        """An answer that is read while it comes; the body may come in pieces too.

        Raises:
            ApiError: as for ``get``, also in the middle of the answer.
        """
        with self._stream(method, path, params=given(parameters), content=content) as response:
            yield response

    def events(
        self, path: str, **parameters: Parameter | Sequence[str]
    ) -> Iterator[ServerSentEvent]:
        """Server-sent events as they come, until the API ends them.

        Where the connection is lost it is made again, and goes on after the last event.

        Raises:
            ApiError: as for ``get``, or the API said why there is no more.
        """
        asked, last, lost = given(parameters), "", 0
        while True:
            headers = {"Last-Event-ID": last} if last else {}
            try:
                with self._stream(
                    "GET", path, QUIET_SECONDS, params=asked, headers=headers
                ) as response:
                    for event in EventSource(response).iter_sse():
                        last, lost = event.id or last, 0
                        if event.event == "end":
                            raise ApiError(response.status_code, "end", event.json()["detail"])
                        if event.data:
                            yield event
                return
            except ApiError as error:
                lost += 1
                if error.status or not last or lost >= self.attempts:
                    raise
                time.sleep(1)

    @contextmanager
    def _stream(
        self, method: str, path: str, timeout: float = STREAM_SECONDS, **arguments: Json
    ) -> Iterator[httpx.Response]:
        with (
            self._told(),
            self._client.stream(method, path, timeout=timeout, **arguments) as response,
        ):
            if response.is_error:
                response.read()
                raise problem(response)
            yield response

    def _ask(self, method: str, path: str, **arguments: Json) -> Json:
        response = self._send(method, path, **arguments)
        for _ in range(1, self.attempts):
            if response.status_code not in TRY_AGAIN or pause(response) > LONGEST_WAIT_SECONDS:
                break
            time.sleep(pause(response))
            response = self._send(method, path, **arguments)
        if response.is_error:
            raise problem(response)
        self.etag = response.headers.get("ETag", self.etag)
        return parsed(response)

    def _send(self, method: str, path: str, **arguments: Json) -> httpx.Response:
        with self._told():
            return self._client.request(method, path.lstrip("/"), **arguments)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what happens on the way to the API into its sentence."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise ApiError(
                0, "no answer", f"the API at {self.url} took too long to answer: try again"
            ) from error
        except httpx.TransportError as error:
            raise ApiError(
                0,
                "no answer",
                f"the API at {self.url} does not answer: is the platform running? `technopark up`",
            ) from error
        except httpx.InvalidURL as error:
            raise ApiError(0, "bad address", f"{self.url} is no address of an API") from error


def pause(response: httpx.Response) -> float:
    """Seconds until the request is to be sent again, as the answer says."""
    told = response.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else 1.0


def path(*parts: str | int) -> str:
    """A path of literal words and of names that people typed, each made safe for a URL."""
    return "/".join(quote(str(part), safe="") for part in parts)


def given(parameters: Parameters) -> dict[str, Json]:
    """The parameters that have a value."""
    return {name: value for name, value in parameters.items() if value is not None}


def parsed(response: httpx.Response) -> Json:
    """The body; None where there is none."""
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        raise ApiError(
            response.status_code,
            "not the API",
            f"what answers at {response.url.host}:{response.url.port} is not the platform's API",
        ) from error


def problem(response: httpx.Response) -> ApiError:
    """The refusal that the body tells (RFC 9457); a foreign server's by its status alone."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ApiError(response.status_code, f"{response.status_code} {response.reason_phrase}")
    return ApiError(
        response.status_code,
        str(body.get("title", response.reason_phrase)),
        str(body.get("detail", "")),
        [error for error in body.get("errors") or [] if isinstance(error, dict)],
    )
