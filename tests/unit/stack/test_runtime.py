"""Which programs are found, and what is said of those that are missing or too old."""

import time
from pathlib import Path

import pytest

from stack import runtime
from stack.errors import RuntimeUnavailableError


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def postgres(version: int) -> tuple[str, str]:
    folder = f"usr/lib/postgresql/{version}"
    return f"{folder}/bin/postgres", f"{folder}/lib/timescaledb.so"


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ((), "no PostgreSQL was found, 17 or newer"),
        (postgres(15), "PostgreSQL 15 was found, 17 or newer"),
        (postgres(18)[:1], "PostgreSQL 18 was found without TimescaleDB"),
        ((postgres(18)[0], *postgres(16)), "PostgreSQL 18 was found without TimescaleDB"),
        (postgres(17), "no Mosquitto was found"),
        ((*postgres(17), "usr/sbin/mosquitto"), "without its persist-sqlite plugin"),
    ],
)
def test_what_is_missing_or_too_old_is_said(
    tmp_path: Path, there: tuple[str, ...], words: str
) -> None:
    with pytest.raises(RuntimeUnavailableError, match=words):
        runtime.examine(tmp_path, touch(tmp_path, *there))


def test_the_newest_server_with_timescaledb_is_taken(tmp_path: Path) -> None:
    root = touch(tmp_path, *postgres(9), *postgres(17), *postgres(18), postgres(19)[0])
    assert runtime.newest_postgres(root) == root / "usr/lib/postgresql/18/bin"


def test_a_mosquitto_that_is_too_old_is_named_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = "usr/lib/x86_64-linux-gnu/mosquitto_persist_sqlite.so"
    root = touch(tmp_path, *postgres(17), "usr/sbin/mosquitto", plugin)
    monkeypatch.setattr(runtime.Runtime, "mosquitto_version", lambda _: "2.0.11")
    with pytest.raises(RuntimeUnavailableError, match=r"Mosquitto 2\.0\.11 was found, 2\.1"):
        runtime.examine(tmp_path, root)


def test_looking_at_the_whole_machine_is_quick(tmp_path: Path) -> None:
    before = time.process_time()
    runtime.find(tmp_path)
    assert time.process_time() - before < 0.2


def test_a_damaged_tree_says_to_remove_it(tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    with pytest.raises(RuntimeUnavailableError, match=r"is of no use .*: remove that folder"):
        runtime.ensure(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeUnavailableError, match=r"cannot be used .*TECHNOPARK_HOME"):
        runtime.ensure(tmp_path / "file")


def test_other_accounts_may_pass_through_the_home_folder_but_not_look_around(
    tmp_path: Path,
) -> None:
    runtime.make_home(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o711
    (tmp_path / "private").mkdir(mode=0o700)
    runtime.make_home(tmp_path / "private")
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o711
