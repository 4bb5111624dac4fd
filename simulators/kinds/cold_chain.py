"""Refrigerators of a cold chain: medicine at 2 to 8 °C, a door, a compressor and its defrosting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulators.chance import BoolArray, FloatArray
from simulators.kinds.kind import (
    Command,
    Kind,
    Parameter,
    Refused,
    Signal,
    Step,
    Values,
    World,
    approach,
    array_setting,
    lived,
    switch,
)
from simulators.kinds.totals import total
from simulators.site import HOUR
from simulators.weather import bell

# Heat that flows into the cabinet, W/K: through the walls, by an open door, from the goods.
WALLS, DOOR, GOODS = 2.2, 32.0, 8.0
# What a kelvin takes, J/K: of air, shelves and walls; of the goods.
CABINET_HEAT, GOODS_HEAT = 25_000.0, 144_000.0
COMPRESSOR_WATTS, FAN_WATTS, HEATER_WATTS = 112.0, 9.0, 170.0
# The share of Carnot's efficiency that a small compressor reaches, and the condenser's excess, K.
CARNOT_SHARE, CONDENSER_EXCESS = 0.36, 14.0
EVAPORATING, DEFROSTED = -13.0, 7.0  # °C
EVAPORATOR_MEMORY = 100.0  # s
# A compressor rests before it starts again, so that pressures even out.
SHORTEST_REST = 180.0
DEFROST_EVERY, DEFROST_SECONDS = 8 * HOUR, 720.0
# The share of the heater's heat that reaches the cabinet: the other melts ice.
DEFROST_LEAK = 0.3
KELVIN = 273.15


class Cabinets:
    """n refrigerators in the rooms of a clinic, which people open."""

    def __init__(self, world: World) -> None:
        self.world = world
        pick, devices = world.chance.pick, world.devices
        self.set_point = np.full(devices, 5.0)
        self.hysteresis = np.full(devices, 1.0)
        self.leak = pick("leak", 0.8, 1.3)
        self.filled = pick("filled", 0.4, 1.2)
        self.busy = pick("busy", 0.5, 1.5)
        self.room = pick("room", -1.5, 2.5)
        self.air = pick("air", 4.2, 5.8)
        self.goods = pick("goods", 4.8, 5.2)
        self.evaporator = pick("evaporator", -10, 4)
        self.cooling = np.zeros(devices, bool)
        self.rested = np.full(devices, SHORTEST_REST)
        self.until_defrost = pick("defrost", 600, DEFROST_EVERY)
        self.defrost_left = np.zeros(devices)
        self.energy = pick("energy", 10, 2000)

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """Heat leaks in, people open the door, the compressor goes on and off."""
        noise = self.world.chance.noise
        room = self.world.weather(times).room_temperature + self.room[:, None]
        room = room + 0.3 * noise("room", times, HOUR, 2)
        door = self.door(times)
        moments = zip(room.T.copy(), door.T.copy(), strict=True)
        air, goods, evaporator, cooling, defrosting, power = lived(
            self.step(*moment, seconds) for moment in moments
        )
        energy = total(self.energy, power * (seconds / 3.6e6))
        self.energy = energy[:, -1]
        return {
            "air_temperature": air + 0.03 * noise("sensor", times, 30.0),
            "product_temperature": goods,
            "evaporator_temperature": evaporator,
            "ambient_temperature": room,
            "power": power,
            "energy_total": energy,
            "compressor": cooling,
            "door_open": door.astype(float),
            "defrosting": defrosting,
        }

    def door(self, times: FloatArray) -> BoolArray:
        """Open for a moment now and then while people work, hardly ever at night: (n, T)."""

        def likely(begins: FloatArray) -> FloatArray:
            hour, day = self.world.site.hour(begins), self.world.site.weekday(begins)
            work = bell(hour, 9.5, 1.8) + 0.8 * bell(hour, 14.5, 1.8)
            return np.where(day < 6, 0.02 + 0.55 * work, 0.02) * self.busy[:, None]

        return self.world.chance.windows("door", times, 900.0, likely, (15.0, 90.0)).on

    def step(self, room: FloatArray, door: BoolArray, seconds: float) -> Step:
        """Live on for some seconds; what the readings are made of."""
        defrosting = self.defrost_left > 0
        on = self.cooling & ~defrosting
        lifted = room + CONDENSER_EXCESS - self.evaporator
        efficiency = CARNOT_SHARE * (self.evaporator + KELVIN) / np.maximum(lifted, 10)
        cold = on * COMPRESSOR_WATTS * np.minimum(efficiency, 4)
        outside = WALLS * self.leak + DOOR * door
        goods = GOODS * self.filled
        heat = defrosting * (HEATER_WATTS * DEFROST_LEAK) + FAN_WATTS * on - cold
        conducted = outside + goods
        balance = (outside * room + goods * self.goods + heat) / conducted
        self.air = approach(self.air, balance, seconds, CABINET_HEAT / conducted)
        self.goods = approach(self.goods, self.air, seconds, GOODS_HEAT / GOODS)
        towards = np.where(on, EVAPORATING, np.where(defrosting, DEFROSTED, self.air))
        self.evaporator = approach(self.evaporator, towards, seconds, EVAPORATOR_MEMORY)
        self.regulate(on, defrosting, seconds)
        power = on * (COMPRESSOR_WATTS + FAN_WATTS) + defrosting * HEATER_WATTS + 3.0
        return self.air, self.goods, self.evaporator, on, defrosting, power

    def regulate(self, on: BoolArray, defrosting: BoolArray, seconds: float) -> None:
        """The thermostat and the timer of the defrosting decide about the next moment."""
        self.rested = np.where(on, 0.0, self.rested + seconds)
        warm = self.air > self.set_point + self.hysteresis
        cold = self.air < self.set_point - self.hysteresis
        self.cooling = (on & ~cold) | (warm & ~on & ~defrosting & (self.rested >= SHORTEST_REST))
        self.defrost_left = np.maximum(self.defrost_left - seconds, 0.0)
        self.until_defrost = self.until_defrost - seconds
        begins = self.until_defrost <= 0
        self.defrost_left = np.where(begins, DEFROST_SECONDS, self.defrost_left)
        self.until_defrost = np.where(begins, DEFROST_EVERY, self.until_defrost)


def defrost(cabinets: Cabinets, index: int, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """Melt the ice now; the timer begins again."""
    if cabinets.defrost_left[index] > 0:
        raise Refused("it is defrosting already")
    cabinets.until_defrost[index] = 0.0
    return {"seconds": DEFROST_SECONDS}


COLD_CHAIN: Kind[Cabinets] = Kind(
    id="cold-chain",
    name="Cold-chain refrigerator",
    description="A medicine refrigerator with goods, a door, a compressor and its defrosting.",
    interval=60.0,
    longest_step=30.0,
    warm_up=2 * HOUR,
    signals=(
        Signal("air_temperature", "Cel", -30, 50, 2, "Incropera 2011: heat balance, one node"),
        Signal("product_temperature", "Cel", -30, 50, 2, "Incropera 2011: lumped capacity"),
        Signal("evaporator_temperature", "Cel", -40, 50, 2, "first-order lag"),
        Signal("ambient_temperature", "Cel", -10, 50, 2, "the room: weather, damped"),
        Signal("power", "W", 0, 400, 1, "compressor, fan and heater"),
        Signal("energy_total", "kW.h", 0, 100_000, 4, "integral of power"),
        switch("compressor", "thermostat with hysteresis"),
        switch("door_open", "Poisson events of working hours"),
        switch("defrosting", "timer"),
    ),
    start=Cabinets,
    facts=lambda *_: {"firmware": "2.0.8", "volume_l": 400, "refrigerant": "R600a"},
    references=(
        'F. P. Incropera and others, "Fundamentals of Heat and Mass Transfer", 7th edition, Wiley, '
        "2011.",
        'Y. A. Çengel, M. A. Boles, "Thermodynamics: An Engineering Approach", 8th edition, '
        "McGraw-Hill, 2015: the compressor's efficiency as a share of Carnot's.",
        'WHO, "How to monitor temperatures in the vaccine supply chain", WHO/IVB/15.04, 2015.',
    ),
    commands=(Command("defrost", "melts the ice now", defrost),),
    settings=(
        array_setting(
            Parameter("set_point_cel", "Cel", 2, 8),
            "holds that temperature of the air",
            lambda cabinets: cabinets.set_point,
        ),
        array_setting(
            Parameter("hysteresis_k", "K", 0.5, 3),
            "starts so much above the set point, and stops so much below",
            lambda cabinets: cabinets.hysteresis,
        ),
    ),
)
