import pytest

from broker.payloads import Reason
from ingest.quotas import BURST_SECONDS, Quotas

T0 = 1_767_225_600_000_000  # µs
SECOND = 1_000_000


def quotas(device_rate: float | None = None, tenant_rate: float | None = None) -> Quotas:
    known = Quotas()
    known.learn("dev-a", device_rate, "acme", tenant_rate)
    known.learn("dev-b", None, "acme", tenant_rate)
    return known


def passed(known: Quotas, device: str, messages: int, values: int, at: int) -> int:
    """How many of so many messages pass at one moment."""
    return sum(known.charge(device, values, at) is None for _ in range(messages))


def test_a_device_without_quota_is_not_listed() -> None:
    assert not quotas().limited


def test_a_minutes_worth_passes_at_once_and_then_the_rate() -> None:
    known = quotas(device_rate=10)
    assert passed(known, "dev-a", 1000, 5, T0) == 10 * BURST_SECONDS / 5
    assert passed(known, "dev-a", 1000, 5, T0 + 2 * SECOND) == 10 * 2 / 5
    assert passed(known, "dev-a", 1000, 5, T0 + 7200 * SECOND) == 10 * BURST_SECONDS / 5


def test_a_message_without_values_counts_as_one() -> None:
    assert passed(quotas(device_rate=1), "dev-a", 100, 0, T0) == BURST_SECONDS


def test_a_tenants_quota_is_shared_by_its_devices() -> None:
    known = quotas(tenant_rate=1)
    assert passed(known, "dev-a", 40, 1, T0) == 40
    assert passed(known, "dev-b", 40, 1, T0) == BURST_SECONDS - 40


def test_what_the_tenants_quota_refuses_costs_the_device_nothing() -> None:
    known = quotas(device_rate=1, tenant_rate=0.5)
    assert passed(known, "dev-a", 60, 1, T0) == 30
    known.learn("dev-a", 1, "acme", None)
    assert passed(known, "dev-a", 60, 1, T0) == 30


def test_the_refusal_says_whose_quota_it_is_how_much_and_what_to_do() -> None:
    known = quotas(tenant_rate=0.1)
    assert passed(known, "dev-a", 6, 1, T0) == 6
    refusal = known.charge("dev-a", 1, T0)
    assert refusal is not None
    assert refusal.reason == Reason.QUOTA
    for part in ("tenant 'acme'", "0.1 values per second", "send less often"):
        assert part in refusal.detail


def test_a_message_that_can_never_pass_is_told_so() -> None:
    refusal = quotas(device_rate=1).charge("dev-a", 61, T0)
    assert refusal is not None
    assert "device 'dev-a'" in refusal.detail
    assert "send smaller messages" in refusal.detail


@pytest.mark.parametrize("device", ["", "dev-a"])
def test_forgetting_and_learning_again_fills_no_bucket(device: str) -> None:
    known = quotas(device_rate=1)
    assert passed(known, "dev-a", 60, 1, T0) == 60
    known.forget(device)
    assert not known.limited
    known.learn("dev-a", 2, "acme", None)
    assert passed(known, "dev-a", 60, 1, T0) == 0
    assert passed(known, "dev-a", 60, 1, T0 + SECOND) == 2


def test_a_clock_that_goes_back_brings_nothing() -> None:
    known = quotas(device_rate=1)
    assert passed(known, "dev-a", 60, 1, T0) == 60
    assert passed(known, "dev-a", 60, 1, T0 - 3600 * SECOND) == 0
    assert passed(known, "dev-a", 60, 1, T0) == 0
