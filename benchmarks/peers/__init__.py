"""What a user would take instead of the platform, each storing the same narrow rows.

All of them read ingest's session, so that the broker queues for them on disk as it does for
ingest, and write into a hypertable of the same columns without unique key. Only mq-bridge
acknowledges after it has written; the others lose what they hold when they are killed.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from benchmarks.peers import node
from benchmarks.peers.target import TABLE, TOPIC, USER, Target
from stack.runtime import Runtime

__all__ = ["INSERT_A_MESSAGE", "TABLE", "Peer", "Target", "make_table", "prepare"]

HERE = Path(__file__).parent

# TimescaleDB's own default: an index of the time, no key.
CREATE_TABLE = f"""
CREATE TABLE {TABLE} (LIKE readings);
SELECT create_hypertable('{TABLE}', by_range('ts', INTERVAL '1 day'));
"""


@dataclass(frozen=True)
class Peer:
    """Another way.

    Attributes:
        name: for people.
        command: the program's command line.
        share: of the load that it is given; of a slow one a part tells enough.
    """

    name: str
    command: Callable[[Target], list[str]]
    share: float = 1


def prepare(programs: Runtime, home: Path, url: str) -> list[Peer]:
    """Install what npm has to bring, make the table, and list the peers."""
    make_table(url)
    folder = home / "peers"
    folder.mkdir(mode=0o755)
    shutil.copy(HERE / "rows.awk", folder)
    node.install(folder)
    return [
        Peer("paho, INSERT a row", python("paho_insert", "rows"), 0.05),
        INSERT_A_MESSAGE,
        Peer("paho, COPY", python("paho_copy"), 0.25),
        Peer("mosquitto_sub | psql COPY", lambda target: shell(programs, folder, target)),
        Peer("mqtt.js, pg-copy-streams", lambda target: node.command(folder, target)),
        Peer("mq-bridge", python("bridge")),
    ]


def make_table(url: str) -> None:
    """The table that peers write into."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(CREATE_TABLE.encode())


def python(module: str, *arguments: str) -> Callable[[Target], list[str]]:
    """The command line of a peer written in Python."""
    start = [sys.executable, "-m", f"benchmarks.peers.{module}"]
    return lambda target: [*start, json.dumps(asdict(target)), *arguments]


INSERT_A_MESSAGE = Peer("paho, INSERT a message", python("paho_insert", "message"), 0.05)


def shell(programs: Runtime, folder: Path, target: Target) -> list[str]:
    """A pipe of three programs.

    The pipe's buffers keep the last messages back until it ends. So ``mosquitto_sub`` is told how
    many there will be, for the warm-up and again for the rest, and spaces push the warm-up through.
    """
    subscriber = (
        f"mosquitto_sub -h 127.0.0.1 -p {target.port} -V mqttv5 -c -x 4294967295 -i {USER} "
        f"-u {USER} -P {target.password} -q 1 -t '{TOPIC}' -F '%t %p' -C"
    )
    awk = f"mawk -v table={TABLE} -f {programs.inside(folder / 'rows.awk')}"
    psql = f"psql -q -v ON_ERROR_STOP=1 '{target.url}'"
    push = "printf '%65536s\\n' ''"
    source = f"{subscriber} {target.warm_up}; {push}; {subscriber} {target.count}"
    script = f"{{ {source}; }} | {awk} | {psql}"
    return programs.command(["sh", "-c", script], account="mosquitto")
