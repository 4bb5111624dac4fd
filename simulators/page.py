"""The tables of docs/simulators-kinds.md: ``python -m simulators.page`` writes them again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from simulators.faults import FAULTS, Fault
from simulators.kinds import KINDS, Kind
from simulators.kinds.kind import Parameter, Signal, Waveform
from simulators.simulation import INTERVAL, Simulation

PAGE = Path(__file__).parents[1] / "docs" / "simulators-kinds.md"


def written(page: str) -> str:
    """The page with its tables as they should be."""
    for name, make in PARTS.items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = page.split(opening, 1)
        page = before + opening + make() + closing + rest.split(closing, 1)[1]
    return page


def kinds() -> str:
    """A section for each kind."""
    return "\n".join(section(kind) for kind in KINDS.values()) + "\n"


def section(kind: Kind[Any]) -> str:
    """Signals, commands, settings, attributes and sources of a kind."""
    facts = Simulation(kind, 1, seed=1).attributes(0)
    told = ", ".join(f"`{name}`" for name in facts)
    lines = [
        f"### {kind.name}: `{kind.id}`",
        "",
        f"{kind.description} A reading every {kind.interval:g} s.",
        "",
        f"![One day of {kind.id}](kinds/{kind.id}.png)",
        "",
        "| metric | unit (UCUM) | range | formula |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{s.metric}` | {unit(s.unit, s.kind)} | {bounds(s)} | {s.source} |"
            for s in kind.signals
        ),
        *(
            f"| `{w.metric}`, {w.rate:,g} samples/s in blocks | `{w.unit}` | "
            f"{bounds(w)} | {w.source} |"
            for w in kind.waveforms
        ),
        "",
        "| told | to do |",
        "| --- | --- |",
        *(f"| command `{c.name}`{given(c.parameters)} | {c.description} |" for c in kind.commands),
        *(f"| desired {shown(s.parameter)} | {s.description} |" for s in kind.settings),
        f"| desired {shown(INTERVAL)} | sends a reading so often |",
        "",
        f"Attributes: {told}.",
        "",
        *(f"- {reference}" for reference in kind.references),
        "",
    ]
    return "\n".join(lines)


def bounds(signal: Signal | Waveform[Any]) -> str:
    """The range of a signal."""
    return f"{signal.minimum:,.10g} – {signal.maximum:,.10g}".replace("-", "−")


def unit(symbol: str, kind: str) -> str:
    """A unit in a table."""
    return "true or false" if kind == "boolean" else f"`{symbol}`"


def given(parameters: tuple[Parameter, ...]) -> str:
    """What a command is given."""
    return " with " + ", ".join(map(shown, parameters)) if parameters else ""


def shown(parameter: Parameter) -> str:
    """A parameter with what it can be."""
    if parameter.choices:
        values = ", ".join(parameter.choices)
    else:
        symbol = "" if parameter.unit == "1" else f" {parameter.unit}"
        values = f"{parameter.minimum:g} to {parameter.maximum:g}{symbol}"
    may = "; may be left out" if parameter.optional else ""
    return f"`{parameter.name}` ({values}{may})"


def faults() -> str:
    """A row for each fault."""
    head = ["| fault | what happens | the platform | options |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *map(row, FAULTS.values())]) + "\n"


def row(fault: type[Fault]) -> str:
    """A fault in the table."""
    happens = " ".join((fault.__doc__ or "").split("\n\n")[0].split())
    expects = fault.expects
    effect = f"`{expects.reason}` rejection" if expects.reason else expects.effect
    options = ", ".join(
        f"`{f.name}` ({f.default:g})"
        for f in fields(fault)
        if f.init and f.name not in ("rate", "seed") and f.default is not MISSING
    )
    rate = "" if fault.most == 1 else f"rate up to {fault.most:g}"
    extra = "; ".join(part for part in (options, rate) if part)
    return f"| `{fault.name}` | {happens} | **{effect}**: {expects.sentence} | {extra} |"


PARTS: Mapping[str, Callable[[], str]] = {"kinds": kinds, "faults": faults}

if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
    sys.stdout.write(f"{PAGE}\n")
