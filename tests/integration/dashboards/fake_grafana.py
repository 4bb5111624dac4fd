"""Grafana's HTTP API on loopback: keeps state, answers and refuses as its documentation says.

It stands in for a Grafana, which is too large to be installed beside the tests. What it says of a
data source's health is true: it logs in to the real database with what it was given.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AnyHttpUrl, SecretStr

from dashboards.grafana import Address
from tests.integration.dashboards.fake_answers import IN_ORG, ROUTES
from tests.integration.dashboards.fake_state import (
    USER,
    AnswerError,
    Json,
    Request,
    State,
    first_state,
)

PASSWORD = "admin-password"


@dataclass
class FakeGrafana(State):
    """State and faults.

    Attributes:
        asked: method and path of every request, in order.
        fault: called with the number of the request and its moment, `before` or `after` its effect;
            returns the status of a failure, or None.
    """

    version: str = "13.2.3"
    asked: list[str] = field(default_factory=list)
    fault: Callable[[int, str], int | None] = lambda _number, _moment: None
    port: int = 0

    @property
    def address(self) -> Address:
        url = AnyHttpUrl(f"http://127.0.0.1:{self.port}")
        return Address(url, USER, SecretStr(PASSWORD))

    def reset(self) -> None:
        self.state = first_state()
        self.asked.clear()
        self.fault = lambda _number, _moment: None

    def snapshot(self) -> Json:
        """All that can be seen in it; passwords and numbers of users are another each time."""
        state = copy.deepcopy(self.state)
        emails = {number: user["email"] for number, user in state["users"].items()}
        for org in state["orgs"].values():
            org["users"] = {emails[number]: role for number, role in org["users"].items()}
            for source in org["sources"].values():
                source.pop("secureJsonData")
        state["users"] = sorted(emails.values())
        del state["last_user"]
        return state

    def edit(self, org: str, uid: str, title: str) -> None:
        """Somebody saves another title of a dashboard."""
        versions = self.org(org)["dashboards"][uid]["versions"]
        newest = versions[-1]
        data = {**newest["data"], "title": title}
        versions.append({"version": newest["version"] + 1, "message": "nicer", "data": data})

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """The status and the body of the answer."""
        parts = urlsplit(target)
        self.asked.append(f"{method} {parts.path}")
        number = len(self.asked)
        if status := self.fault(number, "before"):
            return status, {"message": "something broke"}
        try:
            answer = 200, self.route(method, parts, headers, body)
        except AnswerError as error:
            answer = error.status, error.body
        if status := self.fault(number, "after"):
            return status, {"message": "something broke"}
        return answer

    def route(self, method: str, parts: Any, headers: Any, body: bytes) -> Any:
        if parts.path == "/api/health":
            return {"database": "ok", "version": self.version, "commit": "x"}
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("Authorization") != expected:
            raise AnswerError(401, "Invalid username or password")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        org = headers.get("X-Grafana-Org-Id", "1")
        request = Request(method, parts.path, query, json.loads(body) if body else None, org)
        for pattern, function in ROUTES:
            if found := re.fullmatch(pattern, f"{method} {parts.path}"):
                if function in IN_ORG and "1" not in self.org_of(org)["users"]:
                    raise AnswerError(403, "You'll need additional permissions")
                return function(self, request, *map(unquote, found.groups()))
        raise AnswerError(404, "Not found")


# A status that no server sends: the answer comes too late.
SLOW = 999


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the state, one at a time."""

    protocol_version = "HTTP/1.1"
    # Written as a whole: else each answer waits for the client's acknowledgement.
    wbufsize = -1
    lock = threading.Lock()

    def __init__(self, grafana: FakeGrafana, *arguments: Any) -> None:
        self.grafana = grafana
        super().__init__(*arguments)

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.lock:
            status, answer = self.grafana.answer(self.command, self.path, self.headers, body)
        if status == SLOW:
            time.sleep(0.6)
        content = json.dumps(answer).encode()
        self.send_response(500 if status == SLOW else status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server whose threads end with it, and which is silent of clients that went away."""

    daemon_threads = False

    def handle_error(self, *_: Any) -> None:
        """A client that did not wait."""


@contextmanager
def running_grafana() -> Iterator[FakeGrafana]:
    """A Grafana that listens on loopback."""
    grafana = FakeGrafana()
    with Server(("127.0.0.1", 0), partial(Handler, grafana)) as server:
        grafana.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield grafana
        finally:
            server.shutdown()
            thread.join()
