"""What there is to translate, and the catalogues of translations kept in step with it.

    python -m dashboards.translations

adds new texts to each catalogue in `locale/` with a guess, marked as fuzzy, or with nothing, takes
out those that are not used any more, and lists what a translator has to do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from dashboards import alerts, showcase
from dashboards.alerts import Alerts
from dashboards.catalogue import every_dashboard
from dashboards.language import FOLDER, LANGUAGES, Language, catalogue, translations
from dashboards.texts import board_with, rule_with


def used() -> dict[str, list[str]]:
    """Every English text that people read in Grafana, with the uids of what it is in."""
    found: dict[str, list[str]] = {}

    def noting(uid: str) -> Callable[[str], str]:
        def note(text: str) -> str:
            places = found.setdefault(text, [])
            if uid not in places:
                places.append(uid)
            return text

        return note

    shared = showcase.template(0)
    for uid, board in {**every_dashboard(), "showcase": shared}.items():
        board_with(board, noting(uid))
    for text in showcase.LATE:
        noting("showcase")(text)
    for rule in alerts.rules(Alerts(), "", ""):
        rule_with(rule, noting(rule["uid"]))
    return found


def missing(language: Language) -> list[str]:
    """The texts without a translation, or with one that nobody has confirmed."""
    return [text for text in used() if text not in translations(language)]


def unused(language: Language) -> list[str]:
    """The texts that are translated for nobody."""
    texts = used()
    return [str(each.id) for each in catalogue(language) if each.id and each.id not in texts]


def update(language: Language) -> None:
    """Bring the catalogue of a language to what there is to translate, in its order."""
    template = Catalog()
    for text, uids in used().items():
        # Of a text that is not in a file of source, the place is a dashboard or a rule.
        template.add(text, locations=[(uid, 0) for uid in uids])
    kept = catalogue(language)
    kept.update(template, update_creation_date=False)
    with (FOLDER / f"{language}.po").open("wb") as file:
        write_po(file, kept, width=96, ignore_obsolete=True, include_lineno=False)
    translations.cache_clear()


def main() -> None:
    """Update the catalogues, and list what has no translation yet."""
    for language in LANGUAGES:
        if language == "en":
            continue
        update(language)
        todo = missing(language)
        sys.stdout.write(f"{FOLDER / language}.po: {len(todo)} texts to translate\n")
        sys.stdout.writelines(f"  {text}\n" for text in todo)


if __name__ == "__main__":
    main()
