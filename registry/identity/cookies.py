"""The cookie of a session at the console, and why no foreign page can use it.

A browser sends the cookie by itself, so a request that changes something has to show that one of
our own pages made it: by ``Sec-Fetch-Site``, which browsers send to https and to this machine, or
else by ``Origin``. Neither can be set by a page. With SameSite=Strict this is the second lock.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie

from registry.http.problems import ForbiddenError
from registry.settings import Settings

COOKIE = "technopark"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

session_scheme = APIKeyCookie(
    name=f"__Host-{COOKIE}",
    auto_error=False,
    scheme_name="session",
    description=f"the cookie that `POST /sessions` sets; without https its name is `{COOKIE}`",
)


async def app_settings(request: Request) -> Settings:
    """The settings of the app."""
    settings: Settings = request.app.state.settings
    return settings


AppSettings = Annotated[Settings, Depends(app_settings)]


def cookie_name(settings: Settings) -> str:
    """With the prefix a browser takes the cookie from this host alone, and over TLS alone."""
    return f"__Host-{COOKIE}" if settings.is_https else COOKIE


async def cookie_session(
    request: Request, _: Annotated[str | None, Depends(session_scheme)]
) -> str | None:
    """The dependency that gives what ``session_key`` does; the scheme is for OpenAPI."""
    return session_key(request)


def session_key(request: Request) -> str | None:
    """The key of the session that the request belongs to.

    Raises:
        ForbiddenError: it would change something, and a foreign page may have made it.
    """
    # A token wins; no browser sends one by itself.
    if "Authorization" in request.headers:
        return None
    settings: Settings = request.app.state.settings
    key = request.cookies.get(cookie_name(settings))
    if key and request.method not in SAFE_METHODS and not is_our_own(request, settings):
        raise ForbiddenError("with a session, only the platform's own pages may change something")
    return key


CookieSession = Annotated[str | None, Depends(cookie_session)]


def is_our_own(request: Request, settings: Settings) -> bool:
    """Whether a page of this host made the request."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    return origin == settings.origin or urlsplit(origin).netloc == request.headers.get("Host")


def keep_session(response: Response, settings: Settings, key: str) -> None:
    """Let the browser send the session's key from now on."""
    response.set_cookie(
        cookie_name(settings), key, secure=settings.is_https, httponly=True, samesite="strict"
    )


def drop_session(response: Response, settings: Settings) -> None:
    """Let the browser forget the key."""
    response.delete_cookie(
        cookie_name(settings), secure=settings.is_https, httponly=True, samesite="strict"
    )
