"""The whole platform as a user starts it: `technopark up` in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from cli.api import Api
from tests.parts import free_port, wait_until

PORTS = ("MQTT", "MQTTS", "WEBSOCKET", "API", "DATABASE", "REGISTRY", "INGEST")


@dataclass
class RunningPlatform:
    """`technopark up`, started by its own command.

    Attributes:
        settings: more of its settings, by their names without prefix.
    """

    home: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in PORTS})
    token: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "TECHNOPARK_HOME": str(self.home),
            **{f"TECHNOPARK_{name}_PORT": str(port) for name, port in self.ports.items()},
            **{f"TECHNOPARK_{name}": value for name, value in self.settings.items()},
            "TECHNOPARK_API_URL": self.api_url,
            "TECHNOPARK_TOKEN": self.token,
            "COLUMNS": "200",
        }

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['API']}"

    def start(self) -> None:
        output = self.home / "up.out"
        with output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "up"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                text=True,
            )
        wait_until(lambda: "the platform is up" in output.read_text(), "the platform", 90)
        if found := re.search(r"tpa_\S+", output.read_text()):
            self.token = found[0]

    def technopark(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a user would."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def run_as(self, token: str, *words: str) -> str:
        """What a command says that succeeds in the name of a token."""
        administrator, self.token = self.token, token
        try:
            done = self.technopark(*words)
        finally:
            self.token = administrator
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_owner(self, tenant: str) -> str:
        """A token of the owner of a new tenant."""
        with self.api() as api:
            api.post("tenants", {"id": tenant, "name": tenant, "kind": "startup"})
            user = api.post("users", {"email": f"{tenant}@example.org", "name": tenant})["id"]
            role = {"role": "tenant-owner", "tenant_id": tenant}
            api.post(f"users/{user}/memberships", role)
            return str(api.post("tokens", {"name": "test", "user_id": user})["token"])

    def pids(self) -> dict[str, int]:
        """The process id of each service, as `status` tells them."""
        found: dict[str, Any] = json.loads(self.technopark("status", "--json").stdout)
        return {service["name"]: service["pid"] for service in found["services"]}

    def is_healthy(self) -> bool:
        return self.technopark("status").returncode == 0

    def api(self) -> Api:
        return Api(self.api_url, self.token)

    def add_device(self, device: str | None = None) -> tuple[str, str]:
        """A new device of the tenant acme: its id and secret."""
        with self.api() as api:
            if not any(tenant["id"] == "acme" for tenant in api.items("tenants")):
                api.post("tenants", {"id": "acme", "name": "Acme", "kind": "startup"})
            name = device or f"dev-{secrets.token_hex(4)}"
            made = api.post("devices", {"id": name, "tenant_id": "acme", "name": name})
        return made["id"], made["secret"]

    def database(self) -> psycopg.Connection:
        """A connection of the tests' own."""
        password = json.loads((self.home / "secrets.json").read_text())["database"]
        return psycopg.connect(
            host="127.0.0.1",
            port=self.ports["DATABASE"],
            user="technopark",
            dbname="technopark",
            password=password,
            autocommit=True,
        )

    def everything_of_it(self) -> list[psutil.Process]:
        """`up` and all that it started."""
        assert self.process
        up = psutil.Process(self.process.pid)
        return [up, *up.children(recursive=True)]

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


@pytest.fixture
def platform_home(tmp_path: Path, runtime_tree: Path) -> Path:
    """An empty folder for a platform; the runtime is borrowed from the checkout."""
    (tmp_path / "runtime").symlink_to(runtime_tree)
    return tmp_path


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, runtime_tree: Path
) -> Iterator[RunningPlatform]:
    """A platform for the tests of one file."""
    home = tmp_path_factory.mktemp("platform")
    (home / "runtime").symlink_to(runtime_tree)
    running = RunningPlatform(home)
    try:
        running.start()
        yield running
    finally:
        running.stop()
