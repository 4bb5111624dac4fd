"""The supervisor's decisions, with a clock and processes that the test moves."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack import supervisor
from stack.errors import ServiceFailedError, StopRequestedError
from stack.supervisor import Child, Service, State, Supervisor


@dataclass
class FakeProcess:
    pid: int
    status: int | None = None

    def poll(self) -> int | None:
        return self.status


@dataclass
class World:
    """Time passes only when somebody sleeps; processes end when they are told to."""

    now: float = 0.0
    spawned: list[str] = field(default_factory=list)
    processes: dict[int, FakeProcess] = field(default_factory=dict)
    signals: list[tuple[str, signal.Signals]] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)
    stop: bool = False

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def spawn(self, service: Service) -> FakeProcess:
        self.spawned.append(service.name)
        process = FakeProcess(len(self.spawned))
        self.processes[process.pid] = process
        return process

    def kill(self, pid: int, which: signal.Signals) -> None:
        name, process = self.spawned[pid - 1], self.processes[pid]
        if process.status is None:
            self.signals.append((name, which))
        if which is signal.SIGKILL or name not in self.deaf:
            process.status = process.status if process.status is not None else -which

    def supervisor(self) -> Supervisor:
        return Supervisor(
            clock=self.clock,
            sleep=self.sleep,
            spawn=self.spawn,
            kill=self.kill,
            stop_requested=lambda: self.stop,
        )

    def die(self, child: Child, status: int = 1) -> None:
        self.processes[child.process.pid].status = status


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def service(tmp_path: Path) -> Callable[..., Service]:
    def make(name: str = "one", **options: object) -> Service:
        return Service(name, ["true"], {}, tmp_path / f"{name}.log", **options)  # type: ignore[arg-type]  # what the test says

    return make


def run_until(world: World, supervised: Supervisor, seconds: float) -> None:
    end = world.now + seconds
    while world.now < end:
        supervised.step()
        world.sleep(0.1)


def test_a_service_is_ready_when_it_answers_not_when_it_runs(
    world: World, service: Callable[..., Service]
) -> None:
    supervised = world.supervisor()
    supervised.start(service(is_ready=lambda: world.now >= 3))
    assert world.now == pytest.approx(3, abs=0.1)
    assert supervised.children["one"].state is State.READY


def test_a_service_that_ends_at_its_first_start_is_an_error_with_its_last_words(
    world: World, service: Callable[..., Service]
) -> None:
    supervised = world.supervisor()

    def dies() -> bool:
        one.log.write_text("first\nthe disk is full\n")
        world.die(supervised.children["one"], 3)
        return False

    one = service(is_ready=dies)
    with pytest.raises(ServiceFailedError, match=r"one ended with status 3(.|\n)*the disk is full"):
        supervised.start(one)
    assert world.spawned == ["one"]


def test_a_service_that_never_answers_is_named_after_its_patience(
    world: World, service: Callable[..., Service]
) -> None:
    with pytest.raises(ServiceFailedError, match="one did not answer within 7 s"):
        world.supervisor().start(service(is_ready=lambda: False, patience=7))
    assert 7 < world.now < 8


def test_waiting_for_a_service_can_be_called_off(
    world: World, service: Callable[..., Service]
) -> None:
    world.stop = True
    with pytest.raises(StopRequestedError):
        world.supervisor().start(service(is_ready=lambda: False))


def test_a_child_that_keeps_dying_is_restarted_ever_more_rarely(
    world: World, service: Callable[..., Service]
) -> None:
    supervised = world.supervisor()
    supervised.start(service())
    child, moments = supervised.children["one"], []
    for _ in range(9):
        world.die(child)
        before = world.now
        supervised.step()
        while child.state is not State.READY:
            world.sleep(0.01)
            supervised.step()
        moments.append(round(world.now - before, 1))
    assert moments == [0.5, 1, 2, 4, 8, 8, 8, 8, 8]
    assert child.deaths == 9


def test_a_child_that_stayed_up_starts_over_at_the_first_delay(
    world: World, service: Callable[..., Service]
) -> None:
    supervised = world.supervisor()
    supervised.start(service())
    child = supervised.children["one"]
    for _ in range(4):
        world.die(child)
        run_until(world, supervised, 10)
    assert child.failures == 4
    run_until(world, supervised, 31)
    assert child.failures == 0
    world.die(child)
    run_until(world, supervised, 0.8)
    assert child.state is State.READY


def test_others_live_on_when_one_dies(world: World, service: Callable[..., Service]) -> None:
    supervised = world.supervisor()
    supervised.start(service("one"))
    supervised.start(service("two"))
    world.die(supervised.children["one"], -signal.SIGKILL)
    run_until(world, supervised, 1)
    assert world.spawned == ["one", "two", "one"]
    assert "one ended by SIGKILL" in supervised.children["one"].service.log.read_text()


@pytest.mark.parametrize(("status", "state"), [(0, State.DONE), (1, State.ENDED)])
def test_a_task_is_not_started_again(
    world: World, service: Callable[..., Service], status: int, state: State
) -> None:
    supervised = world.supervisor()
    child = supervised.launch(service(restarts=False))
    world.die(child, status)
    run_until(world, supervised, 60)
    assert (child.state, world.spawned) == (state, ["one"])


def test_services_are_stopped_in_reverse_order_each_by_its_own_signal(
    world: World, service: Callable[..., Service]
) -> None:
    supervised = world.supervisor()
    supervised.start(service("database", stop_signal=signal.SIGINT))
    supervised.start(service("broker"))
    supervised.start(service("ingest"))
    supervised.stop()
    assert world.signals == [
        ("ingest", signal.SIGTERM),
        ("broker", signal.SIGTERM),
        ("database", signal.SIGINT),
    ]
    assert all(child.state is State.ENDED for child in supervised.children.values())


def test_a_service_that_does_not_stop_is_killed_after_its_grace(
    world: World, service: Callable[..., Service]
) -> None:
    world.deaf.add("one")
    supervised = world.supervisor()
    supervised.start(service(grace=5))
    supervised.stop()
    assert world.signals == [("one", signal.SIGTERM), ("one", signal.SIGKILL)]
    assert 5 <= world.now < 6


def test_a_second_request_to_stop_ends_the_grace(
    world: World, service: Callable[..., Service]
) -> None:
    world.deaf.add("one")
    supervised = world.supervisor()
    supervised.start(service(grace=1000))
    supervised.stop(hurry=lambda: world.now > 1)
    assert world.now < 2


def test_a_service_that_waits_for_its_restart_is_not_restarted_by_a_stop(
    world: World, service: Callable[..., Service]
) -> None:
    supervised = world.supervisor()
    supervised.start(service())
    world.die(supervised.children["one"])
    supervised.step()
    supervised.stop()
    run_until(world, supervised, 60)
    assert world.spawned == ["one"]


def test_a_large_log_is_moved_and_stays_the_same_file(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    with log.open("ab") as held:
        held.write(b"x" * (supervisor.LOG_BYTES + 1))
        held.flush()
        supervisor.keep_small(log)
        held.write(b"after\n")
    assert log.read_bytes() == b"after\n"
    assert (tmp_path / "one.log.1").stat().st_size == supervisor.LOG_BYTES + 1


def test_a_tail_reads_only_the_end(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert supervisor.tail(log, 2) == ["line 49998", "line 49999"]
    assert supervisor.tail(tmp_path / "none.log") == []


def test_killing_a_group_that_is_gone_is_no_error() -> None:
    gone = 2**22 - 1
    assert not Path(f"/proc/{gone}").exists()
    supervisor.kill_group(gone, signal.SIGKILL)
    supervisor.kill_group(gone, signal.SIGTERM)
    assert os.getpid() != gone
