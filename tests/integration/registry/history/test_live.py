"""The live stream: what comes, in order and once, as long as one may see it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cli.api import Api, ApiError
from registry.history import live
from tests.integration.registry.history.conftest import Site
from tests.parts import wait_until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)


def store(site: Site, *readings: tuple[datetime, float], metric: str = "power") -> None:
    """Store readings of Sunny's device, as ingest does."""
    for ts, value in readings:
        site.connection.execute(
            "WITH s AS (SELECT id FROM series WHERE device_id = 'sunny-1' AND metric = %s), "
            "r AS (INSERT INTO readings SELECT id, %s, %s FROM s RETURNING *) "
            "INSERT INTO latest (series_id, ts, value) SELECT series_id, ts, value FROM r "
            "ON CONFLICT (series_id) DO UPDATE SET ts = excluded.ts, value = excluded.value "
            "WHERE latest.ts < excluded.ts",
            [metric, ts, value],
        )


class Watching:
    """A stream that is read in a thread: its readings, and why it ended."""

    def __init__(self, api: Api, **query: Any) -> None:
        self.readings: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.end: ApiError | str | None = None
        self.api, self.query = api, query
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self) -> None:
        try:
            for event in self.api.events("live", **self.query):
                self.readings += event.json()
                self.ids.append(event.id)
            self.end = "over"
        except ApiError as error:
            self.end = error


@contextmanager
def watching(api: Api, **query: Any) -> Iterator[Watching]:
    """A stream that surely ends."""
    watch = Watching(api, **{"device_id": ["sunny-1"], "seconds": 8, **query})
    yield watch
    watch.thread.join(20)
    assert watch.end is not None


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_first_come_the_newest_values_then_all_that_is_stored(site: Site, owner: Api) -> None:
    before = [(row["metric"], row["ts"]) for row in owner.items("devices/sunny-1/latest")]
    burst = [(later(n / 1000), float(n)) for n in range(30)]
    with watching(owner, seconds=2) as watch:
        wait_until(lambda: len(watch.readings) == 3, "the newest values")
        assert sorted((row["metric"], row["ts"]) for row in watch.readings) == before
        store(site, *burst)
        wait_until(lambda: len(watch.readings) >= 3 + len(burst), "the burst")
    news = watch.readings[3:]
    assert [row["value"] for row in news] == [value for _, value in burst]
    assert {(row["device_id"], row["metric"], row["unit"]) for row in news} == {
        ("sunny-1", "power", "kW")
    }
    assert watch.end == "over"


def test_a_stream_goes_on_after_the_event_that_came_last(site: Site, owner: Api) -> None:
    query: dict[str, Any] = {"device_id": ["sunny-1"], "metric": ["power"], "seconds": 0}
    [event] = owner.events("live", **query)
    store(site, (later(0), 41), (later(0), 42))
    url = f"{site.registry.url}/api/v1/live"
    headers = {
        "Authorization": f"Bearer {site.world.tokens['owner']}",
        "Last-Event-ID": event.id,
    }
    text = httpx.get(url, params=query, headers=headers, trust_env=False).text
    [line] = [line for line in text.splitlines() if line.startswith("data:")]
    assert [row["value"] for row in json.loads(line[5:])] == [41, 42]


def test_more_than_one_look_takes_comes_with_the_next(
    site: Site, owner: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.live_tail.MAX_NEWS", 4)
    with watching(owner, metric=["power"], seconds=0.8) as watch:
        wait_until(lambda: watch.readings, "the newest value")
        store(site, *((later(n / 1000), float(n)) for n in range(10)))
    assert [row["value"] for row in watch.readings[1:]] == list(range(10))


def test_a_stream_ends_when_the_token_is_revoked(site: Site, owner: Api) -> None:
    token = owner.post("tokens", {"name": "short"})
    with watching(site.registry.as_(token["token"])) as watch:
        wait_until(lambda: watch.readings, "the newest values")
        owner.delete(f"tokens/{token['id']}")
        started = time.monotonic()
    assert "this token is not valid" in str(watch.end)
    assert time.monotonic() - started < 5


def test_a_stream_ends_with_the_agreement(site: Site, owner: Api) -> None:
    reader = site.as_("stranger")
    offer = {
        "tenant_id": "sunny", "reader_tenant_id": "other", "device_ids": ["sunny-1"],
        "metrics": ["power"], "last_day": "2099-12-31", "history_from": "2020-01-01",
    }  # fmt: skip
    number = owner.post("agreements", offer)["id"]
    reader.post(f"agreements/{number}/accept")
    with watching(reader) as watch:
        wait_until(lambda: watch.readings, "the newest value")
        store(site, (later(0), 1), metric="door")
        store(site, (later(0), 43))
        wait_until(lambda: watch.readings[-1]["value"] == 43, "the reading that was agreed")
        owner.post(f"agreements/{number}/revoke")
    assert "no such device" in str(watch.end)
    assert {row["metric"] for row in watch.readings} == {"power"}


def test_a_slot_shows_what_comes_while_it_runs(site: Site) -> None:
    stranger = site.as_("stranger")
    site.connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) "
        "VALUES ('sunny-1', 'other', tstzrange(%s, %s))",
        [later(-60), later(1)],
    )
    with watching(stranger, metric=["power"]) as watch:
        wait_until(lambda: live.STREAMS.open, "the stream")
        store(site, (later(0), 44), (later(2), 45))
    values = {row["value"] for row in watch.readings}
    assert 44 in values
    assert 45 not in values
    assert "that you may see now" in str(watch.end)
    site.connection.execute("DELETE FROM bookings")


