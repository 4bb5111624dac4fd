"""How many devices one process can play: connections held, and messages a second at QoS 1.

Each way plays devices that connect with their own names and send five values every half second; the
broker answers at once, with its queue in memory and nobody who listens but a reader of nothing.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import brokers
from benchmarks.crowds import Done, Job
from benchmarks.peers import node
from benchmarks.results import Table
from broker import passwords
from simulators import KINDS, Address, Company, Login
from simulators import run as run_fleet
from simulators.scenario import of_kinds
from simulators.summary import totals
from stack.runtime import Runtime
from tests.parts import USERS

DEVICES, INTERVAL, SECONDS, ROUNDS = 10_000, 0.5, 8.0, 3
# A paho client waits by select(), which knows no file above 1,023, and has three open: more than
# 340 clients in one process do not work.
PAHO_DEVICES = 300
PAST_DEVICES, PAST_DAYS, PAST_KIND = 100, 30, "pv-inverter"
PATIENCE_SECONDS = 180


@dataclass(frozen=True)
class Way:
    """A way to play many devices.

    Attributes:
        name: for people.
        command: the program's command line, to which the job is added.
        devices: how many it is given.
    """

    name: str
    command: list[str]
    devices: int = DEVICES


def run(programs: Runtime, home: Path) -> Table:
    """Play the devices in each way, in turns, and send a month of the past."""
    table = Table(
        "simulators",
        f"devices of one process, a message of five values every {INTERVAL} s, QoS 1",
        ["way", "connections", "connected in s", "messages/s", "CPU s of 100,000"],
    )
    ways = prepare(home)
    with brokers.running_broker(programs, home / "broker-crowd", None) as broker:
        admit(home / "broker-crowd", Job(broker.port, DEVICES, INTERVAL, SECONDS).names)
        found: dict[str, list[Done]] = {way.name: [] for way in ways}
        months: list[Done] = []
        for _ in range(ROUNDS):
            for way in ways:
                found[way.name].append(play(way, broker.port))
            months.append(past(broker.port))
    for way in ways:
        add(table, way.name, found[way.name])
    middle = in_the_middle(found[ways[0].name])
    month = min(months, key=lambda done: done.seconds)
    table.notes.append(
        f"best of {ROUNDS}: {PAST_DAYS} days of {PAST_DEVICES} devices ({PAST_KIND}, every "
        f"{KINDS[PAST_KIND].interval:.0f} s): {month.acknowledged:,} values acknowledged in "
        f"{month.seconds:.1f} s, with {month.cpu_s:.1f} s of CPU"
    )
    peers = [rate(in_the_middle(found[way.name])) for way in ways[1:]]
    table.figures = {
        "past_s": month.seconds,
        "vs_best_peer": rate(middle) / max(peers),
        "pace_error_percent": 100 * abs(1 - (middle.pace or 0) / (DEVICES / INTERVAL)),
        "connections": middle.connections,
        "rate": round(rate(middle)),
    }
    table.limits = {"past_s": 60.0, "pace_error_percent": 1.0}
    return table


def prepare(home: Path) -> list[Way]:
    """Install what npm has to bring, and list the ways; ours is the first."""
    folder = home / "crowds"
    folder.mkdir()
    node.install(folder)
    script = Path(__file__).parent / "crowds" / "mqtt_js.js"
    (folder / script.name).write_text(script.read_text())
    return [
        Way("technopark", python("ours")),
        Way("gmqtt, one loop", python("gmqtt_tasks")),
        Way("mqtt.js, one process", [*node.program("node"), str(folder / script.name)]),
        Way("paho, a thread each", python("paho_threads"), PAHO_DEVICES),
    ]


def python(module: str) -> list[str]:
    """The command line of a way written in Python."""
    return [sys.executable, "-m", f"benchmarks.crowds.{module}"]


def admit(folder: Path, names: list[str]) -> None:
    """Let devices in, each with its name as secret."""
    entries = passwords.internal_entries({**USERS, **{name: name for name in names}})
    passwords.replace(folder / "passwords", passwords.render(entries))
    if not passwords.reload(folder / "mosquitto.pid"):
        raise RuntimeError("the broker did not take the passwords")
    time.sleep(2)


def play(way: Way, port: int) -> Done:
    """Run one way once."""
    job = Job(port, way.devices, INTERVAL, SECONDS)
    done = subprocess.run(
        [*way.command, json.dumps(asdict(job))],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"{way.name}: {done.stderr[-2000:]}")
    return Done(**json.loads(done.stdout.splitlines()[-1]))


def rate(done: Done) -> float:
    """Messages a second."""
    return done.acknowledged / done.seconds


def in_the_middle(rounds: list[Done]) -> Done:
    """The round with the median rate."""
    return sorted(rounds, key=rate)[len(rounds) // 2]


def add(table: Table, name: str, rounds: list[Done]) -> None:
    """The round in the middle."""
    middle = in_the_middle(rounds)
    connect = statistics.median(done.connect_s for done in rounds)
    cpu = statistics.median(done.cpu_s / max(1, done.acknowledged) for done in rounds)
    table.add(
        name,
        f"{middle.connections:,}",
        f"{connect:.1f}",
        f"{rate(middle):,.0f}",
        f"{cpu * 100_000:.1f}",
    )


def past(port: int) -> Done:
    """Send a month of a hundred devices, from the first value to the last acknowledgement."""
    interval = KINDS[PAST_KIND].interval
    plan = of_kinds([PAST_KIND], PAST_DEVICES, tenant="crowd", prefix=None, lab=None)
    logins = [Login(name, name) for name in Job(port, PAST_DEVICES, interval, 0).names]
    started, cpu = time.monotonic(), time.process_time()
    company = Company(
        plan.scaled(None, interval, None),
        logins,
        Address("127.0.0.1", port),
        begin=time.time() - PAST_DAYS * 86_400,
    )
    run_fleet(
        company.fleet, company.players(past_first=True, seconds=0), drain=float(PATIENCE_SECONDS)
    )
    counted = totals(company.fleet)
    if counted["unacknowledged"] or counted["skipped"]:
        raise RuntimeError(f"not all of the past was acknowledged: {counted}")
    return Done(
        connections=PAST_DEVICES,
        connect_s=0,
        acknowledged=counted["values_acknowledged"],
        seconds=time.monotonic() - started,
        cpu_s=time.process_time() - cpu,
    )
