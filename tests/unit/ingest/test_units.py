import pytest

from ingest.units import is_same


@pytest.mark.parametrize(
    ("senml", "ucum"),
    [
        ("Cel", "Cel"), ("%RH", "%"), ("%RH", "%{RH}"), ("%EL", "%"), ("lx", "lx"), ("Pa", "Pa"),
        ("m/s", "m/s"), ("/", "1"), ("/", "{ratio}"), ("count", "{count}"), ("beat/min", "/min"),
        ("beat/min", "{beats}/min"), ("1/s", "/s"), ("Wh", "W.h"), ("kWh", "kW.h"), ("VA", "V.A"),
        ("B", "By"), ("l", "L"), ("pH", "[pH]"), ("lat", "deg"), ("ppm", "[ppm]"),
        ("%RH", "%RH"),
    ],
)  # fmt: skip
def test_two_spellings_of_one_unit_are_the_same(senml: str, ucum: str) -> None:
    assert is_same(senml, ucum)


@pytest.mark.parametrize(
    ("senml", "ucum"),
    [("Cel", "K"), ("B", "B[SPL]"), ("m", "km"), ("%RH", "Cel"), ("W", "W.h"), ("m", "M")],
)
def test_other_units_are_not(senml: str, ucum: str) -> None:
    assert not is_same(senml, ucum)
