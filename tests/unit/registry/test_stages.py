from pathlib import Path

import pytest

from registry.http.problems import ConflictError
from registry.ownership.stages import MOVES, require_move

PAGE = Path(__file__).parents[3] / "docs" / "ownership.md"


def test_the_page_on_ownership_has_the_moves_that_there_are() -> None:
    rows = PAGE.read_text().splitlines()
    for old, ways in MOVES.items():
        assert f"| {old} | {', '.join(ways) or '–'} |" in rows


def test_a_refused_move_names_those_that_are_allowed() -> None:
    with pytest.raises(ConflictError) as refused:
        require_move("prototype", "production")
    assert refused.value.detail == (
        "from prototype a device goes to pilot, or is retired: not to production"
    )
    with pytest.raises(ConflictError, match="is retired, and stays so"):
        require_move("retired", "pilot")
