"""SQL of a second of vibration: its samples, and what frequencies are in it."""

from __future__ import annotations

# How often balls pass a spot of the outer race at each turn of the shaft, n / 2 (1 - d / D), of a
# bearing 6205 with n = 9 balls of d = 7.94 mm on a pitch circle of D = 39.04 mm. R. B. Randall and
# J. Antoni, "Rolling element bearing diagnostics: a tutorial", Mechanical Systems and Signal
# Processing 25, 2011.
BPFO = 3.585
MULTIPLES = 4
# So many samples are transformed at most; a transform of fewer than that tells nothing.
MOST, FEWEST = 1024, 16
WAVE = "device = '$device' AND metric = 'vibration'"

# The samples of the newest second in the chosen time: `number` from 0 on, `ts`, `value`. Blocks of
# samples come some seconds apart, so the newest is looked for in the last minute.
SAMPLES = f"""bounds AS MATERIALIZED (
  SELECT least(ts, $__timeTo()::timestamptz) AS ts FROM latest WHERE {WAVE}
), newest AS MATERIALIZED (
  SELECT max(ts) AS ts FROM telemetry
  WHERE {WAVE} AND $__timeFilter(ts)
    AND ts > (SELECT ts FROM bounds) - INTERVAL '1 minute' AND ts <= (SELECT ts FROM bounds)
), second AS MATERIALIZED (
  SELECT ts, value FROM telemetry
  WHERE {WAVE} AND $__timeFilter(ts)
    AND ts > (SELECT ts FROM newest) - INTERVAL '1 second' AND ts <= (SELECT ts FROM newest)
  ORDER BY ts DESC
  LIMIT {MOST}
), samples AS MATERIALIZED (
  SELECT row_number() OVER (ORDER BY ts) - 1 AS number, ts, value FROM second
)"""

WAVEFORM = f"""WITH {SAMPLES}
SELECT 1000 * extract(epoch FROM ts - max(ts) OVER ())::double precision AS "Time",
  value AS "Acceleration"
FROM samples
ORDER BY 1"""

# The window falls to 0 at both ends, so that a wave that the second cuts off does not smear over
# all frequencies. Zeros follow up to 1,024 samples, which are transformed in two steps of 32: a sum
# for each remainder of the samples' numbers by 32, then a sum of these for each frequency (J. W.
# Cooley and J. W. Tukey, "An algorithm for the machine calculation of complex Fourier series",
# Mathematics of Computation 19, 1965). All at once it would be ten times as many products. An
# amplitude is that of a sine: twice the transform over the sum of the window, which is n / 2. The
# shaft's speed is the one that was measured next to it; where it stands, nothing is marked.
SPECTRUM = f"""WITH {SAMPLES}, whole AS MATERIALIZED (
  SELECT count(*) AS n, avg(value) AS mean,
    (count(*) - 1) / extract(epoch FROM max(ts) - min(ts))::double precision AS rate
  FROM samples
  HAVING count(*) >= {FEWEST} AND max(ts) > min(ts)
), windowed AS MATERIALIZED (
  SELECT number, (value - mean) * (0.5 - 0.5 * cos(2 * pi() * number / n)) AS value
  FROM samples, whole
), parts AS MATERIALIZED (
  SELECT number % 32 AS part, turn, sum(value * cos(2 * pi() * (number / 32) * turn / 32)) AS re,
    -sum(value * sin(2 * pi() * (number / 32) * turn / 32)) AS im
  FROM windowed, generate_series(0, 31) AS turn
  GROUP BY 1, 2
), bins AS MATERIALIZED (
  SELECT bin, sum(re * cos(angle) + im * sin(angle)) AS re,
    sum(im * cos(angle) - re * sin(angle)) AS im
  FROM generate_series(1, {MOST // 2}) AS bin
  JOIN parts ON turn = bin % 32
  CROSS JOIN LATERAL (SELECT 2 * pi() * part * bin / {MOST} AS angle) AS angles
  GROUP BY bin
), amplitudes AS MATERIALIZED (
  SELECT bin * rate / {MOST} AS frequency, sqrt(re * re + im * im) * 4 / n AS amplitude,
    rate / {MOST} AS width
  FROM bins, whole
), shaft AS MATERIALIZED (
  SELECT value / 60 AS turns FROM telemetry
  WHERE device = '$device' AND metric = 'speed' AND $__timeFilter(ts)
    AND ts BETWEEN (SELECT ts FROM newest) - INTERVAL '2 minutes'
      AND (SELECT ts FROM newest) + INTERVAL '2 minutes'
  ORDER BY abs(extract(epoch FROM ts - (SELECT ts FROM newest)))
  LIMIT 1
)
SELECT frequency AS "Frequency", amplitude AS "Amplitude",
  CASE WHEN EXISTS (
    SELECT FROM shaft, generate_series(1, {MULTIPLES}) AS multiple
    WHERE turns >= 1 AND abs(frequency - multiple * {BPFO} * turns) <= 2 * width
  ) THEN amplitude ELSE 0 END AS "Outer race (BPFO)"
FROM amplitudes
ORDER BY 1"""
