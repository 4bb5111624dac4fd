"""``python -m benchmarks.peers.paho_insert TARGET rows|message``: what most begin with."""

from __future__ import annotations

import json
import sys

import paho.mqtt.client as mqtt
import psycopg

from benchmarks.peers.target import TABLE, Target, rows, subscriber

INSERT = f"INSERT INTO {TABLE} VALUES (%s, %s, %s)"


def main() -> None:
    """Insert until the end: a statement and a commit a row, or a message."""
    target = Target(**json.loads(sys.argv[1]))
    connection = psycopg.connect(target.url, autocommit=True)

    def by_row(message: mqtt.MQTTMessage) -> None:
        for row in rows(message.topic, message.payload, target.ticks):
            connection.execute(INSERT, row)

    def by_message(message: mqtt.MQTTMessage) -> None:
        given = rows(message.topic, message.payload, target.ticks)
        several = INSERT + ", (%s, %s, %s)" * (len(given) - 1)
        connection.execute(several, [field for row in given for field in row])

    store = {"rows": by_row, "message": by_message}[sys.argv[2]]
    subscriber(target, store).loop_forever()


if __name__ == "__main__":
    main()
