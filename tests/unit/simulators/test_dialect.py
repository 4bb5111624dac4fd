"""Templates for other platforms, and who gets which log-in."""

from __future__ import annotations

import json

import pytest

from simulators import Address, Login
from simulators.company import Company, CredentialsError, assign
from simulators.dialect import PLATFORM, Dialect, DialectError
from simulators.scenario import load, of_kinds

TS = 1_767_225_600_250


def test_without_templates_it_is_the_platforms_timed_json() -> None:
    body = PLATFORM.encode("d", "k", TS, {"a": 1.5, "b": True})
    assert json.loads(body) == {"ts": TS, "values": {"a": 1.5, "b": True}}
    assert PLATFORM.topic_of("d", "k") is None


def test_a_template_is_filled_with_the_reading() -> None:
    dialect = Dialect("dt/$kind/$device", '{"$device": $ts, "s": $seconds, "at": "$time", "a": $a}')
    assert dialect.topic_of("d-1", "meter") == "dt/meter/d-1"
    assert json.loads(dialect.encode("d-1", "meter", TS, {"a": 1.5})) == {
        "d-1": TS,
        "s": 1767225600.25,
        "at": "2026-01-01T00:00:00.250+00:00",
        "a": 1.5,
    }
    money = Dialect("t", "$$$values")
    assert money.encode("d", "k", TS, {"a": True}) == b'${"a":true}'


@pytest.mark.parametrize(
    ("topic", "payload", "words"),
    [
        ("a/$temperature", None, "cannot stand in a topic"),
        ("a", "100 $", "a \\$ without a name"),
        ("a/$", None, "a \\$ without a name"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(
    topic: str, payload: str | None, words: str
) -> None:
    with pytest.raises(DialectError, match=words):
        Dialect(topic, payload)


def test_a_metric_that_the_kind_does_not_have_is_named_before_anything_is_sent() -> None:
    plan = of_kinds(["smart-meter"], 1, tenant="demo", prefix=None, lab=None)
    with pytest.raises(DialectError, match=r"\$watts in the payload is not known: .*\$voltage"):
        Company(plan, [Login("a", "b")], Address(), dialect=Dialect("t", "$watts"))


def test_log_ins_go_by_id_or_one_after_another() -> None:
    plan = of_kinds(["smart-meter", "cold-chain"], 3, tenant="demo", prefix=None, lab=None)
    ids = [device_id for fleet in plan.fleets for device_id in fleet.device_ids()]
    by_id = assign(plan, [Login(device_id, "x") for device_id in reversed(ids)])
    assert [[login.device_id for login in logins] for logins in by_id] == [ids[:2], ids[2:]]
    others = assign(plan, [Login(f"sensor {n}", "x") for n in range(5)])
    assert [len(logins) for logins in others] == [2, 1]


def test_a_missing_credential_is_named_with_the_cure() -> None:
    with pytest.raises(CredentialsError, match=r"92 devices need .*there are 1: desa-surya-pv-inv"):
        assign(load("solar-village"), [Login("a", "b")])


def test_a_device_is_the_same_in_every_company_and_no_two_are_alike() -> None:
    def first(devices: int) -> list[dict[str, object]]:
        plan = of_kinds(["battery-pack"], devices, tenant="demo", prefix=None, lab=None)
        logins = [Login(f"d-{n}", "x") for n in range(devices)]
        [(_, crew)] = Company(plan, logins, Address(), begin=TS / 1000).crews
        return [dict(values) for values in crew.simulation.messages(TS)]

    small, large = first(2), first(5)
    assert small == large[:2]
    assert large[3] != large[4]
