"""Large bodies: written to a file while they come, and gone when the answer is."""

from __future__ import annotations

import asyncio
import errno
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from registry.access import (
    Credentials,
    Person,
    Pool,
    pool,
    readable_tenant,
    signed_in,
    token_scheme,
)
from registry.http.origin import ORIGIN
from registry.http.problems import UnavailableError, UnprocessableError
from registry.settings import Settings
from storage.rows import Row


class Upload:
    """A file for the body of a request; ``delete`` takes it away.

    Attributes:
        path: where it is.
    """

    def __init__(self, folder: Path | None) -> None:
        with tempfile.NamedTemporaryFile("wb", prefix="technopark-", dir=folder, delete=False) as f:
            self.path = Path(f.name)

    async def take(self, request: Request) -> None:
        """Write the body to the file.

        Raises:
            UnprocessableError: there is none.
            UnavailableError: the disk is full.
        """
        try:
            with self.path.open("wb") as file:
                async for piece in request.stream():
                    await asyncio.to_thread(file.write, piece)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise UnavailableError("there is no room for this file now: try again later") from error
        if not self.path.stat().st_size:
            raise UnprocessableError("send the file as the body of the request")

    def delete(self) -> None:
        """Give the room back."""
        self.path.unlink(missing_ok=True)


async def received(request: Request) -> Upload:
    """The body of the request as a file. Nothing else may have read it."""
    settings: Settings = request.app.state.settings
    upload = Upload(settings.upload_folder)
    try:
        await upload.take(request)
    except BaseException:
        upload.delete()
        raise
    return upload


async def data_owner(
    tenant_id: str,
    opened: Annotated[Pool, Depends(pool)],
    credentials: Annotated[Credentials, Depends(token_scheme)],
) -> Row:
    """The tenant of the path, for its owners: ``id``, and the ``actor`` for the audit log.

    The connection is given back before a body is waited for.
    """
    async with opened.connection() as connection:
        person: Person = await signed_in(connection, credentials)
        tenant = await readable_tenant(tenant_id, connection, person)
    person.require("tenant.archive", tenant)
    origin = ORIGIN.get()
    actor = {
        "user_id": person.id,
        "token_id": person.token_id,
        "address": origin.address,
        "request_id": origin.request_id,
    }
    return {"id": tenant["id"], "actor": actor}


DataOwner = Annotated[Row, Depends(data_owner)]
