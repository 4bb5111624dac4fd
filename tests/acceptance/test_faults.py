"""A short run of the long proof in tests/faults: `make faults` is the long one."""

import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest

from broker.payloads import decode
from stack.processes import bound
from storage.ingest import kept
from tests.faults.account import Account, Arrived, Found, Refused
from tests.faults.messages import KINDS, Message, message
from tests.faults.plan import FILL, may_meet, plan, troubles, victims

# Among them, with one worker or two: the disk is full when ingest or the database is killed.
RUNS, SEED = 5, 63
SERVICES = ("postgres", "registry", "broker", "ingest", "ingest-2")
VICTIMS, TROUBLES = victims(SERVICES), troubles(SERVICES, disk=True)
T0 = 1_767_225_600_000


def test_what_was_acknowledged_is_stored_once_or_rejected_whatever_is_killed() -> None:
    command = [sys.executable, "-m", "tests.faults", "--runs", str(RUNS), "--seed", str(SEED)]
    done = subprocess.run(
        bound(command, death_signal="TERM"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    counts = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", last)}
    assert counts["kills"] == RUNS
    assert counts["seed"] == SEED
    assert counts["acknowledged"] == counts["stored"] + counts["rejected"]
    assert counts["rejected"] > 100
    assert counts["lost"] == counts["twice"] == 0
    # A fault that was not done is named, and the short run has this one.
    assert (f'left out: "{FILL}"' in done.stdout) != (f", {FILL}:" in done.stdout)


def test_a_seed_repeats_its_faults() -> None:
    first, again, other = (plan(60, seed, VICTIMS, TROUBLES) for seed in (5, 5, 6))
    assert first == again != other


@pytest.mark.parametrize("seed", range(20))
def test_every_victim_and_every_trouble_comes_as_often_as_others(seed: int) -> None:
    runs = plan(300, seed, VICTIMS, TROUBLES)
    killed = Counter(run.victim for run in runs)
    disturbed = Counter(run.trouble for run in runs)
    assert killed.keys() == set(VICTIMS)
    assert max(killed.values()) - min(killed.values()) <= 2
    each = {trouble: count / TROUBLES.count(trouble) for trouble, count in disturbed.items()}
    assert each.keys() == set(TROUBLES)
    assert max(each.values()) - min(each.values()) <= 1


def test_a_service_has_rest_between_two_kills() -> None:
    runs = plan(300, 1, SERVICES, ["nothing"])
    moments = {name: [n for n, run in enumerate(runs) if run.victim == name] for name in SERVICES}
    assert all(
        later - earlier > len(SERVICES) // 2
        for own in moments.values()
        for earlier, later in pairwise(own)
    )


def test_the_broker_is_not_killed_while_ingest_is_away() -> None:
    runs = plan(300, 1, VICTIMS, TROUBLES)
    assert all(may_meet(run.victim, run.trouble) for run in runs)
    with_broker = {run.trouble for run in runs if run.victim == "broker"}
    assert set(TROUBLES) - with_broker == {
        "restart broker", "restart ingest", "restart ingest-2",
    }  # fmt: skip


def rows(sent: Message) -> tuple[Found, Arrived, Refused]:
    """The rows that the database ought to have of a message."""
    reasons = {kept(sent.payload): Counter([str(sent.reason)])} if sent.reason else {}
    found = {key: (value, 1) for key, value in sent.stored.items()}
    return found, Counter(sent.arrived.items()), reasons


def judged(sent: Message, found: Found, arrived: Arrived, refused: Refused) -> Account:
    account = Account()
    account.judge("dev 1", sent, found, arrived, refused)
    return account


def test_the_account_expects_of_every_message_what_the_decoder_makes_of_it() -> None:
    for number in range(len(KINDS)):
        sent = message("dev", number, T0)
        decoded = decode(None, sent.payload, T0 * 1000)
        values = {(metric, ts) for metric, ts, _ in (*decoded.readings, *decoded.states)}
        values |= {(c.metric, int(ts)) for c in decoded.columns for ts in c.ts}
        now = {(metric, T0 * 1000) for metric in sent.arrived}
        assert values == sent.stored.keys() | now
        assert set(decoded.refused) == ({sent.reason} if sent.reason else set())
        assert judged(sent, *rows(sent)).differences == []


def test_the_account_notices_everything_that_is_missing_or_wrong() -> None:
    for number in range(len(KINDS)):
        sent = message("dev", number, T0)
        for key in sent.stored:
            found, arrived, refused = rows(sent)
            del found[key]
            assert len(judged(sent, found, arrived, refused).lost) == 1
            found, arrived, refused = rows(sent)
            found[key] = (-1.0, 1)
            assert len(judged(sent, found, arrived, refused).lost) == 1
        for came in sent.arrived.items():
            found, arrived, refused = rows(sent)
            del arrived[came]
            assert len(judged(sent, found, arrived, refused).lost) == 1
        if sent.reason:
            found, arrived, _ = rows(sent)
            assert len(judged(sent, found, arrived, {}).lost) == 1
        found, arrived, _ = rows(sent)
        surprise = {kept(sent.payload): Counter(["refused-by-storage"])}
        assert len(judged(sent, found, arrived, surprise).strange) == 1
