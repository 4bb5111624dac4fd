"""``python -m benchmarks.soak --minutes 30``: full load and every fault, and nothing grows.

The whole platform as ``technopark up`` starts it, devices behind a proxy that publish as fast as
they are acknowledged, and every fault of `tests.faults`, the same in each third of the time. Each
round is accounted for before its rows go. docs/performance.md explains the last line.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import machine, rounds, timeline
from benchmarks.results import RESULTS
from benchmarks.rounds import Books
from benchmarks.senders import Crowd, Sender, sending
from benchmarks.watch import (
    Gauge,
    Samples,
    Trend,
    descriptors,
    folder_mb,
    private_mb,
    resident_mb,
    threads,
    trend,
    watching,
)
from stack import runtime
from stack.home import Home
from tests.acceptance.conftest import RunningPlatform
from tests.faults.plan import Run, plan, troubles, victims
from tests.faults.proxy import Proxy
from tests.faults.site import Site

CHECKOUT = Path(__file__).parent.parent / ".technopark"
SENDERS = 10
# A round ends with whichever comes first. There are some in each third of the time.
ROUND_SECONDS = 60.0
ROUNDS_AT_LEAST = 9
ROUND_MESSAGES = 1_000_000
# By how much more than a tenth the last third may be above the second, by the end of the name.
# Mosquitto keeps the memory that its longest queue took: a second of full load without a reader
# is 30 to 40 MB, and how many seconds a fault takes is a matter of chance.
SLACK = {"broker_rss_mb": 128.0, "_mb": 16.0, "_fds": 8.0, "_threads": 2.0}
# Their level is that of the load and the faults of the moment, not one that could leak away.
ONLY_SHOWN = ("journal_mb", "queue_mb", "postgres_private_mb")


@dataclass
class Soak:
    """A run and what it has seen so far.

    Attributes:
        site: the platform, and the faults that can be done to it.
        crowd: the devices.
        books: the account.
        ends_at: by the monotonic clock.
        faults: still to come, each with its moment, the next one first.
        marks: what happened, and when, in seconds since the start.
    """

    site: Site
    crowd: Crowd
    started_at: float
    ends_at: float
    faults: list[tuple[float, Run]]
    books: Books = field(default_factory=Books)
    marks: dict[str, float] = field(default_factory=dict)

    @property
    def round_seconds(self) -> float:
        """How long a round publishes at most."""
        return min(ROUND_SECONDS, (self.ends_at - self.started_at) / ROUNDS_AT_LEAST)

    def run(self) -> None:
        """Round after round, also after the time where a fault is still to come."""
        while time.monotonic() < self.ends_at or self.faults:
            self.crowd.go(ROUND_MESSAGES // SENDERS)
            self.suffer(time.monotonic() + self.round_seconds)
            with self.site.platform.database() as connection:
                self.books.close(connection, self.crowd)
            print(
                f"{(time.monotonic() - self.started_at) / 60:.1f} min: "
                f"{self.books.messages:,} messages, lost {self.books.lost}",
                flush=True,
            )

    def suffer(self, until: float) -> None:
        """Let the load go on, and do what is planned meanwhile."""
        begun = self.books.messages
        while (now := time.monotonic()) < until:
            if self.faults and self.faults[0][0] <= now:
                _, fault = self.faults.pop(0)
                name = f"{len(self.marks) + 1} {fault.victim}, {fault.trouble}"
                self.marks[name] = now - self.started_at
                print(f"kill {fault.victim}, {fault.trouble}", flush=True)
                self.site.suffer(fault)
                self.site.wait_until_back()
            elif self.crowd.acknowledged() - begun >= ROUND_MESSAGES:
                return
            time.sleep(0.5)


def every_fault(services: Sequence[str], seed: int) -> list[Run]:
    """Each service is killed, and each trouble is there, once at least.

    The disk is not filled: one that holds the full load is too large for it.
    """
    killed, disturbed = victims(services), troubles(services, disk=False)
    return plan(max(len(killed), len(disturbed)), seed, killed, disturbed)


def spread(runs: list[Run], start: float, seconds: float) -> list[tuple[float, Run]]:
    """The moment of each fault, at equal distances; all of them in each third of the time.

    So the thirds can be compared: what a fault leaves behind is in each of them.
    """
    step = seconds / (3 * len(runs))
    return [(start + (n + 0.5) * step, run) for n, run in enumerate(3 * runs)]


def gauges(site: Site) -> dict[str, Gauge]:
    """What is looked at every second. A service that is away has no value at that moment."""
    up = site.platform.process
    assert up
    supervisor = psutil.Process(up.pid)
    home = Home(site.platform.home)
    found: dict[str, Gauge] = {}
    # PostgreSQL is not ours, and its memory is mostly shared.
    for name in (entry["name"] for entry in site.services() if entry["name"] != "postgres"):
        found[f"{name}_rss_mb"] = partial(of_service, resident_mb, site, name)
        found[f"{name}_fds"] = partial(of_service, descriptors, site, name)
        found[f"{name}_threads"] = partial(of_service, threads, site, name)
    found["supervisor_rss_mb"] = lambda: supervisor.memory_info().rss / 1e6
    found["supervisor_fds"] = lambda: float(supervisor.num_fds())
    found["supervisor_threads"] = lambda: float(supervisor.num_threads())
    found["postgres_private_mb"] = partial(of_service, private_mb, site, "postgres")
    found["journal_mb"] = lambda: journal_mb(site)
    found["queue_mb"] = partial(folder_mb, home.broker / "store")
    return found


def of_service(gauge: Callable[[psutil.Process], float], site: Site, name: str) -> float:
    """A gauge of the process that a service has at this moment."""
    return gauge(site.process(name))


def journal_mb(site: Site) -> float:
    """The size of ingest's journal, in the folder that ingest itself was told."""
    folder = site.process("ingest").environ().get("TECHNOPARK_INGEST_JOURNAL")
    return folder_mb(Path(folder)) if folder else 0.0


