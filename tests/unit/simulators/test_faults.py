"""Faults: as often as they should be, repeatable, and what the decoder makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from broker.payloads import Reason, decode
from simulators import KINDS, Simulation
from simulators.faults import (
    FAULTS,
    BrokenJson,
    ClockDrift,
    ClockJump,
    DropOut,
    Duplicate,
    Fault,
    FaultError,
    Frame,
    LateBurst,
    RebootLoop,
    SlowNetwork,
    Spike,
    StuckValue,
    UnitMixUp,
    deliveries,
    faulty,
)
from simulators.faults.frame import CUT_SHORT, NOISE, UNQUOTED, WHOLE, spoil

START, DAY, MINUTE = 1_772_323_200_000, 86_400_000, 60_000
MOMENTS = np.arange(START, START + DAY, MINUTE)
ALL_FAULTS = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


@pytest.fixture(scope="module")
def day() -> Frame:
    """A day of healthy meters; each test strikes a copy of it."""
    simulation = Simulation(KINDS["smart-meter"], 40, seed=5)
    return Frame.of(simulation, MOMENTS, simulation.over(MOMENTS))


def part(frame: Frame, devices: slice = slice(None), moments: slice = slice(None)) -> Frame:
    """A copy of some devices and moments."""
    chosen = (devices, moments)
    return Frame(
        frame.kind,
        frame.numbers[devices],
        frame.moments[moments],
        frame.ts[chosen].copy(),
        {metric: values[chosen].copy() for metric, values in frame.values.items()},
        frame.copies[chosen].copy(),
        frame.due[chosen].copy(),
        frame.broken[chosen].copy(),
        frame.online[chosen].copy(),
    )


def same(one: Frame, other: Frame, devices: slice, moments: slice) -> bool:
    """Whether ``other`` is that part of ``one``."""
    mine = part(one, devices, moments)
    pairs = [(getattr(mine, n), getattr(other, n)) for n in ("ts", "copies", "broken", "online")]
    pairs += [(mine.values[metric], other.values[metric]) for metric in mine.values]
    return all((a == b).all() for a, b in pairs)


@ALL_FAULTS
def test_a_fault_strikes_as_often_as_its_rate_says(fault: type[Fault], day: Frame) -> None:
    struck = fault(rate=0.25, seed=3)
    sent = struck(part(day)).copies
    share = struck.struck["smart-meter"].sum() / day.copies.size
    if fault is RebootLoop:  # for half of each round it sends nothing
        share = share + (sent == 0).mean()
    assert share == pytest.approx(0.25, abs=0.14 if fault is ClockDrift else 0.04)


@ALL_FAULTS
def test_a_fault_of_rate_0_changes_nothing(fault: type[Fault], day: Frame) -> None:
    frame = fault(rate=0.0)(part(day))
    assert same(day, frame, slice(None), slice(None))
    assert (frame.due == day.due).all()


@ALL_FAULTS
def test_a_fault_is_repeatable_in_every_fleet_and_moment_by_moment(
    fault: type[Fault], day: Frame
) -> None:
    whole = fault(rate=0.3, seed=3)(part(day))
    few = fault(rate=0.3, seed=3)(part(day, slice(7, 9)))
    assert same(whole, few, slice(7, 9), slice(None))
    live = fault(rate=0.3, seed=3)
    for moment in range(300):
        now = slice(moment, moment + 1)
        assert same(whole, live(part(day, slice(7, 9), now)), slice(7, 9), now)
    other = fault(rate=0.3, seed=4)(part(day))
    changed = not same(whole, other, slice(None), slice(None))
    assert changed or (whole.due != other.due).any()


@ALL_FAULTS
def test_a_fault_says_what_the_platform_makes_of_it(fault: type[Fault]) -> None:
    expected = fault.expects
    assert (expected.effect == "rejection") == (expected.reason is not None)
    assert expected.reason is None or expected.reason in set(Reason)
    assert "platform" in (fault.__doc__ or "")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Spike(rate=-0.1), "spike is -0.1: it can be 0 to 1"),
        (lambda: DropOut(rate=1.5), "0 to 1"),
        (lambda: LateBurst(rate=0.6), "0 to 0.5"),
        (lambda: Spike(rate=float("nan")), "0 to 1"),
        (lambda: ClockDrift(rate=0.1, seconds_a_day=1000), "at most 3000"),
        (lambda: SlowNetwork(rate=0.1, delay_seconds=0), "above 0"),
        (lambda: RebootLoop(rate=0.1, round_seconds=1), "5 to 300"),
    ],
)
def test_a_rate_or_an_option_that_cannot_be_is_refused(make: object, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        make()  # type: ignore[operator]


def test_faults_add_up_and_count_only_what_was_to_be_sent(day: Frame) -> None:
    lost, doubled = DropOut(rate=0.5), Duplicate(rate=0.5)
    [frame] = faulty([part(day)], [lost, doubled])
    assert set(np.unique(frame.copies)) == {0, 1, 2}
    assert lost.struck["smart-meter"].sum() == (frame.copies == 0).sum()
    assert doubled.struck["smart-meter"].sum() == (frame.copies == 2).sum()


def test_messages_go_out_in_the_order_in_which_they_are_due(day: Frame) -> None:
    frame = LateBurst(rate=0.4)(part(day, slice(0, 3)))
    sent = list(deliveries(Duplicate(rate=0.2)(frame)))
    assert [message.due for message in sent] == sorted(message.due for message in sent)
    assert len(sent) == frame.copies.sum()
    late = [message for message in sent if message.due > message.ts]
    assert 0.2 < len(late) / len(sent) < 0.6
    assert max(message.due - message.ts for message in late) <= 1.2 * 3_600_000
    # All of a device's hour come at one moment, when it is back.
    moments = {message.due for message in late if message.index == 0}
    assert len(moments) < sum(message.index == 0 for message in late) / 30
    values = decode(None, sent[0].payload, sent[0].due * 1000)
    assert values.count == sent[0].values == len(frame.kind.signals)
    assert not values.rejections


@pytest.mark.parametrize("how", [CUT_SHORT, UNQUOTED, NOISE])
def test_a_spoilt_payload_is_of_an_unknown_format(how: int, day: Frame) -> None:
    message = next(deliveries(part(day)))
    assert spoil(message.payload, WHOLE) == message.payload
    found = decode(None, spoil(message.payload, how), message.due * 1000)
    assert [rejection.reason for rejection in found.rejections] == [Reason.UNKNOWN_FORMAT]
    assert not found.count


@pytest.mark.parametrize("fault", [BrokenJson, ClockJump, RebootLoop])
def test_what_a_fault_spoils_is_rejected_for_its_reason_and_nothing_else_is(
    fault: type[Fault], day: Frame
) -> None:
    struck = fault(rate=0.2, seed=2)
    sent = list(deliveries(struck(part(day, slice(0, 10)))))
    reasons = [
        rejection.reason
        for message in sent
        for rejection in decode(None, message.payload, message.due * 1000).rejections
    ]
    assert set(reasons) == {fault.expects.reason}
    assert len(reasons) == struck.struck["smart-meter"].sum()


def test_a_spike_leaves_the_range_of_one_metric(day: Frame) -> None:
    frame = Spike(rate=0.1)(part(day))
    outside = sum(
        ((frame.values[s.metric] < s.minimum) | (frame.values[s.metric] > s.maximum)).astype(int)
        for s in frame.kind.signals
    )
    assert np.mean(outside) == pytest.approx(0.1, abs=0.01)
    assert np.max(outside) == 1


def test_a_stuck_metric_repeats_what_it_had(day: Frame) -> None:
    struck = StuckValue(rate=0.2)
    frame = struck(part(day))
    changed = sum((frame.values[m] != day.values[m]).astype(int) for m in day.values)
    assert np.max(changed) == 1
    flat = np.diff(frame.values["voltage"], axis=1) == 0
    assert flat.mean() > (np.diff(day.values["voltage"], axis=1) == 0).mean() + 0.01


def test_a_mixed_up_unit_is_the_same_quantity(day: Frame) -> None:
    frame = UnitMixUp(rate=0.3)(part(day))
    volts = frame.values["voltage"] != day.values["voltage"]
    assert frame.values["voltage"][volts] == pytest.approx(day.values["voltage"][volts] * 1000)
    assert (frame.values["power_factor"] == day.values["power_factor"]).all()
    celsius = Simulation(KINDS["cold-chain"], 20, seed=1)
    healthy = celsius.over(MOMENTS[:60])
    mixed = UnitMixUp(rate=0.5)(Frame.of(celsius, MOMENTS[:60], healthy))
    wrong = mixed.values["air_temperature"] != healthy["air_temperature"]
    expected = healthy["air_temperature"][wrong] * 1.8 + 32
    assert wrong.any()
    assert mixed.values["air_temperature"][wrong] == pytest.approx(expected)


def test_a_drifting_clock_gains_steadily_and_is_set_right(day: Frame) -> None:
    frame = ClockDrift(rate=1.0, seconds_a_day=30, days=0.5)(part(day))
    shift = (frame.ts - frame.moments) / 1000
    assert np.abs(shift).max() <= 15
    assert np.abs(shift).max() > 8
    steps = np.abs(np.diff(shift, axis=1))
    assert ((steps > 0.2).sum(axis=1) <= 2).all()


def test_a_slow_network_delays_but_keeps_the_order(day: Frame) -> None:
    frame = SlowNetwork(rate=0.4, delay_seconds=90)(part(day))
    assert (frame.due >= day.due).all()
    assert (np.diff(frame.due, axis=1) >= 0).all()
    waited = (frame.due - day.due)[frame.due > day.due]
    assert 60_000 < waited.mean() < 300_000


def test_a_reboot_loop_takes_the_device_off_and_its_time_with_it(day: Frame) -> None:
    frame = RebootLoop(rate=0.2)(part(day))
    assert (frame.copies[~frame.online] == 0).all()
    assert not frame.online.all()
    young = frame.ts < 300_000
    assert young.any()
    assert (frame.online[young & (frame.copies > 0)]).all()
