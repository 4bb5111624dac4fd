"""Where the texts are that people read, in a dashboard or an alert rule as Grafana stores it.

One walk serves both the translation and the list of what there is to translate: it hands each text
to a function, and puts what the function says in its place. The code of a dashboard therefore says
everything in English, once, and knows nothing of languages.

Columns and series get their names in SQL. Such a name is another one in each place of a panel: in
its queries, and wherever an override, a transformation, a link or an option means it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.defaults import GRAFANA_UNITS

Json = dict[str, Any]
Say = Callable[[str], str]

# What Grafana, SQL's format() or the dashboard's own function puts something else in place of.
PLACEHOLDER = re.compile(
    r"\{\{[^}]*\}\}|\$\{[^}]*\}|\$\w+|\[\[\w+(?::\w+)?\]\]|\{\w*\}|%(?:\d+\$)?s"
)
# Under these keys people read what is said. Not under "label": in a panel it is one of Grafana's
# choices, such as "auto".
READ = frozenset(
    {
        "title", "description", "tooltip", "displayName", "noValue", "axisLabel", "content",
        "alias", "text",
    }
)  # fmt: skip
# Overrides of these properties say their own key.
PROPERTIES = ("displayName", "description", "noValue", "custom.axisLabel", "unit")
# Of a link to another dashboard: the value of a column, as .Device or ["Last seen"].
COLUMN = re.compile(r"""(?<=__data\.fields)(?:\.(\w+)|\[["']([^"']+)["']\])""")
# In SQL: a comment, a literal or a quoted name. Doubled quotes stand for one.
TOKEN = re.compile(r"""--[^\n]*|'((?:[^']|'')*)'|"((?:[^"]|"")*)\"""")
# What comes before a literal that is compared, or read by PostgreSQL, and not shown.
NOT_SHOWN = re.compile(
    r"(?:=|<>|\bI?LIKE|~\*?|\bIN\s*\([^()]*|\bINTERVAL|\bZONE|\bto_char\([^,]*,)\s*$", re.IGNORECASE
)
LOOKS_BACK = 200


def is_text(text: str) -> bool:
    """Whether there is anything to translate: a letter is none, nor is a placeholder."""
    return bool(re.search(r"[^\W\d_]{2}", PLACEHOLDER.sub("", text)))


def is_name(text: str) -> bool:
    """Whether a quoted name of SQL is for people: it begins with a capital, or has a blank."""
    return is_text(text) and (text[0].isupper() or " " in text)


def is_words(text: str) -> bool:
    """Whether a literal of SQL is for people: a word with a capital, or several words."""
    bare = PLACEHOLDER.sub("", text)
    return bool(re.match(r"\W*[A-Z][a-z]", bare) or re.search(r"[A-Za-z]{2} [A-Za-z]{2}", bare))


def board_with(board: Json, say: Say) -> Json:
    """A dashboard in which everything that people read is what ``say`` makes of it."""
    inner = ("panels", "templating", "annotations")
    made: Json = Wording(say, {}).told({key: board[key] for key in board if key not in inner})
    if "panels" in board:
        made["panels"] = [panel_with(panel, say) for panel in board["panels"]]
    for key, item_with in (("templating", variable_with), ("annotations", annotation_with)):
        if key in board:
            items = [item_with(item, say) for item in board[key].get("list") or []]
            made[key] = {**board[key], **({"list": items} if items else {})}
    # In the order of before.
    return {key: made[key] for key in board}


def rule_with(rule: Json, say: Say) -> Json:
    """An alert rule with another title and another summary; what it asks stays."""
    annotations = rule["annotations"]
    summary = say(annotations["summary"])
    return {**rule, "title": say(rule["title"]), "annotations": {**annotations, "summary": summary}}


def panel_with(panel: Json, say: Say) -> Json:
    """A panel; one that is a row has panels of its own."""
    own = {key: value for key, value in panel.items() if key != "panels"}
    wording = Wording(say, {name: say(name) for name in names_of(own)})
    made: Json = wording.told(own)
    if "panels" in panel:
        made["panels"] = [panel_with(each, say) for each in panel["panels"]]
    return {key: made[key] for key in panel}


def annotation_with(annotation: Json, say: Say) -> Json:
    """An annotation: its name, and what its query shows; Grafana's own has no text of ours."""
    if annotation.get("builtIn"):
        return annotation
    wording = Wording(say, {name: say(name) for name in names_of(annotation)})
    made: Json = wording.told(annotation)
    return {**made, "name": wording.read(annotation["name"])}


def variable_with(variable: Json, say: Say) -> Json:
    """A variable: its label, and the choices that the dashboard itself names."""
    read = Wording(say, {}).read
    named = {key: read(variable[key]) for key in ("label", "description") if variable.get(key)}
    made = {**variable, **named}
    return choices_with(made, read) if variable["type"] == "custom" else made


