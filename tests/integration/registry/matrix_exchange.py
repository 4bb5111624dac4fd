"""Samples of the routes by which devices and readings go from one tenant to another.

The other one is always ``third``. Some of what is between two tenants is not for their home parks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from registry.enrolment.claim_code import digest, new_code
from tests.integration.registry.matrix import Sample, changes, lists, sees

IN_PARK = frozenset({"manager", "visitor"})
IN_TENANT = frozenset({"owner", "member", "mentor", "viewer"})
TO_THIRD = {"from_tenant_id": "{tenant_id}", "to_tenant_id": "third", "devices": ["{bench_id}"]}
BOOKING = {
    "device_id": "{bench_id}",
    "tenant_id": "{tenant_id}",
    "from": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
    "until": (datetime.now(UTC) + timedelta(days=3)).isoformat(),
}
AGREEMENT = {"tenant_id": "{tenant_id}", "reader_tenant_id": "third", "last_day": "2090-01-01"}
CODE_BACK = (
    "INSERT INTO claim_codes (device_id, tenant_id, sha256, expires_at) VALUES "
    "('{device_id}', '{tenant_id}', sha256('{device_id}'), 'infinity')"
)
CLAIM_BACK = (
    "UPDATE devices SET tenant_id = 'third' WHERE id = '{boxed_id}'; "
    "INSERT INTO claim_codes (device_id, tenant_id, sha256, expires_at) VALUES "
    "('{boxed_id}', 'third', decode('{sha256}', 'hex'), 'infinity')"
)
SLOT_BACK = (
    "INSERT INTO bookings (id, device_id, tenant_id, during) OVERRIDING SYSTEM VALUE "
    "VALUES ({booking_id}, '{bench_id}', '{tenant_id}', "
    "tstzrange(now() + INTERVAL '9 days', now() + INTERVAL '10 days'))"
)
OFFER_AGAIN = "UPDATE transfers SET state = 'offered', answered_at = NULL WHERE id = "
GIFT_BACK = "UPDATE devices SET tenant_id = 'third' WHERE id = '{gift_id}'; "
UNDECIDED = "UPDATE agreements SET decision = 'offered', decided_at = NULL WHERE id = "
ACCEPTED = "UPDATE agreements SET decision = 'accepted' WHERE id = {running_id}"


def answers(thing: str, verb: str, elsewhere: frozenset[str]) -> Sample:
    """A route by which those who are asked answer an agreement."""
    route = f"POST /agreements/{{agreement_id}}/{verb}"
    names = {"agreement_id": thing}
    mend = UNDECIDED + f"{{{thing}}}"
    return changes(
        route, "agreement.answer", "device.read", names=names, elsewhere=elsewhere, mend=mend
    )


SAMPLES = [
    changes(
        "POST /devices/{device_id}/claim-code", "device.give", "device.read", {}, status=201
    ),
    changes(
        "DELETE /devices/{device_id}/claim-code",
        "device.give",
        "device.read",
        status=204,
        mend=CODE_BACK,
    ),
    changes(
        "POST /claims",
        "device.change",
        "tenant.read",
        {"code": "{code}", "tenant_id": "{tenant_id}"},
        status=201,
        unseen=422,
        mend=CLAIM_BACK,
    ),
    changes(
        "POST /tenants/{tenant_id}/provisioning-keys",
        "provisioning.manage",
        "tenant.read",
        {"name": "New", "max_devices": 1},
        status=201,
    ),
    changes("GET /tenants/{tenant_id}/provisioning-keys", "provisioning.manage", "tenant.read"),
    changes(
        "DELETE /tenants/{tenant_id}/provisioning-keys/{key_id}",
        "provisioning.manage",
        "tenant.read",
        status=204,
    ),
    sees("GET /tenants/{tenant_id}/holdings", "tenant.read"),
    sees("GET /labs/{lab_id}/bookable", "lab.read"),
    changes(
        "POST /bookings",
        "booking.make",
        "tenant.read",
        BOOKING,
        status=201,
        unseen=422,
        mend="DELETE FROM bookings WHERE device_id = '{bench_id}' AND id <> {booking_id}",
    ),
    lists("GET /bookings", "device.read", "tenant_id={tenant_id}"),
    # Everybody sees when a device that can be booked is taken.
    changes(
        "DELETE /bookings/{booking_id}", "booking.make", "lab.read", status=204, mend=SLOT_BACK
    ),
    changes(
        "POST /transfers",
        "device.give",
        "tenant.read",
        TO_THIRD,
        status=201,
        unseen=422,
        mend="DELETE FROM transfers t USING transfer_devices x "
        "WHERE x.transfer_id = t.id AND x.device_id = '{bench_id}'",
    ),
    lists("GET /transfers", "device.read", "tenant_id={tenant_id}", elsewhere=IN_PARK),
    sees("GET /transfers/{transfer_id}", "device.read", elsewhere=IN_PARK),
    changes(
        "POST /transfers/{transfer_id}/withdraw",
        "device.give",
        "device.read",
        elsewhere=IN_PARK,
        mend=OFFER_AGAIN + "{transfer_id}",
    ),
    changes(
        "POST /transfers/{transfer_id}/accept",
        "device.take",
        "device.read",
        names={"transfer_id": "gift_transfer_id"},
        elsewhere=IN_PARK,
        mend=GIFT_BACK + OFFER_AGAIN + "{gift_transfer_id}",
    ),
    changes(
        "POST /transfers/{transfer_id}/refuse",
        "device.take",
        "device.read",
        names={"transfer_id": "gift_transfer_id"},
        elsewhere=IN_PARK,
        mend=OFFER_AGAIN + "{gift_transfer_id}",
    ),
    changes(
        "POST /agreements", "agreement.give", "tenant.read", AGREEMENT, status=201, unseen=422
    ),
    lists("GET /agreements", "device.read", "reader_park_id={park_id}"),
    sees("GET /agreements/{agreement_id}", "device.read"),
    changes(
        "PATCH /agreements/{agreement_id}", "agreement.give", "device.read", {"message": "New"}
    ),
    changes(
        "POST /agreements/{agreement_id}/withdraw",
        "agreement.give",
        "device.read",
        mend=UNDECIDED + "{agreement_id}",
    ),
    changes(
        "POST /agreements/{agreement_id}/revoke",
        "agreement.give",
        "device.read",
        names={"agreement_id": "running_id"},
        mend=ACCEPTED,
    ),
    answers("asked_tenant_id", "accept", IN_PARK),
    answers("asked_tenant_id", "refuse", IN_PARK),
    answers("asked_park_id", "accept", IN_TENANT),
    answers("asked_park_id", "refuse", IN_TENANT),
    Sample("GET /notices"),
    changes(
        "POST /showcases",
        "showcase.manage",
        "device.read",
        {"device_id": "{given_id}", "last_day": "2090-01-01"},
        status=201,
        unseen=422,
    ),
    lists("GET /showcases", "device.read", "tenant_id={tenant_id}"),
    sees("GET /showcases/{showcase_id}", "device.read"),
    changes(
        "POST /showcases/{showcase_id}/end",
        "showcase.manage",
        "device.read",
        mend="UPDATE showcases SET ended_at = NULL WHERE id = {showcase_id}",
    ),
    changes("GET /tenants/{tenant_id}/alerts", "alert.manage", "tenant.read"),
    changes(
        "PATCH /tenants/{tenant_id}/alerts", "alert.manage", "tenant.read", {"silent_minutes": 5}
    ),
    changes(
        "POST /tenants/{tenant_id}/sql-password",
        "tenant.sql",
        "tenant.read",
        status=201,
        mend="DELETE FROM sql_access WHERE tenant_id = '{tenant_id}'",
    ),
    changes(
        "DELETE /tenants/{tenant_id}/sql-password", "tenant.sql", "tenant.read", status=204
    ),
    changes(
        "POST /tenants/{tenant_id}/deletion",
        "tenant.delete",
        "tenant.read",
        {"confirm": "{tenant_id}"},
        status=201,
    ),
    sees("GET /tenants/{tenant_id}/deletion", "tenant.read"),
    # It has begun, so that nobody can stop it; its steps wait.
    changes("DELETE /tenants/{tenant_id}/deletion", "tenant.delete", "tenant.read", status=409),
    changes("POST /tenants/{tenant_id}/deletion/step", "platform.run", "tenant.read"),
]  # fmt: skip
# That a device can be booked is no secret, but what is called like nothing is no tenant.
NOWHERE: dict[str, str | int] = {
    "key_id": 999_999,
    "booking_id": 999_999,
    "transfer_id": 999_999,
    "gift_transfer_id": 999_999,
    "agreement_id": 999_999,
    "running_id": 999_999,
    "asked_tenant_id": 999_999,
    "asked_park_id": 999_999,
    "showcase_id": 999_999,
    "given_id": "given-nowhere",
    "bench_id": "bench-sunny",
    "code": new_code(),
}
BEFORE = "INSERT INTO tenants (id, name, kind) VALUES ('third', 'Third', 'startup')"
# What a tenant has with the third one.
THINGS = """
INSERT INTO labs (id, park_id, name, kind)
    VALUES ('{park_id}-testbed', '{park_id}', 'Testbed', 'testbed');
