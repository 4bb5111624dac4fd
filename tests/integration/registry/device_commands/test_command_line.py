"""`technopark device command` beside a device that answers."""

from __future__ import annotations

import json

import typer
from paho.mqtt.client import MQTTMessage
from typer.testing import CliRunner, Result

from cli import device_commands
from tests.integration.registry.device_commands.conftest import Site, device
from tests.parts import wait_until

app = typer.Typer()
app.command()(device_commands.command)
app.command()(device_commands.commands)


def test_the_command_line_waits_for_the_answer_and_fails_where_there_is_none(
    site: Site,
) -> None:
    def run(line: str, status: int = 0) -> Result:
        environment = {
            "TECHNOPARK_API_URL": site.registry.url,
            "TECHNOPARK_TOKEN": site.world.tokens["owner"],
            "COLUMNS": "200",
        }
        result = CliRunner().invoke(app, line.split(), env=environment)
        assert result.exit_code == status, result.output
        return result

    with device(site) as listener:

        def answer(_client: object, _data: object, message: MQTTMessage) -> None:
            listener.heard.append(message)
            order = json.loads(message.payload)
            if order["name"] != "be-silent":
                payload = json.dumps({"status": order["name"], "reason": "because", "heard": order})
                listener.client.publish(f"{message.topic}/reply", payload, qos=1)

        listener.client.on_message = answer
        line = "command sunny-1 done --param n=2.5 --param led=red --param on=true --json"
        done = json.loads(run(line).output)
        given = {"n": 2.5, "led": "red", "on": True}
        assert (done["status"], done["params"]) == ("done", given)
        assert done["reply"]["heard"] == {"name": "done", "parameters": given}
        assert "sunny-1 answers {" in run("command sunny-1 done").output
        assert "sunny-1 refuses: because" in run("command sunny-1 refused", 1).output
        silent = run("command sunny-1 be-silent --ttl 300 --wait 0.3", 1)
        assert "no answer of sunny-1 in 0.3 s; it may still come until" in silent.output
        assert "is sent" in run("command sunny-1 be-silent --wait 0").output
        wait_until(lambda: len(listener.heard) == 5, "the last command")
    away = run("command sunny-1 done", 1)
    assert "sunny-1 did not get it: the device is offline" in away.output
    rows = json.loads(run("commands sunny-1 --limit 4 --json").output)
    assert [row["status"] for row in rows] == ["undelivered", "sent", "sent", "refused"]
    assert "because" in run("commands sunny-1").output
    assert "give KEY=VALUE" in run("command sunny-1 done --param led", 2).output
