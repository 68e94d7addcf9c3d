"""Quantities are read exactly, written back exactly, and rounded for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core.messages import ProjectError
from modelwright.core.units import (
    Unit,
    exact_quantity,
    format_duration,
    format_quantity,
    parse_bytes,
    parse_quantity,
)

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, st.sampled_from(Unit))
def test_exact_text_is_read_back_as_the_same_float(value, unit):
    assert parse_quantity(exact_quantity(value, unit), unit) == value


@given(st.floats(), st.sampled_from(Unit))
def test_every_value_can_be_shown(value, unit):
    assert format_quantity(value, unit)


@given(st.floats(1e-4, 1e14), st.sampled_from([unit for unit in Unit if unit is not Unit.FRACTION]))
def test_what_people_read_is_near(value, unit):
    assert parse_quantity(format_quantity(value, unit), unit) == pytest.approx(value, rel=0.006)


@given(st.floats(1e-4, 1 - 1e-4))
def test_a_fraction_keeps_its_distance_from_none_and_all(value):
    shown = parse_quantity(format_quantity(value, Unit.FRACTION), Unit.FRACTION)
    assert shown == pytest.approx(value, abs=5.1e-4)
    assert shown == pytest.approx(value, rel=0.06)
    assert 1 - shown == pytest.approx(1 - value, rel=0.06)


@given(st.text(max_size=12), st.sampled_from(Unit))
def test_any_text_is_read_or_refused(text, unit):
    try:
        value = parse_quantity(text, unit)
    except ProjectError:
        return
    assert parse_quantity(exact_quantity(value, unit), unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("15 ms", Unit.SECONDS, 0.015),
        ("15ms", Unit.SECONDS, 0.015),
        ("250 us", Unit.SECONDS, 0.00025),
        ("2 min", Unit.SECONDS, 120),
        ("1.5 h", Unit.SECONDS, 5400),
        ("1 d", Unit.SECONDS, 86400),
        ("60 MB", Unit.BYTES, 60_000_000),
        ("1.5 GB", Unit.BYTES, 1_500_000_000),
        ("97 %", Unit.FRACTION, 0.97),
        ("0.1 %", Unit.FRACTION, 0.001),
        ("0.97", Unit.FRACTION, 0.97),
        (0.97, Unit.FRACTION, 0.97),
        ("50 /s", Unit.PER_SECOND, 50),
        ("2.5", Unit.OUTPUT, 2.5),
        ("1e-3", Unit.NUMBER, 0.001),
    ],
)
def test_reads_base_units(text, unit, value):
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "id"),
    [
        ("15", Unit.SECONDS, "unit.symbol"),
        (15, Unit.SECONDS, "unit.symbol"),
        ("60", Unit.BYTES, "unit.symbol"),
        ("60 XB", Unit.BYTES, "unit.symbol"),
        ("60 ms", Unit.BYTES, "unit.symbol"),
        ("97 ms", Unit.FRACTION, "unit.symbol"),
        ("50", Unit.PER_SECOND, "unit.symbol"),
        ("2 kg", Unit.OUTPUT, "unit.symbol"),
        ("fast", Unit.SECONDS, "unit.number"),
        ("", Unit.NUMBER, "unit.number"),
        ("nan", Unit.NUMBER, "unit.number"),
        ("1e999", Unit.NUMBER, "unit.number"),
        (True, Unit.NUMBER, "unit.number"),
    ],
)
def test_a_wrong_unit_is_named(text, unit, id):  # noqa: A002
    with pytest.raises(ProjectError) as caught:
        parse_quantity(text, unit)
    assert caught.value.problems[0].id == id


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.015, Unit.SECONDS, "15 ms"),
        (0.0149964, Unit.SECONDS, "15 ms"),
        (90, Unit.SECONDS, "90 s"),
        (120, Unit.SECONDS, "2 min"),
        (5400, Unit.SECONDS, "90 min"),
        (86400, Unit.SECONDS, "24 h"),
        (172800, Unit.SECONDS, "2 d"),
        (-90, Unit.SECONDS, "-90 s"),
        (0.0, Unit.SECONDS, "0 s"),
        (5e-8, Unit.SECONDS, "0.05 us"),
        (999.5, Unit.OUTPUT, "1000"),  # not 1e+03
        (999.4, Unit.OUTPUT, "999"),
        (-1234.5, Unit.OUTPUT, "-1234"),
        (1e15, Unit.OUTPUT, "1e+15"),
        (9e14, Unit.OUTPUT, "900000000000000"),
        (7200, Unit.SECONDS, "2 h"),
        (59_234_567, Unit.BYTES, "59.2 MB"),
        (999_900, Unit.BYTES, "1000 kB"),
        (0.97423, Unit.FRACTION, "0.974"),
        (0.99996, Unit.FRACTION, "0.99996"),
        (0.00004, Unit.FRACTION, "0.00004"),
        (0.00142, Unit.FRACTION, "0.0014"),
        (1.0, Unit.FRACTION, "1"),
        (0.0, Unit.FRACTION, "0"),
        (0.9, Unit.FRACTION, "0.9"),
        (0.0000012, Unit.FRACTION, "0.000001"),  # six digits at most
        (1.5, Unit.FRACTION, "1.5"),
        (312.2, Unit.PER_SECOND, "312 /s"),
        (0.0, Unit.BYTES, "0 B"),
        (float("inf"), Unit.SECONDS, "inf"),
    ],
)
def test_shows_for_people(value, unit, text):
    assert format_quantity(value, unit) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2 MiB", 2 * 2**20),
        ("1.5 KiB", 1536),
        ("3GiB", 3 * 2**30),
        ("60 MB", 60_000_000),
        ("7 B", 7),
        ("0.5 kB", 500),
    ],
)
def test_limits_are_in_decimal_or_binary_bytes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.04, "0 s"), (0.44, "0.4 s"), (9.94, "9.9 s"), (9.95, "10 s"), (9.96, "10 s"),
        (12.4, "12 s"), (59.6, "1 min"),
        (60, "1 min"), (100, "1 min 40 s"), (200, "3 min 20 s"), (3599.4, "59 min 59 s"),
        (3599.6, "1 h"), (3629, "1 h"),
        (3631, "1 h 1 min"), (3 * 3600, "3 h"), (86399, "1 d"),
        (90000, "1 d 1 h"), (90061, "1 d 1 h"), (7261, "2 h 1 min"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_a_time_that_passed_has_at_most_two_units(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.015, Unit.SECONDS, "15 ms"),
        (60, Unit.SECONDS, "1 min"),
        (100, Unit.SECONDS, "100 s"),
        (7200, Unit.SECONDS, "2 h"),
        (172800, Unit.SECONDS, "2 d"),
        (90000, Unit.SECONDS, "90000 s"),
        (1e15, Unit.SECONDS, "1000000000000000 s"),
        (1e16, Unit.SECONDS, "1E+16 s"),
        (0, Unit.SECONDS, "0 s"),
        (0, Unit.BYTES, "0 B"),
        (0, Unit.PER_SECOND, "0 /s"),
        (1500, Unit.BYTES, "1.5 kB"),
        (1e9, Unit.BYTES, "1 GB"),
        (0.5, Unit.PER_SECOND, "0.5 /s"),
        (0.97, Unit.FRACTION, "0.97"),
        (1e-12, Unit.NUMBER, "0.000000000001"),
        (1e-13, Unit.NUMBER, "1E-13"),
        (-2.5, Unit.OUTPUT, "-2.5"),
    ],
)
def test_exact_text(value, unit, text):
    assert exact_quantity(value, unit) == text


@pytest.mark.parametrize(
    ("given", "unit", "values"),
    [
        (" 15 ", Unit.SECONDS,
         {"given": "15", "symbol": None, "symbols": ["d", "h", "min", "s", "ms", "us"], "example": "15 ms"}),
        ("60 XB", Unit.BYTES,
         {"given": "60 XB", "symbol": "XB", "symbols": ["GB", "MB", "kB", "B"], "example": "60 MB"}),
        ("2 kg", Unit.OUTPUT, {"given": "2 kg", "symbol": "kg", "symbols": None, "example": "2.5"}),
        ("2 kg", Unit.NUMBER, {"given": "2 kg", "symbol": "kg", "symbols": None, "example": "0.3"}),
        ("9 kg", Unit.FRACTION, {"given": "9 kg", "symbol": "kg", "symbols": ["%"], "example": "0.97"}),
        ("50", Unit.PER_SECOND, {"given": "50", "symbol": None, "symbols": ["/s"], "example": "50 /s"}),
        (" x ", Unit.PER_SECOND, {"given": " x ", "example": "50 /s"}),
        (True, Unit.FRACTION, {"given": "True", "example": "0.97"}),
    ],
)  # fmt: skip
def test_what_a_refusal_says(given, unit, values):
    with pytest.raises(ProjectError) as caught:
        parse_quantity(given, unit)
    assert dict(caught.value.problems[0].values) == values
