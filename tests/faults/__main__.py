"""``python -m tests.faults --runs 300 --seed 1``: the long proof; docs/faults.md explains it."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from stack import namespace, runtime
from tests.faults.disk import Disk
from tests.faults.plan import FILL
from tests.faults.trial import trial

ROOT = Path(__file__).parents[2]
# Given by this program to itself, once it has mounts of its own.
INSIDE = "--inside"


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="how many kills (default: 30)")
    parser.add_argument("--seed", type=int, help="repeats the faults of an earlier run")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def get_own_mounts() -> None:
    """Become the same program with mounts of its own, where the kernel allows that."""
    if namespace.available():
        command = [sys.executable, "-m", "tests.faults", INSIDE, *sys.argv[1:]]
        os.execvp("unshare", [*namespace.unshare(), *command])


def prove(home: Path, runs: int, seed: int, disk: Disk | None) -> bool:
    """Do the trial and print the account; whether it is good."""
    started = time.monotonic()
    try:
        if disk:
            disk.make()
        account = trial(home, runs, seed, disk, say)
    except AssertionError as error:
        say(f"given up: {error}; ledger, logs and database are kept in {home}; seed={seed}")
        return False
    for difference in account.differences:
        say(difference)
    say(
        f"{time.monotonic() - started:.0f} s; there again: {account.repeated} rejections, "
        f"{account.again} values without a time"
    )
    if not disk:
        say(f'left out: "{FILL}", because this kernel gives this user no mounts of his own')
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
    if not given.inside:
        get_own_mounts()
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    runtime.ensure(ROOT / ".technopark", say)
    home = Path(tempfile.mkdtemp(prefix="technopark-faults-"))
    (home / "runtime").symlink_to(ROOT / ".technopark" / "runtime")
    disk = Disk(home, given.runs) if given.inside else None
    say(f"{given.runs} kills, seed {seed}, in {home}")
    status = 130
    try:
        status = 0 if prove(home, given.runs, seed, disk) else 1
    except KeyboardInterrupt:
        say("stopped")
    finally:
        if disk:
            disk.remove(keep=status == 1)
    if status != 1:
        shutil.rmtree(home)
    return status


if __name__ == "__main__":
    sys.exit(main())
