"""``python -m tests.faults --runs 300 --seed 1``: the long proof; docs/faults.md explains it."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from stack import runtime
from tests.faults.trial import trial

ROOT = Path(__file__).parents[2]


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="how many kills (default: 30)")
    parser.add_argument("--seed", type=int, help="repeats the faults of an earlier run")
    return parser.parse_args()


def prove(home: Path, runs: int, seed: int) -> bool:
    """Do the trial and print the account; whether it is good."""
    started = time.monotonic()
    try:
        account = trial(home, runs, seed, say)
    except AssertionError as error:
        say(f"given up: {error}; ledger, logs and database are kept in {home}; seed={seed}")
        return False
    for difference in account.differences:
        say(difference)
    say(f"{time.monotonic() - started:.0f} s, {account.repeated} rejections repeated")
    if account.differences:
        say(f"ledger, logs and database are kept in {home}")
    say(account.line(runs, seed))
    return not account.differences


def main() -> int:
    """Run the trial in a temporary folder, which is kept when it fails.

    Returns:
        0 when everything that was acknowledged is there, once; 1 when not; 130 when stopped.
    """
    given = arguments()
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    runtime.ensure(ROOT / ".technopark", say)
    home = Path(tempfile.mkdtemp(prefix="technopark-faults-"))
    (home / "runtime").symlink_to(ROOT / ".technopark" / "runtime")
    say(f"{given.runs} kills, seed {seed}, in {home}")
    try:
        if not prove(home, given.runs, seed):
            return 1
    except KeyboardInterrupt:
        say("stopped")
        shutil.rmtree(home)
        return 130
    shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
