from importlib.metadata import version

from prometheus_client import generate_latest

from broker.payloads import Reason
from ingest.metrics import Metrics


def test_every_reason_is_counted_from_zero() -> None:
    metrics = Metrics()
    for reason in Reason:
        labels = {"reason": reason.value}
        found = metrics.registry.get_sample_value("technopark_ingest_rejections_total", labels)
        assert found == 0, reason


def test_the_lag_can_be_asked_for_when_it_is_looked_at() -> None:
    metrics, ages = Metrics(), iter([1.5, 2.5])
    metrics.lag.set_function(lambda: next(ages))
    name = "technopark_ingest_lag_seconds"
    assert [metrics.registry.get_sample_value(name) for _ in range(2)] == [1.5, 2.5]


def test_a_worker_tells_its_number() -> None:
    labels = {"worker": "3", "version": version("technopark-iot")}
    found = Metrics(worker=3).registry.get_sample_value("technopark_ingest_worker_info", labels)
    assert found == 1


def test_the_process_tells_its_memory_and_time() -> None:
    text = generate_latest(Metrics().registry)
    for name in (b"process_resident_memory_bytes", b"process_cpu_seconds_total"):
        assert b"\n" + name in text


def test_counters_and_times_are_named_as_prometheus_wants() -> None:
    for family in Metrics().registry.collect():
        assert family.documentation, family.name
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_messages")), family.name
