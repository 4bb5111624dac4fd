"""What is wrong in a scenario: told with its line, and with what was probably meant.

The errors of the model have a ``path`` in their context where they stand deeper than the part that
was checked.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import PydanticCustomError


class ScenarioError(ValueError):
    """A scenario cannot be played; the message says where it is wrong and what was meant."""


class UnknownScenarioError(ScenarioError):
    """There is no scenario, kind or file of that name."""


def unknown(what: str, name: str, known: Iterable[str], *path: str | int) -> PydanticCustomError:
    """The error of a name that is not known, with what was probably meant.

    Args:
        what: that is called so.
        name: nobody knows.
        known: the names that there are.
        path: from the part that is checked to where the name stands.
    """
    context = {"what": what, "name": name, "meant": meant(name, known), "path": path}
    return PydanticCustomError("unknown", "there is no {what} {name}{meant}", context)


def meant(name: str, known: Iterable[str]) -> str:
    """``: did you mean …?`` where a known name is near, else which there are if they are few."""
    names = sorted(known)
    if near := difflib.get_close_matches(name, names, 1):
        return f": did you mean {near[0]}?"
    return f": there are {', '.join(names)}" if 0 < len(names) <= 20 else ""


def map_errors(error: ValidationError, root: yaml.Node | None, where: str) -> Iterable[str]:
    """A sentence for each mistake, with the line where it stands."""
    mistakes = error.errors(include_url=False)
    for found in mistakes:
        # A list is also said to be too short where its items are wrong.
        inside = [other for other in mistakes if other["loc"][: len(found["loc"])] == found["loc"]]
        if found["type"] == "too_short" and len(inside) > 1:
            continue
        path = [*found["loc"], *found.get("ctx", {}).get("path", ())]
        line = f", line {line_of(root, path)}" if root is not None else ""
        name = ".".join(str(step) for step in path)
        yield f"{where}{line}: {f'{name}: ' if name else ''}{sentence(found)}"


def sentence(found: Mapping[str, Any]) -> str:
    """What is wrong, in our words where pydantic's are a programmer's."""
    if found["type"] == "missing":
        return "is missing"
    text = str(found["msg"])
    if found["type"] == "string_pattern_mismatch":
        text = "small letters, digits and '-' only, at least 2, not '-' at the beginning"
    given = found.get("input")
    if isinstance(given, str | int | float):
        return f"{given!r}: {text[0].lower()}{text[1:]}"
    return text[0].lower() + text[1:]


def line_of(root: yaml.Node, path: Sequence[str | int]) -> int:
    """The line of what a path leads to; where it leads nowhere, of the last thing on the way."""
    node, line = root, root.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    node, line = value, key.start_mark.line + 1
                    break
        elif isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def require_single_keys(node: yaml.Node, where: str) -> None:
    """Raise ScenarioError where a mapping says something twice: YAML keeps the last in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ScenarioError(f"{where}, line {line}: {key.value} is there twice")
            seen.add(key.value)
            require_single_keys(value, where)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            require_single_keys(value, where)
