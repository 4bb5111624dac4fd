"""Sign-in by an OpenID provider: authorization code with PKCE, state and nonce.

Between the two requests the browser keeps one random secret, from which state, nonce and PKCE
verifier are derived: an answer that belongs to another browser, or to another sign-in, fits none.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import StarletteOAuth2App
from fastapi import APIRouter, Depends, Request, Response, status
from fastapi.responses import RedirectResponse
from joserfc.errors import BadSignatureError, JoseError

from registry.access import note_actor
from registry.http.problems import UnauthorizedError, UnavailableError
from registry.identity.cookies import AppSettings, cookie_name
from registry.identity.sessions import begin_session
from registry.identity.sign_in import AnyVisitor
from registry.settings import Settings
from storage import links, people, providers, sign_in
from storage.rows import Connection

router = APIRouter(prefix="/sign-in/provider", tags=["identity"])

CALLBACK = "/api/v1/sign-in/provider/callback"
# The page for people that the platform has.
HOME = "/docs"
SIGN_IN_SECONDS = 600
CLOCK_SKEW_SECONDS = 60
ANSWER_SECONDS = 10
UNFINISHED = "this sign-in was not begun in this browser, or is too old: begin again"
UNSOUND = "the provider's answer is not valid: sign in again"

log = structlog.get_logger()


def open_provider(settings: Settings) -> StarletteOAuth2App:
    """The provider of the settings, which is asked about itself when it is needed."""
    assert settings.oidc_issuer  # noqa: S101 - the caller has looked
    assert settings.oidc_client_secret  # noqa: S101 - as the settings have checked
    return StarletteOAuth2App(
        None,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "timeout": ANSWER_SECONDS,
        },
    )


async def app_provider(request: Request) -> StarletteOAuth2App:
    """The provider of the app."""
    return request.app.state.provider


AppProvider = Annotated[StarletteOAuth2App, Depends(app_provider)]


def flow_cookie(settings: Settings) -> str:
    """The name of the cookie between the two requests."""
    return cookie_name(settings) + "-sign-in"


def derived(secret: str, purpose: str) -> str:
    """Another secret, from which nobody finds the first; 43 letters, as PKCE wants at least."""
    digest = hmac.digest(secret.encode(), purpose.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@router.get("", status_code=status.HTTP_303_SEE_OTHER, response_class=RedirectResponse)
async def begin(provider: AppProvider, settings: AppSettings) -> RedirectResponse:
    """Go to the provider, for people with a browser."""
    secret = secrets.token_urlsafe(32)
    try:
        asked = await provider.create_authorization_url(
            settings.origin + CALLBACK,
            state=derived(secret, "state"),
            nonce=derived(secret, "nonce"),
            code_verifier=derived(secret, "verifier"),
        )
    except (httpx2.HTTPError, ValueError, RuntimeError) as error:
        raise away(error) from error
    response = RedirectResponse(asked["url"], status.HTTP_303_SEE_OTHER)
    response.set_cookie(
        flow_cookie(settings),
        secret,
        max_age=SIGN_IN_SECONDS,
        secure=settings.is_https,
        httponly=True,
        # The provider's page leads back here: Strict would hold the cookie back.
        samesite="lax",
    )
    return response


@router.get("/callback", status_code=status.HTTP_303_SEE_OTHER, response_class=RedirectResponse)
async def end(
    request: Request,
    provider: AppProvider,
    visitor: AnyVisitor,
    code: str | None = None,
    state: str = "",
) -> Response:
    """Come back from the provider, and be signed in."""
    secret = request.cookies.get(flow_cookie(visitor.settings))
    if secret is None or not hmac.compare_digest(derived(secret, "state").encode(), state.encode()):
        raise UnauthorizedError(UNFINISHED)
    if code is None:
        raise UnauthorizedError("the provider did not sign you in")
    claims = await claims_of(provider, visitor.settings, secret, code)
    async with visitor.pool.connection() as connection:
        await note_actor(connection, None, None)
        user_id = await user_of(connection, visitor.settings.oidc_issuer or "", claims)
    response = RedirectResponse(HOME, status.HTTP_303_SEE_OTHER)
    await begin_session(visitor, response, user_id)
    response.delete_cookie(flow_cookie(visitor.settings), secure=visitor.settings.is_https)
    return response


async def claims_of(
    provider: StarletteOAuth2App, settings: Settings, secret: str, code: str
) -> dict[str, Any]:
    """What the provider says of the person, after everything about its answer was checked."""
    try:
        token = await provider.fetch_access_token(
            settings.origin + CALLBACK, code=code, code_verifier=derived(secret, "verifier")
        )
        claims = await checked(provider, settings, token, derived(secret, "nonce"))
        if claims and "email" not in claims and "userinfo_endpoint" in provider.server_metadata:
            told = await provider.userinfo(token=token)
            claims |= told if told.get("sub") == claims["sub"] else {}
    except httpx2.HTTPError as error:
        raise away(error) from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
        log.warning("the OpenID provider's answer is not valid", error=type(error).__name__)
        raise UnauthorizedError(UNSOUND) from error
    if not claims:
        raise UnauthorizedError(UNSOUND)
    return dict(claims)


async def checked(
    provider: StarletteOAuth2App, settings: Settings, token: dict[str, Any], nonce: str
) -> dict[str, Any] | None:
    """The claims of the ID token: signature, issuer, audience, nonce and time are right."""
    wanted = {"iss": settings.oidc_issuer, "aud": settings.oidc_client_id}
    options = {name: {"essential": True, "value": value} for name, value in wanted.items()}
    parse: Callable[[], Awaitable[dict[str, Any] | None]] = partial(
        provider.parse_id_token, token, nonce, claims_options=options, leeway=CLOCK_SKEW_SECONDS
    )
    try:
        return await parse()
    except BadSignatureError:
        # Authlib fetches new keys when it meets a new name of a key; some have no names.
        await provider.fetch_jwk_set(force=True)
        return await parse()


def away(error: Exception) -> UnavailableError:
    """The refusal when the provider cannot be asked."""
    log.warning("the OpenID provider is away", error=type(error).__name__)
    return UnavailableError("the OpenID provider does not answer: try again soon")


async def user_of(connection: Connection, issuer: str, claims: dict[str, Any]) -> int:
    """The user of these claims: known by the subject, else by the verified e-mail address.

    Raises:
        UnauthorizedError: nobody is known by that address, nor invited.
    """
    known = await providers.user_of(connection, issuer, claims["sub"])
    if known is not None:
        return known
    email = claims.get("email")
    if not email or claims.get("email_verified") is not True:
        raise UnauthorizedError("the provider has not verified your e-mail address")
    user_id = await user_by_email(connection, email, str(claims.get("name") or email)[:200])
    if not await providers.link(connection, issuer, claims["sub"], user_id):
        raise UnauthorizedError("another account of the provider belongs to this address")
    # Until now nobody has proved that the address is his or hers. Whoever used the account before
    # may be somebody else, and must not stay in it.
    await providers.forget_credentials(connection, user_id)
    return user_id


async def user_by_email(connection: Connection, email: str, name: str) -> int:
    """The user with the address, or a new one with what he or she was invited to."""
    if account := await sign_in.account(connection, email):
        known: int = account["id"]
        return known
    invitations = await links.accept_invitations(connection, email)
    if not invitations:
        raise UnauthorizedError("nobody is known by your e-mail address: ask for an invitation")
    user = {"email": email, "name": name, "language": invitations[0]["language"]}
    user_id: int = (await people.create_user(connection, user))["id"]
    for invitation in invitations:
        await people.create_membership(connection, user_id, invitation)
    return user_id
