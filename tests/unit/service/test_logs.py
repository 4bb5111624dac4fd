"""What a service writes, in a process of its own: logging belongs to the process."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

PREPARE = """
import logging, threading, structlog
from service.settings import LogSettings
from service.start import start
start(LogSettings, "demo")
log = structlog.get_logger()
"""


def run(script: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "TECHNOPARK" not in name}
    return subprocess.run(
        [sys.executable, "-c", PREPARE + script],
        env=clean | {f"TECHNOPARK_{name}": value for name, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=60,
    )


def events(script: str, **settings: str) -> list[dict[str, Any]]:
    """The lines of a log in JSON; a line that is none fails."""
    ended = run(script, LOG_FORMAT="json", **settings)
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_text_is_one_line_of_keys_and_values() -> None:
    [line] = run("log.info('stored', rows=3)").stderr.splitlines()
    assert "[info" in line
    assert "stored" in line
    assert "rows=3 service=demo" in line


def test_json_has_time_in_utc_level_event_service_and_fields() -> None:
    [event] = events("log.warning('broker away', attempt=2)")
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "broker away",
        "level": "warning",
        "service": "demo",
        "attempt": 2,
    }


def test_what_a_worker_adds_is_on_every_line_and_none_is_written_twice() -> None:
    script = """
from service.logs import configure
configure(LogSettings(), "demo", worker=2)
log.info("ours")
logging.getLogger("library").warning("theirs: %s", 1)
"""
    ours, theirs = events(script)
    assert (ours["event"], ours["worker"]) == ("ours", 2)
    assert (theirs["event"], theirs["worker"]) == ("theirs: 1", 2)
    assert (theirs["level"], theirs["logger"]) == ("warning", "library")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_local_variables(form: str) -> None:
    script = """
def fail(password):
    raise ValueError("it failed")
try:
    fail("hush" + "-hush")
except ValueError:
    log.exception("ours")
    logging.getLogger("library").exception("theirs")
fail("hush" + "-hush")
"""
    said = run(script, LOG_FORMAT=form).stderr
    assert said.count("ValueError: it failed") == 3
    assert "hush-hush" not in said


def test_what_nobody_caught_is_an_event_too() -> None:
    script = """
def fail():
    raise ValueError("in a thread")
thread = threading.Thread(target=fail, name="writer")
thread.start()
thread.join()
raise KeyError("in the main thread")
"""
    thread, main = events(script)
    assert (thread["level"], thread["thread"]) == ("critical", "writer")
    assert "ValueError: in a thread" in thread["exception"]
    assert "KeyError: 'in the main thread'" in main["exception"]


def test_the_level_is_the_least_that_is_written() -> None:
    script = """
log.info("ours"), log.warning("ours, worse")
logging.getLogger("uvicorn.error").info("uvicorn's")
logging.getLogger("library").info("theirs")
"""
    assert [e["event"] for e in events(script)] == ["ours", "ours, worse", "uvicorn's"]
    assert [e["event"] for e in events(script, LOG_LEVEL="warning")] == ["ours, worse"]
    assert events(script, LOG_LEVEL="error") == []


@pytest.mark.parametrize(("name", "value"), [("LOG_FORMAT", "xml"), ("LOG_LEVEL", "loud")])
def test_a_broken_setting_of_the_log_itself_is_named(name: str, value: str) -> None:
    ended = run("", **{name: value})
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert f"setting=TECHNOPARK_{name}" in line
    assert value not in line


def test_a_broken_setting_is_told_in_the_format_that_was_asked_for() -> None:
    script = """
class Settings(LogSettings):
    port: int
start(Settings, "demo")
"""
    [event] = events(script, PORT="many")
    assert event["setting"] == "TECHNOPARK_PORT"
    assert "integer" in event["problem"]
