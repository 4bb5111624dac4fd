"""What the commands that ask the API share: address and token, tables and JSON, errors."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.api import Api, ApiError, Json
from cli.failure import failed
from stack.errors import StackError
from stack.settings import Settings, load

# How the API writes a time.
MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Quota = Annotated[
    str | None,
    typer.Option(
        "--values-per-second", help="At most so many values, on average; empty for no quota."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether you are sure.")]


def settings() -> Settings:
    """The settings of the environment.

    Raises:
        typer.Exit: one of them is of no use; it was said which.
    """
    try:
        return load({})
    except StackError as error:
        raise failed(str(error)) from error


def token_file() -> Path:
    """Where `technopark login` keeps the token."""
    return settings().home / "token"


def api_url() -> str:
    """Where the API is: what the environment says, else this machine's own."""
    return os.environ.get("TECHNOPARK_API_URL") or settings().api_url


def token() -> str:
    """The person's token.

    Raises:
        typer.Exit: there is none; it was said what to do.
    """
    if given := os.environ.get("TECHNOPARK_TOKEN"):
        return given
    try:
        return token_file().read_text().strip()
    except FileNotFoundError as error:
        raise failed("set TECHNOPARK_TOKEN, or keep a token with `technopark login`") from error


@contextmanager
def asking(own_token: str | None = None) -> Iterator[Api]:
    """The API in the person's name; a refusal becomes one sentence and exit status 1.

    Args:
        own_token: instead of the token that is kept; empty to ask in nobody's name.
    """
    text = token() if own_token is None else own_token
    if not text.isascii() or not text.isprintable() or " " in text:
        raise failed("this is no token: one begins with tpa_ and has 43 characters more")
    try:
        with Api(api_url(), text) as api:
            yield api
    except ApiError as error:
        raise failed(str(error)) from error


def reach() -> tuple[str, int]:
    """Host and port of the broker as seen from here, for lines to copy."""
    return httpx.URL(api_url()).host or "127.0.0.1", settings().mqtt_port


def say(text: str) -> None:
    """One line for a person."""
    typer.echo(text)


def show(item: Mapping[str, Json], *, as_json: bool) -> None:
    """One thing: a field a line, those without a value left out."""
    if as_json:
        typer.echo(json.dumps(item, ensure_ascii=False, indent=2))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in item.items():
        if value not in (None, [], {}):
            table.add_row(Text(name.replace("_", " "), style="dim"), cell(value))
    Console().print(table)


def show_list(
    items: Iterable[Mapping[str, Json]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Many things: a table of some of their fields, or all of it as a JSON list."""
    rows = list(items)
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # An id is copied: it stays in one piece.
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*(cell(row[column]) for column in columns))
    Console().print(table)


def cell(value: Json) -> Text:
    """A value as people read it; never as markup."""
    if value is None:
        return Text("")
    if isinstance(value, str):
        return Text(moment(value))
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return Text(", ".join(value))
    return Text(json.dumps(value, ensure_ascii=False))


def moment(text: str) -> str:
    """A time of the API in UTC, to the second; any other text as it is."""
    return MOMENT.sub(r"\1 \2 UTC", text)


def parsed(text: str, option: str) -> Json:
    """JSON that was typed.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"this is no JSON: {error}", param_hint=option) from error


def refuse(constant: str) -> None:
    """Raise for what Python takes for JSON beside JSON itself: NaN and Infinity."""
    raise ValueError(f"{constant} is no number of JSON")


def number(text: str | None, option: str) -> float | str | None:
    """A number that was typed; an empty text, which stands for "none", stays what it is.

    Raises:
        typer.BadParameter: it is no number.
    """
    if not text:
        return text
    try:
        read = float(text)
    except ValueError:
        read = math.nan
    if not math.isfinite(read):
        raise typer.BadParameter(f"{text!r} is no number: give one such as 0.5", param_hint=option)
    return read


def given(**fields: Json) -> dict[str, Json]:
    """The fields that were typed; an empty text stands for "none"."""
    return {
        name: None if value == "" else value
        for name, value in fields.items()
        if value is not None and value != []
    }
