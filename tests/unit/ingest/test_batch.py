import json
from typing import Any

import cbor2
import numpy as np
import pytest

from ingest.batch import Batch, Message
from ingest.known import Known
from storage.ingest import Said, Series, Status

T0_MS = 1_767_225_600_000
ARRIVAL = T0_MS * 1000 + 60_000_000  # µs


def series(metric: str = "t", number: int = 1, **rule: Any) -> Series:
    """A series of dev-a, of the model "probe" where a rule is given."""
    plain: dict[str, Any] = {
        "model": "probe" if rule else None,
        "kind": "number" if rule else None,
        "unit": None,
        "minimum": None,
        "maximum": None,
        "out_of_range": "flag" if rule else None,
        "device_rate": None,
        "tenant_id": "acme",
        "tenant_rate": None,
    }
    return Series("dev-a", metric, number, **{**plain, **rule})


def knowing(*rows: Series) -> Known:
    known = Known()
    known.learn(rows)
    return known


def message(payload: object, n: int = 0, content_type: str | None = None) -> Message:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message("devices/dev-a/telemetry", body, content_type, ARRIVAL + n)


def timed(n: int = 0, **values: object) -> Message:
    return message({"ts": T0_MS + n, "values": values}, n)


def filled(known: Known, *messages: Message) -> Batch:
    batch = Batch(known)
    for each in messages:
        batch.add(each)
    batch.resolve()
    return batch


def values(batch: Batch) -> list[float]:
    return list(batch.readings().value.tolist())


def refused(batch: Batch) -> list[tuple[int, str]]:
    """Arrival after the first, and reason."""
    batch.readings()
    return [(rejection.ts - ARRIVAL, rejection.reason) for rejection in batch.rejections]


REJECTING: dict[str, Any] = {"minimum": -40, "maximum": 60, "unit": "Cel", "out_of_range": "reject"}


def test_a_number_at_the_limit_passes_and_one_beyond_it_costs_only_itself() -> None:
    known = knowing(series(**REJECTING), series("x", 2))
    batch = filled(
        known, timed(0, t=60, x=1e9), timed(1, t=60.5, x=2), timed(2, t=-40), timed(3, t=-41)
    )
    assert values(batch) == [60, 1e9, 2, -40]
    assert refused(batch) == [(1, "out-of-range"), (3, "out-of-range")]


def test_the_sentence_names_metric_value_limit_unit_and_model() -> None:
    batch = filled(knowing(series(**REJECTING)), timed(t=99.25), timed(1, t=-41))
    batch.readings()
    above, below = (rejection.detail for rejection in batch.rejections)
    assert above.startswith("'t' is 99.25 Cel, above the limit of 60 Cel in the model 'probe'")
    assert below.startswith("'t' is -41 Cel, below the limit of -40 Cel in the model 'probe'")


def test_a_model_that_flags_keeps_the_reading() -> None:
    batch = filled(
        knowing(series(minimum=0, maximum=10)), timed(t=-1), timed(1, t=5), timed(2, t=11)
    )
    assert values(batch) == [-1, 5, 11]
    assert refused(batch) == []
    assert batch.readings().flags().tolist() == [-1, 0, 1]


@pytest.mark.parametrize("rule", [{"minimum": 0}, {"maximum": 0}, {}])
def test_a_limit_that_is_not_set_limits_nothing(rule: dict[str, Any]) -> None:
    batch = filled(knowing(series(**rule, kind="number")), timed(t=-1e299), timed(1, t=1e299))
    assert len(values(batch)) == 2
    assert np.count_nonzero(batch.readings().flags()) == len(rule)


def test_several_bad_values_of_a_message_are_one_rejection_for_each_reason() -> None:
    known = knowing(
        *(series(f"t{n}", n, **REJECTING) for n in range(1, 4)), series("d", 9, kind="boolean")
    )
    batch = filled(known, timed(t1=100, t2=101, t3=20, d=0.5))
    assert values(batch) == [20]
    assert refused(batch) == [(0, "out-of-range"), (0, "wrong-kind")]
    assert batch.rejections[0].detail.endswith("(and 1 more)")


@pytest.mark.parametrize(
    ("value", "good"), [(True, True), (0, True), (1.0, True), (0.5, False), (2, False), (-1, False)]
)
def test_a_boolean_is_true_false_one_or_zero(value: float, good: bool) -> None:
    batch = filled(knowing(series(kind="boolean")), message({"t": value}))
    assert refused(batch) == ([] if good else [(0, "wrong-kind")])
    assert len(values(batch)) == good


