"""Scenarios out of YAML files, those that come with the platform, and those of kinds alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from simulators.kinds import KINDS
from simulators.scenario.mistakes import (
    ScenarioError,
    UnknownScenarioError,
    map_errors,
    meant,
    require_single_keys,
)
from simulators.scenario.model import Scenario

FOLDER = resources.files("simulators") / "scenarios"


def provided() -> dict[str, str]:
    """The scenarios that come with the platform: description by name."""
    return {name: load(name).description for name in provided_names()}


def provided_names() -> list[str]:
    """The names of the scenarios that come with the platform."""
    files = (file.name for file in FOLDER.iterdir())
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


def load(name: str) -> Scenario:
    """A scenario that comes with the platform, or that of a file.

    Raises:
        ScenarioError: there is none, or something is wrong in it.
    """
    if name in provided_names():
        return parse((FOLDER / f"{name}.yaml").read_text("utf-8"), f"{name}.yaml")
    try:
        text = Path(name).read_text("utf-8")
    except FileNotFoundError as error:
        known = [*provided_names(), *KINDS]
        raise UnknownScenarioError(
            f"there is no scenario, kind or file {name!r}{meant(name, known)}. Scenarios: "
            f"{', '.join(provided_names())}. Kinds: {', '.join(KINDS)}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"cannot read {name}: {error}") from error
    return parse(text, name)


def parse(text: str, where: str) -> Scenario:
    """The scenario that a YAML document describes.

    Args:
        text: the document.
        where: what it is called in errors.

    Raises:
        ScenarioError: it is no YAML, or no scenario: every mistake is named with its line.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        content = loader.construct_document(root) if root else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ScenarioError(f"{where}{line}: this is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{where}: this is no YAML: {error}") from error
    finally:
        loader.dispose()
    if root is None or not isinstance(content, dict):
        raise ScenarioError(f"{where} is no scenario: it has no fields like `fleets:`")
    require_single_keys(root, where)
    return validated(content, root, where)


def validated(content: Mapping[str, Any], root: yaml.Node | None, where: str) -> Scenario:
    """The scenario of plain data.

    Raises:
        ScenarioError: it is none.
    """
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        raise ScenarioError("\n".join(map_errors(error, root, where))) from None


def of_kinds(
    kinds: Sequence[str], devices: int, *, tenant: str, prefix: str | None, lab: str | None
) -> Scenario:
    """Devices of some kinds without a file: as many of each, in a tenant."""
    counts = [len(range(index, devices, len(kinds))) for index in range(len(kinds))]
    fleets = [
        {
            "kind": kind, "count": count, "tenant": tenant, "interval": 1.0,
            "prefix": f"{prefix or tenant}-{kind}",
        }
        for kind, count in zip(kinds, counts, strict=True)
        if count
    ]  # fmt: skip
    content = {
        "name": "devices", "description": "Devices of some kinds",
        "tenants": [{"id": tenant, "name": tenant}], "fleets": fleets,
    }  # fmt: skip
    made = validated(content, None, "the options")
    if lab is None:
        return made
    # A lab that is there already belongs to a park that nobody has to name here.
    fleets_there = tuple(fleet.model_copy(update={"lab": lab}) for fleet in made.fleets)
    return made.model_copy(update={"fleets": fleets_there})
