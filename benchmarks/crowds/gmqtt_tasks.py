"""``python -m benchmarks.crowds.gmqtt_tasks JOB``: a gmqtt client for a device, in one loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import gmqtt

from benchmarks.crowds import MOST_AHEAD, PIECE, Done, Job, job, payload, tell

# Clients that connect at a time.
TOGETHER = 64


async def main() -> None:
    """Connect, then publish."""
    todo = job()
    acknowledged = [0]
    started = time.monotonic()
    clients: list[Any] = []
    for start in range(0, todo.devices, TOGETHER):
        some = todo.names[start : start + TOGETHER]
        clients += await asyncio.gather(*(connected(todo, name, acknowledged) for name in some))
    took = time.monotonic() - started
    before, started, cpu = acknowledged[0], time.monotonic(), time.process_time()
    await publish(todo, clients, acknowledged)
    tell(
        Done(
            connections=sum(client.is_connected for client in clients),
            connect_s=took,
            acknowledged=acknowledged[0] - before,
            seconds=time.monotonic() - started,
            cpu_s=time.process_time() - cpu,
        )
    )


async def connected(todo: Job, name: str, acknowledged: list[int]) -> Any:
    """A connected client, whose acknowledgements are counted."""
    client = gmqtt.Client(name)
    client.set_auth_credentials(name, name)
    await client.connect("127.0.0.1", todo.port)
    remove = client._persistent_storage.remove_message_by_mid

    def count(mid: int) -> None:
        acknowledged[0] += 1
        remove(mid)

    client._persistent_storage.remove_message_by_mid = count
    return client


async def publish(todo: Job, clients: list[Any], acknowledged: list[int]) -> None:
    """Publish one after another, each when it is due, or as soon as that can be.

    A way that is overrun gets no further ahead of its acknowledgements than a few thousand.
    """
    began, gap = time.monotonic(), todo.interval / todo.devices
    number = 0
    while (now := time.monotonic()) < began + todo.seconds:
        due = min(int((now - began) / gap) + 1, acknowledged[0] + MOST_AHEAD)
        for step in range(number, min(due, number + PIECE)):
            index = step % todo.devices
            clients[index].publish(f"devices/{todo.names[index]}/telemetry", payload(step), qos=1)
        number = max(number, min(due, number + PIECE))
        await asyncio.sleep(0.001 if number >= due else 0)


if __name__ == "__main__":
    asyncio.run(main())