@pytest.mark.parametrize("kind", ["number", "boolean"])
def test_a_text_is_no_number(kind: str) -> None:
    batch = filled(knowing(series(kind=kind), series("x", 2)), timed(t="hot", x="fine"))
    assert refused(batch) == [(0, "wrong-kind")]
    assert "'t' is \"hot\", and in the model 'probe' it is a" in batch.rejections[0].detail
    assert [text for _, _, text in batch.states] == ['"fine"']


@pytest.mark.parametrize("kind", ["text", "object"])
def test_a_number_is_no_state(kind: str) -> None:
    batch = filled(knowing(series(kind=kind)), timed(t=3), timed(1, t="three"))
    assert refused(batch) == [(0, "wrong-kind")]
    assert values(batch) == []
    assert len(batch.states) == 1


def test_a_metric_that_the_model_does_not_list_takes_everything() -> None:
    batch = filled(knowing(series(**REJECTING), series("x", 7)), timed(x=1e12), timed(1, x="off"))
    assert (values(batch), len(batch.states), refused(batch)) == ([1e12], 1, [])


def test_the_columns_of_a_testbed_are_checked_as_arrays() -> None:
    known = knowing(series(**REJECTING), series("f", 2, maximum=1), series("x", 3))
    samples = [20, 100, -50, 21]
    body = {"t0": T0_MS, "dt": 1.0, "values": {"t": samples, "f": samples, "x": samples}}
    batch = filled(known, message(body))
    assert values(batch) == [20, 21, *samples, *samples]
    assert refused(batch) == [(0, "out-of-range")]
    assert batch.rejections[0].detail.endswith("(and 1 more)")
    assert batch.readings().flags().tolist() == [0, 0, 1, 1, 0, 1, 0, 0, 0, 0]


def test_a_column_of_the_wrong_kind_is_refused_whole_with_its_count() -> None:
    batch = filled(
        knowing(series(kind="text")), message({"t0": T0_MS, "dt": 1.0, "values": {"t": [1, 2, 3]}})
    )
    assert values(batch) == []
    assert batch.rejections[0].detail.endswith("(and 2 more)")


def senml(*records: dict[str, object]) -> Message:
    return message(list(records))


def test_a_unit_that_the_message_names_has_to_be_the_models() -> None:
    known = knowing(series(unit="Cel"), series("h", 2, unit="%"), series("x", 3))
    batch = filled(
        known,
        senml(
            {"n": "t", "u": "K", "v": 294},
            {"n": "h", "u": "%RH", "v": 40},
            {"n": "x", "u": "lx", "v": 1},
        ),
        senml({"n": "t", "u": "Cel", "v": 21}, {"n": "t", "v": 22}),
    )
    assert values(batch)[:2] == [40, 1]
    assert refused(batch) == [(0, "wrong-unit")]
    assert "'t' came in 'K', and the model 'probe' has it in 'Cel'" in batch.rejections[0].detail


def test_an_offender_is_found_in_a_batch_of_many_messages_and_late_series() -> None:
    known = knowing(series(**REJECTING), series("x", 2))
    batch = Batch(known)
    for n in range(100):
        bad = {"t": 99} if n in (0, 57) else {"t": 20}
        batch.add(timed(n, x=1, **({"late": 1} if n % 2 else bad)))
    known.learn([series("late", 300, maximum=0, out_of_range="reject")])
    batch.resolve()
    assert refused(batch) == [(0, "out-of-range"), *((n, "out-of-range") for n in range(1, 100, 2))]
    assert batch.readings().series.tolist().count(1) == 49


def test_a_batch_that_is_decoded_again_charges_no_quota_again() -> None:
    known = knowing(series(device_rate=0.1))
    batch = filled(known, *(timed(n, t=n) for n in range(10)))
    assert [reason for _, reason in refused(batch)] == ["quota"] * 4
    known.forget("dev-a")
    known.learn([series(device_rate=0.1)])
    again = batch.again(batch.messages)
    again.resolve()
    assert refused(again) == refused(batch)
    assert values(again) == values(batch) == [0, 1, 2, 3, 4, 5]
    assert again.generation == known.generation != batch.generation


