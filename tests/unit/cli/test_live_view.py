"""What the live view makes of its figures."""

import io
import time
from collections import deque
from pathlib import Path

import pytest
from rich.console import Console

from cli import live_view
from cli.live_view import View
from cli.meter import Meter, Newest, Sample
from stack.supervisor import Child, Service, State


class Gone:
    """A process that nobody asks."""

    pid = 1

    def poll(self) -> None:
        return None


def child(name: str, state: State) -> Child:
    return Child(Service(name, [], {}, Path(name)), Gone(), 0.0, state)


def meter(*newest: Newest) -> Meter:
    made = Meter(1, "", dict)
    made.samples = deque([Sample(time.monotonic(), 20, 100, 3, 2, newest)])
    for one in newest:
        made.histories[(one.device, one.metric)] = deque([1.0, 2.0, one.value])
    return made


def draw(view: View, width: int, height: int = 24) -> str:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )
    console.print(view)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([5.0, 5.0], "▁▁"),
        ([0.0, 7.0], "▁█"),
        ([-1.0, 0.0, 1.0, 2.0], "▁▃▆█"),
        ([1e300, -1e300], "█▁"),
    ],
)
def test_a_sparkline_spans_from_the_least_to_the_greatest(values: list[float], line: str) -> None:
    assert live_view.sparkline(values) == line


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    readings = [Newest(f"demo-pv-inverter-{n:02}", "state_of_charge", "%", n) for n in range(9)]
    children = [child(name, State.READY) for name in ("postgres", "registry", "broker", "ingest")]
    view = View(meter(*readings), children, "my-first-device", "0:01", ["the disk is full"])
    text = draw(view, width)
    assert max(map(len, text.splitlines())) <= width
    assert "the disk is full" in text


def test_as_many_readings_as_fit_the_person_s_own_device_first() -> None:
    readings = [Newest(f"a-{n:02}", metric, None, 1) for n in range(40) for metric in "xyz"]
    own = Newest("my-first-device", "temperature", "Cel", 21.5)
    text = draw(View(meter(*readings, own), [], "my-first-device", "0:01"), 80, 24)
    assert len(text.splitlines()) <= 24
    rows = text[text.index("last minute") :].splitlines()[1:]
    assert rows[0].split()[:4] == ["my-first-device", "temperature", "21.50", "°C"]


def test_a_device_that_has_sent_nothing_is_waited_for() -> None:
    text = draw(View(meter(), [], "my-first-device", "0:01"), 80)
    assert "my-first-device  waiting" in text


def test_a_service_in_trouble_is_told_by_a_word_and_not_by_colour_alone() -> None:
    children = [child("broker", State.WAITING), child("ingest", State.READY)]
    text = draw(View(meter(), children, "mine", "0:01"), 80)
    assert "○ broker waiting   ● ingest" in text


def test_counters_of_a_restarted_process_go_on_from_where_they_were() -> None:
    counted = Meter(1, "", dict)
    for readings in (10.0, 30.0, 5.0, 6.0):
        counted._count({"readings_stored": readings})
    assert counted._totals["readings_stored"] == 36


def test_a_rate_is_that_of_the_last_seconds() -> None:
    made = Meter(1, "", dict)
    made.samples = deque(
        Sample(float(n), messages=0 if n < 10 else (n - 10) * 7) for n in range(20)
    )
    assert made.rate(lambda sample: sample.messages) == 7
