"""Brings Grafana to what there should be. ADR 0026.

Each organisation is read, compared and changed by itself. Whatever goes wrong in between, reading
it again shows what is left to do: so a failure is answered by beginning the organisation anew, and
a sync that was killed by running it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from dashboards import alerting, boards, people, source
from dashboards.grafana import (
    TIMEOUT_SECONDS,
    Address,
    ConflictError,
    Grafana,
    GrafanaError,
    RefusedError,
    UnavailableError,
)
from dashboards.plan import Plan
from dashboards.site import Site, Source, enter
from dashboards.wanted import Organisation
from storage.grafana import Memory

# How long to wait, in seconds, before an organisation is begun anew.
PAUSES = (1.0, 2.0, 4.0, 8.0)


@dataclass
class Sync:
    """One run.

    Attributes:
        address: of Grafana.
        memory: of earlier runs.
        source: where Grafana finds the database.
        plan: what was done, or would be.
        sleep: waits; tests need not.
        timeout: of a request, in seconds.
        watch: is handed the organisations as they are worked on.
    """

    address: Address
    memory: Memory
    source: Source
    plan: Plan
    sleep: Callable[[float], None] = time.sleep
    timeout: float = TIMEOUT_SECONDS
    watch: Callable[[list[Organisation]], Iterable[Organisation]] = iter
    server: Grafana = field(init=False)
    # The names of Grafana's organisations by their numbers; None: to be asked for.
    names: dict[int, str] | None = field(default=None, init=False)

    def run(self, organisations: Iterable[Organisation]) -> Plan:
        """Do what is to be done.

        Raises:
            GrafanaError: Grafana is away, does not let us in, or is too old.
        """
        with self.connected() as self.server:
            self.patiently(self.server.require_usable)
            wanted = list(organisations)
            keys = {organisation.key for organisation in wanted}
            for organisation in self.watch(wanted):
                self.reconcile(organisation, self.bring)
            for key in sorted(self.memory.organisations().keys() - keys):
                self.reconcile(Organisation(key, key, is_gone=True), self.remove)
            self.patiently(lambda: people.departed(self.server, self.memory, self.plan, wanted))
        return self.plan

    @contextmanager
    def connected(self, org_id: int | None = None) -> Iterator[Grafana]:
        """A connection to Grafana, in an organisation or in none."""
        with closing(Grafana(self.address, org_id, self.timeout)) as grafana:
            yield grafana

    def reconcile(self, organisation: Organisation, work: Callable[[Organisation], None]) -> None:
        """Work on an organisation; what cannot be done there does not keep others waiting."""
        try:
            self.patiently(lambda: work(organisation))
        except (UnavailableError, RefusedError):
            raise
        except GrafanaError as error:
            self.plan.failures.append(f"{organisation.name}: {error}")

    def patiently(self, work: Callable[[], None]) -> None:
        """Do it, anew after a pause as long as Grafana is not itself, or somebody was first."""
        for pause in PAUSES:
            try:
                return work()
            except (UnavailableError, ConflictError):
                self.names = None
                self.sleep(pause)
        return work()

    def bring(self, organisation: Organisation) -> None:
        """Bring one organisation to what it should be."""
        names = self.known_names()
        org_id = self.find(organisation, names)
        if org_id is None:
            org_id = self.create(organisation)
        elif names[org_id] != organisation.name:
            self.plan.do(
                "change",
                organisation.name,
                f"name of the organisation, was {names[org_id]}",
                self.server.call,
                self.server.api.organizations.update_organization,
                org_id,
                {"name": organisation.name},
            )
        if org_id is None:
            # A dry run: of what is not there yet nothing can be read.
            self.fill(Site(organisation, None, self.server, self.memory, self.source, self.plan))
            return
        if not self.plan.is_dry:
            enter(self.server, org_id)
        with self.connected(org_id) as grafana:
            self.fill(Site(organisation, grafana, self.server, self.memory, self.source, self.plan))

    def create(self, organisation: Organisation) -> int | None:
        """Make the organisation: its number, or None in a dry run."""
        answer = self.plan.do(
            "create",
            organisation.name,
            "organisation",
            self.server.call,
            self.server.api.organization.create_organization,
            {"name": organisation.name},
        )
        if answer is None:
            return None
        org_id = int(answer["orgId"])
        self.memory.remember(organisation.key, org_id)
        self.known_names()[org_id] = organisation.name
        return org_id

    def known_names(self) -> dict[int, str]:
        """The names of all organisations; asked for once, and again after a failure."""
        if self.names is None:
            self.names = self.server.organisations()
        return self.names

    def find(self, organisation: Organisation, names: dict[int, str]) -> int | None:
        """The number of the organisation, if there is one; whatever it is called by now.

        One that a killed sync has made is known by its name alone.
        """
        known = self.memory.organisations().get(organisation.key)
        if known and known["org_id"] in names:
            org_id: int = known["org_id"]
            try:
                if names[org_id] == organisation.name or self.is_ours(organisation, org_id):
                    return org_id
            except RefusedError:
                # We are not in it, as we are in each that is ours.
                pass
        for org_id, name in names.items():
            if name == organisation.name:
                if not self.plan.is_dry:
                    self.memory.remember(organisation.key, org_id)
                return org_id
        return None

    def is_ours(self, organisation: Organisation, org_id: int) -> bool:
        """Whether the organisation has our folder: its number alone may be another Grafana's.

        Raises:
            RefusedError: we are not in it.
        """
        with self.connected(org_id) as grafana:
            folder = grafana.found(grafana.api.folder.get_folder, organisation.folder)
        return folder is not None

    def fill(self, site: Site) -> None:
        """Bring what is in an organisation to what it should be."""
        boards.folder(site)
        # First what takes something away from people: nothing that fails later may keep it.
        people.people(site)
        boards.end_links(site)
        source.data_source(site)
        boards.dashboards(site)
        boards.links(site)
        alerting.rules(site)
        alerting.contacts(site)

    def remove(self, organisation: Organisation) -> None:
        """Remove an organisation whose tenant is gone, but nothing that people made in it."""
        org_id = self.memory.organisations()[organisation.key]["org_id"]
        name = self.known_names().get(org_id)
        try:
            is_ours = name is not None and self.is_ours(organisation, org_id)
        except RefusedError:
            raise GrafanaError(
                f"{self.address.user} is not in organisation {name}, so that nobody knows whether "
                "it is ours to remove: let this user in as Admin, or delete it"
            ) from None
        if name is None or not is_ours:
            # Removed by hand, or by a sync that was killed before it could note it.
            if not self.plan.is_dry:
                self.memory.forget(organisation.key)
            return
        organisation = replace(organisation, name=name)
        with self.connected(org_id) as grafana:
            site = Site(organisation, grafana, self.server, self.memory, self.source, self.plan)
            if foreign := boards.made_by_people(site):
                site.note("keep", f"organisation: people made {foreign} dashboards in it")
                self.fill(site)
                return
        self.plan.do(
            "remove",
            name,
            "organisation",
            self.server.call,
            self.server.api.organizations.delete_organization,
            org_id,
        )
        if not self.plan.is_dry:
            self.memory.forget(organisation.key)