def test_each_message_over_quota_is_a_rejection_of_its_own_with_all_that_a_replay_needs() -> None:
    known = knowing(series(device_rate=1))
    body = cbor2.dumps({"t0": T0_MS, "dt": 1.0, "values": {"t": [1.0] * 61}})
    batch = filled(known, *(message(body, n, "application/cbor") for n in range(2)))
    assert refused(batch) == [(0, "quota"), (1, "quota")]
    assert values(batch) == []
    assert {(r.payload, r.content_type, r.topic) for r in batch.rejections} == {
        (body, "application/cbor", "devices/dev-a/telemetry")
    }


def test_attributes_count_and_the_status_does_not() -> None:
    batch = Batch(knowing(series(device_rate=1 / 60)))
    for n, (channel, body) in enumerate(
        [("attributes", b'{"a": 1}'), ("attributes", b'{"a": 2}'), ("status", b"online")]
    ):
        batch.add(Message(f"devices/dev-a/{channel}", body, None, ARRIVAL + n))
    assert [news for _, news in batch.news] == [
        Said("dev-a", ARRIVAL, {"a": 1}),
        Status("dev-a", ARRIVAL + 2, True),
    ]
    assert refused(batch) == [(1, "quota")]


def test_booleans_huge_integers_and_negative_zero_are_readings_side_by_side() -> None:
    known = knowing(series(), series("x", 2))
    batch = filled(
        known,
        message({"t": True}),
        message({"t": 10**290}, 1),
        message({"t": -0.0}, 2),
        message(b'{"t": 1e999, "x": -Infinity}', 3),
        message(b'{"t": NaN, "x": 7}', 4),
        message({"t": 10**400}, 5),
    )
    assert values(batch) == [1.0, 1e290, 0.0, 7.0]
    assert np.signbit(batch.readings().value[2])
    assert refused(batch) == [(n, "not-a-number") for n in (3, 4, 5)]


def test_rules_grow_with_the_ids_and_are_forgotten_with_the_model() -> None:
    known = knowing(series(number=70_000, **REJECTING))
    assert refused(filled(known, timed(t=99))) == [(0, "out-of-range")]
    known.learn([series(number=70_000)])
    assert refused(filled(known, timed(t=99))) == []
    known.learn([series("y", 5_000_000)])
    assert values(filled(known, timed(t=99, y=1))) == [99, 1]


DAY_US = 86_400_000_000


def test_what_is_older_than_it_is_kept_is_a_rejection_and_its_neighbours_are_stored() -> None:
    kept = [[None, None, 10]]
    known = knowing(series(kept=kept), series("door", 2, kind="text", kept=kept))
    old = T0_MS - 11 * 86_400_000
    batch = filled(
        known,
        message(
            [{"ts": old, "values": {"t": 1, "door": "open"}}, {"ts": T0_MS, "values": {"t": 2}}]
        ),
        message({"ts": [old, T0_MS + 1], "values": {"t": [3, 4]}}, 1),
    )
    assert values(batch) == [2, 4]
    assert batch.states == []
    assert refused(batch) == [(0, "older-than-retention"), (1, "older-than-retention")]
    assert "2025-12-21T00:00:00+00:00 is older than the 10 days" in batch.rejections[0].detail


def test_how_long_a_value_is_kept_goes_by_whose_its_time_is() -> None:
    end = T0_MS * 1000 - 20 * DAY_US
    known = knowing(series(kept=[[None, end, 30], [end + DAY_US, None, 10]]))
    ages = {15: "older", 19.5: "for ever", 21: "kept", 31: "older"}
    batch = filled(
        known, message([{"ts": T0_MS - age * 86_400_000, "values": {"t": age}} for age in ages])
    )
    assert values(batch) == [19.5, 21]
    assert refused(batch) == [(0, "older-than-retention")]
    assert batch.rejections[0].detail.endswith("(and 1 more)")


def test_a_value_that_is_too_old_and_out_of_range_is_refused_once_and_an_arrival_decides() -> None:
    rule: dict[str, Any] = {"minimum": 0, "out_of_range": "reject"}
    known = knowing(series(kept=[[None, None, 10]], **rule))
    late = Message("devices/dev-a/telemetry", b'{"ts": %d, "values": {"t": -1}}' % T0_MS, None, 0)
    soon, later = (late._replace(arrival=T0_MS * 1000 + 10 * DAY_US + more) for more in (0, 1))
    assert refused(filled(known, soon))[0][1] == "out-of-range"
    assert refused(filled(known, later))[0][1] == "older-than-retention"
    known.learn([series(**rule)])
    assert refused(filled(known, later))[0][1] == "out-of-range"
