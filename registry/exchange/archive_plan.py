"""What an archive's devices and models become here: their new ids, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from broker.topics import DEVICE_ID, DEVICE_ID_RULE
from registry.exchange.archive_format import DEVICES, MODELS
from registry.exchange.archive_reading import ArchiveFile, refused
from registry.exchange.lines import Clash
from registry.http.fields import (
    DeviceId,
    Latitude,
    Longitude,
    Metadata,
    Name,
    Quota,
    Slug,
    Tags,
    Text,
)
from registry.models import Metric
from registry.ownership.stages import Stage
from storage import archives
from storage.archives import Connection
from storage.rows import Row

MODELS_BYTES = 64 << 20
DEVICE_BYTES = 1 << 20
PORTION = 1000
TAKEN = "this id is taken here: import with a prefix, which is put before all ids"
OURS = "the tenant has one of this id: is it the same? Then import with `merge`, else with a prefix"


class Lab(BaseModel):
    """A lab by its names."""

    id: str
    name: str


class ArchivedModel(BaseModel):
    """A model as the archive has it."""

    id: Slug
    platform: bool
    name: Name
    description: Text
    metrics: list[Metric]


class ArchivedDevice(BaseModel):
    """A device as the archive has it; one that is another's now has only its id and its times."""

    id: DeviceId
    owned: bool
    held: Annotated[list[tuple[datetime | None, datetime | None]], Field(min_length=1)]
    name: Name | None = None
    model: Slug | None = None
    lab: Lab | None = None
    stage: Stage = "retired"
    tags: Tags = []
    metadata: Metadata = {}
    attributes: dict[str, Any] = {}
    bookable: bool = False
    values_per_second: Quota | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    created_at: datetime | None = None
    retired_at: datetime | None = None


@dataclass
class Plan:
    """What is to be made of an archive in a tenant.

    Attributes:
        tenant_id: whose it will be.
        prefix: before the ids of devices and of the tenant's models.
        known: whether devices of the tenant with the same ids are the same devices.
        models: id in the archive to id here.
        new_models: those to be added.
        devices: id in the archive to id here.
        clashes: what stands in the way.
    """

    tenant_id: str
    prefix: str
    known: bool
    models: dict[str, str] = field(default_factory=dict)
    new_models: list[Row] = field(default_factory=list)
    devices: dict[str, str] = field(default_factory=dict)
    clashes: list[Clash] = field(default_factory=list)

    def look_at_models(self, connection: Connection, archive: ArchiveFile) -> None:
        """Find out which models are here, and which of them are in the way."""
        models = archived_models(archive)
        ids = [each.id for each in models] + [self.prefix + each.id for each in models]
        there = archives.models_there(connection, self.tenant_id, ids)
        for model in models:
            metrics = [metric.model_dump() for metric in model.metrics]
            same = there.get(model.id)
            if model.platform and same and same["platform"] and same["metrics"] == metrics:
                self.models[model.id] = model.id
                continue
            new_id = self.models[model.id] = self.prefix + model.id
            if new_id not in there:
                row = {"id": new_id, "name": model.name, "description": model.description}
                self.new_models.append({**row, "metrics": metrics})
                self._require_length("model", new_id)
            elif not (there[new_id]["own"] and self.known):
                self._clash("model", new_id, own=there[new_id]["own"])

    def look_at_devices(self, connection: Connection, archive: ArchiveFile) -> None:
        """Find out which devices are here, and which of them are in the way."""
        for portion in portions(archive):
            ids = {device.id: self.prefix + device.id for device in portion}
            there = archives.devices_there(connection, self.tenant_id, ids.values())
            for new_id in ids.values():
                if new_id in there and not (there[new_id] and self.known):
                    self._clash("device", new_id, own=there[new_id])
                elif not DEVICE_ID.fullmatch(new_id):
                    self.clashes.append(Clash(kind="device", id=new_id, detail=DEVICE_ID_RULE))
            self.devices |= ids

    def _clash(self, kind: Any, new_id: str, *, own: bool) -> None:
        self.clashes.append(Clash(kind=kind, id=new_id, detail=OURS if own else TAKEN))

    def _require_length(self, kind: Any, new_id: str) -> None:
        if len(new_id) > 63:
            self.clashes.append(Clash(kind=kind, id=new_id, detail="longer than 63 characters"))

    def row(self, device: ArchivedDevice) -> Row:
        """A device as it is added here. One that was given away is kept as a retired one."""
        fields = device.model_dump(mode="json", exclude={"owned"})
        new_id = self.devices[device.id]
        if device.model is not None and device.model not in self.models:
            raise refused(f"the device {device.id} has a model that the archive does not have")
        retired_at = fields["retired_at"] or fields["held"][-1][1] or fields["created_at"] or "now"
        return {
            **fields,
            "id": new_id,
            "name": device.name or new_id,
            "model": device.model and self.models[device.model],
            "created_at": fields["created_at"] or "now",
            "retired_at": retired_at if device.stage == "retired" else None,
        }


def archived_models(archive: ArchiveFile) -> list[ArchivedModel]:
    """The models of the archive."""
    try:
        adapter = TypeAdapter(list[ArchivedModel])
        return adapter.validate_json(archive.read(MODELS, MODELS_BYTES))
    except ValidationError as error:
        raise refused(f"{MODELS}: {sentence(error)}") from error


def archived_devices(archive: ArchiveFile) -> Iterator[ArchivedDevice]:
    """The devices of the archive."""
    for number, line in enumerate(archive.text_lines(DEVICES, DEVICE_BYTES), 1):
        try:
            yield ArchivedDevice.model_validate_json(line)
        except ValidationError as error:
            raise refused(f"{DEVICES}, line {number}: {sentence(error)}") from error


def portions(archive: ArchiveFile) -> Iterator[list[ArchivedDevice]]:
    """The devices, some at a time."""
    portion: list[ArchivedDevice] = []
    for device in archived_devices(archive):
        portion.append(device)
        if len(portion) == PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def sentence(error: ValidationError) -> str:
    """The first thing that is wrong."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
