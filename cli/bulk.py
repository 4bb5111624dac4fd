"""`technopark device import` and `export`: many devices, by file."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cli import asking
from cli.api import ApiError, Json, Parameter
from cli.asking import AsJson
from cli.failure import failed, plain_errors
from cli.fleets import warn

OUTCOMES = ("created", "updated", "unchanged", "different", "reissued", "faulty")
HEADER = "id,secret\r\n"
LOST = "if devices were created, `--reissue` with the same file gives them new secrets"


def import_(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV, a JSON list or JSON lines.")
    ],
    tenant: Annotated[
        str | None, typer.Option(help="Owns the devices whose row names no tenant.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would happen, and change nothing.")
    ] = False,
    valid_only: Annotated[
        bool, typer.Option("--valid-only", help="Store the other rows though some are faulty.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Change devices that are there and differ.")
    ] = False,
    reissue: Annotated[
        bool, typer.Option("--reissue", help="New secrets for those that were never heard.")
    ] = False,
    secrets: Annotated[
        Path | None, typer.Option(help="A new file for the secrets; default: beside FILE.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add or change the devices of a file, all of them or none; secrets go to a file of their own.

    Example: technopark device import roofs.csv --tenant sunny --dry-run
    """
    options = {
        "tenant_id": tenant,
        "dry_run": dry_run,
        "valid_only": valid_only,
        "update": update,
        "reissue": reissue,
    }
    place = secrets or file.with_suffix(time.strftime(".secrets-%Y%m%d-%H%M%S.csv"))
    answer: dict[str, list[Json]] = {"result": [], "fault": [], "device": []}
    with plain_errors(), secrets_table(place) as keep:
        for kind, item in imported(file.read_bytes(), options):
            if secret := item.pop("secret", None):
                keep(item["id"], secret)
            answer[kind].append(item)
    [result], faults, devices = answer.values()
    if as_json:
        asking.show({"result": result, "faults": faults, "devices": devices}, as_json=True)
    else:
        tell(result, faults, place)
    if faults and not valid_only:
        raise typer.Exit(1)


def imported(content: bytes, options: Mapping[str, Parameter]) -> Iterator[tuple[str, Json]]:
    """What the lines of the answer say, behind a bar that shows the progress: kind and content.

    Raises:
        typer.Exit: it ended without a result; it was said why.
    """
    with asking.asking() as api, bar() as show:
        try:
            with api.stream("POST", "imports", content, **options) as response:
                for text in response.iter_lines():
                    [(kind, item)] = json.loads(text).items()
                    if kind == "problem":
                        raise failed(item)
                    if kind == "progress":
                        show(**item)
                    else:
                        yield kind, item
        except ApiError as error:
            if error.status == 0:
                warn(LOST)
            raise


@contextmanager
def bar() -> Iterator[Callable[..., None]]:
    """A bar on the terminal, and what moves it."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("sending", total=None)

        def show(step: str, done: int, total: int | None) -> None:
            progress.update(task, description=step, completed=done, total=total)

        yield show


@contextmanager
def secrets_table(place: Path) -> Iterator[Callable[[str, str], None]]:
    """A new file, for its owner alone, and what puts a device's secret into it.

    It is made before the import, so that no secret is lost for want of a place, and goes away
    again where there was none.
    """
    try:
        place.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        raise failed(f"{place} is there already: name a new file with --secrets") from error
    try:
        with place.open("w", newline="") as file:
            file.write(HEADER)
            yield lambda device_id, secret: csv.writer(file).writerow((device_id, secret))
    finally:
        if place.stat().st_size == len(HEADER):
            place.unlink()


def tell(result: Mapping[str, Json], faults: list[Json], place: Path) -> None:
    """What became of the file."""
    if faults:
        asking.show_list(faults, ("row", "field", "detail"), as_json=False)
    counts = ", ".join(f"{result[name]:,} {name}" for name in OUTCOMES if result[name])
    asking.say(counts or "nothing to do")
    if place.exists():
        asking.say(f"the secrets are in {place}: nobody can show them again")
    if not result["stored"]:
        warn("nothing was changed")
    if result["different"]:
        warn("devices that differ stay as they are: --update changes them")


def export(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="*.csv or *.json; default: CSV, shown.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    park: Annotated[str | None, typer.Option(help="In this park.")] = None,
    lab: Annotated[str | None, typer.Option(help="In this lab.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model.")] = None,
    stage: Annotated[str | None, typer.Option(help="At this stage.")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
) -> None:
    """Write devices to a file that `device import` takes back.

    Example: technopark device export roofs.csv --tenant sunny --tag roof
    """
    filters = {
        "tenant_id": tenant,
        "park_id": park,
        "lab_id": lab,
        "model_id": model,
        "stage": stage,
        "tag": tag,
        "format": "json" if file and file.suffix == ".json" else "csv",
    }
    with plain_errors(), written(file) as output, asking.asking() as api, bar() as show:
        done = 0
        with api.stream("GET", "exports", b"", **filters) as response:
            for piece in response.iter_bytes():
                output.write(piece)
                done += piece.count(b"\n")
                show("writing", done, None)


@contextmanager
def written(file: Path | None) -> Iterator[IO[bytes]]:
    """Where the bytes go: the file, which is whole or stays as it was, or standard output."""
    if file is None:
        yield sys.stdout.buffer
        return
    part = file.with_name(file.name + ".part")
    try:
        with part.open("wb") as output:
            yield output
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
