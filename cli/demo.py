"""The fleet of ``technopark up --demo``, a device for the person who watches, and the account."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from cli.api import Api, ApiError, path
from stack.errors import StackError
from stack.home import replace
from stack.platform import Platform
from stack.processes import bound
from stack.services import python_environment
from stack.supervisor import Service, State
from storage.accounts import operator_token
from storage.queries import load

TENANT, PARK, LAB = "demo", "cimahi", "cimahi-demo"
PLACES: Sequence[tuple[str, Mapping[str, Any]]] = (
    (
        "parks",
        {
            "id": PARK, "name": "Cimahi Technopark", "time_zone": "Asia/Jakarta",
            "latitude": -6.87, "longitude": 107.54,
        },
    ),
    ("labs", {"id": LAB, "park_id": PARK, "name": "Demo lab"}),
    ("tenants", {"id": TENANT, "name": "Demo", "kind": "startup", "park_id": PARK}),
)  # fmt: skip
OWN_DEVICE = "my-first-device"
DEVICES, INTERVAL_SECONDS = 8, 0.5
# Recorded seconds in a second: two hourly rows of the typical year.
REPLAY_SPEED = 7200
DRAIN_SECONDS, SETTLE_PAUSE_SECONDS = 30.0, 0.25
TOKEN_LIFE = timedelta(minutes=10)
COMMANDS: Mapping[str, Sequence[str]] = {
    "fleet": (
        "simulate", "--devices", str(DEVICES), "--interval", str(INTERVAL_SECONDS),
        "--tenant", TENANT, "--lab", LAB, "--take-over",
    ),
    "weather": (
        "replay", "--preset", "tmy3", "--speed", str(REPLAY_SPEED), "--tenant", TENANT,
        "--lab", LAB, "--take-over",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Account:
    """What became of the demo's readings.

    Attributes:
        messages: acknowledged to the devices.
        values: in those messages.
        stored: readings found in the database.
        rejected: messages, or parts of them, found in the rejections.
        lost: values that are neither stored nor rejected.
    """

    messages: int
    values: int
    stored: int
    rejected: int
    lost: int

    @property
    def good(self) -> bool:
        """Whether the promise was kept, and there was one to keep."""
        return self.stored > 0 and self.lost == 0


@dataclass
class Demo:
    """The demo's devices on a running platform.

    Attributes:
        platform: runs already.
        secret: of the device for the person who watches; empty until ``start``.
    """

    platform: Platform
    secret: str = ""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def start(self) -> None:
        """Register the person's device and start the fleet.

        Raises:
            ApiError: the API refused.
            StackError: a part of the fleet ended at once.
        """
        token = self.token()
        with Api(self.platform.settings.api_url, token) as api:
            ensure_places(api)
            self.secret = own_device_secret(api, self.secret_file)
        for name, arguments in COMMANDS.items():
            self.summary_file(name).unlink(missing_ok=True)
            self.platform.supervisor.launch(self.service(name, arguments, token))

    def token(self) -> str:
        """A token of the operator, which soon expires."""
        with psycopg.connect(
            self.platform.database_url, autocommit=True, application_name="technopark"
        ) as connection:
            return operator_token(connection, "demo", datetime.now(UTC) + TOKEN_LIFE)

    @property
    def secret_file(self) -> Path:
        """Keeps the secret of the person's device, so that the next demo shows the same."""
        return self.platform.home.path / "my-first-device.json"

    def summary_file(self, name: str) -> Path:
        """Where a part of the fleet counts what it has sent."""
        return self.platform.home.path / f"demo-{name}.json"

    def service(self, name: str, arguments: Sequence[str], token: str) -> Service:
        """A part of the fleet as a child process; a restart would lose what it has counted."""
        settings = self.platform.settings
        options = ["--summary", str(self.summary_file(name))]
        return Service(
            name=name,
            command=bound([sys.executable, "-P", "-m", "cli", *arguments, *options]),
            environment=python_environment(
                API_URL=settings.api_url,
                TOKEN=token,
                BROKER_HOST=settings.reach,
                BROKER_PORT=str(settings.mqtt_port),
            ),
            log=self.platform.home.logs / f"{name}.log",
            is_ready=self.summary_file(name).exists,
            grace=15,
            restarts=False,
        )

    def summaries(self) -> list[dict[str, Any]]:
        """What each part of the fleet has counted so far."""
        files = [self.summary_file(name) for name in COMMANDS]
        return [json.loads(file.read_text()) for file in files if file.exists()]

    def counts(self) -> dict[str, dict[str, Any]]:
        """What each device of the fleet has counted."""
        return {
            device: counted
            for summary in self.summaries()
            for device, counted in summary["devices"].items()
        }

    def devices(self) -> dict[str, datetime | None]:
        """Whose readings are shown: the person's own first; the fleet's as they are sent."""
        sent = {
            device: span_of(counted)["last"]
            for device, counted in self.counts().items()
            if counted["acknowledged"]
        }
        return {OWN_DEVICE: None, **sent}

    def stop(self) -> None:
        """Let the fleet finish what it has on the way, and end it."""
        self.platform.supervisor.stop(list(COMMANDS))

    def settle(self) -> Account:
        """Wait until all that was acknowledged has arrived, for half a minute at most.

        Raises:
            StackError: the database cannot be asked.
        """
        deadline = time.monotonic() + DRAIN_SECONDS
        while True:
            late = time.monotonic() > deadline
            try:
                account = self.account()
                if account.lost == 0 or late:
                    return account
            except psycopg.OperationalError as error:
                if late:
                    raise StackError(
                        "the database does not answer, so nobody can tell what is stored: "
                        "see `technopark logs postgres`"
                    ) from error
            self.platform.step()
            time.sleep(SETTLE_PAUSE_SECONDS)

    def account(self) -> Account:
        """Compare what the devices were told with what the database holds."""
        queries, counts = load("live"), self.counts()
        stored: dict[str, int] = {}
        with psycopg.connect(
            self.platform.database_url, application_name="technopark"
        ) as connection:
            for device, counted in counts.items():
                if counted["acknowledged"]:
                    span = {"device": device, **span_of(counted)}
                    stored[device] = number(connection.execute(queries["stored"], span))
            rejected = number(
                connection.execute(
                    queries["rejected"], {"devices": list(counts), "since": self.began}
                )
            )
        missing = sum(max(0, counts[d]["values"] - found) for d, found in stored.items())
        return Account(
            messages=sum(counted["acknowledged"] for counted in counts.values()),
            values=sum(counted["values"] for counted in counts.values()),
            stored=sum(stored.values()),
            rejected=rejected,
            lost=max(0, missing - rejected),
        )

    def ended_early(self) -> list[str]:
        """Parts of the fleet that are no longer there."""
        children = self.platform.supervisor.children
        return [name for name in COMMANDS if children[name].state is State.ENDED]


