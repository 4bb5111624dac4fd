"""A platform that is full: parks, tenants, people of every role, and devices with secrets."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from storage.accounts import hash_token, new_token

PARKS = 10
LABS = 200
MODELS = 20
# What devices are called.
WORDS = ("roof", "atap", "지붕", "سطح", "☀️", "motor", "battery", "air")

# Parks have home tenants and labs in turns; a tenth of the tenants is virtual. Every trigger is
# off: what they would keep is written by the same statements, in a tenth of the time.
SITE = """
INSERT INTO parks (id, name, time_zone)
SELECT format('park-%%s', n), format('Park %%s', n), 'Asia/Jakarta'
FROM generate_series(0, %(parks)s - 1) n;
"""
LABS_SQL = """
INSERT INTO labs (id, park_id, name)
SELECT format('lab-%%s', n), format('park-%%s', n %% %(parks)s), 'Lab'
FROM generate_series(0, %(labs)s - 1) n
"""
TENANTS = """
INSERT INTO tenants (id, name, kind, park_id)
SELECT format('tenant-%%s', n), format('Tenant %%s', n), 'startup',
       CASE WHEN n %% 10 > 0 THEN format('park-%%s', n %% %(parks)s) END
FROM generate_series(0, %(tenants)s - 1) n
"""
MODELS_SQL = """
INSERT INTO models (id, name)
SELECT format('model-%%s', n), format('Model %%s', n) FROM generate_series(0, %(models)s - 1) n
"""
DEVICES = """
INSERT INTO devices (id, tenant_id, model_id, lab_id, name, tags, metadata, home_park_id,
                     lab_park_id)
SELECT format('device-%%s', lpad(n::text, 6, '0')), t.id, format('model-%%s', x[1] %% %(models)s),
       l.id, format('%%s %%s', (%(words)s::text[])[x[2] %% 8 + 1], n),
       ARRAY[format('tag-%%s', x[3] %% 50)],
       jsonb_build_object('serial', md5(n::text)), t.park_id, l.park_id
FROM generate_series(0, %(devices)s - 1) n
CROSS JOIN LATERAL (
    SELECT array_agg(abs(hashint4extended(n, seed))) AS x FROM generate_series(1, 4) seed
) AS pick
JOIN tenants t ON t.id = format('tenant-%%s', n %% %(tenants)s)
LEFT JOIN labs l ON x[4] %% 3 = 0 AND l.id = format('lab-%%s', x[4] / 3 %% %(labs)s)
"""
OWNERS = """
INSERT INTO device_owners (device_id, tenant_id, during) SELECT id, tenant_id, '(,)' FROM devices
"""
# Every tenant lets the next one read two of its devices in a hundred.
AGREEMENTS = """
INSERT INTO agreements (tenant_id, reader_tenant_id, tags, first_day, last_day, history_from,
                        decision)
SELECT format('tenant-%%s', n), format('tenant-%%s', (n + 1) %% %(tenants)s),
       ARRAY[format('tag-%%s', n %% 50)], current_date - 30, current_date + 300, current_date - 30,
       'accepted'
FROM generate_series(0, %(tenants)s - 1) n
"""
DESCRIBED = "INSERT INTO device_search (device_id, text) SELECT id, device_text(d) FROM devices d"
SECRETS = """
INSERT INTO device_secrets (device_id, hash)
SELECT id, '$7$1$' || encode(substr(sha256(id::bytea), 1, 12), 'base64') || '$'
           || replace(encode(sha512(id::bytea), 'base64'), E'\\n', '')
FROM devices
"""
ACTIVITY = """
INSERT INTO device_activity (device_id, last_seen, online) SELECT id, now(), true FROM devices
"""


@dataclass(frozen=True)
class Population:
    """Who is there.

    Attributes:
        devices: how many.
        tenants: how many.
        tokens: of a person of each role.
    """

    devices: int
    tenants: int
    tokens: dict[str, str]


def device_id(number: int) -> str:
    """The id of a device by its number."""
    return f"device-{number:06}"


def populate(connection: psycopg.Connection, devices: int, tenants: int) -> Population:
    """Fill an empty database."""
    parameters = {
        "parks": PARKS, "labs": LABS, "models": MODELS, "tenants": tenants, "devices": devices,
        "words": list(WORDS),
    }  # fmt: skip
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for statement in (SITE, LABS_SQL, TENANTS, MODELS_SQL, DEVICES, AGREEMENTS):
            connection.execute(statement.encode(), parameters)
        for statement in (OWNERS, DESCRIBED, SECRETS, ACTIVITY):
            connection.execute(statement.encode())
        tokens = people(connection, tenants)
    for table in (
        "devices", "device_search", "device_secrets", "device_owners", "tenants", "memberships",
        "users", "agreements",
    ):  # fmt: skip
        connection.execute(f"VACUUM ANALYZE {table}".encode())
    return Population(devices, tenants, tokens)


def people(connection: psycopg.Connection, tenants: int) -> dict[str, str]:
    """An owner for each tenant, and the tokens of one person of each kind.

    Returns:
        Token by ``admin``, ``manager`` and ``owner``.
    """
    connection.execute(
        "INSERT INTO users (email, name) "
        "SELECT format('owner-%%s@example.org', n), 'Owner' FROM generate_series(0, %s - 1) n",
        [tenants],
    )
    connection.execute(
        "INSERT INTO memberships (user_id, role, tenant_id) "
        "SELECT id, 'tenant-owner', replace(split_part(email, '@', 1), 'owner', 'tenant') "
        "FROM users WHERE email LIKE 'owner-%'"
    )
    return {
        "admin": person(connection, "platform-admin"),
        "manager": person(connection, "park-manager", park="park-1"),
        "owner": person(connection, "tenant-owner", tenant="tenant-1"),
    }


def person(
    connection: psycopg.Connection, role: str, park: str | None = None, tenant: str | None = None
) -> str:
    """A user with a role.

    Returns:
        The token.
    """
    token = new_token()
    connection.execute(
        "WITH u AS (INSERT INTO users (email, name) VALUES (%(role)s || '@bench', %(role)s) "
        "RETURNING id), k AS (INSERT INTO tokens (user_id, name, sha256) "
        "SELECT id, 'bench', %(sha256)s FROM u) "
        "INSERT INTO memberships (user_id, role, park_id, tenant_id) "
        "SELECT id, %(role)s, %(park)s, %(tenant)s FROM u",
        {"role": role, "sha256": hash_token(token), "park": park, "tenant": tenant},
    )
    return token
