"""Units of SenML beside those of UCUM, in which models are written.

Sources: the registries of RFC 8428, 12.1, and RFC 8798, 2 and 3; UCUM 2.2, tables 1 to 4.
"""

from __future__ import annotations

import re
from functools import lru_cache

# Symbols of SenML that UCUM spells otherwise. All the others are the same in both, such as Cel,
# Pa, m/s and lx. "B" is the trap: a byte here, a bel there.
SENML_IN_UCUM = {
    "/": "1", "count": "1", "beats": "1", "beat/min": "1/min", "lat": "deg", "lon": "deg",
    "%RH": "%", "%EL": "%", "EL": "s", "/100": "%", "/1000": "[ppth]", "ppm": "[ppm]",
    "pH": "[pH]", "dBW": "dB[W]", "dBm": "dB[mW]", "Bspl": "B[SPL]",
    "VA": "V.A", "VAs": "V.A.s", "kVA": "kV.A", "kVAh": "kV.A.h", "Ah": "A.h", "Wh": "W.h",
    "kWh": "kW.h", "Wh/km": "W.h/km", "B": "By", "KiB": "KiBy", "GB": "GBy", "B/s": "By/s",
    "MB/s": "MBy/s",
}  # fmt: skip
ANNOTATION = re.compile(r"\{[^}]*\}")


@lru_cache(maxsize=10_000)
def is_same(senml: str, ucum: str) -> bool:
    """Whether a unit of a SenML message is the unit of a model.

    A unit that both write alike is the same, whatever it is. Quantities are not converted: km is
    not m.
    """
    return senml == ucum or plain(SENML_IN_UCUM.get(senml, senml)) == plain(ucum)


def plain(ucum: str) -> str:
    """One spelling of a UCUM unit: without annotations, which mean nothing, and 1 for none."""
    bare = ANNOTATION.sub("", ucum).replace("L", "l") or "1"
    return f"1{bare}" if bare.startswith("/") else bare
