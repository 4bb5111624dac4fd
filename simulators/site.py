"""The place where devices stand: the sun over it, the air around it, and its time of day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from math import asin, cos, degrees, exp, pi, radians, sin
from zoneinfo import ZoneInfo

DAY = 86_400.0
# The year of the formulas below; they know no leap days.
YEAR = 365.25 * DAY


@dataclass(frozen=True)
class Site:
    """Where a park is; by default Cimahi on Java.

    Attributes:
        latitude: degrees, north is positive.
        longitude: degrees, east is positive.
        time_zone: decides when a day begins.
    """

    latitude: float = -6.87
    longitude: float = 107.54
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Jakarta"))

    def local(self, time: float) -> datetime:
        """The wall clock of the park at ``time``, in seconds since 1970."""
        return datetime.fromtimestamp(time, self.time_zone)

    def midnight(self, time: float) -> float:
        """When the park's day of ``time`` began, in seconds since 1970."""
        return self.local(time).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def hour(self, time: float) -> float:
        """The park's time of day in hours, 0 to 24."""
        clock = self.local(time)
        return clock.hour + clock.minute / 60 + (clock.second + clock.microsecond * 1e-6) / 3600


def year_angle(time: float) -> float:
    """How far the year has come, in radians; 0 at its beginning (UTC)."""
    return 2 * pi * ((time % YEAR) / YEAR)


def sun_elevation(site: Site, time: float) -> float:
    """The sun's height above the horizon, in degrees; negative at night.

    Declination and equation of time: J. W. Spencer, "Fourier series representation of the
    position of the sun", Search 2 (5), 1971. Within about half a degree.
    """
    year = year_angle(time)
    declination = (
        0.006918
        - 0.399912 * cos(year)
        + 0.070257 * sin(year)
        - 0.006758 * cos(2 * year)
        + 0.000907 * sin(2 * year)
        - 0.002697 * cos(3 * year)
        + 0.00148 * sin(3 * year)
    )
    hour_angle = radians(15 * (solar_hour(site, time) - 12))
    latitude = radians(site.latitude)
    height = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)
    return degrees(asin(max(-1.0, min(1.0, height))))


def solar_hour(site: Site, time: float) -> float:
    """The apparent solar time in hours: 12 when the sun is highest. Spencer 1971, as above."""
    year = year_angle(time)
    equation = 229.18 * (
        0.0000075
        + 0.001868 * cos(year)
        - 0.032077 * sin(year)
        - 0.014615 * cos(2 * year)
        - 0.040849 * sin(2 * year)
    )  # minutes
    return (time % DAY / 3600 + site.longitude / 15 + equation / 60) % 24


def clear_sky_irradiance(elevation: float) -> float:
    """Global horizontal irradiance under a clear sky, in W/m2.

    B. Haurwitz, "Insolation in relation to cloudiness and cloud density", Journal of Meteorology
    2, 1945, with the coefficients of the review by M. J. Reno and others, SAND2012-2389, 2012.

    Args:
        elevation: of the sun, in degrees.
    """
    height = sin(radians(elevation))
    return 1098 * height * exp(-0.059 / height) if height > 0 else 0.0


def air_temperature(site: Site, time: float) -> float:
    """A plausible outdoor temperature, in degrees Celsius.

    The shape of the day is equation 2.2 of G. S. Campbell and J. M. Norman, "An Introduction to
    Environmental Biophysics", 2nd edition, 1998. How its mean and swing depend on latitude and
    season is a coarse fit of our own: warm near the equator, seasons near the poles.
    """
    angle = pi / 12 * solar_hour(site, time)
    shape = 0.44 - 0.46 * sin(angle + 0.9) + 0.11 * sin(2 * angle + 0.9)
    # The coldest day is about three weeks after the winter solstice: the middle of January.
    season = -cos(year_angle(time) - radians(15)) * (1 if site.latitude >= 0 else -1)
    mean = 30 - 0.4 * abs(site.latitude) + 16 * sin(radians(abs(site.latitude))) * season
    return mean + 10 * (shape - 0.44)


def room_temperature(site: Site, time: float) -> float:
    """The temperature of a laboratory, in degrees Celsius: 22, and a little of the weather."""
    return 22 + 0.15 * (air_temperature(site, time) - 22)
