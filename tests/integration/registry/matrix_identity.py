"""Samples of the routes of identity: most are about oneself, and have nobody else's things."""

from __future__ import annotations

import psycopg

from tests.integration.registry.matrix import Sample, changes

INVITED = {"email": "{new}@example.org", "role": "mentor", "tenant_id": "{tenant_id}"}
INVITATION_BACK = (
    "INSERT INTO invitations (id, sha256, email, role, tenant_id, invited_by, expires_at) "
    "OVERRIDING SYSTEM VALUE VALUES ({invitation_id}, sha256('{tenant_id}'), 'new@x.org', "
    "'viewer', '{tenant_id}', {user_id}, '2090-01-01Z')"
)
LEAVER_BACK = (
    "INSERT INTO users (id, email, name) OVERRIDING SYSTEM VALUE "
    "VALUES ({leaver_id}, 'leaver-{tenant_id}@x.org', 'Leaver'); "
    "INSERT INTO memberships (user_id, role, tenant_id) "
    "VALUES ({leaver_id}, 'viewer', '{tenant_id}')"
)
APP_BACK = "INSERT INTO authenticators (user_id, secret) VALUES ({user_id}, 'x')"
A_SESSION = (
    "INSERT INTO sessions (id, user_id, sha256, address, agent, expires_at) "
    "OVERRIDING SYSTEM VALUE VALUES ({session_id}, {user_id}, sha256('{tenant_id}'), '', '', "
    "'2090-01-01Z')"
)

SAMPLES = [
    Sample("GET /sessions"),
    Sample("DELETE /sessions", status=204),
    # Nobody ends a session of another.
    Sample("DELETE /sessions/{session_id}", status=404),
    # Whoever gets as far as this is asked for the password.
    Sample("PUT /me/password", body={}, status=422),
    Sample("GET /me/authenticator"),
    Sample("POST /me/authenticator", body={}, status=422),
    Sample("POST /me/authenticator/confirm", body={"code": "123456"}, status=409),
    Sample("POST /me/authenticator/remove", body={}, status=422),
    changes(
        "DELETE /users/{user_id}/authenticator",
        "platform.run",
        "user.read",
        status=204,
        mend=APP_BACK,
    ),
    changes(
        "DELETE /users/{user_id}",
        "platform.run",
        "user.read",
        status=204,
        mend=LEAVER_BACK,
        names={"user_id": "leaver_id"},
    ),
    # An owner needs the right in every tenant of the user; here that is one.
    changes("POST /users/{user_id}/password-reset", "membership.give", "user.read", status=201),
    Sample("POST /invitations", "membership.give", body=INVITED, status=201),
    Sample("GET /invitations"),
    changes(
        "DELETE /invitations/{invitation_id}",
        "membership.give",
        "membership.give",
        status=204,
        mend=INVITATION_BACK,
    ),
    Sample("POST /invitations/join", body={"token": "tpi_x"}, status=422),
]  # fmt: skip
# What one does with a password or a link, and without a token.
VISITORS = {
    "POST /sessions",
    "POST /tokens/sign-in",
    "POST /invitations/accept",
    "POST /password-resets/accept",
}
NOWHERE: dict[str, str | int] = {
    "invitation_id": 999_999,
    "session_id": 999_999,
    "leaver_id": 999_999,
}


def things(connection: psycopg.Connection, tenant: str, user_id: int) -> dict[str, str | int]:
    """Give a user of the tenant a session, an authenticator app and an invitation; the ids."""
    number = {"sunny": 1001, "other": 1002}[tenant]
    ids: dict[str, str | int] = {
        "invitation_id": number,
        "session_id": number,
        "leaver_id": number,
    }
    for statement in (INVITATION_BACK, APP_BACK, A_SESSION, LEAVER_BACK):
        query = statement.format(**ids, tenant_id=tenant, user_id=user_id)
        connection.execute(query.encode())
    return ids
