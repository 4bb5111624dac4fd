import pytest

from registry.mosquitto.log import BrokerLog

AT = "2026-11-22T00:15:35: "


def read(*lines: str) -> tuple[BrokerLog, list[bool]]:
    log = BrokerLog()
    return log, [log.read(AT + line) for line in lines]


def test_a_refused_device_is_noted_once() -> None:
    log, told = read(
        "New connection from 127.0.0.1:44255 on port 18931.",
        "Client dev-a [127.0.0.1:44255] disconnected: not authorised.",
        "Client dev-a [127.0.0.1:44256] disconnected: not authorised.",
    )
    assert told == [False, True, True]
    assert log.take_refused() == ["dev-a"]
    assert log.take_refused() == []


def test_a_refusal_in_the_name_of_a_connected_device_is_not_noted() -> None:
    log, told = read(
        "New client connected from 127.0.0.1:34229 as dev-a (p5, c1, k60, u'dev-a').",
        "Client dev-a [127.0.0.1:44255] disconnected: not authorised.",
    )
    assert told == [False, False]
    assert log.take_refused() == []


@pytest.mark.parametrize(
    "end", ["", ": connection closed by client", ": session taken over", ": exceeded timeout"]
)
def test_a_device_that_left_is_not_connected(end: str) -> None:
    _, told = read(
        "New client connected from [::1]:34229 as dev-a (p2, c1, k60, u'dev-a').",
        f"Client dev-a [[::1]:34229] disconnected{end}.",
        "Client dev-a [10.0.0.1:44255] disconnected: not authorised.",
    )
    assert told == [False, False, True]


def test_a_device_whose_session_was_taken_over_is_connected_still() -> None:
    log, _ = read(
        "New client connected from 127.0.0.1:1 as dev-a (p5, c1, k60, u'dev-a').",
        "New client connected from 127.0.0.1:2 as dev-a (p5, c1, k60, u'dev-a').",
        "Client dev-a [127.0.0.1:1] disconnected: session taken over.",
    )
    assert log.connected == {"dev-a": "127.0.0.1:2"}


@pytest.mark.parametrize(
    "line",
    [
        "Client dev-b [1:1] disconnected: not authorised. [127.0.0.1:36105] disconnected: not "
        "authorised.",
        "Client New client connected from 1 as dev-b (p5). [1:1] disconnected: not authorised.",
        "Client dev-b\n [1:1] disconnected: not authorised.",
        "Client 127.0.0.1 [127.0.0.1:55221] disconnected: client identifier not valid.",
        "Client _ingest [(null):0] disconnected.",
        "",
    ],
)
def test_a_user_name_that_looks_like_a_line_is_no_line(line: str) -> None:
    log, told = read(line)
    assert told == [False]
    assert not log.connected


def test_a_new_connection_to_the_broker_begins_anew() -> None:
    log, _ = read("New client connected from 127.0.0.1:1 as dev-a (p5, c1, k60, u'dev-a').")
    log.forget()
    assert log.read(AT + "Client dev-a [127.0.0.1:9] disconnected: not authorised.")


def test_refusals_of_endless_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.mosquitto.log.MAX_REFUSED", 5)
    _, told = read(
        *(f"Client dev-{n} [127.0.0.1:{n}] disconnected: not authorised." for n in range(9))
    )
    assert sum(told) == 5
