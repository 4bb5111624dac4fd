"""What a panel draws: columns or lines with their settings, from the answers to its queries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np

from dashboards.asking import Answer
from tests.previews.units import DEFAULT_STEPS, PALETTE, colour, written

Json = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A column or a line.

    Attributes:
        name: as people see it.
        values: of each row, or of each of the times.
        config: unit, thresholds, mappings and so on; the overrides of its name are in it.
        number: among the fields that are drawn, which gives it its colour.
        times: of a line.
    """

    name: str
    values: list[Any]
    config: Json
    number: int = 0
    times: tuple[datetime, ...] = ()

    @property
    def custom(self) -> Json:
        """The settings of the kind of panel."""
        return dict(self.config.get("custom") or {})

    @property
    def is_numeric(self) -> bool:
        """Whether numbers are in it."""
        there = [value for value in self.values if value is not None]
        return bool(there) and all(isinstance(v, (int, float)) for v in there)

    @property
    def numbers(self) -> np.ndarray[Any, Any]:
        """The values, NaN where there is none."""
        return np.array([np.nan if value is None else value for value in self.values], float)

    def in_order(self) -> Field:
        """The line from its earliest value on."""
        order = sorted(range(len(self.times)), key=self.times.__getitem__)
        times = tuple(self.times[place] for place in order)
        return replace(self, times=times, values=[self.values[place] for place in order])

    @property
    def last(self) -> Any:
        """The last value that is not null."""
        return next((value for value in reversed(self.values) if value is not None), None)

    def text(self, value: object) -> str:
        """A value as it is shown."""
        return str((self.mapping(value) or {}).get("text") or written(value, self.config))

    def mapping(self, value: object) -> Json | None:
        """What a value mapping makes of a value."""
        whole = isinstance(value, float) and value.is_integer()
        key = str(int(value)) if isinstance(value, float) and whole else str(value)
        for each in self.config.get("mappings") or []:
            if each["type"] == "value" and key in each["options"]:
                return dict(each["options"][key])
        return None

    def steps(self) -> list[Json]:
        """The thresholds, from the lowest."""
        return list((self.config.get("thresholds") or {}).get("steps") or DEFAULT_STEPS)

    def colour(self, value: object = None, *, by_threshold: bool = False) -> str:
        """The colour of a value, or of the whole line."""
        if mapped := (self.mapping(value) or {}).get("color"):
            return colour(mapped)
        scheme = self.config.get("color") or {}
        if scheme.get("mode") == "fixed":
            return colour(scheme["fixedColor"])
        if by_threshold or scheme.get("mode") == "thresholds":
            if not isinstance(value, (int, float)):
                return colour(self.steps()[0]["color"])
            passed = [s for s in self.steps() if s.get("value") is None or s["value"] <= value]
            return colour(passed[-1]["color"])
        return PALETTE[self.number % len(PALETTE)]


def plain(value: Any) -> Any:
    """A value of the database as Grafana has it."""
    return float(value) if isinstance(value, (Decimal, bool)) else value


def config_of(panel: Json, name: str) -> Json:
    """The settings of a field by its name: the panel's, and those of the overrides that match."""
    source = panel.get("fieldConfig") or {}
    config: Json = deepcopy(source.get("defaults") or {})
    for override in source.get("overrides") or []:
        matcher = override["matcher"]
        pattern = str(matcher.get("options"))
        by_name = matcher["id"] == "byName" and pattern == name
        if by_name or (matcher["id"] == "byRegexp" and re.search(pattern.strip("/"), name)):
            for each in override["properties"]:
                *path, last = each["id"].split(".")
                target = config
                for part in path:
                    target[part] = dict(target.get(part) or {})
                    target = target[part]
                target[last] = each["value"]
    return config


def columns(panel: Json, answer: Answer) -> list[Field]:
    """The columns of a table."""
    return [
        Field(name, [plain(row[place]) for row in answer.rows], config_of(panel, name), place)
        for place, name in enumerate(answer.columns)
    ]


def name_column(panel: Json) -> str:
    """Which column names the lines: by itself `metric`, or what the panel is parted by."""
    for transformation in panel.get("transformations") or []:
        if transformation["id"] == "partitionByValues":
            return str(transformation["options"]["fields"][0])
    return "metric"


def lines(panel: Json, answers: Iterable[tuple[str, Answer]]) -> list[Field]:
    """The lines over time of all queries.

    Args:
        panel: the panel.
        answers: of each query its format and the answer.
    """
    found: dict[str, tuple[list[datetime], list[Any]]] = {}
    naming = name_column(panel)
    for _, answer in answers:
        rows = answer.dicts()
        time = "time" if "time" in answer.columns else next(
            (c for c in answer.columns if rows and isinstance(rows[0][c], datetime)), ""
        )  # fmt: skip
        names = [column for column in answer.columns if column not in (time, naming)]
        for row in rows:
            for column in names:
                parts = [row.get(naming), column if len(names) > 1 or naming not in row else ""]
                name = " ".join(str(part) for part in parts if part)
                times, values = found.setdefault(name, ([], []))
                times.append(row[time])
                values.append(plain(row[column]))
    return [
        Field(name, values, config_of(panel, name), number, tuple(times))
        for number, (name, (times, values)) in enumerate(found.items())
    ]
