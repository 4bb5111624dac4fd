"""The whole platform as child processes of one ``up``."""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.integration.stack.conftest import Installation
from tests.parts import wait_until


def test_a_platform_comes_up_answers_and_goes_down(installation: Installation) -> None:
    up = installation.up()

    status, output = installation.run("status", "--json")
    found = json.loads(output)
    assert (status, found["healthy"], found["pid"]) == (0, True, up.pid)

    status, output = installation.run("doctor")
    assert status == 0, output
    assert re.search(r"✓ health +nothing rests", output)
    assert re.search(r"✓ test reading +published, stored and found after \d", output)

    status, output = installation.run("up")
    assert status == 1
    assert f"running already (process {up.pid})" in output

    status, output = installation.run("logs", "broker", "-n", "3")
    assert (status, len(output.splitlines())) == (0, 3)

    assert installation.run("down") == (0, "stopped\n")
    assert up.wait(10) == 0
    assert installation.running() == []
    assert installation.run("status")[0] == 1


def test_the_first_token_is_shown_once_and_no_secret_is_on_a_command_line_or_in_a_log(
    installation: Installation,
) -> None:
    up = installation.up()
    lines = "\n".join(word for process in installation.running() for word in process.cmdline())
    up.terminate()
    assert up.stdout
    shown = re.findall(r"TECHNOPARK_TOKEN=tpa_\S+", up.stdout.read())
    assert len(shown) == 1
    up.wait(10)

    status, output = installation.run("up", "--for", "1")
    assert (status, "tpa_" in output) == (0, False)

    logs = "".join(log.read_text() for log in (installation.path / "logs").iterdir())
    for secret in json.loads((installation.path / "secrets.json").read_text()).values():
        assert secret not in lines
        assert secret not in logs


def test_nothing_runs_on_after_up_was_killed_and_the_next_one_starts(
    installation: Installation,
) -> None:
    up = installation.up()
    assert len(installation.running()) > 5
    up.kill()
    up.communicate()
    wait_until(lambda: not installation.running(), "all processes to end", 10)
    assert installation.record()["pid"] == up.pid

    assert installation.run("status")[0] == 1
    again = installation.up()
    again.send_signal(signal.SIGINT)
    assert again.wait(20) == 0
    assert installation.running() == []


@pytest.mark.parametrize("moment", [0.05, 0.2, 0.4, 0.7])
def test_nothing_runs_on_after_up_was_killed_while_it_starts(
    installation: Installation, moment: float
) -> None:
    up = installation.launch("up")
    wait_until((installation.path / "up.lock").exists, "up to begin", pause=0.005)
    with pytest.raises(subprocess.TimeoutExpired):
        up.wait(moment)
    up.kill()
    up.communicate()
    wait_until(lambda: not installation.running(), "all processes to end", 10)


def test_nothing_runs_on_after_up_was_killed_while_the_broker_is_prepared(
    installation: Installation,
) -> None:
    up = installation.launch("up")
    wait_until((installation.path / "broker/store/prepare.sock").exists, "it", pause=0.001)
    up.kill()
    up.wait()
    wait_until(lambda: not installation.running(), "all processes to end", 10)


def test_a_killed_service_is_started_again(installation: Installation) -> None:
    up = installation.up()
    for victim in ("ingest", "postgres"):
        [before] = [s["pid"] for s in installation.record()["services"] if s["name"] == victim]
        os.kill(before, signal.SIGKILL)
        wait_until(
            lambda victim=victim: any(  # type: ignore[misc]  # mypy infers no lambda with a default
                one["name"] == victim and one["deaths"] == 1
                for one in installation.record()["services"]
            ),
            f"the death of {victim} to be noticed",
        )
        wait_until(lambda: installation.is_ready(up.pid), f"{victim} to be back", 30)
    up.terminate()
    up.wait(20)


def test_a_taken_port_is_an_error_before_anything_starts(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", installation.ports["database_port"])):
        status, output = installation.run("up")
        assert status == 1
        port = installation.ports["database_port"]
        assert re.search(rf"port {port} is taken by .*\(process {os.getpid()}\)", output)
        assert "--database-port or TECHNOPARK_DATABASE_PORT" in output
        assert not (installation.path / "postgres").exists()

        status, output = installation.run("doctor")
        assert status == 1
        assert re.search(rf"✗ database port +port {port} is taken", output)
        assert re.search(r"✓ mqtt port +\d+ is free", output)


def test_a_broken_setting_is_named(installation: Installation) -> None:
    installation.environment["TECHNOPARK_MQTT_PORT"] = "none"
    status, output = installation.run("up")
    assert (status, output.count("\n")) == (1, 1)
    assert "TECHNOPARK_MQTT_PORT is 'none'" in output


def test_ctrl_c_of_the_terminal_reaches_up_alone(installation: Installation) -> None:
    up = installation.up()
    children = {child.pid for child in psutil.Process(up.pid).children()}
    assert {os.getsid(pid) for pid in children}.isdisjoint({os.getsid(up.pid)})
    assert len(children) == 4
    up.terminate()
    up.wait(20)


def test_data_of_another_version_of_postgresql_is_refused(installation: Installation) -> None:
    up = installation.up()
    up.terminate()
    up.wait(20)
    (installation.path / "postgres/PG_VERSION").write_text("16\n")
    status, output = installation.run("up")
    assert status == 1
    assert re.search(r"the data in .* is of PostgreSQL 16, but PostgreSQL \d+", output)


def test_the_logs_of_an_unknown_service_name_those_that_there_are(
    installation: Installation,
) -> None:
    logs: Path = installation.path / "logs"
    logs.mkdir()
    (logs / "broker.log").touch()
    status, output = installation.run("logs", "kettle")
    assert (status, "there are: broker" in output) == (1, True)
