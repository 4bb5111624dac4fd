"""What is written about the simulators, compared with what they are."""

from __future__ import annotations

from pathlib import Path

from simulators import KINDS
from simulators.scenario import load, provided

TEXT = (Path(__file__).parents[3] / "docs" / "simulators-kinds.md").read_text()


def test_every_kind_is_documented_with_its_metrics_units_and_ranges() -> None:
    for kind in KINDS.values():
        table = TEXT[TEXT.index(f"| `{kind.id}` |") :]
        for signal in kind.signals:
            row = next(line for line in table.splitlines() if f"`{signal.metric}`" in line)
            assert f"`{signal.unit}`" in row
            bounds = f"{signal.minimum:,.0f} – {signal.maximum:,.0f}".replace("-", "−")
            assert bounds in row


def test_every_scenario_and_every_option_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "simulators.md").read_text()
    for name in provided():
        assert f"| `{name}` | {load(name).devices:,} |" in page
    common = {"--seed", "--take-over", "--credentials", "--topic", "--payload", "--tls"}
    for option in {"--devices", "--rate", "--interval", "--speed", "--backfill", *common}:
        assert option in page
