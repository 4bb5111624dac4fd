"""Kits of a school: a board with a light sensor, a thermometer, a button and an ultrasonic eye."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulators.chance import FloatArray
from simulators.kinds.kind import (
    Command,
    Kind,
    Parameter,
    Setting,
    Signal,
    Values,
    World,
    lagged,
    switch,
)
from simulators.site import HOUR

# Lumens that a watt of daylight has.
EFFICACY = 110.0
LAMPS = 320.0  # lx
# Without enough daylight the lamps are on.
DARK = 250.0  # lx
# Seconds in which a class warms its room.
WARMING = 1500.0
COLOURS = ("off", "red", "green", "blue", "white")
# The board holds a press so long that no reading misses it.
HELD = (5.0, 7.0)


class Kits:
    """n boards on the desks of a classroom."""

    def __init__(self, world: World) -> None:
        self.world = world
        pick, devices = world.chance.pick, world.devices
        # The share of the light outside that comes to a desk.
        self.daylight = pick("daylight", 0.006, 0.03)
        self.wall = pick("wall", 120, 320)
        self.keen = pick("keen", 0.3, 1.0)
        self.sensor = pick("sensor", -0.6, 0.6)
        self.people = np.zeros(devices)
        self.led = np.zeros(devices, np.int64)

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """Lessons begin and end, hands move, the sun goes round."""
        weather, chance = self.world.weather(times), self.world.chance
        lesson = self.lesson(times)
        outside = EFFICACY * weather.sky.ghi * (1 - 0.75 * weather.cloud**3.4)
        day = outside * self.daylight[:, None]
        light = day + LAMPS * lesson * (day < DARK)
        shadow = 1 - 0.35 * np.clip(chance.noise("shadow", times, 90.0, 2), 0, 1) * lesson
        people = lagged(self.people, 1.8 * lesson + 0 * day, seconds, WARMING)
        self.people = people[:, -1]
        room = 23.5 + 0.5 * (weather.temperature - 23.5) + people
        # No multiple of an interval, so that a slot's beginning is not all that is ever seen.
        pressed = chance.windows("press", times, 67.0, self.likely(0.5), HELD)
        hand = chance.windows("hand", times, 90.0, self.likely(0.7), (6.0, 45.0))
        near = self.hand(times, hand.numbers(chance, "around"))
        away = self.wall[:, None] + 0.5 * chance.noise("echo", times, 5.0)
        return {
            "light": light * shadow * (1 + 0.01 * chance.noise("flicker", times, 10.0)) + 0.3,
            "temperature": room + self.sensor[:, None] + 0.08 * chance.noise("air", times, 300.0),
            "button": pressed.on.astype(float),
            "distance": np.where(hand.on, near, away),
        }

    def lesson(self, times: FloatArray) -> FloatArray:
        """1 while there is one: on working days from 7 to 14:30, without two breaks. (T,)."""
        hour = self.world.site.hour(times)
        breaks = ((hour >= 9.5) & (hour < 9.75)) | ((hour >= 12) & (hour < 12.75))
        school = (hour >= 7) & (hour < 14.5) & (self.world.site.weekday(times) < 5)
        return (school & ~breaks).astype(float)

    def likely(self, share: float) -> Any:
        """How often somebody does something with a board in a slot of a lesson."""
        return lambda begins: share * self.lesson(begins) * self.keen[:, None]

    def hand(self, times: FloatArray, place: FloatArray) -> FloatArray:
        """A hand before the eye, which comes and goes, in cm: (n, T)."""
        around = 8 + 45 * place
        return np.clip(around * (1 + 0.25 * self.world.chance.noise("hand", times, 4.0, 2)), 3, 110)


def set_led(kits: Kits, index: int, colour: str) -> None:
    """Light it."""
    kits.led[index] = COLOURS.index(colour)


def blink(kits: Kits, index: int, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Show a colour now."""
    set_led(kits, index, given["led"])
    return {"led": given["led"]}


CLASSROOM_KIT: Kind[Kits] = Kind(
    id="classroom-kit",
    name="Classroom kit",
    description="A school's board with a light sensor, a thermometer, a button and a range finder.",
    interval=5.0,
    longest_step=300.0,
    warm_up=HOUR,
    signals=(
        Signal("light", "lx", 0, 20_000, 1, "Tregenza 1983: daylight factor; lamps in lessons"),
        Signal("temperature", "Cel", -20, 60, 1, "weather, damped; heat of a class"),
        switch("button", "presses in lessons, held for five seconds"),
        Signal("distance", "cm", 2, 400, 1, "the wall, or a hand before the sensor"),
    ),
    start=Kits,
    facts=lambda *_: {"firmware": "0.9.3", "board": "ESP32"},
    references=(
        'P. R. Tregenza, I. M. Waters, "Daylight coefficients", Lighting Research & Technology 15 '
        "(2), 1983.",
        'F. Kasten, G. Czeplak, "Solar and terrestrial radiation dependent on the amount and type '
        'of cloud", Solar Energy 24 (2), 1980.',
    ),
    commands=(
        Command("show", "lights its LED", blink, (Parameter("led", choices=COLOURS),)),
        Command("beep", "beeps for a moment", lambda *_: {"beeped": True}),
    ),
    settings=(
        Setting(
            Parameter("led", choices=COLOURS),
            "lights its LED",
            lambda kits, index: COLOURS[kits.led[index]],
            set_led,
        ),
    ),
)
