"""Charts: well-formed, with the users' texts as text and every number inside the drawing."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.outcomes.contract.blocks import CurvePoint
from modelwright.reports import bar_charts, charts, svg

EVIL = '<script>alert("1")</script>&'
FINITE = st.floats(-1e6, 1e6)


def drawn(markup):
    """Return the tree of a chart, after checking that its rectangles lie inside the canvas."""
    root = ET.fromstring(markup)
    width, height = (float(root.get(name)) for name in ("width", "height"))
    for rect in root.iter("rect"):
        x, y, w, h = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        assert -0.1 <= x <= x + w <= width + 0.1
        assert -0.1 <= y <= y + h <= height + 0.1
    return root


def texts(root):
    return [element.text for element in root.iter("text")]


@pytest.mark.parametrize("count", [2, 16, 17, 77])
def test_a_confusion_matrix_has_a_cell_for_every_pair_that_occurs(count):
    counts = np.diag(np.full(count, 9))
    counts[0, 1] = 3
    names = [EVIL, *(f"意图 {place}" for place in range(1, count))]
    root = drawn(charts.confusion(names, names, counts, "confusion"))
    cells = [rect for rect in root.iter("rect") if rect.get("class") in {"right", "wrong"}]
    assert len(cells) == count + 1
    (wrong,) = [cell for cell in cells if cell.get("class") == "wrong"]
    assert f"{EVIL} answered as 意图 1: 3 of 12 (25.0%)" == wrong.find("title").text
    assert ("9" in texts(root)) == (count <= 16)


def test_a_confusion_matrix_shows_abstentions_in_a_column_of_their_own():
    root = drawn(
        charts.confusion(["a", "b"], ["a", "b", "(abstained)"], np.array([[5, 0, 2], [0, 4, 0]]), "confusion")
    )
    assert "(abstained)" in texts(root)


@given(st.lists(st.tuples(st.text(max_size=40), st.floats(0, 1)), min_size=1, max_size=30), st.booleans())
def test_bars_keep_any_name_as_text(rows, scaled):
    named = [(re.sub(r"[^\t\n -\ud7ff]", "", name), value) for name, value in rows]
    bars = [
        bar_charts.DrawnBar(name, value, max(value - 0.1, 0), min(value + 0.1, 1), "note")
        for name, value in named
    ]
    markup = bar_charts.bars(bars, EVIL, scaled=scaled)
    assert "/>" not in markup  # which HTML would take for the begin of an element
    root = ET.fromstring(markup)
    assert root.get("aria-label") == EVIL
    assert [one.text or "" for one in root if one.get("class") == "label"] == [name for name, _ in named]
    drawings = [one for one in root if one.tag == "svg"]
    assert [one.get("viewBox") for one in drawings] == ["0 0 100 20"] * len(rows)
    for drawing, (_, value) in zip(drawings, named, strict=True):
        (rect,) = drawing.iter("rect")
        assert float(rect.get("width")) == pytest.approx(100 * value, abs=0.006)
    assert ("0.25" in "".join(root.itertext())) == scaled or any("0.25" in name for name, _ in named)


def test_a_reliability_diagram_begins_below_its_lowest_point():
    bins = [CurvePoint(0.62, 0.55, 0.45, 0.66, 90), CurvePoint(0.97, 0.98, 0.95, 1.0, 90)]
    root = drawn(charts.reliability(bins, "reliability"))
    assert "0.4" in texts(root)
    assert "0.3" not in texts(root)
    for circle in root.iter("circle"):
        assert 0 < float(circle.get("cx")) < float(root.get("width"))


@pytest.mark.parametrize("seconds", [[0.01], [0.01] * 50, [0.001, 0.5]])
def test_a_histogram_counts_every_sample(seconds):
    samples = np.array(seconds)
    root = drawn(charts.histogram(samples, [("p50", 0.01), ("p99", 0.02)], lambda s: f"{s:g}", "latency"))
    titles = [rect.find("title").text for rect in root.iter("rect")]
    assert sum(int(re.search(r": (\d+) of", title)[1]) for title in titles) == len(seconds)


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=50))
def test_a_scatter_stays_in_its_frame(points):
    truth, predicted = (np.array(column) for column in zip(*points, strict=True))
    root = drawn(charts.scatter(truth, predicted, "scatter"))
    for circle in root.iter("circle"):
        assert 0 <= float(circle.get("cx")) <= float(root.get("width"))
        assert 0 <= float(circle.get("cy")) <= float(root.get("height"))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_strip_shows_value_and_bar(value, low, bar):
    root = drawn(charts.strip(value, min(low, value), max(low, value), bar, "met", "label"))
    (dot,) = root.iter("circle")
    assert 0 <= float(dot.get("cx")) <= float(root.get("width"))


@given(FINITE, FINITE)
def test_ticks_are_few_and_inside(one, other):
    low, high = min(one, other), max(one, other)
    ticks = svg.nice_ticks(low, high)
    slack = (high - low) * 1e-6 + 1e-9
    assert len(ticks) <= 7
    assert all(low - slack <= tick <= high + slack for tick in ticks)


@given(st.text(), st.floats(20, 300))
def test_a_fitted_text_is_no_wider_than_its_place(text, width):
    assert svg.text_width(svg.fit(text, width)) <= width
