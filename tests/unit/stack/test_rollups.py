import socket

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from stack.rollups import NAME, behind
from tests.parts import free_port


def test_how_far_the_rollups_are_behind_is_read_from_the_metrics_of_the_registry() -> None:
    metrics, port = CollectorRegistry(), free_port()
    server, thread = start_http_server(port, "127.0.0.1", metrics)
    try:
        url = f"http://127.0.0.1:{port}/metrics"
        assert behind(url) is None, "before it has looked"
        Gauge(NAME, "…", registry=metrics).set(320)
        assert behind(url) == 320
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_registry_that_is_away_tells_nothing() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert behind(f"http://127.0.0.1:{closed.getsockname()[1]}/metrics") is None
