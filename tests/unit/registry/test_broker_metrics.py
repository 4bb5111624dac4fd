import pytest
from prometheus_client import CollectorRegistry, generate_latest

from registry.mosquitto.figures import SYS_TOPICS, BrokerMetrics

DROPPED = "$SYS/broker/publish/messages/dropped"


@pytest.fixture
def metrics() -> BrokerMetrics:
    return BrokerMetrics()


def value(metrics: BrokerMetrics, name: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(metrics)
    return registry.get_sample_value(f"technopark_broker_{name}")


def test_a_figure_is_shown_as_the_broker_told_it_last(metrics: BrokerMetrics) -> None:
    metrics.note(DROPPED, b"7")
    metrics.note("$SYS/broker/uptime", b"14 seconds")
    metrics.note("$SYS/broker/load/publish/received/1min", b"48.37")
    metrics.note("$SYS/broker/retained messages/count", b"52")
    assert value(metrics, "dropped_messages_total") == 7
    assert value(metrics, "uptime_seconds") == 14
    assert value(metrics, "received_messages_per_minute") == 48.37
    assert value(metrics, "retained_messages") == 52


def test_a_broker_that_began_anew_counts_from_zero_as_prometheus_expects(
    metrics: BrokerMetrics,
) -> None:
    metrics.note(DROPPED, b"7")
    metrics.forget()
    metrics.note(DROPPED, b"2")
    assert value(metrics, "dropped_messages_total") == 2
    registry = CollectorRegistry()
    registry.register(metrics)
    assert b"# TYPE technopark_broker_dropped_messages_total counter" in generate_latest(registry)


def test_what_is_not_known_is_not_shown(metrics: BrokerMetrics) -> None:
    assert value(metrics, "dropped_messages_total") is None
    metrics.note("$SYS/broker/clients/connected", b"3")
    assert value(metrics, "clients_connected") == 3
    metrics.forget()
    assert value(metrics, "clients_connected") is None


@pytest.mark.parametrize("payload", [b"", b" ", b"many", b"\xff\x00", b"nan", b"inf", b"1e999"])
def test_what_is_no_figure_is_passed_over(metrics: BrokerMetrics, payload: bytes) -> None:
    metrics.note(DROPPED, b"7")
    for topic in SYS_TOPICS:
        metrics.note(topic, payload)
    assert value(metrics, "dropped_messages_total") == 7


@pytest.mark.parametrize(
    "topic", ["", "$SYS/broker/version", "publish/messages/dropped", "devices/a"]
)
def test_other_topics_are_passed_over(metrics: BrokerMetrics, topic: str) -> None:
    metrics.note(topic, b"1")
    assert all(not family.samples for family in metrics.collect())
