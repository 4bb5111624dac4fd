"""The plan and the verdict of the soak."""

from benchmarks.rounds import Books
from benchmarks.soak import ONLY_SHOWN, every_fault, judge, line, spread
from benchmarks.watch import Samples
from tests.faults.plan import troubles, victims

STEADY = [1.0] * 9
GROWING = [100.0] * 3 + [200.0] * 3 + [400.0] * 3


def test_every_third_of_the_time_has_every_fault() -> None:
    services = ["postgres", "registry", "broker", "ingest", "ingest-2"]
    faults = spread(every_fault(services, 1), 1000, 600)
    for third in range(3):
        own = [run for at, run in faults if 200 * third < at - 1000 < 200 * (third + 1)]
        assert {run.trouble for run in own} == set(troubles(services, disk=False))
        assert {run.victim for run in own} == set(victims(services))


def test_what_grows_is_named() -> None:
    samples = Samples(values={"ingest_rss_mb": GROWING, "broker_fds": STEADY})
    assert judge(samples, [1] * 9).growing == ["ingest_rss_mb"]


def test_the_brokers_memory_has_more_room() -> None:
    samples = Samples(values={"broker_rss_mb": [50.0] * 6 + [180.0] * 3})
    assert judge(samples, [1] * 9).growing == []


def test_chunks_must_not_grow() -> None:
    assert judge(Samples(values={}), [1, 1, 1, 4, 4, 4, 8, 8, 8]).growing == ["chunks"]


def test_what_follows_the_load_is_not_judged() -> None:
    samples = Samples(values=dict.fromkeys(ONLY_SHOWN, GROWING))
    assert judge(samples, [1] * 9).growing == []


def test_the_last_line_has_the_sums_of_what_is_judged() -> None:
    values = dict.fromkeys(("ingest_rss_mb", "broker_rss_mb", "ingest_fds"), STEADY)
    verdict = judge(Samples(values=values | {"journal_mb": GROWING}), [2] * 9)
    assert line(30, Books(messages=7, lost=1), verdict) == (
        "soak: minutes=30 messages=7 lost=1 twice=0 rss_first=2 rss_last=2 "
        "fds_first=1 fds_last=1 chunks_first=2 chunks_last=2"
    )
