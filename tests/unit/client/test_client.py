from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from technopark_client import ApiError, Client
from tests.client import generator


def test_the_client_is_what_the_openapi_document_says(tmp_path: Path) -> None:
    """Where this fails, run `make client`."""
    api = generator.document()
    assert generator.MODELS.read_text() == generator.models(api, tmp_path)
    assert generator.OPERATIONS.read_text() == generator.operations(api, tmp_path)


class Server:
    """Answers with what it is given, and notes what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers, self.asked = list(answers), list[httpx.Request]()

    def client(self, attempts: int = 3) -> Client:
        return Client("http://api", "tpa_x", httpx.MockTransport(self), attempts)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers.pop(0)


def busy(seconds: str = "0") -> httpx.Response:
    return httpx.Response(503, headers={"Retry-After": seconds}, json={"detail": "away"})


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_is_sent_again_with_its_key_when_the_api_says(status: int) -> None:
    away = httpx.Response(status, headers={"Retry-After": "0"})
    server = Server(away, away, httpx.Response(201, json={"id": "sunny-1"}))
    with server.client() as client:
        assert client.create_device({"tenant_id": "sunny", "name": "One"})["id"] == "sunny-1"
    assert len({request.headers["Idempotency-Key"] for request in server.asked}) == 1
    assert len({request.content for request in server.asked}) == 1


def test_each_request_has_a_key_of_its_own() -> None:
    server = Server(*(httpx.Response(201, json={}) for _ in range(2)))
    with server.client() as client:
        for _ in range(2):
            client.retire_device("sunny-1")
    assert len({request.headers["Idempotency-Key"] for request in server.asked}) == 2


def test_after_so_many_attempts_the_refusal_is_told() -> None:
    server = Server(busy(), busy(), busy())
    with server.client(attempts=2) as client, pytest.raises(ApiError, match="away") as refused:
        client.show_device("sunny-1")
    assert refused.value.status == 503
    assert len(server.asked) == 2


def test_the_wait_is_as_long_as_the_answer_says_and_too_long_a_one_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("technopark_client.http.time.sleep", waited.append)
    server = Server(busy("2"), busy("soon"), busy("3600"), busy())
    with server.client(attempts=4) as client, pytest.raises(ApiError):
        client.me()
    assert waited == [2, 1]
    assert len(server.asked) == 3


def test_a_change_may_go_with_the_etag_of_what_was_read() -> None:
    found = httpx.Response(200, headers={"ETag": '"a.b"'}, json={"id": "sunny-1"})
    server = Server(found, httpx.Response(200, json={}))
    with server.client() as client:
        client.show_device("sunny-1")
        client.change_device("sunny-1", {"name": "New"}, if_match=client.etag)
    assert server.asked[1].headers["If-Match"] == '"a.b"'


def test_a_list_is_read_as_far_as_it_is_needed_with_its_filters() -> None:
    server = Server(httpx.Response(200, json={"items": [{"id": "a"}, {"id": "b"}], "next": "x"}))
    with server.client() as client:
        assert next(client.list_devices(tag="roof", id=["a", "b"]))["id"] == "a"
    [request] = server.asked
    assert request.url.params.multi_items() == [
        ("limit", "200"), ("id", "a"), ("id", "b"), ("tag", "roof"),
    ]  # fmt: skip


def events(*texts: str) -> httpx.Response:
    return httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, content="".join(texts).encode()
    )


def test_a_stream_goes_on_after_the_last_event_where_the_connection_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)

    def lost() -> Iterator[bytes]:
        yield b"retry: 2000\n: watching\n\nid: one\ndata: [1]\n\n"
        raise httpx.ReadError("gone")

    first = httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, stream=Pieces(lost())
    )
    server = Server(first, events("id: two\ndata: [2]\n\n"))
    with server.client() as client:
        assert [event.json() for event in client.events("live", device_id=["a"])] == [[1], [2]]
    assert [request.headers.get("Last-Event-ID") for request in server.asked] == [None, "one"]


class Pieces(httpx.SyncByteStream):
    """A body that comes piece by piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces


def test_a_stream_that_the_api_ends_says_why() -> None:
    server = Server(events('event: end\ndata: {"detail": "your rights are over"}\n\n'))
    with server.client() as client, pytest.raises(ApiError, match="your rights are over"):
        list(client.events("live", device_id=["a"]))


def test_a_stream_that_is_refused_is_not_asked_for_again() -> None:
    server = Server(httpx.Response(404, json={"title": "Not Found", "detail": "no such device"}))
    with server.client() as client, pytest.raises(ApiError, match="no such device"):
        list(client.events("live", device_id=["a"]))
    assert len(server.asked) == 1
