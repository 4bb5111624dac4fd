"""The work of an import: look at every row, then store them all with a few statements."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Rollback
from pydantic import ValidationError

from broker.passwords import hash_secret, new_secret
from registry.access import Person
from registry.devices import plain_id
from registry.enrolment.device_file import FileRow
from registry.enrolment.import_answer import Fault, ImportedDevice, ImportOptions, Outcome, Result
from registry.http.fields import (
    Body,
    DeviceId,
    Latitude,
    Longitude,
    Metadata,
    Name,
    Quota,
    Slug,
    Tags,
    unset,
)
from registry.http.problems import sentence_of
from registry.ownership.stages import MOVES, Stage
from storage import imports
from storage.imports import DeviceRow
from storage.rows import Connection, Row

NO_TENANT = "there is no such tenant, or none whose devices you may add to"
TAKEN = "this device id is taken: choose another"
# By the names that storage gives them.
FAULTS = {
    "tenant": ("tenant_id", NO_TENANT),
    "model": ("model_id", "there is no such model: `technopark model list` has them"),
    "lab": ("lab_id", "there is no such lab: `technopark lab list` has them"),
    "nameless": ("name", "a new device needs a name"),
    "retiring": ("stage", "an import retires no device: `technopark device retire` does"),
    "retired": ("stage", "this device is retired, and stays so"),
    "moving": ("stage", "a device goes one step at a time: prototype, pilot, production"),
}


class RowFields(Body):
    """The fields of a row; what it lacks stays as it is, or is the default of a new device."""

    id: DeviceId = unset()
    tenant_id: Slug = unset()
    name: Name = unset()
    model_id: Slug | None = None
    lab_id: Slug | None = None
    stage: Stage = unset()
    tags: Tags = unset()
    metadata: Metadata = unset()
    values_per_second: Quota | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


@dataclass
class Import:
    """An import, from the rows of its file to what became of them.

    Attributes:
        person: who asks.
        options: how.
        rows: of the file.
        sound: the rows that are good by themselves, by device id.
        faults: what is wrong with the others.
        reissued: how many devices got a new secret that had one before.
        stored: whether anything may have changed.
    """

    person: Person
    options: ImportOptions
    rows: Sequence[FileRow]
    sound: dict[str, DeviceRow] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    reissued: int = 0
    stored: bool = False

    def check(self, rows: Iterable[FileRow]) -> None:
        """Accept the rows that are sound by themselves, and tell what is wrong with the others."""
        for row in rows:
            known = len(self.faults)
            given = self._fields(row)
            if len(self.faults) == known:
                self._accept(row.number, given)

    def _fields(self, row: FileRow) -> dict[str, Any]:
        for name, sentence in row.faults:
            self._blame(row.number, name, sentence)
        try:
            return RowFields.model_validate(row.fields).changes()
        except ValidationError as error:
            for problem in error.errors():
                name = ".".join(map(str, problem["loc"]))
                self._blame(row.number, name, sentence_of(problem))
            return {}

    def _accept(self, number: int, given: dict[str, Any]) -> None:
        tenant_id = given.pop("tenant_id", self.options.tenant_id)
        if tenant_id is None:
            self._blame(number, "tenant_id", "name the tenant here, or for all rows with the file")
        elif not self.person.may("device.change", {"tenant_id": tenant_id}):
            self._blame(number, "tenant_id", NO_TENANT)
        elif not (device_id := given.pop("id", None) or plain_id(tenant_id, given.get("name", ""))):
            self._blame(number, "id", "give an id, or a name of which one can be made")
        elif device_id in self.sound:
            other = self.sound[device_id].number
            self._blame(number, "id", f"row {other} has this id already, {device_id}")
        else:
            self.sound[device_id] = DeviceRow(number, device_id, tenant_id, given)

    def _blame(self, row: int, name: str, sentence: str) -> None:
        self.faults.append(Fault(row=row, field=name or None, detail=sentence))

    async def store(self, connection: Connection) -> list[ImportedDevice]:
        """Store the sound rows: all that there are, or as many as are left.

        Returns:
            What became of them; nothing where nothing could be stored.
        """
        devices: list[ImportedDevice] = []
        async with connection.transaction(force_rollback=self.options.dry_run):
            await imports.take_rows(connection, self.sound.values())
            await self._leave_out_faulty(connection)
            await imports.add_devices(connection)
            rows = self._own(await imports.outcomes(connection))
            if self.faults and not self.options.valid_only:
                raise Rollback
            if self.options.update:
                changed = {row["number"] for row in rows if row["changes"]}
                await imports.change_devices(connection, changed)
            secrets = await self._issue_secrets(connection, rows)
            devices = [self._device(row, secrets.get(row["id"])) for row in rows]
            self.stored = not self.options.dry_run
        return devices

    async def _leave_out_faulty(self, connection: Connection) -> None:
        moves = [(old, new) for old, ways in MOVES.items() for new in ways]
        found = await imports.faults(connection, moves)
        for row in found:
            self._blame(row["number"], *FAULTS[row["fault"]])
        await imports.forget_rows(connection, {row["number"] for row in found})

    def _own(self, outcomes: Iterable[Row]) -> list[Row]:
        own = []
        for row in outcomes:
            if row["taken"]:
                self._blame(row["number"], "id", TAKEN)
            else:
                own.append(row)
        return own

    async def _issue_secrets(self, connection: Connection, rows: Iterable[Row]) -> dict[str, str]:
        """Secrets of the new devices, and of those that shall have another, by device id."""
        ids = [row["id"] for row in rows if row["created"]]
        if self.options.reissue:
            unheard = await imports.revoke_unheard(connection)
            self.reissued = len(unheard)
            ids += unheard
        if self.options.dry_run:
            return {}
        secrets = {device_id: new_secret() for device_id in ids}
        await imports.add_secrets(connection, await asyncio.to_thread(hashed, secrets))
        return secrets

    def _device(self, row: Row, secret: str | None) -> ImportedDevice:
        return ImportedDevice(
            row=row["number"],
            id=row["id"],
            outcome=outcome(row, update=self.options.update),
            changes=row["changes"],
            secret=secret,
        )

    def result(self, devices: Iterable[ImportedDevice]) -> Result:
        """What became of the rows, in numbers."""
        counts = Counter(device.outcome for device in devices)
        return Result(
            stored=self.stored,
            created=counts["created"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            different=counts["different"],
            reissued=self.reissued,
            faulty=len({fault.row for fault in self.faults}),
        )


def outcome(row: Row, *, update: bool) -> Outcome:
    """What became of a row that was sound."""
    if row["created"]:
        return "created"
    if not row["changes"]:
        return "unchanged"
    return "updated" if update else "different"


def hashed(secrets: Mapping[str, str]) -> list[tuple[str, str]]:
    """Device ids with the hashes of their secrets."""
    return [(device_id, hash_secret(secret)) for device_id, secret in secrets.items()]
