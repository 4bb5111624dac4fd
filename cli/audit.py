"""`technopark audit-log`, and `technopark device|model|tenant|park|lab history`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Annotated

import typer

from cli import asking
from cli.api import Json, path
from cli.asking import AsJson
from cli.fleets import warn

Limit = Annotated[int, typer.Option(min=1, help="The newest so many.")]


def audit_log(
    tenant: Annotated[str | None, typer.Option(help="What concerns this tenant.")] = None,
    park: Annotated[str | None, typer.Option(help="What concerns this park.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="What was done to such things: device, membership, …")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="What was done to this thing: its id.")
    ] = None,
    user: Annotated[int | None, typer.Option(help="What this user did: the number.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="The first time, like 2026-03-01T00:00:00Z.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="The end, itself left out.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List who changed what, the newest first: what concerns you, and what you did yourself.

    Example: technopark audit-log --tenant sunny --kind device --from 2026-03-01T00:00:00Z
    """
    filters = {"tenant_id": tenant, "park_id": park, "kind": kind, "subject": subject}
    times = {"from": start, "to": end}
    columns = ("at", "who", "from", "what", "change")
    with asking.asking() as api:
        entries = api.items("audit", user_id=user, **filters, **times)
        tell(entries, columns, limit, as_json=as_json)


def history_of(group: str, example: str) -> Callable[..., None]:
    """The command `technopark <group> history`."""

    def history(
        subject: Annotated[str, typer.Argument(metavar="ID", help="The id.")],
        limit: Limit = 100,
        as_json: AsJson = False,
    ) -> None:
        with asking.asking() as api:
            changes = api.items(path(f"{group}s", subject, "history"))
            tell(changes, ("at", "what", "change"), limit, as_json=as_json)

    history.__doc__ = f"""List what became of a {group}, the newest first.

    Example: technopark {group} history {example}
    """
    return history


def tell(
    entries: Iterator[Mapping[str, Json]], columns: tuple[str, ...], limit: int, *, as_json: bool
) -> None:
    """The newest entries, and a word where there are more."""
    rows = list(islice(entries, limit))
    more = next(entries, None) is not None
    asking.show_list(rows if as_json else map(readable, rows), columns, as_json=as_json)
    if more:
        warn(f"these are the newest {limit}: --limit shows more")


def readable(entry: Mapping[str, Json]) -> dict[str, Json]:
    """An entry as a line of a table."""
    return {
        "at": entry["at"],
        "who": entry.get("user_name") or entry.get("program"),
        "from": entry.get("address"),
        "what": f"{entry['kind']} {entry['subject']} {entry['operation']}",
        "change": ", ".join(changes(entry)),
    }


def changes(entry: Mapping[str, Json]) -> Iterator[str]:
    """Each field that was changed, with its value before and after; nothing for a whole thing."""
    if entry["operation"] == "changed":
        for name, before in entry["before"].items():
            yield f"{name}: {value(before)} → {value(entry['after'][name])}"


def value(field: Json) -> str:
    """A field as people read it."""
    return field if isinstance(field, str) else json.dumps(field, ensure_ascii=False)
