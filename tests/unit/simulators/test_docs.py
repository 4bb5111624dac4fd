"""What is written about the simulators, compared with what they are."""

from __future__ import annotations

from pathlib import Path

from simulators.page import PAGE, written
from simulators.scenario import load, provided

OPTIONS = {
    "--devices", "--rate", "--interval", "--speed", "--backfill", "--for", "--seed", "--take-over",
    "--credentials", "--topic", "--payload", "--tls", "--ca-file", "--ledger", "--summary",
}  # fmt: skip


def test_the_tables_of_the_kinds_are_those_of_the_code() -> None:
    text = PAGE.read_text()
    assert written(text) == text


def test_every_scenario_and_every_option_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "simulators.md").read_text()
    for name in provided():
        assert f"| `{name}` | {load(name).devices:,} |" in page
    assert {option for option in OPTIONS if option not in page} == set()