def test_streams_hold_no_connection(site: Site, owner: Api) -> None:
    """The pool of this API has four."""
    streams = [Watching(owner, device_id=["sunny-1"], seconds=1) for _ in range(8)]
    wait_until(lambda: all(each.readings for each in streams), "eight streams")
    assert owner.get("me")
    for each in streams:
        each.thread.join(20)
        assert each.end == "over"
    assert live.STREAMS.open == 0


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({"device_id": ["other-1"]}, 404, "no such device"),
        ({}, 422, "name a device"),
        ({"device_id": ["sunny-1"], "seconds": -1}, 422, "give 0 or more"),
        ({"device_id": ["sunny-1"], "colour": "red"}, 422, "misspelt"),
    ],
)
def test_a_stream_that_may_not_begin_is_refused(
    owner: Api, query: dict[str, Any], status: int, says: str
) -> None:
    with pytest.raises(ApiError, match=says) as refused:
        list(owner.events("live", **query))
    assert refused.value.status == status


def test_an_id_that_is_none_and_one_stream_too_many_are_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def status(**headers: str) -> int:
        path = "/api/v1/live?device_id=sunny-1&seconds=0"
        token = site.world.tokens["owner"]
        return site.registry.request("GET", path, token, headers=headers).status_code

    assert status() == 200
    for event_id in ("x", "AAAA", "%%%%", "AAAAAX__________"):
        assert status(**{"Last-Event-ID": event_id}) == 422, event_id
    monkeypatch.setattr(live, "MAX_STREAMS", 0)
    assert status() == 503


def test_a_stream_counts_as_a_request_until_it_begins(site: Site, owner: Api) -> None:
    labels = {"handler": "/api/v1/live", "method": "GET", "status": "200"}
    name = "technopark_registry_request_seconds"

    def sample(ending: str) -> float:
        found = site.registry.app.state.metrics.get_sample_value(f"{name}_{ending}", labels)
        return float(found or 0)

    before = sample("count"), sample("sum")
    started = time.monotonic()
    list(owner.events("live", device_id=["sunny-1"], seconds=1))
    wait_until(lambda: sample("count") > before[0], "the request to be counted")
    assert sample("count") == before[0] + 1
    assert sample("sum") - before[1] < time.monotonic() - started - 0.5


def test_who_goes_away_is_not_counted_any_more(site: Site) -> None:
    url = f"{site.registry.url}/api/v1/live?device_id=sunny-1"
    headers = {"Authorization": f"Bearer {site.world.tokens['owner']}"}
    with httpx.stream("GET", url, headers=headers, trust_env=False) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        assert live.STREAMS.open == 1
    wait_until(lambda: live.STREAMS.open == 0, "the end of the stream", 5)
    assert live.STREAMS.open == 0


def test_a_stream_outlives_a_database_that_is_away(site: Site, owner: Api) -> None:
    token = owner.post("tokens", {"name": "to be revoked"})
    with watching(site.registry.as_(token["token"]), metric=["power"], seconds=15) as watch:
        wait_until(lambda: watch.readings, "the newest value")
        site.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'technopark-registry' AND datname = current_database()"
        )
        store(site, (later(0), 46))
        wait_until(lambda: len(watch.readings) > 1, "what came since")
        owner.delete(f"tokens/{token['id']}")
    assert [row["value"] for row in watch.readings[1:]] == [46]
    assert "this token is not valid" in str(watch.end)
