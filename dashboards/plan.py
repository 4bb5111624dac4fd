"""What a sync does, or would do: steps in words, which never hold a secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verb = Literal["create", "change", "remove", "keep", "warn"]
CHANGES: tuple[Verb, ...] = ("create", "change", "remove")


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        verb: what is done; ``keep``: nothing, as people made or changed it; ``warn``: nothing can
            be done from here.
        organisation: where.
        what: the thing, and why.
    """

    verb: Verb
    organisation: str
    what: str


@dataclass
class Plan:
    """The steps in their order, each once however often it was tried.

    Attributes:
        is_dry: nothing is done.
    """

    is_dry: bool
    steps: dict[Step, None] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def note(self, verb: Verb, organisation: str, what: str) -> None:
        """Note a step that needs nothing done."""
        self.steps[Step(verb, organisation, what)] = None

    def do(
        self, verb: Verb, organisation: str, what: str, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        """Note a step and do it, unless this is a dry run; the answer of the call, or None."""
        self.note(verb, organisation, what)
        return None if self.is_dry else call(*arguments)

    @property
    def changes(self) -> list[Step]:
        """The steps by which something becomes different."""
        return [step for step in self.steps if step.verb in CHANGES]

    def as_json(self) -> dict[str, Any]:
        """The plan for programs."""
        return {
            "dry_run": self.is_dry,
            "changes": len(self.changes),
            "steps": [asdict(step) for step in self.steps],
            "failures": self.failures,
        }
