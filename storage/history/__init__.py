"""Questions about the past: whole series as columns, in buckets of time, from what may be seen.

``series`` says which series somebody sees, and when; ``grid`` where buckets begin; ``rollups`` puts
them together from the readings of the minute, hour and day; ``readings`` reads the rest;
``from_readings`` computes what no rollup knows; ``gaps`` and ``points`` are for charts.

Times are whole microseconds since 1970 in int64 arrays, values float64, and NaN is "no value".
"""
