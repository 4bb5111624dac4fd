"""Samples of the routes of retention and data quality."""

from __future__ import annotations

from tests.integration.registry.matrix import RANGE, Sample, changes, lists, sees

UNSET = "DELETE FROM retentions"

SAMPLES = [
    lists("GET /retention", "tenant.read", ""),
    changes(
        "POST /retention",
        "retention.set",
        "tenant.read",
        {"tenant_id": "{tenant_id}", "days": 900},
        unseen=422,
        mend=UNSET,
    ),
    changes(
        "POST /retention",
        "retention.set",
        "device.read",
        {"device_id": "{device_id}", "days": "forever"},
        unseen=422,
        mend=UNSET,
    ),
    Sample("POST /retention", "platform.run", body={"days": 900}, mend=UNSET),
    changes(
        "POST /retention/dry-run",
        "retention.set",
        "tenant.read",
        {"tenant_id": "{tenant_id}", "days": 900},
        unseen=422,
    ),
    Sample("POST /retention/dry-run", "platform.run", body={}),
    Sample("POST /retention/step", "platform.run"),
    sees("GET /devices/{device_id}/retention", "device.read"),
    sees("GET /devices/{device_id}/quality", "device.read", RANGE),
    sees("GET /devices/{device_id}/certificate", "device.read", RANGE),
    lists("GET /quality", "device.read", "tenant_id={tenant_id}&" + RANGE),
]
