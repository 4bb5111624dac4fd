"""``python -m benchmarks.peers.paho_copy TARGET``: paho's thread queues, this one copies."""

from __future__ import annotations

import json
import sys
import time
from queue import Empty, SimpleQueue

import paho.mqtt.client as mqtt
import psycopg

from benchmarks.peers.target import BATCH, LINGER, TABLE, Target, rows, subscriber


def main() -> None:
    """Copy batch after batch until the end."""
    target = Target(**json.loads(sys.argv[1]))
    queue: SimpleQueue[mqtt.MQTTMessage] = SimpleQueue()
    client = subscriber(target, queue.put)
    client.loop_start()
    with psycopg.connect(target.url, autocommit=True) as connection:
        while True:
            batch = take(queue)
            with connection.cursor().copy(f"COPY {TABLE} FROM STDIN") as copy:
                for message in batch:
                    for row in rows(message.topic, message.payload, target.ticks):
                        copy.write_row(row)


def take(queue: SimpleQueue[mqtt.MQTTMessage]) -> list[mqtt.MQTTMessage]:
    """The next messages: the first, and what comes soon after it."""
    batch = [queue.get()]
    deadline = time.monotonic() + LINGER
    while len(batch) < BATCH:
        try:
            batch.append(queue.get(timeout=max(0, deadline - time.monotonic())))
        except Empty:
            break
    return batch


if __name__ == "__main__":
    main()
