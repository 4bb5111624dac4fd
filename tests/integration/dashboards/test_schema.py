"""Every dashboard is one by the types that Grafana publishes: a wrong field is an error."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.node import program
from dashboards.catalogue import every_dashboard
from tests.conftest import ROOT
from tests.editions import install

PACKAGES = {"@grafana/schema": "13.2.3", "typescript": "7.0.2"}
TYPES = Path(__file__).with_name("schema.ts")
OPTIONS = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--types", ""]
OPTIONS += ["--module", "esnext", "--moduleResolution", "bundler"]


@pytest.fixture(scope="module")
def compiler() -> Path:
    """The folder of Grafana's types and of TypeScript's compiler; kept for the next time."""
    folder = ROOT / ".technopark" / "grafana-schema"
    install(folder, PACKAGES)
    return folder


def complaints(compiler: Path, folder: Path, boards: Mapping[str, Any]) -> str:
    """What the compiler says of dashboards."""
    text = f"{TYPES.read_text()}\nexport const BOARDS: Dashboard[] = [\n"
    # Each on lines of its own, so that a complaint leads to the place.
    text += ",\n".join(json.dumps(board, indent=1) for board in boards.values()) + "\n]\n"
    (folder / "boards.ts").write_text(text)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(compiler / "node_modules")
    tsc = compiler / "node_modules" / "typescript" / "bin" / "tsc"
    node = program("node")
    ran = subprocess.run(
        [*node, str(tsc), *OPTIONS, "boards.ts"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (ran.returncode == 0) == (ran.stdout == ""), ran.stderr
    return ran.stdout


def test_every_dashboard_is_one_by_grafanas_own_types(compiler: Path, tmp_path: Path) -> None:
    assert complaints(compiler, tmp_path, every_dashboard()) == ""


def test_wrong_fields_would_be_found(compiler: Path, tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"options": {"colourMode": "value"}},
        {"options": {"colorMode": "loud"}},
        {"fieldConfig": {"defaults": {"unit": 5}, "overrides": []}},
        {"fieldConfig": {"defaults": {"units": "s"}, "overrides": []}},
        {"fieldConfig": {"defaults": {"custom": {"lineWidth": 1}}, "overrides": []}},
        {"targets": [{"refId": "A"}]},
        {"maxDatapoints": 500},
        {"type": "speedometer"},
    ]
    boards = [{"schemaVersion": 1, "panels": [{"type": "stat", **each}]} for each in [{}, *wrong]]
    said = complaints(compiler, tmp_path, {str(n): board for n, board in enumerate(boards)})
    assert len(said.splitlines()) == len(wrong), said
