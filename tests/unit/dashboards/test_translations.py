"""Everything that people read in Grafana is there in each language, and means the same."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards import language, showcase, translations
from dashboards.catalogue import operator_dashboards, park_dashboards, tenant_dashboards
from dashboards.language import LANGUAGES, Language, catalogue, translated
from dashboards.texts import PLACEHOLDER, TOKEN, board_with, names_of, parts

OTHERS = [each for each in LANGUAGES if each != "en"]
EACH = pytest.mark.parametrize("spoken", OTHERS)
BOARDS: dict[str, Any] = {
    **operator_dashboards(),
    **park_dashboards(),
    **tenant_dashboards(),
    "showcase": showcase.template(1),
}
BOARD = pytest.mark.parametrize("uid", BOARDS)
MEND = "run `python -m dashboards.translations` and translate in dashboards/locale"
# PostgreSQL cuts what is longer.
LONGEST_NAME = 63
COLUMN = re.compile(r'\bAS "([^"]+)"')
LINKED = re.compile(r'__data\.fields(?:\.(\w+)|\["([^"]+)"\])')


@EACH
def test_every_text_has_a_translation(spoken: Language) -> None:
    assert translations.missing(spoken) == [], MEND


@EACH
def test_nothing_is_translated_that_nobody_says(spoken: Language) -> None:
    assert translations.unused(spoken) == [], MEND


@EACH
def test_a_translation_keeps_the_placeholders_and_the_blanks_around_it(spoken: Language) -> None:
    for english, said in language.translations(spoken).items():
        assert sorted(PLACEHOLDER.findall(said)) == sorted(PLACEHOLDER.findall(english)), english
        assert len(said) - len(said.lstrip()) == len(english) - len(english.lstrip()), english
        assert len(said) - len(said.rstrip()) == len(english) - len(english.rstrip()), english


@EACH
@BOARD
def test_columns_and_series_stay_apart_under_names_that_postgresql_does_not_cut(
    spoken: Language, uid: str
) -> None:
    for panel in parts(BOARDS[uid]):
        if "targets" in panel:
            names = {name: language.said(spoken, name) for name in names_of(panel)}
            assert len(set(names.values())) == len(names), names
            assert [name for name in names.values() if len(name.encode()) > LONGEST_NAME] == []


@EACH
@BOARD
def test_a_query_is_the_same_but_for_quoted_words(spoken: Language, uid: str) -> None:
    def queries(board: Any) -> list[str]:
        return [TOKEN.sub("", part["rawSql"]) for part in parts(board) if "rawSql" in part]

    assert queries(translated(BOARDS[uid], spoken)) == queries(BOARDS[uid])


def strings(value: Any) -> Iterator[str]:
    """Everything that a panel says beside its queries, keys too, in order."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from () if key == "rawSql" else strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


def columns(panel: Any) -> list[str]:
    """The columns that the queries of a panel name, and the names that it gives to lines."""
    queries = [part["rawSql"] for part in parts(panel) if "rawSql" in part]
    lines = [part["value"] for part in parts(panel) if part.get("id") == "displayName"]
    return [*(name for query in queries for name in COLUMN.findall(query)), *lines]


def matched(panel: Any, names: list[str]) -> list[list[int]]:
    """Which columns, by their places, each override by a regular expression means."""
    patterns = [part["options"] for part in parts(panel) if part.get("id") == "byRegexp"]
    return [
        [place for place, name in enumerate(names) if re.search(pattern.strip("/"), name)]
        for pattern in patterns
    ]


def linked(text: str) -> list[str]:
    """The columns that a link mentions."""
    return [dotted or quoted for dotted, quoted in LINKED.findall(text)]


@EACH
@BOARD
def test_what_means_a_column_in_english_means_the_same_one_in_another_language(
    spoken: Language, uid: str
) -> None:
    english = [part for part in parts(BOARDS[uid]) if "targets" in part]
    other = [part for part in parts(translated(BOARDS[uid], spoken)) if "targets" in part]
    for before, after in zip(english, other, strict=True):
        names = dict(zip(columns(before), columns(after), strict=True))
        for meant, said in zip(strings(before), strings(after), strict=True):
            assert meant not in names or said == names[meant], before["title"]
            assert linked(said) == [names.get(name, name) for name in linked(meant)]
        assert matched(before, columns(before)) == matched(after, columns(after)), before["title"]


@BOARD
def test_a_dashboard_that_is_read_for_its_texts_stays_as_it_is(uid: str) -> None:
    assert json.dumps(board_with(BOARDS[uid], str)) == json.dumps(BOARDS[uid])
    assert translated(BOARDS[uid], "en") is BOARDS[uid]


def test_the_fleet_overview_speaks_indonesian() -> None:
    board = translated(operator_dashboards()["technopark-fleet"], "id")
    assert (board["uid"], board["title"]) == ("technopark-fleet", "Ringkasan armada perangkat")
    [silent] = [
        each for each in board["panels"] if each["title"] == "Perangkat yang menjadi senyap"
    ]
    assert 'last_seen AS "Terakhir terlihat"' in silent["targets"][0]["rawSql"]
    assert silent["fieldConfig"]["overrides"][0]["matcher"]["options"] == "Senyap selama"


@pytest.fixture
def own_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the Indonesian catalogue, which a test may change."""
    for module in (language, translations):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    copy = tmp_path / "id.po"
    copy.write_bytes((Path(language.__file__).parent / "locale" / "id.po").read_bytes())
    language.translations.cache_clear()
    return copy


def test_the_command_adds_what_is_missing_and_takes_out_what_nobody_uses(
    own_catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = own_catalogue.read_text("utf-8")
    gone = '\n#: gone\nmsgid "Completely different"\nmsgstr "Lain"\n'
    own_catalogue.write_text(
        text.replace('msgid "Last seen"', 'msgid "Last seeen"') + gone, "utf-8"
    )
    try:
        assert translations.missing("id") == ["Last seen"]
        assert translations.unused("id") == ["Last seeen", "Completely different"]
        translations.main()
        assert "1 texts to translate\n  Last seen\n" in capsys.readouterr().out
        # What was near it is offered, and not shown to anybody before somebody has looked.
        [guess] = [each for each in catalogue("id") if each.fuzzy and each.id]
        assert (guess.id, guess.string) == ("Last seen", "Terakhir terlihat")
        assert language.said("id", "Last seen") == "Last seen"
        assert translations.unused("id") == []
    finally:
        language.translations.cache_clear()


def test_the_catalogue_in_the_repository_is_as_the_command_leaves_it(own_catalogue: Path) -> None:
    before = own_catalogue.read_bytes()
    translations.update("id")
    language.translations.cache_clear()
    assert own_catalogue.read_bytes() == before, MEND
