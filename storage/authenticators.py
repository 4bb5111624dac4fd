"""Authenticator apps and recovery codes. What is secret comes here encrypted or hashed."""

from __future__ import annotations

from storage import queries
from storage.rows import Connection, Row, first

QUERIES = queries.load("registry_authenticators")


async def enrol(connection: Connection, user_id: int, secret: bytes) -> bool:
    """Keep the secret of an app that shows codes soon. False where one does so already."""
    parameters = {"user_id": user_id, "secret": secret}
    return await first(connection, QUERIES["enrol"], parameters) is not None


async def authenticator(connection: Connection, user_id: int) -> Row | None:
    """A user's authenticator: ``secret, confirmed_at, recovery_codes``, their number."""
    return await first(connection, QUERIES["authenticator"], {"user_id": user_id})


async def take_step(connection: Connection, user_id: int, step: int) -> bool:
    """Use up the code of a time step. False where it, or a newer one, was used before."""
    parameters = {"user_id": user_id, "step": step}
    return await first(connection, QUERIES["take_step"], parameters) is not None


async def confirm(connection: Connection, user_id: int, codes: list[bytes]) -> None:
    """Ask for codes from now on; ``codes`` are the hashes of the recovery codes."""
    await connection.execute(QUERIES["confirm"], {"user_id": user_id})
    await connection.execute(QUERIES["add_recovery_codes"], {"user_id": user_id, "sha256": codes})


async def take_recovery_code(connection: Connection, user_id: int, code: bytes) -> bool:
    """Use up a recovery code, by its hash. False where there is none."""
    parameters = {"user_id": user_id, "sha256": code}
    return await first(connection, QUERIES["take_recovery_code"], parameters) is not None


async def remove(connection: Connection, user_id: int) -> bool:
    """Ask for no codes any more. False where none were asked for."""
    return await first(connection, QUERIES["remove"], {"user_id": user_id}) is not None