def number(cursor: psycopg.Cursor[tuple[Any, ...]]) -> int:
    """The one number that a query gives."""
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def span_of(counted: Mapping[str, Any]) -> dict[str, datetime]:
    """The first and the last time stamp that a device was acknowledged."""
    epoch = datetime.fromtimestamp(0, UTC)
    return {
        name: epoch + timedelta(milliseconds=counted[f"{name}_ts"]) for name in ("first", "last")
    }


def own_device_secret(api: Api, file: Path) -> str:
    """The secret of the person's own device, which is made the first time.

    A lost secret is replaced, but the old one stays good for a day: something may use it.
    """
    there = is_registered(api)
    if there and file.exists():
        return str(json.loads(file.read_text())["secret"])
    if there:
        made = api.post(path("devices", OWN_DEVICE, "secrets"), {"overlap_seconds": 86_400})
    else:
        made = api.post(
            "devices",
            {"id": OWN_DEVICE, "tenant_id": TENANT, "lab_id": LAB, "name": "My first device"},
        )
    secret = str(made["secret"])
    replace(file, json.dumps({"id": OWN_DEVICE, "secret": secret}), mode=0o600)
    return secret


def is_registered(api: Api) -> bool:
    """Whether the person's device is there."""
    try:
        api.get(path("devices", OWN_DEVICE))
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return True


def ensure_places(api: Api) -> None:
    """Create the demo's park, lab and tenant where they are missing."""
    for kind, place in PLACES:
        try:
            api.post(kind, place)
        except ApiError as error:
            if error.status != 409:
                raise
