"""`technopark model …`: types of devices, and what their values have to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from cli import asking
from cli.api import Json, path
from cli.asking import AsJson
from cli.audit import history_of
from cli.organisations import Id, Name, OfTenant

app = typer.Typer(help="Types of devices.", no_args_is_help=True)
app.command("history")(history_of("model", "pv-inverter"))

Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        help='A metric as JSON: {"metric": "power", "kind": "number", "unit": "kW", "minimum": 0, '
        '"maximum": 12, "out_of_range": "reject", "expected_interval_seconds": 10}; all but the '
        "name may be left out.",
    ),
]


def read(texts: Sequence[str] | None) -> list[dict[str, Json]]:
    """The metrics that were typed.

    Raises:
        typer.BadParameter: one is no JSON object.
    """
    metrics = [asking.parsed(text, "--metric") for text in texts or []]
    if not all(isinstance(metric, dict) for metric in metrics):
        raise typer.BadParameter(
            'a metric is an object like {"metric": "power"}', param_hint="--metric"
        )
    return metrics


@app.command("add")
def add(
    model_id: Id,
    name: Name,
    tenant_id: OfTenant = None,
    metric: Metrics = None,
    description: Annotated[str, typer.Option(help="A few words.")] = "",
) -> None:
    r"""Add a model with the metrics that its devices send.

    Example: technopark model add pv "PV inverter" --metric '{"metric": "power", "unit": "kW"}'
    """
    body = {"id": model_id, "name": name, "tenant_id": tenant_id, "metrics": read(metric)}
    with asking.asking() as api:
        asking.show(api.post("models", {**body, "description": description}), as_json=False)


@app.command("list")
def list_(tenant_id: OfTenant = None, as_json: AsJson = False) -> None:
    """List models.

    Example: technopark model list
    """
    with asking.asking() as api:
        models = api.list_models(tenant_id=tenant_id)
        asking.show_list(models, ("id", "name", "tenant_id", "description"), as_json=as_json)


@app.command("show")
def show(model_id: Id, as_json: AsJson = False) -> None:
    """Show a model with its metrics.

    Example: technopark model show pv-inverter --json
    """
    with asking.asking() as api:
        asking.show(api.show_model(model_id), as_json=as_json)


@app.command("set")
def set_(
    model_id: Id,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    metric: Metrics = None,
    description: Annotated[str | None, typer.Option(help="A few words.")] = None,
) -> None:
    r"""Change a model; a metric that it has already is replaced, the others stay.

    Example: technopark model set pv --metric '{"metric": "power", "unit": "kW", "maximum": 12}'
    """
    changes: dict[str, Json] = {} if name is None else {"name": name}
    if description is not None:
        changes["description"] = description
    metrics = {str(each.get("metric")): each for each in read(metric)}
    if not changes and not metrics:
        raise typer.BadParameter("name what is to be another, for example --description")
    with asking.asking() as api:
        if metrics:
            known = {each["metric"]: each for each in api.show_model(model_id)["metrics"]}
            changes["metrics"] = list({**known, **metrics}.values())
        asking.show(api.patch(path("models", model_id), changes), as_json=False)
