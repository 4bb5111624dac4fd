"""What devices answer to commands, through a real broker."""

from __future__ import annotations

import json

import pytest

from registry.mosquitto.replies import MAX_REPLY
from storage.commands import QUERIES
from tests.integration.registry.device_commands.conftest import PATH, Site, device

# A reason that is no sentence, in an answer that is too long to be kept as it is.
REFUSED = b'{"status": "refused", "reason": %s}%s'
REFUSED_TEXT = (REFUSED % (b"[" * 900 + b"]" * 900, b" " * 4096)).decode()[:MAX_REPLY]


def test_a_device_obeys_or_refuses_and_says_why(site: Site) -> None:
    with device(site) as listener:
        sent = site.send("start_charge", current_a=2.5)
        assert (sent["status"], sent["replied_at"], sent["sent_by"]) == (
            "sent",
            None,
            site.world.ids["owner"],
        )
        listener.wait_for(sent)
        listener.answer(sent["id"], '{"status": "done", "current_a": 2.5}')
        done = site.outcome(sent, "done")
        flight = site.send("fly")
        listener.wait_for(flight)
        listener.answer(flight["id"], '{"status": "refused", "reason": "no wings"}')
        refused = site.outcome(flight, "refused")
    assert done["reply"] == {"status": "done", "current_a": 2.5}
    assert done["replied_at"] >= done["sent_at"]
    assert done["reason"] is None
    assert refused["reason"] == "no wings"
    newest = site.as_("viewer").get(PATH, limit=1)
    assert [item["id"] for item in newest["items"]] == [refused["id"]]
    following = site.as_("viewer").get(PATH, limit=1, cursor=newest["next"])
    assert [item["id"] for item in following["items"]] == [done["id"]]


@pytest.mark.parametrize(
    ("payload", "status", "reply"),
    [
        (b'{"level": 3}', "done", {"level": 3}),
        (b"OK", "done", "OK"),
        (b"", "done", ""),
        (b'{"status": "refused"}', "refused", {"status": "refused"}),
        (b'{"a": "\\u0000", "b": 1e3}', "done", {"a": "\ufffd", "b": 1000}),
        (b"\xff\x00", "done", "\ufffd\ufffd"),
        (b'"\\ud800"', "done", '"\\ud800"'),
        (b"1e999", "done", "1e999"),
        (b"[" * 3000, "done", "[" * 3000),
        (REFUSED % (b"[" * 900 + b"]" * 900, b" " * 4096), "refused", REFUSED_TEXT),
        (b"9" * 4000, "done", int("9" * 4000)),
    ],
    ids=lambda value: str(value)[:24],
)
def test_whatever_a_device_answers_is_kept(
    site: Site, payload: bytes, status: str, reply: object
) -> None:
    with device(site) as listener:
        sent = site.send()
        listener.wait_for(sent)
        listener.answer(sent["id"], payload)
        assert site.outcome(sent, status)["reply"] == reply


def test_of_a_long_answer_the_beginning_is_kept_and_its_refusal_understood(site: Site) -> None:
    long = json.dumps({"log": "x" * 100_000, "status": "refused", "reason": "worn out"})
    with device(site) as listener:
        sent = site.send()
        listener.wait_for(sent)
        listener.answer(sent["id"], long)
        found = site.outcome(sent, "refused")
    assert found["reason"] == "worn out"
    assert found["reply"] == long[:MAX_REPLY]


def test_only_the_first_answer_of_the_very_device_counts(site: Site) -> None:
    with device(site) as listener, device(site, "other-1") as stranger:
        sent = site.send()
        listener.wait_for(sent)
        stranger.answer(sent["id"], "forged")
        listener.answer("never-sent", "unasked")
        listener.answer(sent["id"], '"first"')
        listener.answer(sent["id"], '{"status": "refused"}')
        found = site.outcome(sent, "done")
        # What comes after this one was not dealt with before the others.
        last = site.send()
        listener.wait_for(last)
        listener.answer(last["id"], "")
        site.outcome(last, "done")
    assert site.command(sent) == found
    assert found["reply"] == "first"
    assert stranger.heard == []
    count = site.connection.execute("SELECT count(*) FROM commands WHERE id = 'never-sent'")
    assert count.fetchone() == (0,)


def test_an_answer_is_noted_whatever_comes_with_it_in_one_batch(site: Site) -> None:
    site.connection.execute(
        "INSERT INTO commands (id, device_id, name, params, expires_at) "
        "VALUES ('batch', 'sunny-1', 'stop', '{}', now() + INTERVAL '1 hour')"
    )
    given = [("other-1", "forged"), ("sunny-1", "first"), ("sunny-1", "second")]
    noted = site.connection.execute(
        QUERIES["note_replies"],
        {
            "ids": ["batch"] * 3,
            "devices": [device for device, _ in given],
            "outcomes": ["done"] * 3,
            "reasons": [None] * 3,
            "replies": [json.dumps(reply) for _, reply in given],
        },
    ).fetchall()
    assert noted == [("batch",)]
    assert site.command({"id": "batch"})["reply"] == "first"


def test_an_answer_outlives_a_restart_of_the_registry(site: Site) -> None:
    with device(site) as listener:
        sent = site.send()
        listener.wait_for(sent)
        site.registry.stop()
        site.registry.clients.clear()
        listener.answer(sent["id"], "while you were away")
        site.registry.start()
        assert site.outcome(sent, "done")["reply"] == "while you were away"
