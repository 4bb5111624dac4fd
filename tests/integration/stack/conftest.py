"""A platform as a person runs it: ``technopark up`` in a folder and on ports of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from stack.settings import PREFIX, Settings
from tests.parts import free_port, wait_until


class Installation:
    """A folder, its ports, and the commands that are run on it."""

    def __init__(self, path: Path, runtime_tree: Path) -> None:
        self.path = path
        # As lists of mounts name it: from the root of its file system on.
        mount = next(each for each in path.parents if each.is_mount())
        self.mark = f"/{path.relative_to(mount)}"
        path.chmod(0o711)
        (path / "runtime").symlink_to(runtime_tree)
        ports = {name for name in Settings.model_fields if name.endswith("_port")}
        self.ports = {name: free_port() for name in sorted(ports)}
        own = {"home": path, **self.ports}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        settings = {f"{PREFIX}{name.upper()}": str(value) for name, value in own.items()}
        self.environment = {**inherited, **settings}
        self.processes: list[subprocess.Popen[str]] = []

    def launch(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in the background, its output in one stream."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: str, seconds: float = 60) -> tuple[int, str]:
        """Run a command to its end: exit status and output."""
        process = self.launch(*arguments)
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output

    def up(self) -> subprocess.Popen[str]:
        """Start the platform and return when it is ready."""
        process = self.launch("up")
        wait_until(lambda: process.poll() is not None or self.is_ready(process.pid), "up", 60)
        assert process.poll() is None, process.communicate()[0]
        return process

    def record(self) -> dict[str, Any]:
        """What ``up`` wrote down."""
        try:
            found: dict[str, Any] = json.loads((self.path / "up.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def is_ready(self, pid: int) -> bool:
        """Whether all four services of that ``up`` answer."""
        found = self.record()
        states = [one["state"] for one in found.get("services", [])]
        return found.get("pid") == pid and states == ["ready"] * 4

    def running(self) -> list[psutil.Process]:
        """Every process, of whatever parent, that works in this folder."""
        return [process for process in psutil.process_iter() if self.owns(process)]

    def owns(self, process: psutil.Process) -> bool:
        """Whether it was started for this folder, or has the folder mounted."""
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            words = [*process.cmdline(), *process.environ().values()]
            words.append(Path(f"/proc/{process.pid}/mountinfo").read_text())
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            return False
        return any(self.mark in word for word in words)

    def end(self) -> None:
        """End what a failed test left, by id."""
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


@pytest.fixture
def installation(tmp_path: Path, runtime_tree: Path) -> Iterator[Installation]:
    """A fresh folder with the programs in it."""
    made = Installation(tmp_path, runtime_tree)
    yield made
    made.end()
