"""The languages in which Grafana speaks: English is the code's, others are gettext catalogues.

One file for each is in `locale/`; `python -m dashboards.translations` keeps it in step. ADR 0028.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, get_args

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from dashboards import texts

Json = dict[str, Any]
Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
FOLDER = Path(__file__).parent / "locale"


def catalogue(language: Language) -> Catalog:
    """The texts of a language, as their file has them."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def translations(language: Language) -> Mapping[str, str]:
    """What to say for each English text; guesses that nobody has confirmed are left out."""
    if language == "en":
        return {}
    return {
        message.id: message.string
        for message in catalogue(language)
        if isinstance(message.id, str)
        and isinstance(message.string, str)
        and message.id
        and message.string
        and not message.fuzzy
    }


def said(language: Language, text: str) -> str:
    """A text in a language; in English, where there is no translation."""
    return translations(language).get(text, text)


def translated(board: Json, language: Language) -> Json:
    """A dashboard in a language; its uid, its queries and what they find stay the same."""
    return board if language == "en" else texts.board_with(board, partial(said, language))


def translated_boards(boards: Mapping[str, Json], language: Language) -> Mapping[str, Json]:
    """Dashboards by their uids, in a language."""
    return {uid: translated(board, language) for uid, board in boards.items()}


def translated_rule(rule: Json, language: Language) -> Json:
    """An alert rule in a language."""
    return texts.rule_with(rule, partial(said, language))
