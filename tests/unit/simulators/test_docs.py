"""What is written about the simulators, compared with what they are."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from cli.simulate import KindName
from simulators import KINDS

TEXT = (Path(__file__).parents[3] / "docs" / "simulators.md").read_text()


def test_every_kind_is_documented_with_its_metrics_units_and_ranges() -> None:
    for kind in KINDS.values():
        table = TEXT[TEXT.index(f"| `{kind.id}` |") :]
        for signal in kind.signals:
            row = next(line for line in table.splitlines() if f"`{signal.metric}`" in line)
            assert f"`{signal.unit}`" in row
            bounds = f"{signal.minimum:,.0f} – {signal.maximum:,.0f}".replace("-", "−")
            assert bounds in row


def test_every_kind_can_be_named_on_the_command_line() -> None:
    choices, _ = get_args(get_args(KindName)[0])
    assert set(get_args(choices)) == set(KINDS)
