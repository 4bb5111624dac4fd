from broker.payloads import Reason
from ingest.metrics import Metrics
from service.vitals import figures


def test_a_figure_has_the_name_of_its_metric_and_of_the_label() -> None:
    metrics = Metrics()
    metrics.received.inc(3)
    metrics.rejections.labels("quota").inc(2)
    metrics.commit.observe(0.5)
    metrics.commit.observe(0.25)
    found = figures([metrics.registry])
    assert found["messages_received"] == 3
    assert found["rejections.quota"] == 2
    assert (found["commit_seconds_sum"], found["commit_seconds_count"]) == (0.75, 2)
    assert found["process_resident_memory_bytes"] > 1 << 20


def test_reasons_that_never_came_are_there_and_buckets_are_not() -> None:
    names = list(figures([Metrics().registry]))
    assert {f"rejections.{reason}" for reason in Reason} <= set(names)
    assert not [name for name in names if "bucket" in name or "created" in name or "info" in name]
    assert names == list(figures([Metrics().registry])), "the order stays"
