"""Models: the types of devices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query, status
from pydantic import AfterValidator, Field, model_validator

from registry.access import (
    Database,
    ManagedModel,
    Person,
    ReadableModel,
    SignedIn,
    readable_model,
)
from registry.http.etags import unless_changed
from registry.http.fields import (
    Answer,
    Body,
    Finite,
    Interval,
    MetricName,
    Name,
    Slug,
    Text,
    Unit,
    example,
    unset,
)
from registry.http.idempotency import Once
from registry.http.pages import Page, SearchQuery, by_id
from registry.http.problems import ForbiddenError, no_such
from storage import models, tenants
from storage.rows import Connection, Row

router = APIRouter(prefix="/models", tags=["models"], route_class=Once)

MetricKind = Literal["number", "boolean", "text", "object"]
OutOfRange = Literal["flag", "reject"]
METRICS: list[dict[str, Any]] = [
    {
        "metric": "dc_power",
        "kind": "number",
        "unit": "kW",
        "minimum": 0.0,
        "maximum": 12.0,
        "out_of_range": "flag",
        "expected_interval_seconds": 10.0,
    }
]
MODEL: dict[str, Any] = {
    "id": "pv-inverter",
    "tenant_id": None,
    "name": "PV inverter",
    "description": "A three-phase string inverter",
    "metrics": METRICS,
}


class Metric(Body):
    """A quantity that devices of the model send, with its plausible range.

    A number outside the range is stored and flagged, or rejected.
    """

    model_config = example(**METRICS[0])
    metric: MetricName
    kind: MetricKind = "number"
    unit: Unit | None = None
    minimum: Finite | None = None
    maximum: Finite | None = None
    out_of_range: OutOfRange = "flag"
    expected_interval_seconds: Interval | None = None

    @model_validator(mode="after")
    def range_is_one(self) -> Self:
        """Refuse a range that holds nothing."""
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("the minimum is above the maximum")
        return self

    @model_validator(mode="after")
    def rejects_something(self) -> Self:
        """Refuse a rule that would never do anything."""
        bounded = self.minimum is not None or self.maximum is not None
        if self.out_of_range == "reject" and not (bounded and self.kind == "number"):
            raise ValueError(
                "out_of_range 'reject' is for numbers: give a minimum or a maximum as well"
            )
        return self


def named_once(metrics: list[Metric]) -> list[Metric]:
    """Refuse two metrics of one name."""
    if len({metric.metric for metric in metrics}) != len(metrics):
        raise ValueError("each metric at most once")
    return metrics


Metrics = Annotated[list[Metric], Field(max_length=500), AfterValidator(named_once)]


class NewModel(Body):
    """A type of device; without a tenant it is offered to everybody."""

    model_config = example(**MODEL)
    id: Slug
    tenant_id: Slug | None = None
    name: Name
    description: Text = ""
    metrics: Metrics = Field(default_factory=list)


class ModelChanges(Body):
    """What is to be another; the rest stays. A list of metrics replaces the whole list."""

    model_config = example(description="A three-phase string inverter, 12 kW", metrics=METRICS)
    name: Name = unset()
    description: Text = unset()
    metrics: Metrics = unset()


class Model(Answer):
    """A type of device with the metrics that it sends."""

    model_config = example(**MODEL, created_at="2026-03-01T09:00:00Z")
    id: str
    tenant_id: str | None
    name: str
    description: str
    metrics: list[Metric]
    created_at: datetime


class ModelQuery(SearchQuery):
    """Which models."""

    tenant_id: Slug | None = None


async def require_maker(connection: Connection, person: Person, tenant_id: str | None) -> None:
    """Return only if the person may make models for the tenant; None is the platform."""
    if tenant_id is None:
        if not person.may("model.change", {}):
            raise ForbiddenError("name your tenant: only administrators offer models to everybody")
        return
    tenant = await tenants.tenant(connection, person.reach("tenant.read"), tenant_id)
    if tenant is None:
        raise no_such("tenant_id", "tenant")
    person.require("model.change", {**tenant, "tenant_id": tenant_id})


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Model)
async def create_model(body: NewModel, connection: Database, person: SignedIn) -> Row:
    """Add a model."""
    await require_maker(connection, person, body.tenant_id)
    return await models.create_model(connection, body.model_dump())


@router.get("", response_model=Page[Model])
async def list_models(
    query: Annotated[ModelQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the platform's models and those of tenants that you may see."""
    rows = await models.models(
        connection,
        person.reach("model.read"),
        query.tenant_id,
        query.q,
        query.after(str),
        query.limit + 1,
    )
    return query.page(rows, by_id)


@router.get("/{model_id}", response_model=Model)
async def show_model(model: ReadableModel) -> Row:
    """Show a model."""
    return model


@router.patch(
    "/{model_id}",
    response_model=Model,
    dependencies=[unless_changed("models", readable_model, Model)],
)
async def change_model(
    body: ModelChanges, model: ManagedModel, connection: Database, person: SignedIn
) -> Row:
    """Change a model."""
    await models.change_model(connection, model["id"], body.changes())
    return await readable_model(model["id"], connection, person)
