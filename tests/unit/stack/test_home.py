"""The platform's folder: its lock, its record, its secrets."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from stack import credentials, processes
from stack.errors import AlreadyRunningError, StackError
from stack.home import Home
from tests.parts import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_held_folder_refuses_a_second_holder_and_names_the_first(home: Home) -> None:
    with home.held():
        home.write_record({"pid": 4711})
        assert home.is_held()
        with (
            pytest.raises(AlreadyRunningError, match=r"running already \(process 4711\)"),
            Home(home.path).held(),
        ):
            pytest.fail("held twice")
    assert not home.is_held()
    assert home.read_record() == {}


def test_what_a_killed_holder_left_running_is_ended(home: Home) -> None:
    orphan = "sleep 100 >/dev/null 2>&1 & echo $!"
    survivor = int(subprocess.check_output(["sh", "-c", orphan], text=True))
    started = processes.start_time(survivor)
    assert started
    assert processes.end([(survivor, started)], patience=0) == [survivor]
    wait_until(lambda: not processes.is_alive(survivor, started), "the survivor to be gone")


def test_a_process_that_only_has_the_same_number_is_left_alone(home: Home) -> None:
    started = (processes.start_time(os.getpid()) or 0) - 1000
    home.write_record({"services": [{"pid": os.getpid(), "started": started}]})
    assert home.end_survivors() == []


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_damaged_record_counts_as_none(home: Home, text: str) -> None:
    home.record.write_text(text)
    assert home.read_record() == {}


def test_passwords_are_made_once_and_readable_by_the_owner_alone(home: Home) -> None:
    first, second = credentials.load(home), credentials.load(home)
    assert first == second
    assert home.secrets.stat().st_mode & 0o777 == 0o600
    assert len(set(json.loads(home.secrets.read_text()).values())) == 6


def test_a_folder_of_an_older_version_gets_the_password_that_it_lacks(home: Home) -> None:
    before = credentials.load(home)
    old = json.loads(home.secrets.read_text())
    del old["identity"]
    home.secrets.write_text(json.dumps(old))
    after = credentials.load(home)
    assert credentials.load(home) == after
    assert after.database == before.database
    assert len(after.identity) >= 32


def test_passwords_do_not_show_in_a_traceback(home: Home) -> None:
    assert credentials.load(home).database not in repr(credentials.load(home))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"database": "x"}'])
def test_damaged_passwords_are_not_replaced(home: Home, text: str) -> None:
    home.secrets.write_text(text)
    with pytest.raises(StackError, match="damaged: restore it from a backup"):
        credentials.load(home)
    assert home.secrets.read_text() == text
