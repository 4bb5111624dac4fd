"""What is written about the simulators, compared with what they are."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.image
import pytest

from simulators import KINDS, page, plots
from simulators.scenario import load, provided

DOCS = Path(__file__).parents[3] / "docs"
OPTIONS = {
    "--devices", "--rate", "--interval", "--speed", "--backfill", "--for", "--seed", "--take-over",
    "--credentials", "--topic", "--payload", "--tls", "--ca-file", "--ledger", "--summary",
}  # fmt: skip


def test_the_tables_of_kinds_and_faults_are_those_of_the_code() -> None:
    text = page.PAGE.read_text()
    assert text == page.written(text), "run `python -m simulators.page`"


def test_every_source_of_a_formula_is_among_the_references_of_its_kind() -> None:
    for kind in KINDS.values():
        years = " ".join(kind.references)
        sources = [s.source for s in kind.signals] + [w.source for w in kind.waveforms]
        for source in sources:
            for year in re.findall(r"[A-Z][a-z]+ (\d{4})", source):
                assert year in years, (kind.id, source)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_small_picture_of_a_day(kind: str) -> None:
    path = DOCS / "kinds" / f"{kind}.png"
    assert path.stat().st_size < 80_000
    assert matplotlib.image.imread(path).shape[1] == 720
    shown = {metric for panel in plots.PANELS[kind] for metric in panel}
    assert shown <= set(KINDS[kind].metrics)


def test_a_picture_can_be_drawn() -> None:
    assert len(plots.draw(KINDS["classroom-kit"]).axes) == 4


def test_every_scenario_and_every_option_is_in_the_documentation() -> None:
    text = (DOCS / "simulators.md").read_text()
    for name in provided():
        assert f"| `{name}` | {load(name).devices:,} |" in text
    assert {option for option in OPTIONS if option not in text} == set()
