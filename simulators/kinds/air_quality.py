"""Air-quality and weather stations at a park's road."""

from __future__ import annotations

import numpy as np

from simulators.chance import FloatArray
from simulators.kinds.kind import Kind, Signal, Values, World, lagged
from simulators.kinds.totals import since_midnight
from simulators.site import DAY, HOUR
from simulators.weather import Weather, bell, relative_humidity

# Of the air far from the road: fine particles in ug/m3, carbon dioxide in ppm.
FINE_BACKGROUND = 9.0
CO2_BACKGROUND = 426.0
# What traffic and fires of the busiest hour add where the air is still and the mixed layer low.
FINE_SOURCE, CO2_SOURCE = 95.0, 90.0
# The height in m up to which air is mixed, at night and under the highest sun.
LOWEST_LAYER, HIGHEST_LAYER = 180.0, 1500.0
# Rain takes particles out of the air; afterwards they come back within an hour.
WASHED_MEMORY = HOUR
TIP = 0.2  # mm, one tip of the gauge's bucket


class Stations:
    """n stations that breathe the same day, each with its own road."""

    def __init__(self, world: World) -> None:
        self.world = world
        pick, devices = world.chance.pick, world.devices
        self.road = pick("road", 0.7, 1.4)
        self.dust = pick("dust", 1.5, 2.2)
        self.sheltered = pick("sheltered", 0.6, 1.0)
        self.warmer = pick("warmer", -0.3, 0.5)
        self.washed = np.zeros(devices)
        self.day = 0
        self.rain = np.zeros(devices)

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """The park's weather, as each station meets it, and what hangs in its air."""
        weather, noise = self.world.weather(times), self.world.chance.noise
        wind = weather.wind * self.sheltered[:, None] * np.exp(0.12 * noise("gust", times, 60.0, 2))
        washing = np.broadcast_to(1 - np.exp(-weather.rain / 5), wind.shape)
        washed = lagged(self.washed, washing, seconds, WASHED_MEMORY)
        stale = staleness(weather, wind)
        traffic = rush(self.world, times)
        smoke = np.exp(0.25 * noise("smoke", times, 1800.0, 3))
        particles = traffic * self.road[:, None] * stale * smoke
        fine = (FINE_BACKGROUND + FINE_SOURCE * particles) * (1 - 0.65 * washed)
        # Plants breathe out at night, into the low layer.
        night = np.clip(-weather.sky.elevation / 10, 0, 1)
        breath = (CO2_SOURCE * traffic * self.road[:, None] + 45 * night) * stale
        temperature = weather.temperature + self.warmer[:, None] + 0.15 * noise("air", times, 900.0)
        falling = weather.rain * (0.85 + 0.1 * noise("drops", times, 1200.0))
        direction = weather.wind_direction + 12 * noise("vane", times, 60.0, 2)
        day = self.world.site.day(times)
        rain = since_midnight(self.rain, self.day, falling * (seconds / 3600), day)
        self.washed, self.rain, self.day = washed[:, -1], rain[:, -1], int(day[-1])
        return {
            "pm2_5": fine,
            "pm10": fine * self.dust[:, None] * (1 - 0.2 * washed) + 1.5 * wind,
            "co2": CO2_BACKGROUND + breath + 3 * noise("breath", times, 600.0, 2),
            "temperature": temperature,
            "humidity": relative_humidity(temperature, weather.dew_point + 0 * temperature),
            "pressure": weather.pressure + 0.05 * noise("barometer", times, HOUR),
            "wind_speed": wind,
            "wind_direction": np.floor(direction) % 360,
            "rain_rate": np.where(falling < 0.1, 0.0, falling),
            "rain_today": np.floor(rain / TIP) * TIP,
        }


def staleness(weather: Weather, wind: FloatArray) -> FloatArray:
    """How much of what is let out stays: about 1 in a calm night, a twentieth on a fresh noon.

    A box of air over the road: what comes in is thinned by the wind through it and by the height
    of the mixed layer. Seinfeld and Pandis 2016, chapter 25.
    """
    heated = np.clip(np.sin(np.radians(weather.sky.elevation)), 0, 1) * (1 - 0.6 * weather.cloud)
    layer = LOWEST_LAYER + (HIGHEST_LAYER - LOWEST_LAYER) * heated
    return LOWEST_LAYER / layer * 2.0 / (1.2 + wind)


def rush(world: World, times: FloatArray) -> FloatArray:
    """The shape of a city's day, 0.1 to about 1: both rush hours, less on Sundays. (T,)."""
    hour = world.site.hour(times)
    rushes = 0.65 * bell(hour, 7.3, 1.3) + 0.75 * bell(hour, 18.5, 2.2)
    busy = 0.1 + rushes + 0.3 * bell(hour, 12.5, 3.0)
    return busy * np.where(world.site.weekday(times) == 6, 0.6, 1.0)


AIR_QUALITY: Kind[Stations] = Kind(
    id="air-quality",
    name="Air-quality station",
    description="Particles, carbon dioxide and the weather at the park's road.",
    interval=60.0,
    longest_step=300.0,
    warm_up=DAY,
    signals=(
        Signal("pm2_5", "ug/m3", 0, 500, 1, "Seinfeld 2016, box model and scavenging"),
        Signal("pm10", "ug/m3", 0, 1000, 1, "Seinfeld 2016; coarse share and wind-blown dust"),
        Signal("co2", "[ppm]", 350, 5000, 1, "Seinfeld 2016, box model"),
        Signal("temperature", "Cel", -50, 60, 2, "Campbell 1998, eq. 2.2"),
        Signal("humidity", "%", 0, 100, 1, "Alduchov 1996"),
        Signal("pressure", "hPa", 500, 1100, 2, "ISO 2533; tides of Lindzen 1969"),
        Signal("wind_speed", "m/s", 0, 60, 2, "log-normal gusts on a daily breeze"),
        Signal("wind_direction", "deg", 0, 360, 0, "valley wind: Whiteman 2000"),
        Signal("rain_rate", "mm/h", 0, 300, 1, "showers from a covered sky"),
        Signal("rain_today", "mm", 0, 1000, 1, "integral of rain_rate, tips of 0.2 mm: WMO-8"),
    ),
    start=Stations,
    facts=lambda *_: {"firmware": "3.2.0", "particle_sensor": "laser scattering"},
    references=(
        'J. H. Seinfeld, S. N. Pandis, "Atmospheric Chemistry and Physics", 3rd edition, Wiley, '
        "2016.",
        'G. S. Campbell, J. M. Norman, "An Introduction to Environmental Biophysics", 2nd '
        "edition, Springer, 1998.",
        'O. A. Alduchov, R. E. Eskridge, "Improved Magnus form approximation of saturation vapor '
        'pressure", Journal of Applied Meteorology 35 (4), 1996.',
        'ISO 2533, "Standard atmosphere".',
        'R. S. Lindzen, S. Chapman, "Atmospheric tides", Space Science Reviews 10, 1969.',
        'C. D. Whiteman, "Mountain Meteorology", Oxford University Press, 2000.',
        'WMO-No. 8, "Guide to Instruments and Methods of Observation".',
    ),
)
