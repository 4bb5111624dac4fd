"""What ``technopark up`` does from its start to its end, and what it shows meanwhile."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.text import Text

from cli.api import ApiError
from cli.demo import OWN_DEVICE, Account, Demo
from cli.live_view import View, minutes
from cli.meter import Meter
from stack import preflight, runtime
from stack.errors import StackError, StopRequestedError
from stack.home import Home
from stack.interruption import Interruption
from stack.platform import Platform, require_programs
from stack.settings import Settings
from stack.supervisor import State, Supervisor

STEP_SECONDS = 0.1
DRAW_SECONDS = 0.5
# Without a terminal a line is printed so often.
LINE_SECONDS = 5.0


@dataclass(frozen=True)
class Options:
    """How ``up`` was asked for.

    Attributes:
        demo: with simulated devices.
        seconds: of running; None: until Ctrl-C.
    """

    demo: bool = False
    seconds: float | None = None


@dataclass
class Run:
    """One ``up``.

    Attributes:
        settings: of the platform.
        options: of this run.
        console: shows it to the person.
        interruption: by which the person ends it.
        began: when it was typed, monotonic seconds.
    """

    settings: Settings
    options: Options
    console: Console
    interruption: Interruption
    began: float

    @property
    def moves(self) -> bool:
        """Whether lines can be drawn over: not in a file, not on a dumb terminal."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def everything(self) -> bool:
        """Hold the folder, start, watch, stop; whether it went well."""
        home = Home(self.settings.home)
        runtime.make_home(home.path)
        with home.held():
            preflight.require(self.settings)
            require_programs()
            with self.progress() as tell:
                programs = runtime.ensure(home.path, tell, self.settings.debian_mirror)
            supervisor = Supervisor(stop_requested=self.interruption.requested)
            platform = Platform(self.settings, home, programs, supervisor)
            with self.interruption:
                try:
                    return self.running(platform)
                except StopRequestedError:
                    return True
                finally:
                    supervisor.stop(hurry=self.interruption.urgent)

    def running(self, platform: Platform) -> bool:
        """From the first service's start to the request to stop."""
        try:
            with self.progress() as tell:
                platform.tell = tell
                platform.start()
        finally:
            # Also where something failed later: nobody can show it a second time.
            self.show_first_token(platform)
        platform.tell = self.say
        self.introduce(platform)
        if self.options.demo:
            return self.demo(platform)
        self.watch(platform, lambda: None)
        return True

    def show_first_token(self, platform: Platform) -> None:
        """On the run that made it, the administrator's token."""
        if platform.first_token:
            self.say("The administrator's token, shown only this once; keep it:")
            self.say(f"  export TECHNOPARK_TOKEN={platform.first_token}")

    def introduce(self, platform: Platform) -> None:
        """Say once what stays true: how long it took, the addresses."""
        self.say(f"the platform is up after {time.monotonic() - self.began:.1f} s")
        host, port = platform.settings.reach, platform.settings.mqtt_port
        self.say(f"\n  API and its documentation  {platform.settings.api_url}/docs")
        self.say(f"  MQTT                       {host}:{port}, more with `technopark status`")
        if not self.options.demo:
            self.say("\nCtrl-C stops it.")

    def watch(self, platform: Platform, draw: Callable[[], None]) -> None:
        """Look after the services until somebody asks to stop, or the time is over."""
        until = time.monotonic() + self.options.seconds if self.options.seconds else None
        while not self.interruption.requested() and not (until and time.monotonic() >= until):
            platform.step()
            draw()
            time.sleep(STEP_SECONDS)

    def demo(self, platform: Platform) -> bool:
        """The platform with devices and a live view; at the end, the account."""
        demo = Demo(platform)
        try:
            demo.start()
        except ApiError as error:
            raise StackError(f"the demo's devices could not be registered: {error}") from error
        self.explain_own_device(demo)
        meter = Meter(platform.settings.ingest_port, platform.database_url, demo.devices)
        with meter:
            with self.drawing(platform, meter) as draw:
                self.watch(platform, draw)
            with self.progress() as tell:
                tell("waiting for the last readings")
                early = demo.ended_early()
                demo.stop()
                account = demo.settle()
        return self.summarise(platform, meter, account, early)

    def explain_own_device(self, demo: Demo) -> None:
        """Lines to copy: how a person's own device sends its first reading."""
        host, port = demo.platform.settings.reach, demo.platform.settings.mqtt_port
        self.say(
            f"""
Connect a device of your own. It is called {OWN_DEVICE}; its secret is
  {demo.secret}

  mosquitto_pub -h {host} -p {port} -q 1 -i {OWN_DEVICE} \\
    -u {OWN_DEVICE} -P {demo.secret} \\
    -t devices/{OWN_DEVICE}/telemetry -m '{{"temperature": 21.5}}'

or by HTTP, where there is no MQTT:

  curl --json '{{"temperature": 21.5}}' \\
    -H 'Authorization: Bearer {demo.secret}' \\
    {demo.platform.settings.api_url}/api/v1/devices/{OWN_DEVICE}/telemetry
"""
        )

    @contextmanager
    def drawing(self, platform: Platform, meter: Meter) -> Iterator[Callable[[], None]]:
        """How the demo shows itself: a view that moves, or plain lines now and then."""
        started = time.monotonic()
        due = 0.0
        if not self.moves:

            def line() -> None:
                nonlocal due
                if time.monotonic() >= due:
                    due = time.monotonic() + LINE_SECONDS
                    self.say(plain_line(platform, meter, time.monotonic() - started))

            yield line
            return
        with Live(console=self.console, auto_refresh=False, transient=True) as live:

            def view() -> None:
                nonlocal due
                if time.monotonic() >= due:
                    due = time.monotonic() + DRAW_SECONDS
                    clock = self.clock(time.monotonic() - started)
                    children = list(platform.supervisor.children.values())
                    live.update(
                        View(meter, children, OWN_DEVICE, clock, platform.warnings), refresh=True
                    )

            yield view

    def clock(self, elapsed: float) -> str:
        """How long it runs, and how it ends."""
        if self.options.seconds:
            return f"{minutes(elapsed)} of {minutes(self.options.seconds)}, Ctrl-C stops it"
        return f"{minutes(elapsed)}, Ctrl-C stops it"

    def summarise(
        self, platform: Platform, meter: Meter, account: Account, early: Sequence[str]
    ) -> bool:
        """Print what was promised and what was kept."""
        first = meter.first_reading_at
        after = f"{first - self.began:.1f} s after the start" if first else "never came"
        children = platform.supervisor.children.values()
        restarts = sum(child.deaths for child in children)
        ready = [child.service.name for child in children if child.state is State.READY]
        lines = (
            ("services", f"{', '.join(ready)} ready; restarts: {restarts}"),
            ("first reading", after),
            ("messages acknowledged", f"{account.messages:,} with {account.values:,} values"),
            ("readings stored", f"{account.stored:,}"),
            ("rejected", f"{account.rejected:,}"),
            ("lost", f"{account.lost:,}"),
        )
        for name, text in lines:
            self.say(f"  {name:<22} {text}")
        for name in early:
            self.say(f"  {name} ended too early: see `technopark logs {name}`")
        good = account.good and not early
        verdict = (
            "✓ every acknowledged reading is stored"
            if account.good
            else "✗ the promise was not kept"
        )
        self.console.print(Text(f"\n{verdict}", "bold cyan" if good else "bold red"))
        return good

    @contextmanager
    def progress(self) -> Iterator[Callable[[str], None]]:
        """How steps are told: behind a spinner, or each kind of step on a line of its own."""
        if self.moves:
            with self.console.status("") as status:
                yield lambda text: status.update(f"{text}…")
            return
        before = ""

        def tell(text: str) -> None:
            nonlocal before
            kind = re.sub(r"\d+", "", text)
            if kind != before:
                self.say(text)
            before = kind

        yield tell

    def say(self, text: str) -> None:
        """Print lines as they are, never wrapped: some are to be copied."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def plain_line(platform: Platform, meter: Meter, elapsed: float) -> str:
    """The state of a demo in one line."""
    now = meter.now
    states = ", ".join(
        f"{child.service.name} {child.state}" for child in platform.supervisor.children.values()
    )
    return (
        f"{minutes(elapsed)}  {now.online} devices online  "
        f"{meter.rate(lambda s: s.messages):,.1f} messages/s  "
        f"{meter.rate(lambda s: s.readings):,.0f} values/s  "
        f"{now.readings:,.0f} stored  {now.rejections:,.0f} rejected  ({states})"
    )


def run(settings: Settings, options: Options) -> bool:
    """Run the platform until it is asked to stop.

    Returns:
        Whether it went well: for a demo, whether readings were stored and none was lost.

    Raises:
        StackError: it could not start; nothing is left running.
    """
    console = Console()
    began = time.monotonic()
    return Run(settings, options, console, Interruption(), began).everything()
