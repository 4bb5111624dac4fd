"""``python -m benchmarks.peers.bridge TARGET``: mq-bridge's Rust core, from MQTT to COPY."""

from __future__ import annotations

import json
import sys

import psycopg
from mq_bridge import Route

from benchmarks.load import METRICS
from benchmarks.peers.target import BATCH, TABLE, TOPIC, USER, Target

# mq-bridge writes one row a message; a trigger makes the five narrow ones of a whole batch. Its
# MQTT input does not hand on the topic, so the device is told from the time, which works for this
# load alone: a thousand devices, a millisecond each.
STAGING = f"""
CREATE UNLOGGED TABLE IF NOT EXISTS bridge_rows (ts double precision, {{columns}});
TRUNCATE bridge_rows;
CREATE OR REPLACE FUNCTION bridge_unpivot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {TABLE}
    SELECT ts::bigint % 1000 * 5 + v.n, to_timestamp(ts / 1000), v.value
    FROM given, LATERAL (VALUES {{values}}) AS v (n, value);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER unpivot AFTER INSERT ON bridge_rows
    REFERENCING NEW TABLE AS given FOR EACH STATEMENT EXECUTE FUNCTION bridge_unpivot();
"""


def prepare(url: str) -> None:
    """The staging table and its trigger."""
    columns = ", ".join(f"{name} double precision" for name in METRICS)
    values = ", ".join(f"({n}, {name})" for n, name in enumerate(METRICS, 1))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STAGING.format(columns=columns, values=values).encode())


def route(target: Target) -> Route:
    """From the durable session into the staging table."""
    names = ("ts", *METRICS)
    tokens = ", ".join(f"${{payload:{name}}}" for name in names)
    mapping = {"ts": "$.ts"} | {name: f"$.values.{name}" for name in METRICS}
    return Route.from_config(
        {
            "input": {
                "mqtt": {
                    "url": f"tcp://127.0.0.1:{target.port}",
                    "topic": TOPIC,
                    "client_id": USER,
                    "username": USER,
                    "password": target.password,
                    "qos": 1,
                    "clean_session": False,
                    "session_expiry_interval": 4294967295,
                    "queue_capacity": 2 * BATCH,
                    "max_inflight": 2 * BATCH,
                },
            },
            "output": {
                "middlewares": [{"transform": {"mapping": mapping}}],
                "sqlx": {
                    "url": target.url,
                    "table": "bridge_rows",
                    "bulk_copy": True,
                    "insert_query": f"INSERT INTO bridge_rows ({', '.join(names)}) "
                    f"VALUES ({tokens})",
                },
            },
            "batch_size": BATCH,
        }
    )


def main() -> None:
    """Run the route until the end."""
    target = Target(**json.loads(sys.argv[1]))
    prepare(target.url)
    route(target).run()


if __name__ == "__main__":
    main()