@dataclass(frozen=True)
class Verdict:
    """What the samples say.

    Attributes:
        trends: of every gauge, and of the chunks.
        growing: names of those that are not flat.
    """

    trends: dict[str, Trend]
    growing: list[str]

    def total(self, ending: str) -> Trend:
        """The sum of the judged gauges of one kind."""
        kind = [own for name, own in self.trends.items() if judged(name) and name.endswith(ending)]
        return Trend(
            sum(own.warm_up for own in kind),
            sum(own.first for own in kind),
            sum(own.last for own in kind),
        )


def judged(name: str) -> bool:
    """Whether the gauge has to be flat."""
    return name not in ONLY_SHOWN


def judge(samples: Samples, chunks: list[int]) -> Verdict:
    """Whether everything stays where it was after the warm-up."""
    trends = {name: trend(values) for name, values in samples.values.items()}
    slack = {
        name: next(most for ending, most in SLACK.items() if name.endswith(ending))
        for name in trends
    }
    trends["chunks"], slack["chunks"] = trend(chunks), 1
    growing = [
        name for name, own in trends.items() if judged(name) and not own.is_flat(slack[name])
    ]
    return Verdict(trends, growing)


def line(minutes: float, books: Books, verdict: Verdict) -> str:
    """The last line. ``first`` is the second third: the first is the warm-up."""
    memory, files = verdict.total("_rss_mb"), verdict.total("_fds")
    chunks = verdict.trends["chunks"]
    return (
        f"soak: minutes={minutes:g} messages={books.messages} lost={books.lost} "
        f"twice={books.twice} rss_first={memory.first:.0f} rss_last={memory.last:.0f} "
        f"fds_first={files.first:.0f} fds_last={files.last:.0f} "
        f"chunks_first={chunks.first:.0f} chunks_last={chunks.last:.0f}"
    )


def soak(home: Path, minutes: float, seed: int) -> bool:
    """Run it; whether nothing was lost, nothing is there twice and nothing grows."""
    platform = RunningPlatform(home)
    try:
        platform.start()
        with Proxy(platform.ports["MQTT"]).running() as proxy:
            site = Site(platform, proxy, random.Random(seed))
            devices = [platform.add_device(f"soak{n}-00000") for n in range(SENDERS)]
            senders = [
                Sender(name.removesuffix("-00000"), proxy.port, name, secret, 1, None, 200)
                for name, secret in devices
            ]
            now, seconds = time.monotonic(), minutes * 60
            services = [entry["name"] for entry in site.services()]
            faults = spread(every_fault(services, seed), now, seconds)
            with sending(senders) as crowd, watching(gauges(site)) as samples:
                running = Soak(site, crowd, now, now + seconds, faults)
                running.run()
            about = describe(platform, home)
    finally:
        platform.stop()
    verdict = judge(samples, running.books.chunks)
    keep(running, samples, verdict, about)
    for name in running.books.missing:
        print(f"lost: {name}")
    for name in verdict.growing:
        print(f"{name} grows: {verdict.trends[name]}")
    print(line(minutes, running.books, verdict))
    return not (verdict.growing or running.books.lost or running.books.twice)


def describe(platform: RunningPlatform, home: Path) -> Mapping[str, Any]:
    """Machine and versions."""
    with platform.database() as connection:
        programs = runtime.find(home) or runtime.find(home, CHECKOUT / "runtime")
        assert programs
        return machine.describe(programs, home, connection)


def keep(running: Soak, samples: Samples, verdict: Verdict, about: Mapping[str, Any]) -> None:
    """The JSON file and the picture."""
    RESULTS.mkdir(exist_ok=True)
    result = {
        **about,
        "books": asdict(running.books),
        "marks": running.marks,
        "trends": {name: asdict(one) for name, one in verdict.trends.items()},
        "growing": verdict.growing,
        "samples": asdict(samples),
    }
    (RESULTS / "soak.json").write_text(json.dumps(result, indent=2))
    title = f"Full load and {len(running.marks)} faults: {running.books.messages:,} messages"
    timeline.draw(samples, running.marks, title, RESULTS / "soak")


def main() -> int:
    """Run in a temporary folder, which is kept when something is wrong.

    Returns:
        0; 1 when something was lost, is there twice or grows; 130 when stopped.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the order of the faults")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    runtime.ensure(CHECKOUT, print)
    home = Path(tempfile.mkdtemp(prefix="technopark-soak-"))
    rounds.require_space(home)
    (home / "runtime").symlink_to(CHECKOUT / "runtime")
    try:
        good = soak(home, given.minutes, given.seed)
    except KeyboardInterrupt:
        good, status = True, 130
    else:
        status = 0 if good else 1
    if good:
        shutil.rmtree(home)
    else:
        print(f"logs and database are kept in {home}")
    return status


if __name__ == "__main__":
    sys.exit(main())
