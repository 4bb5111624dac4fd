"""A Grafana beside a real database with one tenant, brought to one another by the sync."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from dashboards.grafana import Address
from dashboards.plan import Plan
from dashboards.site import Source
from dashboards.sync import Sync
from dashboards.wanted import Organisation, organisations
from storage.grafana import Memory
from tests.integration.dashboards.fake_grafana import FakeGrafana

BOARD = {"uid": "technopark-home", "title": "Tenant home", "panels": []}
ACME = "Acme Solar (acme)"

WORLD = """
INSERT INTO parks (id, name, time_zone) VALUES ('cimahi', 'Cimahi', 'Asia/Jakarta');
INSERT INTO tenants (id, name, kind) VALUES ('acme', 'Acme Solar', 'startup');
INSERT INTO users (email, name) VALUES
    ('Maria+grafana@acme.example', 'Maria'), ('mentor@itb.example', 'Mentor'),
    ('admin@park.example', 'Admin'), ('manager@park.example', 'Manager'),
    ('former@acme.example', 'Former');
INSERT INTO memberships (user_id, role, tenant_id)
    SELECT id, CASE name WHEN 'Maria' THEN 'tenant-owner' ELSE 'mentor' END, 'acme'
    FROM users WHERE name IN ('Maria', 'Mentor');
INSERT INTO memberships (user_id, role, park_id)
    SELECT id, 'park-manager', 'cimahi' FROM users WHERE name = 'Manager';
INSERT INTO memberships (user_id, role) SELECT id, 'platform-admin' FROM users WHERE name = 'Admin';
INSERT INTO memberships (user_id, role, tenant_id, until)
    SELECT id, 'tenant-owner', 'acme', '2026-01-01' FROM users WHERE name = 'Former';
INSERT INTO devices (id, tenant_id, name) VALUES ('acme-1', 'acme', 'Roof <1>');
INSERT INTO showcases (device_id, tenant_id, history_from, last_day, delay, decimals)
    VALUES ('acme-1', 'acme', '2026-01-01', '2099-12-31', '1 hour', 1);
"""
ALERTS = """
INSERT INTO alert_settings (tenant_id, emails, telegram_chat, telegram_token, webhook_url)
    VALUES ('acme', '{ops@acme.example}', '42', 'bot-secret', 'https://hook.example/secret');
"""
FORGET = """
TRUNCATE grafana_organisations, grafana_people, grafana_users;
"""


class KilledError(Exception):
    """The sync is no more."""


@dataclass
class Place:
    """A Grafana beside a real database with one tenant."""

    grafana: FakeGrafana
    connection: psycopg.Connection[Any]
    url: str

    def reset(self) -> None:
        """As if no sync had run yet."""
        self.grafana.reset()
        self.connection.execute(FORGET.encode())

    @property
    def source(self) -> Source:
        own = conninfo_to_dict(self.url)
        return Source(f"{own['host']}:{own['port']}", str(own["dbname"]))

    def wanted(self) -> list[Organisation]:
        """What there should be; the tenant's dashboards are one."""
        found = organisations(Memory(self.connection).wanted(), bytes.decode)
        boards = {BOARD["uid"]: BOARD}
        return [
            Organisation(**{**vars(each), "dashboards": boards})
            if each.key.startswith("tenant:")
            else each
            for each in found
        ]

    def sync(
        self,
        *,
        dry: bool = False,
        kill: bool = False,
        address: Address | None = None,
        timeout: float = 20,
        wanted: list[Organisation] | None = None,
    ) -> Plan:
        """One run; ``kill``: what would be answered by a pause is its end."""

        def pause(_seconds: float) -> None:
            if kill:
                raise KilledError

        memory = Memory(self.connection)
        where = address or self.grafana.address
        sync = Sync(where, memory, self.source, Plan(dry), sleep=pause, timeout=timeout)
        return sync.run(self.wanted() if wanted is None else wanted)


def words(plan: Plan) -> list[str]:
    return [f"{step.verb} {step.organisation}: {step.what}" for step in plan.steps]
