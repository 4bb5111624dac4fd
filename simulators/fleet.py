"""Many devices in one thread: started together, counted together, ended together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from simulators.connection import Address
from simulators.device import Device, Message

# Messages that a device keeps while the broker is away.
CAPACITY = 1000
PATIENCE_SECONDS = 5.0


class Fleet:
    """Devices that publish to one broker.

    Args:
        address: of the broker.
        secrets: of the devices, by id.
        attributes: what the devices tell of themselves, by id; those that are left out, nothing.
        capacity: unacknowledged messages that a device keeps; beyond it takes no more.
        patience: seconds for which a refused log-in is tried again.
    """

    def __init__(
        self,
        address: Address,
        secrets: Mapping[str, str],
        *,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        capacity: int = CAPACITY,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.devices = {
            device_id: Device(
                device_id,
                secret,
                address,
                attributes=(attributes or {}).get(device_id, {}),
                capacity=capacity,
                patience=patience,
            )
            for device_id, secret in secrets.items()
        }

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the devices connected; at the end they go offline."""
        tasks = [asyncio.create_task(device.run()) for device in self.devices.values()]
        try:
            yield
        finally:
            await cancelled(*tasks)

    def offer(self, device_id: str, time: int, values: Mapping[str, float]) -> bool:
        """Have a device publish values with its time stamp in milliseconds.

        Returns:
            False where the device keeps all it can already, or was refused; it is counted.
        """
        return self.devices[device_id].offer(Message.reading(time, values))

    async def drained(self, seconds: float) -> bool:
        """Wait at most so long until all is acknowledged; whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for device in self.devices.values():
                    await device.until_settled()
        return all(device.owed == 0 for device in self.devices.values())

    async def all_refused(self) -> None:
        """Return when the broker serves none of the devices any more."""
        for device in self.devices.values():
            await device.until_refused()


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """End tasks; raises what one of them has failed with."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
