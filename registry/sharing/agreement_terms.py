"""What agreements say: the bodies and the answers of their routes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from registry.http.fields import (
    Answer,
    Body,
    Day,
    DeviceId,
    Email,
    MetricName,
    Slug,
    Tags,
    Text,
    distinct,
    example,
    unset,
)
from registry.http.pages import PageQuery

State = Literal[
    "offered", "accepted", "running", "ending", "ended", "refused", "withdrawn", "revoked"
]
# Why a last day is refused.
OVER = "this day is over: give today or a later one"
READERS = ("reader_tenant_id", "reader_park_id", "reader_email")
DeviceIds = Annotated[
    list[DeviceId], Field(min_length=1, max_length=1000), AfterValidator(distinct)
]
ModelIds = Annotated[list[Slug], Field(min_length=1, max_length=100), AfterValidator(distinct)]
SomeTags = Annotated[Tags, Field(min_length=1)]
Metrics = Annotated[list[MetricName], Field(min_length=1, max_length=500), AfterValidator(distinct)]

TERMS: dict[str, Any] = {
    "device_ids": None,
    "tags": ["roof"],
    "model_ids": None,
    "metrics": ["dc_power"],
    "include_metadata": False,
    "message": "for the study of soiling",
    "first_day": "2026-03-01",
    "last_day": "2026-12-31",
    "history_from": "2026-01-01",
}
SIDES: dict[str, Any] = {
    "tenant_id": "sunny",
    "reader_tenant_id": "itb",
    "reader_park_id": None,
    "reader_email": None,
}


class NewAgreement(Body):
    """An offer to one reader: a tenant, a park, or the person who has an e-mail address.

    It is about the devices that are named, have one of the tags or are of one of the models; where
    all three are null, about every device. Without ``metrics`` it is about all of them. Days are
    those of the tenant's home park, the last one included; the first is today if it is left out.
    Readings are shown from the first day on, or from ``history_from``.
    """

    model_config = example(**SIDES, **TERMS)
    tenant_id: Slug
    reader_tenant_id: Slug | None = None
    reader_park_id: Slug | None = None
    reader_email: Email | None = None
    device_ids: DeviceIds | None = None
    tags: SomeTags | None = None
    model_ids: ModelIds | None = None
    metrics: Metrics | None = None
    include_metadata: bool = False
    message: Text = ""
    first_day: Day | None = None
    last_day: Day
    history_from: Day | None = None

    @model_validator(mode="after")
    def has_one_reader(self) -> Self:
        """Refuse an offer to nobody, to several, or to oneself."""
        if sum(getattr(self, reader) is not None for reader in READERS) != 1:
            raise ValueError(f"give one of {', '.join(READERS)}")
        if self.reader_tenant_id == self.tenant_id:
            raise ValueError("the reader is another than the tenant itself")
        return self


class AgreementChanges(Body):
    """What is to be another; the rest stays. Only while it is offered."""

    model_config = example(last_day="2027-06-30", metrics=None)
    device_ids: DeviceIds | None = None
    tags: SomeTags | None = None
    model_ids: ModelIds | None = None
    metrics: Metrics | None = None
    include_metadata: bool = unset()
    message: Text = unset()
    first_day: Day = unset()
    last_day: Day = unset()
    history_from: Day = unset()


class Agreement(Answer):
    """An agreement and its state at this moment.

    ``warning`` is null, but for the last 30 days of an agreement.
    """

    model_config = example(
        id=3,
        **SIDES,
        **TERMS,
        state="ending",
        warning="ends in 6 days: its last day is 2026-12-31",
        starts_at="2026-02-28T17:00:00Z",
        ends_at="2026-12-31T17:00:00Z",
        created_at="2026-02-20T08:00:00Z",
        decided_at="2026-02-21T09:30:00Z",
    )
    id: int
    tenant_id: str
    reader_tenant_id: str | None
    reader_park_id: str | None
    reader_email: str | None
    device_ids: list[str] | None
    tags: list[str] | None
    model_ids: list[str] | None
    metrics: list[str] | None
    include_metadata: bool
    message: str
    first_day: date
    last_day: date
    history_from: date
    state: State
    warning: str | None
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    decided_at: datetime | None


class AgreementQuery(PageQuery):
    """Which agreements."""

    tenant_id: Slug | None = None
    reader_tenant_id: Slug | None = None
    reader_park_id: Slug | None = None
    state: State | None = None