def choices_with(variable: Json, read: Say) -> Json:
    """Choices that are read otherwise, and mean the same value: `5 menit : 5 minutes`."""
    said: dict[str, str] = {}
    choices = []
    for choice in re.findall(r"(?:\\,|[^,])+", variable["query"]):
        text, _, value = choice.replace("\\,", ",").partition(" : ")
        text, value = text.strip(), (value or text).strip()
        said[text] = read(text)
        both = f"{said[text]} : {value}".replace(",", "\\,")
        choices.append(choice if said[text] == text else both)

    def shown(choice: Json) -> Json:
        text = choice.get("text")
        if isinstance(text, list):
            return {**choice, "text": [said.get(each, each) for each in text]}
        return {**choice, "text": said.get(text, text)} if text else choice

    made = {**variable, "query": ",".join(choices)}
    if "current" in made:
        made["current"] = shown(made["current"])
    if "options" in made:
        made["options"] = [shown(option) for option in made["options"]]
    return made


@dataclass(frozen=True)
class Wording:
    """How one panel is said.

    Attributes:
        say: what to say for a text.
        names: what to say for the names that columns and series have from SQL.
    """

    say: Say
    names: Mapping[str, str]

    def read(self, text: str) -> str:
        """A text that people read."""
        return self.say(text) if is_text(text) else text

    def told(self, value: Any, key: str = "") -> Any:
        """A part of what Grafana stores, found under a key."""
        if isinstance(value, dict):
            return {
                self.names.get(name, name): self.told(each, meant(name, value))
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [self.told(each) for each in value]
        return self.worded(value, key) if isinstance(value, str) else value

    def worded(self, value: str, key: str) -> str:
        """A text, as its key demands."""
        if key == "rawSql":
            return sql_with(value, self.names)
        if key == "unit":
            return self.unit(value)
        if key in READ:
            value = self.read(value)
        elif value in self.names:
            return self.names[value]
        elif key == "pattern" or (key != "url" and re.fullmatch(r"/.+/[a-z]*", value)):
            value = self.pattern(value)
        return COLUMN.sub(self.column, value)

    def unit(self, value: str) -> str:
        """A unit of our own making, such as `suffix: devices`; Grafana's and UCUM's stay."""
        kind, colon, word = value.partition(":")
        if kind not in ("suffix", "prefix") or value in GRAFANA_UNITS.values():
            return value
        bare = word.strip()
        return kind + colon + word.replace(bare, self.read(bare)) if bare else value

    def pattern(self, pattern: str) -> str:
        """A regular expression by which columns or series are meant."""
        changed = sorted((name for name in self.names if self.names[name] != name), key=len)
        if not changed:
            return pattern
        any_name = "|".join(re.escape(name) for name in reversed(changed))
        return re.sub(
            rf"\b(?:{any_name})\b", lambda found: re.escape(self.names[found[0]]), pattern
        )

    def column(self, found: re.Match[str]) -> str:
        """The mention of a column in a link, if it has another name."""
        name = found[1] or found[2]
        said = self.names.get(name, name)
        return found[0] if said == name else f'["{said}"]'


def meant(key: str, part: Json) -> str:
    """The key that says what a value is: in an override its neighbour ``id`` does."""
    kind = part.get("id")
    if key == "value" and kind in PROPERTIES:
        return str(kind).removeprefix("custom.")
    if key == "name" and "config" in part:
        # The layer of a map.
        return "title"
    return "pattern" if key == "options" and kind == "byRegexp" else key


def names_of(panel: Json) -> list[str]:
    """The names that columns and series of a panel have, as far as they are for people."""
    named = (name for part in parts(panel) for name in named_in(part) if is_text(name))
    return list(dict.fromkeys(named))


def parts(value: Any) -> Iterator[Json]:
    """Every object in what Grafana stores."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, (dict, list)):
            yield from parts(each)


def named_in(part: Json) -> Iterable[str]:
    """The names that one object gives to columns and series."""
    if isinstance(sql := part.get("rawSql"), str):
        yield from shown_by(sql)
    for key in ("displayName", "alias"):
        if isinstance(part.get(key), str):
            yield part[key]
    if part.get("id") == "displayName" and isinstance(part.get("value"), str):
        yield part["value"]
    yield from (part.get("renameByName") or {}).values()


def shown_by(sql: str) -> Iterator[str]:
    """What a query shows of itself: quoted names, and literals such as 'no park'."""
    for found in TOKEN.finditer(sql):
        literal, name = found[1], found[2]
        if name is not None and is_name(name):
            yield name.replace('""', '"')
        if literal is not None and is_words(literal):
            before = sql[max(0, found.start() - LOOKS_BACK) : found.start()]
            if not NOT_SHOWN.search(before):
                yield literal.replace("''", "'")


def sql_with(sql: str, names: Mapping[str, str]) -> str:
    """A query that shows other names: each in all of its places, so that it means the same."""

    def put(found: re.Match[str]) -> str:
        quote = found[0][0]
        if quote == "-":
            return found[0]
        name = found[0][1:-1].replace(quote * 2, quote)
        said = names.get(name)
        return found[0] if said is None else quote + said.replace(quote, quote * 2) + quote

    return TOKEN.sub(put, sql)
