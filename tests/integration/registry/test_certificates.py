"""A certificate states what the figures are, and every change of it is found."""

import hashlib
import json
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pypdfium2
import pytest
from typer.testing import CliRunner

from cli.api import ApiError
from cli.main import app
from registry.quality import signing
from tests.integration.registry.conftest import RunningRegistry, World
from tests.integration.registry.ownership import book
from tests.integration.registry.quality_world import MINUTES, MISSING, MONTH
from tests.integration.registry.test_quality import (
    connection,
    database_url,
    month,
    owner,
    registry,
    world,
)

__all__ = ["connection", "database_url", "month", "owner", "registry", "world"]  # fixtures

WHERE = "/api/v1/devices/sunny-1/certificate"


def test_who_does_not_see_the_device_any_more_is_not_told_whose_it_is_now(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    book(connection, "sunny-1", "other", range(10, 12))
    answer = registry.request("GET", WHERE, world.tokens["stranger"], params=MONTH)
    connection.execute("DELETE FROM bookings")
    assert answer.status_code == 200, answer.text
    device = statement(answer.content)["device"]
    assert device.pop("id") == "sunny-1"
    assert set(device.values()) == {None}


def issue(registry: RunningRegistry, world: World, **more: str) -> bytes:
    answer = registry.request("GET", WHERE, world.tokens["owner"], params={**MONTH, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return answer.content


@pytest.fixture(scope="module")
def file(registry: RunningRegistry, world: World) -> bytes:
    return issue(registry, world)


@pytest.fixture(scope="module")
def key(registry: RunningRegistry) -> dict[str, str]:
    answer = registry.request("GET", "/.well-known/technopark-certificate-key")
    assert answer.status_code == 200
    found: dict[str, str] = answer.json()
    return found


@pytest.fixture
def command(
    registry: RunningRegistry, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CliRunner:
    monkeypatch.setenv("TECHNOPARK_API_URL", registry.url)
    monkeypatch.setenv("TECHNOPARK_TOKEN", world.tokens["owner"])
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def texts(file: bytes) -> list[str]:
    """The text of each page."""
    document = pypdfium2.PdfDocument(file)
    return [page.get_textpage().get_text_range() for page in document]


def statement(file: bytes) -> Any:
    found = signing.STATEMENT.search(file)
    assert found
    return json.loads(found[1])


def test_a_certificate_shows_what_the_figures_are(file: bytes, month: Any) -> None:
    shown = "".join(texts(file))
    assert "Data Quality Certificate" in shown
    assert "One (sunny-1)" in shown
    for figure in ("98.99 %", f"{MINUTES:,}".replace(",", " "), "6.02 h", "not-a-number: 7"):
        assert figure in shown, figure
    stated = statement(file)
    assert stated["summary"]["uptime"] == month["uptime"]
    assert stated["series"][0]["received"] == month["series"][0]["received"]
    assert stated["data"]["sha256"] in shown


def test_a_certificate_speaks_indonesian(registry: RunningRegistry, world: World) -> None:
    shown = "".join(texts(issue(registry, world, language="id")))
    assert "Sertifikat Mutu Data" in shown
    assert "Kelengkapan" in shown


def test_whoever_has_the_data_computes_their_hash(
    file: bytes, connection: psycopg.Connection
) -> None:
    rows = connection.execute(
        "SELECT ts, value FROM readings JOIN series s ON s.id = series_id "
        "WHERE device_id = 'sunny-1' AND ts >= %(from)s AND ts < %(to)s ORDER BY ts",
        MONTH,
    ).fetchall()
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    of_series = hashlib.sha256()
    for ts, value in rows:
        since = ts - epoch
        microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        of_series.update(struct.pack(">qd", microseconds, value))
    lines = f"power {len(rows)} {of_series.hexdigest()}\n"
    assert len(rows) == MINUTES - sum(n for _, n in MISSING)
    assert statement(file)["data"]["sha256"] == hashlib.sha256(lines.encode()).hexdigest()


def tampered(file: bytes) -> Iterator[tuple[str, bytes, str]]:
    """What was done, the file, and what is said of it."""
    yield "a figure", file.replace(b'"completeness": 0.98', b'"completeness": 0.99'), "figures were"
    at = file.index(b"stream\n") + 20
    yield "a page", file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :], "pages that were changed"
    yield "more at the end", file + b"1 0 obj\n", "cut off or added"
    yield "less at the end", file[:-40], "cut off or added"
    last = signing.LAST_LINE.search(file)
    assert last
    yield "a signature", file[: last.start(2)] + b"A" * 86 + b"==\n", "changed after it was signed"
    yield "no statement", file.replace(b"BEGIN STATEMENT", b"BEGIN"), "statement is missing"
    yield "nothing but noise", b"%PDF-1.3", "cut off or added"


def test_every_change_is_found_and_said(
    file: bytes, key: dict[str, str], command: CliRunner, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text(key["public_key"])
    for what, changed, said in tampered(file):
        (tmp_path / "c.pdf").write_bytes(changed)
        verdict = command.invoke(app, ["certificate", "verify", "c.pdf", "--key", "key.pem"])
        assert verdict.exit_code == 1, what
        assert said in verdict.stderr, what


def test_any_byte_counts(file: bytes, registry: RunningRegistry) -> None:
    public = signing.private_key("a key of the tests alone").public_key()
    assert signing.verify(public, file).problems == []
    for at in range(0, len(file), 101):
        changed = file[:at] + bytes([file[at] ^ 4]) + file[at + 1 :]
        assert signing.verify(public, changed).problems, at


def test_the_commands_issue_keep_the_key_and_verify_without_the_platform(
    command: CliRunner, monkeypatch: pytest.MonkeyPatch, key: dict[str, str]
) -> None:
    range_ = ["--from", MONTH["from"], "--to", MONTH["to"]]
    issued = command.invoke(app, ["certificate", "issue", "sunny-1", "c.pdf", *range_])
    assert issued.exit_code == 0, issued.output
    assert command.invoke(app, ["certificate", "verify", "c.pdf"]).exit_code == 0
    assert command.invoke(app, ["certificate", "key", "key.pem"]).exit_code == 0
    monkeypatch.setenv("TECHNOPARK_API_URL", "http://127.0.0.1:1")
    offline = command.invoke(app, ["certificate", "verify", "c.pdf", "--key", "key.pem"])
    assert offline.exit_code == 0, offline.output
    assert "One (sunny-1) of Sunny" in offline.output
    assert key["key_id"] in offline.output
    as_json = command.invoke(app, ["certificate", "verify", "c.pdf", "--key", "key.pem", "--json"])
    assert json.loads(as_json.output)["valid"] is True
    assert command.invoke(app, ["certificate", "verify", "c.pdf"]).exit_code == 1
    other = signing.pem(signing.private_key("another secret of the tests").public_key())
    Path("key.pem").write_text(other)
    foreign = command.invoke(app, ["certificate", "verify", "c.pdf", "--key", "key.pem"])
    assert foreign.exit_code == 1
    assert "signed with the key" in foreign.stderr
    Path("key.pem").write_text("no key")
    assert (
        "no public key"
        in command.invoke(app, ["certificate", "verify", "c.pdf", "--key", "key.pem"]).stderr
    )


def test_the_commands_show_figures_and_report(command: CliRunner) -> None:
    range_ = ["--from", MONTH["from"], "--to", MONTH["to"]]
    shown = command.invoke(app, ["quality", "show", "sunny-1", *range_])
    assert shown.exit_code == 0, shown.output
    assert "up 98.72%" in shown.output
    assert "2026-03-05 05:59:00 UTC" in shown.output
    report = command.invoke(app, ["quality", "report", "--tenant", "sunny", *range_])
    assert "98.99%" in report.output
    as_csv = command.invoke(app, ["quality", "report", "--csv", *range_]).output.splitlines()
    assert as_csv[0].startswith("device_id,name,tenant_id,lab_id,completeness")
    assert as_csv[1].startswith("sunny-1,One,sunny,,0.98986")
    as_json = command.invoke(app, ["quality", "report", "--json", *range_])
    assert [line["device_id"] for line in json.loads(as_json.output)["items"]] == ["sunny-1"]


def test_a_certificate_is_for_those_whose_time_it_is(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO agreements (tenant_id, reader_tenant_id, first_day, last_day, history_from, "
        "decision) VALUES ('sunny', 'other', '2026-01-01', '2090-01-01', '2026-01-01', 'accepted')"
    )
    answer = registry.request("GET", WHERE, world.tokens["stranger"], params=MONTH)
    connection.execute("DELETE FROM agreements")
    assert answer.status_code == 403


def test_without_a_secret_nothing_is_signed(
    registry: RunningRegistry, world: World, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.app.state.settings, "certificate_key", None)
    with pytest.raises(ApiError, match="CERTIFICATE_KEY"):
        owner.get("devices/sunny-1/certificate")
    assert registry.request("GET", "/.well-known/technopark-certificate-key").status_code == 404
