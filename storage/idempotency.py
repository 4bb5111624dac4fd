"""The answers of requests that came with an Idempotency-Key."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from storage import queries
from storage.rows import Connection, first, only

QUERIES = queries.load("registry_idempotency")


@dataclass(frozen=True)
class Kept:
    """What is kept of a request that was done.

    Attributes:
        fingerprint: of the request.
        status: of the answer.
        answer: its body, encrypted.
    """

    fingerprint: bytes
    status: int
    answer: bytes


async def claim(connection: Connection, user_id: int, key: str) -> bool:
    """Keep others from doing the same until the transaction ends. False where one does it now."""
    row = await only(connection, QUERIES["claim"], {"name": f"{user_id} {key}"})
    return bool(row["claimed"])


async def kept(connection: Connection, user_id: int, key: str) -> Kept | None:
    """What is kept of a request of the last 24 hours; None where there was none."""
    row = await first(connection, QUERIES["kept"], {"user_id": user_id, "key": key})
    return None if row is None else Kept(**row)


async def keep(connection: Connection, user_id: int, key: str, answer: Kept) -> None:
    """Keep an answer, and forget some that are too old."""
    await connection.execute(QUERIES["forget"])
    parameters = {"user_id": user_id, "key": key, **asdict(answer)}
    await connection.execute(QUERIES["keep"], parameters)
