"""Grafana's HTTP API by grafana-client: a connection for each organisation, errors in words.

Source of paths and answers: Grafana documentation, "HTTP API".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaServerError
from pydantic import AnyHttpUrl, SecretStr
from requests.exceptions import JSONDecodeError, RequestException

Json = dict[str, Any]

# Shared dashboards with their list, and the plug-in that the data sources name.
MINIMUM = (11, 0)
TIMEOUT_SECONDS = 20.0
PAGE = 1000


class GrafanaError(Exception):
    """Grafana refused."""


class UnavailableError(GrafanaError):
    """Grafana does not answer at this moment, or by an error of its own: worth another try."""


class RefusedError(GrafanaError):
    """Grafana does not let us do this at all."""


class MissingError(GrafanaError):
    """There is no such thing."""


class ConflictError(GrafanaError):
    """Somebody else was first."""


@dataclass(frozen=True)
class Address:
    """Where Grafana is, and as whom the sync signs in: a server administrator."""

    url: AnyHttpUrl
    user: str
    password: SecretStr

    def __str__(self) -> str:
        return f"Grafana at {self.url.scheme}://{self.url.host}:{self.url.port}"


@dataclass
class Grafana:
    """A connection in one organisation; without one, for what is the whole server's."""

    address: Address
    org_id: int | None = None
    timeout: float = TIMEOUT_SECONDS
    api: Any = field(init=False)

    def __post_init__(self) -> None:
        url = self.address.url
        self.api = GrafanaApi(
            (self.address.user, self.address.password.get_secret_value()),
            host=f"[{url.host}]" if ":" in (url.host or "").strip("[]") else url.host,
            port=url.port,
            url_path_prefix=prefix_of(url),
            protocol=url.scheme,
            timeout=self.timeout,
            organization_id=self.org_id,
        )

    def close(self) -> None:
        """Close its connections."""
        self.api.client.s.close()

    def call(self, function: Callable[..., Any], *arguments: Any, secret: bool = False) -> Any:
        """Ask by a function of the client.

        Args:
            function: one of grafana-client.
            arguments: its arguments.
            secret: Grafana's sentence may repeat what was sent, and is not to be shown.

        Raises:
            GrafanaError: of the class that says what can be done.
        """
        try:
            return function(*arguments)
        except GrafanaException as error:
            raise self.explained(error, secret) from None
        except JSONDecodeError:
            raise GrafanaError(f"what answers at {self.address.url} is not Grafana") from None
        except RequestException as error:
            kind = type(error).__name__
            raise UnavailableError(f"{self.address} does not answer ({kind})") from None

    def explained(self, error: GrafanaException, secret: bool) -> GrafanaError:
        """The error of ours for one of grafana-client's."""
        status = error.status_code
        sentence = f"{self.address} answered {status}"
        if not secret and isinstance(error.response, dict):
            sentence += f": {error.response.get('message', '')}"
        if isinstance(error, GrafanaServerError) or status == 429:
            return UnavailableError(sentence)
        if status in (401, 403):
            return RefusedError(
                f"{self.address} does not let {self.address.user} do this ({status}): the sync "
                "needs the user name and password of a server administrator"
            )
        if isinstance(error, GrafanaClientError) and status in (404, 409, 412):
            return (MissingError if status == 404 else ConflictError)(sentence)
        return GrafanaError(sentence)

    def found(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The answer; None where there is no such thing."""
        try:
            return self.call(function, *arguments)
        except MissingError:
            return None

    def pages(self, path: str, items: str | None = None, size: int = PAGE) -> Iterator[Json]:
        """Every item of a list, page by page.

        Args:
            path: with a ``?``.
            items: the field of the answer that has them; None: it is the list itself.
            size: of a page.
        """
        page = 1
        while True:
            answer = self.call(self.api.client.GET, f"{path}&perpage={size}&page={page}")
            rows = answer[items] if items else answer
            yield from rows
            if len(rows) < size:
                return
            page += 1

    def organisations(self) -> dict[int, str]:
        """The names of all organisations by their numbers."""
        # Only here pages are counted from 0.
        found: dict[int, str] = {}
        page = 0
        while True:
            rows = self.call(self.api.client.GET, f"/orgs?perpage={PAGE}&page={page}")
            found |= {row["id"]: row["name"] for row in rows}
            if len(rows) < PAGE:
                return found
            page += 1

    def versions(self, uid: str) -> list[Json]:
        """The newest versions of a dashboard, the last first; none: there is no such one."""
        path = f"/dashboards/uid/{uid}/versions?limit=50"
        answer = self.found(self.api.client.GET, path) or []
        rows = answer["versions"] if isinstance(answer, dict) else answer
        return sorted(rows, key=lambda row: -row["version"])

    def health_of_source(self, uid: str) -> Json:
        """``status`` and ``message`` of a data source that was tried out."""
        try:
            answer: Json = self.api.client.GET(f"/datasources/uid/{uid}/health")
        except GrafanaClientError as error:
            # A data source that does not answer is told like a bad request.
            if error.status_code == 400 and isinstance(error.response, dict):
                return error.response
            raise self.explained(error, False) from None
        except GrafanaException as error:
            raise self.explained(error, False) from None
        except RequestException as error:
            raise UnavailableError(f"{self.address} does not answer ({error})") from None
        return answer

    def require_usable(self) -> None:
        """Return only if Grafana answers, is new enough and lets us in.

        Raises:
            GrafanaError: says which of these it is.
        """
        if self.address.password.get_secret_value().startswith("glsa_"):
            raise GrafanaError(
                "a service account's token counts in one organisation only: give the user name "
                "and password of a server administrator"
            )
        version = str(self.call(self.api.health.check).get("version", ""))
        numbers = re.match(r"(\d+)\.(\d+)", version)
        # A Grafana that hides its version is asked without knowing it.
        if numbers and (int(numbers[1]), int(numbers[2])) < MINIMUM:
            raise GrafanaError(
                f"{self.address} is version {version}: the sync needs "
                f"{'.'.join(map(str, MINIMUM))} or newer"
            )


def prefix_of(url: AnyHttpUrl) -> str:
    """The path below which Grafana is served, as grafana-client wants it."""
    path = (url.path or "").strip("/")
    return f"{path}/" if path else ""
