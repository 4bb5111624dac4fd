import httpx
import pytest

from cli.api import Api, ApiError, path


def answering(response: httpx.Response) -> Api:
    return Api("http://api", "tpa_x", httpx.MockTransport(lambda _: response))


def test_refused_fields_are_the_sentence() -> None:
    body = {
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "some fields are not as they should be",
        "errors": [
            {"pointer": "#/metrics/0/unit", "detail": "too long"},
            {"parameter": "limit", "detail": "too large"},
            {"reason": "not-a-number", "detail": "NaN is no number"},
        ],
    }
    with answering(httpx.Response(422, json=body)) as api, pytest.raises(ApiError) as refused:
        api.get("devices")
    assert str(refused.value) == "metrics.0.unit: too long; limit: too large; NaN is no number"


@pytest.mark.parametrize("content", [b"<html>", b"[]", b""])
def test_a_refusal_of_something_else_tells_its_status(content: bytes) -> None:
    answer = httpx.Response(502, content=content)
    with answering(answer) as api, pytest.raises(ApiError, match="502 Bad Gateway"):
        api.get("devices")


def test_what_is_not_the_api_is_said_to_be_none() -> None:
    answer = httpx.Response(200, content=b"<html>")
    with answering(answer) as api, pytest.raises(ApiError, match="is not the platform's API"):
        api.get("devices")


def test_nothing_there_asks_whether_the_platform_runs() -> None:
    with (
        Api("http://127.0.0.1:1", "tpa_x") as api,
        pytest.raises(ApiError, match="is the platform running"),
    ):
        api.get("devices")


def test_items_asks_for_a_page_only_when_it_is_needed() -> None:
    asked: list[str] = []

    def pages(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("cursor", ""))
        following = {"": "a", "a": "b", "b": None}[asked[-1]]
        return httpx.Response(200, json={"items": [asked[-1]], "next": following})

    with Api("http://api", "tpa_x", httpx.MockTransport(pages)) as api:
        items = api.items("devices", tag=None)
        assert next(items) == ""
        assert asked == [""]
        assert list(items) == ["a", "b"]


def test_a_name_that_was_typed_cannot_leave_its_place_in_the_path() -> None:
    assert path("devices", "../tenants?x", 5) == "devices/..%2Ftenants%3Fx/5"
