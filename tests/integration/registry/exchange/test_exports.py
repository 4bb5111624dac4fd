"""Readings and states leave as files."""

from __future__ import annotations

import csv
import io
import socket
from typing import Any

import httpx
import pyarrow.parquet as pq

from tests.integration.registry.exchange.conftest import Site
from tests.parts import wait_until

PATH = "/api/v1/exports/readings"
HEADER = '"device","metric","ts","value","unit"\n'


def ask(site: Site, who: str, path: str = PATH, **query: Any) -> httpx.Response:
    return site.registry.request("GET", path, site.world.tokens[who], params=query)


def rows(response: httpx.Response) -> list[list[str]]:
    assert response.status_code == 200, response.text
    return list(csv.reader(io.StringIO(response.text)))[1:]


def test_a_csv_file_has_the_readings_of_a_device_in_order(site: Site) -> None:
    answer = ask(site, "owner", id="sunny-1", metric="power", to="2026-03-02T00:00:00Z")
    found = rows(answer)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="readings.csv"' in answer.headers["content-disposition"]
    assert answer.text.startswith(HEADER)
    assert len(found) == 120
    assert found[0][:3] == ["sunny-1", "power", "2026-03-01T22:00:00.000000Z"]
    assert found[0][4] == "kW"
    assert [row[2] for row in found] == sorted(row[2] for row in found)


def test_a_parquet_file_has_the_same_rows_as_the_csv_file(site: Site) -> None:
    as_csv = rows(ask(site, "owner", tenant_id="sunny"))
    answer = ask(site, "owner", tenant_id="sunny", format="parquet")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    table = pq.read_table(io.BytesIO(answer.content))
    assert table.num_rows == len(as_csv) == 900
    assert [[r["device"], r["metric"], r["value"], r["unit"]] for r in table.to_pylist()] == [
        [r[0], r[1], float(r[3]), r[4] or None] for r in as_csv
    ]


def test_states_are_json(site: Site) -> None:
    found = rows(ask(site, "owner", "/api/v1/exports/states", id="sunny-1"))
    assert [row[3] for row in found] == [f'"eco {n}"' for n in range(5)]


def test_a_file_without_rows_has_its_header(site: Site) -> None:
    answer = ask(site, "owner", id="sunny-1", to="2025-01-01T00:00:00Z")
    assert answer.text == HEADER
    empty = ask(site, "owner", id="sunny-1", to="2025-01-01T00:00:00Z", format="parquet")
    assert pq.read_table(io.BytesIO(empty.content)).num_rows == 0


def test_what_is_not_there_is_named(site: Site) -> None:
    for device in ("other-1", "nowhere-1"):
        answer = ask(site, "owner", id=["sunny-1", device])
        assert answer.status_code == 404
        assert answer.json()["detail"] == "there is no such device: see id number 2"
    assert "wind" in ask(site, "owner", id="sunny-1", metric="wind").json()["detail"]
    query = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}
    assert ask(site, "owner", id="sunny-1", **query).status_code == 422


def test_a_reader_by_an_agreement_gets_what_it_shows(site: Site) -> None:
    site.connection.execute(
        "INSERT INTO agreements (tenant_id, reader_tenant_id, device_ids, metrics, first_day, "
        "last_day, history_from, decision, decided_at) VALUES ('sunny', 'other', '{sunny-1}', "
        "'{power}', current_date - 1, current_date + 9, '2026-03-02', 'accepted', now())"
    )
    found = rows(ask(site, "stranger", id="sunny-1"))
    assert {row[1] for row in found} == {"power"}
    assert found[0][2] == "2026-03-02T00:00:00.000000Z"
    assert ask(site, "stranger", id="sunny-2").status_code == 404
    site.connection.execute("DELETE FROM agreements")


def test_an_earlier_owner_gets_the_own_time(site: Site) -> None:
    site.connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) VALUES ('sunny-2', 'other', "
        "'[2026-03-01T23:00Z, 2026-03-01T23:30Z)')"
    )
    assert len(rows(ask(site, "stranger", id="sunny-2"))) == 30
    assert len(rows(ask(site, "owner", id="sunny-2"))) == 270
    site.connection.execute("DELETE FROM bookings")


def test_the_work_ends_when_the_client_goes(site: Site) -> None:
    """A reading of many rows, of which the client takes the first bytes."""
    site.connection.execute(
        "INSERT INTO series (device_id, metric, kind) VALUES ('sunny-2', 'many', 'number'); "
        "INSERT INTO readings SELECT s.id, '2026-05-01Z'::timestamptz + n * INTERVAL '50 ms', n "
        "FROM series s, generate_series(1, 600000) n WHERE s.metric = 'many'"
    )
    port = site.registry.settings.api_port
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(
            f"GET {PATH}?id=sunny-2&metric=many HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {site.world.tokens['owner']}\r\n\r\n".encode()
        )
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        wait_until(lambda: exporting(site) == 1, "the export to begin")
    wait_until(lambda: exporting(site) == 0, "the export's connection to be closed")
    site.connection.execute("DELETE FROM readings WHERE ts >= '2026-05-01Z'")
    site.connection.execute("DELETE FROM series WHERE metric = 'many'")


def exporting(site: Site) -> object:
    return site.scalar(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = 'technopark-export' AND datname = current_database()"
    )
