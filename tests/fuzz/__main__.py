"""Fuzz the decoder for some time, or run saved inputs again. See docs/fuzzing.md."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.megabytes import slowest
from tests.fuzz.seeds import write_corpus, write_dictionary

ROOT = Path(__file__).parent.parent.parent
SAVED = ROOT / ".technopark" / "fuzz"
# One input may take no longer than this, in seconds; the process no more memory, in MB.
SLOWEST_INPUT, MEMORY = 10, 2048
LONGEST_INPUT = 4096
EXECUTIONS = re.compile(r"^(?:#|stat::number_of_executed_units:\s+)(\d+)", re.MULTILINE)
COVERAGE = re.compile(r"\bcov: (\d+)")
ARTIFACT = re.compile(r"Test unit written to (\S+)")


def say(text: str) -> None:
    """Show a line."""
    print(text, flush=True)  # noqa: T201


def main() -> int:
    """Fuzz, or run inputs again."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long (600)")
    parser.add_argument("--seed", type=int, default=0, help="of the fuzzer (0: by chance)")
    parser.add_argument("inputs", type=Path, nargs="*", help="run these again, and fuzz nothing")
    arguments = parser.parse_args()
    if arguments.inputs:
        return run_again(arguments.inputs)
    name, seconds = slowest()
    say(f"slowest of the hostile megabytes: {name}, {seconds * 1000:.0f} ms")
    with tempfile.TemporaryDirectory(prefix="technopark-fuzz-") as folder:
        return fuzz(Path(folder), arguments.seconds, arguments.seed)


def run_again(inputs: list[Path]) -> int:
    """Give saved inputs to the decoder, without the fuzzer; the first that fails raises."""
    from tests.fuzz.harness import one_input

    for path in inputs:
        one_input(path.read_bytes())
        say(f"{path}: ok")
    return 0


def fuzz(folder: Path, seconds: int, seed: int) -> int:
    """Fuzz in a temporary folder, and say how it ended.

    Returns:
        The exit status: 1 where an input was found that breaks a rule.
    """
    corpus = folder / "corpus"
    corpus.mkdir()
    write_corpus(corpus)
    write_dictionary(folder / "words")
    log, begun = folder / "log", time.monotonic()
    with log.open("wb") as output:
        status = subprocess.run(
            [
                sys.executable, "-m", "tests.fuzz.harness", corpus,
                f"-dict={folder / 'words'}", f"-artifact_prefix={folder}/",
                f"-max_total_time={seconds}", f"-timeout={SLOWEST_INPUT}",
                f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST_INPUT}", f"-seed={seed}",
                "-print_final_stats=1", "-use_value_profile=1",
            ],
            cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False,
        ).returncode  # fmt: skip
    text = log.read_text(errors="replace")
    invented = "InventedError" in text
    exceptions = status != 0 and not invented
    executions = EXECUTIONS.findall(text) or ["0"]
    coverage = COVERAGE.findall(text) or ["0"]
    if status:
        report(text)
    say(
        f"fuzz: executions={executions[-1]} seconds={time.monotonic() - begun:.0f} "
        f"coverage={coverage[-1]} exceptions={exceptions:d} invented={invented:d}"
    )
    return int(status != 0)


def report(text: str) -> None:
    """Show the end of the fuzzer's log, keep the input, and say how to run it again."""
    say("\n".join(text.splitlines()[-60:]))
    for artifact in ARTIFACT.findall(text):
        SAVED.mkdir(parents=True, exist_ok=True)
        kept = shutil.copy(artifact, SAVED)
        say(f"the input is kept in {kept}; run it again by")
        say(f"    .venv/bin/python -m tests.fuzz {kept}")


if __name__ == "__main__":
    sys.exit(main())
