"""Indonesia's air pollution index: its limits and colours."""

from __future__ import annotations

from dashboards.defaults import steps
from dashboards.fields.panels import BLACK, BLUE, GREEN, RED, YELLOW

# Of Indonesia's air pollution index ISPU: the means of 24 hours, in µg/m³, at which it is 50, 100,
# 200, 300 and 500. Peraturan Menteri LHK P.14/2020, Lampiran I. Between two it is a straight line.
INDEX = (50, 100, 200, 300, 500)
PM2_5 = (15.5, 55.4, 150.4, 250.4, 500)
PM10 = (50, 150, 350, 420, 500)
# The regulation's colours of good, moderate, unhealthy, very unhealthy and hazardous air.
COLOURS = (GREEN, BLUE, YELLOW, RED, BLACK)
BANDS_PM2_5 = steps(COLOURS[0], *zip(PM2_5, COLOURS[1:], strict=False))
BANDS_PM10 = steps(COLOURS[0], *zip(PM10, COLOURS[1:], strict=False))
# The index is a whole number.
BANDS = steps(
    COLOURS[0], *((limit + 1, colour) for limit, colour in zip(INDEX, COLOURS[1:], strict=False))
)
# As a table in SQL: metric, from, to, index at from, index at to.
BREAKS = ",\n    ".join(
    f"('{metric}', {low}, {high}, {first}, {last})"
    for metric, limits in (("pm2_5", PM2_5), ("pm10", PM10))
    for low, high, first, last in zip(
        (0, *limits[:-1]), limits, (0, *INDEX[:-1]), INDEX, strict=True
    )
)
