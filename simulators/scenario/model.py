"""What a scenario is made of. The JSON schema of scenario files is made of these classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from broker.topics import DEVICE_ID, DEVICE_ID_RULE
from simulators.faults import FAULTS
from simulators.kinds import KINDS
from simulators.scenario.mistakes import unknown
from simulators.site import Site

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
TENANT_KINDS = Literal["startup", "industry", "university", "community", "government"]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Rate = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """What all parts have in common: a field that is not known is probably misspelt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name in data:
                if name not in cls.model_fields:
                    raise unknown("field", str(name), cls.model_fields, str(name))
        return data


class Park(Part):
    """The park: where it is decides about sun, weather and the time of day."""

    id: Slug
    name: Name
    time_zone: str = Field("Asia/Jakarta", description="as in the IANA time zone database")
    latitude: float = Field(-6.87, ge=-90, le=90, description="degrees, north is positive")
    longitude: float = Field(107.54, ge=-180, le=180, description="degrees, east is positive")
    altitude: float = Field(0, ge=-500, le=6000, description="metres above the sea")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in (zones := available_timezones()):
            raise unknown("time zone", name, zones)
        return name

    @property
    def site(self) -> Site:
        """Where it is."""
        return Site(self.latitude, self.longitude, ZoneInfo(self.time_zone), altitude=self.altitude)


class Lab(Part):
    """A room or a rig of the park."""

    id: Slug
    name: Name


class Tenant(Part):
    """An organisation that owns devices; the park is its home unless it is virtual."""

    id: Slug
    name: Name
    kind: TENANT_KINDS = "startup"
    virtual: bool = Field(False, description="whether it has no desk in the park")


class FleetPlan(Part):
    """Devices of one kind."""

    kind: str = Field(json_schema_extra={"enum": list[JsonValue](sorted(KINDS))})
    count: int = Field(ge=1, le=1_000_000, description="how many devices")
    tenant: Slug = Field(description="id of the tenant that owns them")
    lab: Slug | None = Field(None, description="id of the lab in which they stand")
    prefix: str | None = Field(None, description="of device ids; default: the tenant and the kind")
    interval: float | None = Field(
        None, ge=0.01, le=86_400, description="seconds between readings; default: the kind's"
    )
    waveform: float = Field(
        0, ge=0, le=10, description="seconds of fast samples that go with each reading"
    )
    faults: dict[str, Rate] = Field(
        default_factory=dict,
        description="what goes wrong, and how often",
        json_schema_extra={"propertyNames": {"enum": list[JsonValue](sorted(FAULTS))}},
    )

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            raise unknown("kind", kind, KINDS)
        return kind

    @field_validator("faults")
    @classmethod
    def _known_faults(cls, faults: dict[str, float]) -> dict[str, float]:
        for name, rate in faults.items():
            if name not in FAULTS:
                raise unknown("fault", name, FAULTS, name)
            if rate > (most := FAULTS[name].most):
                raise PydanticCustomError(
                    "rate", "the rate of {name} can be 0 to {most}",
                    {"name": name, "most": most, "path": [name]},
                )  # fmt: skip
        return faults

    @model_validator(mode="after")
    def _good_ids(self) -> Self:
        if not DEVICE_ID.fullmatch(self.device_ids()[-1]):
            raise PydanticCustomError(
                "device_id", "ids like {id} are not allowed: {rule}",
                {"id": self.device_ids()[-1], "rule": DEVICE_ID_RULE, "path": ["prefix"]},
            )  # fmt: skip
        return self

    @property
    def seconds(self) -> float:
        """Between two readings of a device."""
        return float(self.interval or KINDS[self.kind].interval)

    def device_ids(self) -> list[str]:
        """Ids like ``demo-pv-inverter-01``."""
        prefix = self.prefix or f"{self.tenant}-{self.kind}"
        width = max(2, len(str(self.count)))
        return [f"{prefix}-{number:0{width}}" for number in range(1, self.count + 1)]


class Scenario(Part):
    """Everything that is played together."""

    name: Slug
    description: Name
    park: Park | None = None
    labs: Annotated[tuple[Lab, ...], Field(description="of the park")] = ()
    tenants: Annotated[tuple[Tenant, ...], Field(min_length=1)]
    fleets: Annotated[tuple[FleetPlan, ...], Field(min_length=1)]
    blackout_seconds: float | None = Field(
        None, ge=5, description="so often all devices lose their connection at once"
    )
    logins_at_once: int = Field(64, ge=1, le=10_000, description="connections that begin together")
    keep_alive: int = Field(60, ge=5, le=3600, description="seconds, as in MQTT")

    @model_validator(mode="after")
    def _named_things_are_there(self) -> Self:
        tenants, labs = {t.id for t in self.tenants}, {lab.id for lab in self.labs}
        if self.labs and self.park is None:
            raise PydanticCustomError("park", "labs need a park", {"path": ["labs"]})
        for index, fleet in enumerate(self.fleets):
            if fleet.tenant not in tenants:
                raise unknown("tenant", fleet.tenant, tenants, "fleets", index, "tenant")
            if fleet.lab is not None and fleet.lab not in labs:
                raise unknown("lab", fleet.lab, labs, "fleets", index, "lab")
        seen: set[str] = set()
        for index, fleet in enumerate(self.fleets):
            if seen & set(ids := fleet.device_ids()):
                raise PydanticCustomError(
                    "device_id", "has the same device ids as a fleet before: give it a prefix",
                    {"path": ["fleets", index]},
                )  # fmt: skip
            seen.update(ids)
        return self

    @property
    def devices(self) -> int:
        """How many there are in all fleets."""
        return sum(fleet.count for fleet in self.fleets)

    @property
    def rate(self) -> float:
        """Messages a second of all fleets."""
        return sum(fleet.count / fleet.seconds for fleet in self.fleets)

    def scaled(self, devices: int | None, interval: float | None, rate: float | None) -> Scenario:
        """The same with other numbers.

        Args:
            devices: how many in all fleets; they keep their shares.
            interval: seconds between the readings of every device.
            rate: messages a second of all fleets; the intervals keep their proportions.
        """
        fleets = list(self.fleets)
        if devices is not None:
            shares = shared(devices, [fleet.count for fleet in fleets])
            fleets = [
                fleet.model_copy(update={"count": share})
                for fleet, share in zip(fleets, shares, strict=True)
                if share
            ]
        if rate is not None:
            factor = sum(fleet.count / fleet.seconds for fleet in fleets) / rate
            fleets = [f.model_copy(update={"interval": f.seconds * factor}) for f in fleets]
        elif interval is not None:
            fleets = [fleet.model_copy(update={"interval": interval}) for fleet in fleets]
        return self.model_copy(update={"fleets": tuple(fleets)})


def shared(total: int, weights: Sequence[int]) -> list[int]:
    """A number in whole parts as near to the weights as can be (largest remainders)."""
    exact = [total * weight / sum(weights) for weight in weights]
    parts = [int(share) for share in exact]
    by_rest = sorted(range(len(parts)), key=lambda i: parts[i] - exact[i])
    for index in by_rest[: total - sum(parts)]:
        parts[index] += 1
    return parts


def schema() -> str:
    """The JSON schema of scenario files."""
    return json.dumps({"$schema": SCHEMA_ID, **Scenario.model_json_schema()}, indent=2) + "\n"
