import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent
LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
COPIED = [
    source
    for line in LINES
    if line.startswith("COPY ")
    for source in line.removeprefix("COPY ").split()[:-1]
]


@pytest.mark.parametrize("source", COPIED)
def test_what_is_copied_exists_and_reaches_the_build(source: str) -> None:
    assert (ROOT / source).exists()
    assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_every_package_of_the_platform_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in patterns} <= set(COPIED)


def test_nothing_else_reaches_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    assert sorted(allowed) == sorted(COPIED)


def test_the_image_runs_as_the_brokers_user_and_pins_what_it_installs() -> None:
    assert [line for line in LINES if line.startswith("USER ")] == ["USER 1883:1883"]
    [install] = [line for line in LINES if "pip install" in line]
    assert "--constraint constraints.txt" in install
    [base] = [line for line in LINES if line.startswith("FROM ")]
    assert re.fullmatch(r"FROM python:3\.\d+-slim-\w+", base)