INSERT INTO devices (id, tenant_id, name, lab_id, bookable) VALUES
    ('{bench_id}', '{tenant_id}', 'Bench', '{park_id}-testbed', true),
    ('{given_id}', '{tenant_id}', 'Given', NULL, false),
    ('{boxed_id}', 'third', 'Boxed', NULL, false), ('{gift_id}', 'third', 'Gift', NULL, false);
INSERT INTO claim_codes (device_id, tenant_id, sha256, expires_at) VALUES
    ('{boxed_id}', 'third', decode('{sha256}', 'hex'), 'infinity');
INSERT INTO tenant_deletions (tenant_id, started_at) VALUES ('{tenant_id}', '2090-01-01Z');
"""
AN_AGREEMENT = (
    "INSERT INTO agreements "
    "(tenant_id, reader_tenant_id, reader_park_id, decision, first_day, last_day, history_from) "
    "SELECT %s, %s, %s, %s, day, '2090-01-01', day FROM current_date AS day RETURNING id"
)
A_TRANSFER = (
    "WITH added AS (INSERT INTO transfers (from_tenant_id, to_tenant_id, with_history, expires_at) "
    "VALUES (%s, %s, false, '2090-01-01Z') RETURNING id) "
    "INSERT INTO transfer_devices SELECT id, %s, 'x' FROM added RETURNING transfer_id"
)
A_SHOWCASE = (
    "INSERT INTO showcases (device_id, tenant_id, history_from, last_day, delay, decimals) "
    "VALUES (%s, %s, '2026-01-01', '2090-01-01', '1 hour', 1) RETURNING id"
)
A_KEY = (
    "INSERT INTO provisioning_keys (tenant_id, name, sha256, id_prefix, max_devices, expires_at) "
    "VALUES (%s, 'Key', sha256(%s::bytea), 'x-y', 1, '2090-01-01Z') "
    "RETURNING id"
)


def things(connection: psycopg.Connection, tenant: str, park: str) -> dict[str, Any]:
    """Give a tenant something of everything with the third one; the ids."""
    code = new_code()
    ids: dict[str, Any] = {
        "tenant_id": tenant,
        "park_id": park,
        "bench_id": f"bench-{tenant}",
        "given_id": f"given-{tenant}",
        "boxed_id": f"boxed-{tenant}",
        "gift_id": f"gift-{tenant}",
        "code": code,
        "sha256": digest(code).hex(),
        "booking_id": {"sunny": 1001, "other": 1002}[tenant],
        "device_id": f"{tenant}-1",
    }
    for statement in (THINGS, SLOT_BACK, CODE_BACK):
        connection.execute(statement.format(**ids).encode())

    def number(query: str, *parameters: object) -> int:
        row = connection.execute(query.encode(), parameters).fetchone()
        assert row
        return int(row[0])

    return {
        **ids,
        "key_id": number(A_KEY, tenant, tenant),
        "transfer_id": number(A_TRANSFER, tenant, "third", ids["given_id"]),
        "gift_transfer_id": number(A_TRANSFER, "third", tenant, ids["gift_id"]),
        "showcase_id": number(A_SHOWCASE, ids["bench_id"], tenant),
        "agreement_id": number(AN_AGREEMENT, tenant, None, park, "offered"),
        "running_id": number(AN_AGREEMENT, tenant, None, park, "accepted"),
        "asked_tenant_id": number(AN_AGREEMENT, "third", tenant, None, "offered"),
        "asked_park_id": number(AN_AGREEMENT, "third", None, park, "offered"),
    }
