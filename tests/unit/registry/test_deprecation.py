import asyncio
from datetime import date

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from registry.http.deprecation import deprecated


async def get(app: FastAPI, path: str) -> httpx.Response:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://api"
    ) as client:
        return await client.get(path)


def test_a_deprecated_route_says_since_when_until_when_and_what_instead() -> None:
    router, app = APIRouter(), FastAPI()
    end = deprecated(date(2026, 12, 1), date(2027, 12, 1), "/api/v1/new")

    @router.get("/old", **end)
    async def old() -> dict[str, bool]:
        return {"still": True}

    app.include_router(router, prefix="/api/v1")
    answer = asyncio.run(get(app, "/api/v1/old"))
    assert answer.json() == {"still": True}
    assert answer.headers["Deprecation"] == "@1796083200"
    assert answer.headers["Sunset"] == "Wed, 01 Dec 2027 00:00:00 GMT"
    assert answer.headers["Link"] == '</api/v1/new>; rel="successor-version"'
    assert app.openapi()["paths"]["/api/v1/old"]["get"]["deprecated"] is True


def test_a_route_is_not_deprecated_at_short_notice() -> None:
    with pytest.raises(ValueError, match="365 days"):
        deprecated(date(2026, 12, 1), date(2027, 6, 1), "/api/v1/new")
