"""A tenant leaves as an archive and comes into another installation."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.exchange.archive_format import END, entry
from tests.integration.registry.exchange.conftest import Site

PATH = "/api/v1/tenants/sunny/archive"
NOW = datetime(2026, 3, 3, tzinfo=UTC)
ANSWERS = (
    "devices/sunny-1/readings?metric=power&limit=10000",
    "devices/sunny-1/readings?metric=temp&limit=10000",
    "devices/sunny-2/readings?metric=power&limit=10000",
    "devices/sunny-1/states?metric=mode",
    "devices/sunny-1/latest",
    "devices/sunny-2/latest",
    "tenants/sunny/holdings",
    "models/sunny-model",
    "devices/sunny-1",
    "exports/readings?tenant_id=sunny",
    "exports/readings?tenant_id=sunny&format=parquet",
    "exports/states?tenant_id=sunny&format=parquet",
)
REJECTIONS = (
    "SELECT ts, topic, reason, detail, encode(payload, 'hex'), size, replayed_at FROM rejections "
    "WHERE device_id = 'sunny-1' ORDER BY ts"
)


def archive_of(site: Site) -> bytes:
    answer = site.registry.request("GET", PATH, site.world.tokens["owner"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="sunny.tar"'
    return answer.content


def send(site: Site, content: bytes, tenant: str = "sunny", **options: Any) -> httpx.Response:
    who = {"sunny": "owner", "other": "stranger"}[tenant]
    path = f"/api/v1/tenants/{tenant}/archive"
    token = site.world.tokens[who]
    return site.registry.request("POST", path, token, content=content, params=options)


def said(answer: httpx.Response) -> dict[str, list[Any]]:
    """What the lines say, by kind."""
    assert answer.status_code == 200, answer.text
    found: dict[str, list[Any]] = {"clash": [], "problem": [], "result": [], "progress": []}
    for line in answer.text.splitlines():
        [(kind, item)] = json.loads(line).items()
        found[kind].append(item)
    return found


def result(answer: httpx.Response) -> Any:
    found = said(answer)
    assert not found["problem"], found
    [only] = found["result"]
    return only


def files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]


def packed(parts: dict[str, bytes], **changes: Any) -> bytes:
    """An archive of these files, whose manifest fits them."""
    manifest = json.loads(parts["manifest.json"])
    rest = {name: data for name, data in parts.items() if name != "manifest.json"}
    rows = {part["name"]: part["rows"] for part in manifest["parts"]}
    manifest["parts"] = [
        {
            "name": name,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "rows": rows.get(name, 1),
        }
        for name, data in rest.items()
    ]
    rest["manifest.json"] = json.dumps({**manifest, **changes}).encode()
    return b"".join(entry(name, data, NOW) for name, data in rest.items()) + END


def facts(answer: httpx.Response) -> Any:
    """An answer without what may differ between installations."""
    assert answer.status_code == 200, answer.text
    if "json" not in answer.headers["content-type"]:
        return answer.content
    body = answer.json()
    for name in ("created_at", "changed_at"):
        body.pop(name, None)
    return body


@pytest.fixture(scope="module")
def archive(site: Site) -> bytes:
    return archive_of(site)


def test_an_archive_gives_the_same_answers_in_another_installation(
    site: Site, fresh: Site, archive: bytes
) -> None:
    dry = result(send(fresh, archive, dry_run=True))
    assert dry["stored"] is False
    assert dry["readings"] == {"given": 900, "stored": 0}
    assert fresh.scalar("SELECT count(*) FROM devices WHERE tenant_id = 'sunny'") == 0

    found = result(send(fresh, archive))
    assert found["stored"] is True
    assert found["devices"] == {"given": 2, "stored": 2}
    for kind, count in {"readings": 900, "states": 5, "flags": 1, "rejections": 2}.items():
        assert found[kind] == {"given": count, "stored": count}, kind
    for path in ANSWERS:
        here, there = (
            facts(s.registry.request("GET", f"/api/v1/{path}", s.world.tokens["owner"]))
            for s in (site, fresh)
        )
        assert here == there, path
    assert (
        site.connection.execute(REJECTIONS).fetchall()
        == fresh.connection.execute(REJECTIONS).fetchall()
    )
    assert fresh.scalar("SELECT count(*) FROM flags") == 1

    again = result(send(fresh, archive))
    assert again["readings"] == {"given": 900, "stored": 0}
    assert "nothing was stored twice" in again["note"]
    assert fresh.scalar("SELECT count(*) FROM rejections") == 2


def test_an_archive_is_as_its_description_says(archive: bytes) -> None:
    parts = files(archive)
    assert list(parts)[-1] == "manifest.json"
    manifest = json.loads(parts["manifest.json"])
    assert (manifest["format"], manifest["version"]) == ("technopark-archive", 1)
    assert manifest["time"]["park_time_zone"] == "Europe/Lisbon"
    assert manifest["counts"]["readings"] == 900
    for part in manifest["parts"]:
        data = parts[part["name"]]
        assert len(data) == part["bytes"]
        assert hashlib.sha256(data).hexdigest() == part["sha256"]
    device = json.loads(parts["devices.jsonl"].splitlines()[0])
    assert device["lab"] == {"id": "porto-lab", "name": "Lab"}
    assert device["metadata"] == {"serial": {"no": 7}}
    assert device["attributes"] == {"firmware": "1.2"}
    readings = pq.read_table(io.BytesIO(parts["readings/00000.parquet"]))
    assert readings.column_names == ["device", "metric", "ts", "value"]
    assert set(readings["device"].to_pylist()) == {"sunny-1", "sunny-2"}


def test_no_secret_is_in_an_archive_and_the_audit_log_tells_of_it(site: Site) -> None:
    site.registry.admin.post("devices/sunny-1/secrets")
    text = b"".join(files(archive_of(site)).values())
    [(hashed,)] = site.connection.execute("SELECT hash FROM device_secrets").fetchall()
    assert hashed.encode() not in text
    assert b"tpd_" not in text
    assert b"tpa_" not in text
    entry = site.connection.execute(
        "SELECT user_id, tenants, parks FROM audit_log WHERE kind = 'archive'"
    ).fetchone()
    assert entry == (site.world.ids["owner"], ["sunny"], [])


def test_ids_that_are_taken_are_named_and_a_prefix_helps(site: Site, archive: bytes) -> None:
    found = said(send(site, archive, tenant="other"))
    assert {clash["id"] for clash in found["clash"]} == {"sunny-1", "sunny-2", "sunny-model"}
    assert found["result"][0]["stored"] is False
    own = said(send(site, archive))["clash"]
    assert all("merge" in clash["detail"] for clash in own)

    moved = result(send(site, archive, tenant="other", prefix="from-"))
    assert moved["readings"] == {"given": 900, "stored": 900}
    answer = site.registry.request(
        "GET", "/api/v1/devices/from-sunny-1/rejections", site.world.tokens["stranger"]
    ).json()
    assert {item["topic"] for item in answer["items"]} == {"devices/from-sunny-1/telemetry"}
    assert "prefix 'from-'" in said(send(site, archive, tenant="other"))["problem"][0]


def test_merging_adds_what_is_missing(site: Site, archive: bytes) -> None:
    site.connection.execute(
        "DELETE FROM readings WHERE ts = '2026-03-01T22:05Z' AND series_id IN "
        "(SELECT id FROM series WHERE device_id LIKE 'sunny-_')"
    )
    assert result(send(site, archive, merge=True))["readings"] == {"given": 900, "stored": 3}


def test_an_import_that_was_cut_off_goes_on(fresh: Site, archive: bytes) -> None:
    send(fresh, archive)
    fresh.connection.execute("UPDATE data_imports SET done = 1, finished_at = NULL")
    found = result(send(fresh, archive))
    assert found["resumed_at"] == 1
    assert found["readings"] == {"given": 0, "stored": 0}
    assert found["states"] == {"given": 5, "stored": 0}


@pytest.mark.parametrize("cut", [10, 700, 5000, -1025])
def test_a_cut_off_archive_is_refused(fresh: Site, archive: bytes, cut: int) -> None:
    answer = send(fresh, archive[:cut])
    assert answer.status_code == 422
    assert "archive" in answer.json()["detail"]


def test_damage_and_other_versions_are_told(fresh: Site, archive: bytes) -> None:
    at = archive.index(b"PAR1") + 20
    damaged = archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :]
    assert "is not as its hash says" in said(send(fresh, damaged))["problem"][0]
    parts = files(archive)
    newer = send(fresh, packed({**parts, "new.bin": b"x"}, version=2))
    assert "is of version 2" in newer.json()["detail"]
    assert send(fresh, packed(parts, format="zip")).status_code == 422


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "readings/../x.parquet"])
def test_names_that_an_archive_has_not_are_refused(fresh: Site, archive: bytes, name: str) -> None:
    answer = send(fresh, packed({**files(archive), name: b"x"}))
    assert answer.status_code == 422
    assert "no such file" in answer.json()["detail"]


def test_links_are_refused(fresh: Site) -> None:
    link = tarfile.TarInfo("tenant.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    answer = send(fresh, link.tobuf(tarfile.USTAR_FORMAT) + END)
    assert "no such file" in answer.json()["detail"]


def odd_readings(archive: bytes, **changes: Any) -> bytes:
    parts = files(archive)
    table = pq.read_table(io.BytesIO(parts["readings/00000.parquet"]))
    for name, values in changes.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, values(table[name]))
    out = io.BytesIO()
    pq.write_table(table, out)
    return packed({**parts, "readings/00000.parquet": out.getvalue()}, id="another")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": lambda c: pa.array([[1.0]] * len(c))}, "columns"),
        ({"value": lambda c: pa.array([float("nan")] * len(c))}, "no numbers"),
        ({"ts": lambda c: pa.array([0] * len(c), c.type)}, "before 2000"),
        ({"device": lambda c: pa.array(["x-1"] * len(c)).dictionary_encode()}, "devices.jsonl"),
        ({"metric": lambda c: pa.array(["x"] * len(c)).dictionary_encode()}, "series.parquet"),
    ],
)
def test_rows_that_make_no_sense_are_refused(
    fresh: Site, archive: bytes, changes: Any, words: str
) -> None:
    found = said(send(fresh, odd_readings(archive, **changes), merge=True))
    assert words in found["problem"][0]


def test_a_device_that_was_given_away_leaves_with_the_own_time(site: Site, fresh: Site) -> None:
    site.connection.execute("UPDATE devices SET tenant_id = 'guest', model_id = NULL "
                            "WHERE id = 'sunny-2'")  # fmt: skip
    try:
        parts = files(archive_of(site))
    finally:
        site.connection.execute("UPDATE devices SET tenant_id = 'sunny' WHERE id = 'sunny-2'")
    given = json.loads(parts["devices.jsonl"].splitlines()[1])
    assert given["id"] == "sunny-2"
    assert given["owned"] is False
    assert "name" not in given
    send(fresh, packed(parts), prefix="old-")
    assert fresh.scalar("SELECT stage FROM devices WHERE id = 'old-sunny-2'") == "retired"
    assert (
        fresh.scalar(
            "SELECT count(*) FROM telemetry WHERE device = 'old-sunny-2' AND metric = 'power'"
        )
        == 300
    )


def test_what_is_older_than_data_are_kept_here_stays_out(fresh: Site, archive: bytes) -> None:
    fresh.connection.execute("INSERT INTO retentions (tenant_id, days) VALUES ('sunny', 30)")
    try:
        found = result(send(fresh, packed(files(archive), id="late"), prefix="late-"))
    finally:
        fresh.connection.execute("DELETE FROM retentions")
    assert found["faults"] == {"older-than-retention": 900 + 5 + 1 + 2}
    assert found["devices"] == {"given": 2, "stored": 2}
    for kind, given in {"readings": 900, "states": 5, "flags": 1, "rejections": 2}.items():
        assert found[kind] == {"given": given, "stored": 0}
    assert fresh.scalar("SELECT count(*) FROM telemetry WHERE device LIKE 'late-%%'") == 0
    assert "kept" in found["note"]


def test_nothing_of_an_upload_stays_behind(
    fresh: Site, archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh.registry.settings, "upload_folder", tmp_path)
    send(fresh, archive)
    send(fresh, b"nonsense")
    assert list(tmp_path.iterdir()) == []


def test_only_owners_take_a_tenant_along_or_bring_data_in(site: Site, archive: bytes) -> None:
    for who, status in {"member": 403, "manager": 403, "stranger": 404, "nobody": 404}.items():
        token = site.world.tokens[who]
        assert site.registry.request("GET", PATH, token).status_code == status, who
        assert site.registry.request("POST", PATH, token, content=archive).status_code == status, (
            who
        )
