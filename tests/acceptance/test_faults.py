"""A short run of the long proof in tests/faults: `make faults` is the long one."""

from collections import Counter
from pathlib import Path

from broker.payloads import decode
from storage.ingest import kept
from tests.faults.account import Account, Found, Refused
from tests.faults.messages import KINDS, Message, message
from tests.faults.plan import TROUBLES, VICTIMS, plan
from tests.faults.trial import trial

# Among them: ingest is killed while a lock makes it wait, the broker while ingest is away.
RUNS, SEED = 5, 987
T0 = 1_767_225_600_000


def test_what_was_acknowledged_is_stored_once_or_rejected_whatever_is_killed(
    platform_home: Path,
) -> None:
    account = trial(platform_home, RUNS, SEED)
    assert account.differences == []
    assert account.acknowledged == account.stored + account.rejected
    assert account.rejected > 100


def test_a_seed_repeats_its_faults_and_all_kinds_come() -> None:
    assert plan(60, 5) == plan(60, 5) != plan(60, 6)
    assert {run.victim for run in plan(60, 5)} == set(VICTIMS)
    assert {run.trouble for run in plan(60, 5)} == set(TROUBLES)


def rows(sent: Message) -> tuple[Found, Refused]:
    """The rows that the database ought to have of a message."""
    reasons = {kept(sent.payload): Counter([str(sent.reason)])} if sent.reason else {}
    return {key: (value, 1) for key, value in sent.stored.items()}, reasons


def judged(sent: Message, found: Found, refused: Refused) -> Account:
    account = Account()
    account.judge("dev 1", sent, found, refused)
    return account


def test_the_account_expects_of_every_message_what_the_decoder_makes_of_it() -> None:
    for number in range(len(KINDS)):
        sent = message("dev", number, T0)
        decoded = decode(None, sent.payload, T0 * 1000)
        values = {(metric, ts) for metric, ts, _ in (*decoded.readings, *decoded.states)}
        values |= {(c.metric, int(ts)) for c in decoded.columns for ts in c.ts}
        assert values == sent.stored.keys()
        assert set(decoded.refused) == ({sent.reason} if sent.reason else set())
        assert judged(sent, *rows(sent)).differences == []


def test_the_account_notices_everything_that_is_missing_or_wrong() -> None:
    for number in range(len(KINDS)):
        sent = message("dev", number, T0)
        for key in sent.stored:
            found, refused = rows(sent)
            del found[key]
            assert len(judged(sent, found, refused).lost) == 1
            found, refused = rows(sent)
            found[key] = (-1.0, 1)
            assert len(judged(sent, found, refused).lost) == 1
        if sent.reason:
            found, _ = rows(sent)
            assert len(judged(sent, found, {}).lost) == 1
        found, _ = rows(sent)
        surprise = {kept(sent.payload): Counter(["refused-by-storage"])}
        assert len(judged(sent, found, surprise).strange) == 1
