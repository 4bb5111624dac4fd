"""`technopark dashboards`: Grafana's dashboards, from code to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboards import rendering

Folder = Annotated[Path, typer.Argument(help="Where the JSON files go.")]


def render(folder: Folder = rendering.FOLDER) -> None:
    """Write the dashboards as JSON files for Grafana's provisioning.

    Example: technopark dashboards render /tmp/dashboards
    """
    for path in rendering.write(folder):
        typer.echo(path)
