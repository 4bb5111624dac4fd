"""Scenarios: a park with labs, tenants and fleets of simulated devices, written in YAML.

What is wrong in one is told with its line, and with what was probably meant. The JSON schema of
``simulators/scenarios/schema.json`` is made of these classes, for editors that complete and check.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from broker.topics import DEVICE_ID, DEVICE_ID_RULE
from simulators.faults import FAULTS
from simulators.kinds import KINDS
from simulators.site import Site

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
FOLDER = resources.files("simulators") / "scenarios"
TENANT_KINDS = Literal["startup", "industry", "university", "community", "government"]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Rate = Annotated[float, Field(ge=0, le=1)]


class ScenarioError(ValueError):
    """A scenario cannot be played; the message says where it is wrong and what was meant."""


class UnknownScenarioError(ScenarioError):
    """There is no scenario, kind or file of that name."""


class Part(BaseModel):
    """What all parts have in common: a field that is not known is probably misspelt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name in data:
                if name not in cls.model_fields:
                    raise unknown("field", str(name), cls.model_fields, key=str(name))
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
                raise unknown("fault", name, FAULTS, key=name)
            if rate > (most := FAULTS[name].most):
                raise PydanticCustomError(
                    "rate", "the rate of {name} can be 0 to {most}",
                    {"name": name, "most": most, "key": name},
                )  # fmt: skip
        return faults

    @model_validator(mode="after")
    def _good_ids(self) -> Self:
        if not DEVICE_ID.fullmatch(self.device_ids()[-1]):
            raise PydanticCustomError(
                "device_id", "ids like {id} are not allowed: {rule}",
                {"id": self.device_ids()[-1], "rule": DEVICE_ID_RULE, "key": "prefix"},
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
            raise PydanticCustomError("park", "labs need a park", {"key": "labs"})
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


def of_kinds(
    kinds: Sequence[str], devices: int, *, tenant: str, prefix: str | None, lab: str | None
) -> Scenario:
    """Devices of some kinds without a file: as many of each, in a tenant."""
    counts = [len(range(index, devices, len(kinds))) for index in range(len(kinds))]
    fleets = [
        {
            "kind": kind, "count": count, "tenant": tenant, "interval": 1.0,
            "prefix": f"{prefix or tenant}-{kind}",
        }
        for kind, count in zip(kinds, counts, strict=True)
        if count
    ]  # fmt: skip
    content = {
        "name": "devices", "description": "Devices of some kinds",
        "tenants": [{"id": tenant, "name": tenant}], "fleets": fleets,
    }  # fmt: skip
    made = validated(content, None, "the options")
    if lab is None:
        return made
    # A lab that is there already belongs to a park that nobody has to name here.
    fleets_there = tuple(fleet.model_copy(update={"lab": lab}) for fleet in made.fleets)
    return made.model_copy(update={"fleets": fleets_there})


def provided() -> dict[str, str]:
    """The scenarios that come with the platform: description by name."""
    return {name: load(name).description for name in provided_names()}


def provided_names() -> list[str]:
    """The names of the scenarios that come with the platform."""
    files = (file.name for file in FOLDER.iterdir())
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


def load(name: str) -> Scenario:
    """A scenario that comes with the platform, or that of a file.

    Raises:
        ScenarioError: there is none, or something is wrong in it.
    """
    if name in provided_names():
        return parse((FOLDER / f"{name}.yaml").read_text("utf-8"), f"{name}.yaml")
    try:
        text = Path(name).read_text("utf-8")
    except FileNotFoundError as error:
        known = [*provided_names(), *KINDS]
        raise UnknownScenarioError(
            f"there is no scenario, kind or file {name!r}{meant(name, known)}. Scenarios: "
            f"{', '.join(provided_names())}. Kinds: {', '.join(KINDS)}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"cannot read {name}: {error}") from error
    return parse(text, name)


def parse(text: str, where: str) -> Scenario:
    """The scenario that a YAML document describes.

    Args:
        text: the document.
        where: what it is called in errors.

    Raises:
        ScenarioError: it is no YAML, or no scenario: every mistake is named with its line.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        content = loader.construct_document(root) if root else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ScenarioError(f"{where}{line}: this is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{where}: this is no YAML: {error}") from error
    finally:
        loader.dispose()
    if root is None or not isinstance(content, dict):
        raise ScenarioError(f"{where} is no scenario: it has no fields like `fleets:`")
    require_single_keys(root, where)
    return validated(content, root, where)


def validated(content: Mapping[str, Any], root: yaml.Node | None, where: str) -> Scenario:
    """The scenario of plain data.

    Raises:
        ScenarioError: it is none.
    """
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        raise ScenarioError("\n".join(map_errors(error, root, where))) from None


def map_errors(error: ValidationError, root: yaml.Node | None, where: str) -> Iterable[str]:
    """A sentence for each mistake, with the line where it stands."""
    mistakes = error.errors(include_url=False)
    for found in mistakes:
        # A list is also said to be too short where its items are wrong.
        inside = [other for other in mistakes if other["loc"][: len(found["loc"])] == found["loc"]]
        if found["type"] == "too_short" and len(inside) > 1:
            continue
        context = found.get("ctx", {})
        path = [*found["loc"], *context.get("path", ())]
        if "key" in context:
            path.append(context["key"])
        line = f", line {line_of(root, path)}" if root is not None else ""
        name = ".".join(str(step) for step in path)
        yield f"{where}{line}: {f'{name}: ' if name else ''}{sentence(found)}"


def sentence(found: Mapping[str, Any]) -> str:
    """What is wrong, in our words where pydantic's are a programmer's."""
    if found["type"] == "missing":
        return "is missing"
    text = str(found["msg"])
    if found["type"] in ("string_pattern_mismatch",):
        text = "small letters, digits and '-' only, at least 2, not '-' at the beginning"
    given = found.get("input")
    if isinstance(given, str | int | float):
        return f"{given!r}: {text[0].lower()}{text[1:]}"
    return text[0].lower() + text[1:]


def line_of(root: yaml.Node, path: Sequence[str | int]) -> int:
    """The line of what a path leads to; where it leads nowhere, of the last thing on the way."""
    node, line = root, root.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    node, line = value, key.start_mark.line + 1
                    break
        elif isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def require_single_keys(node: yaml.Node, where: str) -> None:
    """Raise ScenarioError where a mapping says something twice: YAML keeps the last in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ScenarioError(f"{where}, line {line}: {key.value} is there twice")
            seen.add(key.value)
            require_single_keys(value, where)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            require_single_keys(value, where)


def unknown(
    what: str, name: str, known: Iterable[str], *path: str | int, key: str | None = None
) -> PydanticCustomError:
    """The error of a name that is not known, with what was probably meant."""
    context: dict[str, Any] = {"what": what, "name": name, "meant": meant(name, known)}
    if path:
        context["path"] = path
    if key is not None:
        context["key"] = key
    return PydanticCustomError("unknown", "there is no {what} {name}{meant}", context)


def meant(name: str, known: Iterable[str]) -> str:
    """``: did you mean …?`` where a known name is near, else which there are if they are few."""
    names = sorted(known)
    if near := difflib.get_close_matches(name, names, 1):
        return f": did you mean {near[0]}?"
    return f": there are {', '.join(names)}" if 0 < len(names) <= 20 else ""


def schema() -> str:
    """The JSON schema of scenario files."""
    return json.dumps({"$schema": SCHEMA_ID, **Scenario.model_json_schema()}, indent=2) + "\n"
