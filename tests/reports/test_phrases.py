"""Figures and texts of users as a report shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core.units import Unit
from modelwright.reports import wording


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.9734, Unit.FRACTION, "0.973"),
        (0.97, Unit.FRACTION, "0.970"),
        (0.9999, Unit.FRACTION, "0.9999"),
        (1.0, Unit.FRACTION, "1.000"),
        (-0.004, Unit.FRACTION, "−0.004"),
        (0.0122, Unit.SECONDS, "12.2 ms"),
        (23.5e6, Unit.BYTES, "23.5 MB"),
        (None, Unit.BYTES, "–"),
        (float("nan"), Unit.NUMBER, "–"),
    ],
)
def test_figures(value, unit, shown):
    assert wording.figure(value, unit) == shown


@given(st.text())
def test_no_text_begins_a_formula(text):
    for shown in (wording.safe(text), wording.quoted(text)):
        assert not shown.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))


@given(st.text())
def test_markdown_holds_one_line_without_tags_or_bare_bars(text):
    shown = wording.markdown(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert "|" not in shown.replace("\\\\", "").replace("\\|", "")


def test_an_ordinary_name_stays_as_it_is():
    assert wording.safe("医疗保险, plan B") == "医疗保险, plan B"
