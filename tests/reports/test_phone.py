"""The report in a browser as narrow as a phone: nothing is cut at the edge."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from test_card import DETAILS, EVIDENCE, REQUIREMENTS, wide

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import judge
from modelwright.outcomes.contract.blocks import CurvePoint, LineChart, SeriesCurve, Trace
from modelwright.reports import bar_charts, charts, line_charts, series_charts
from modelwright.reports.page import TEMPLATES, render_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# The report runs no script, so a page around it measures it: how wide it wants to be, where the first section begins.
FRAME = """<!doctype html><iframe srcdoc="{page}" style="width:{width}px;height:844px;border:0"></iframe><pre></pre>
<script>onload = () => {{
  const inside = document.querySelector("iframe").contentDocument;
  const wide = [...inside.querySelectorAll("td, h1, h2, h3, p, dd")].filter(
    one => one.getClientRects().length && !one.closest("figure")
      && one.getBoundingClientRect().right > {width} + 1);
  const drawn = [...inside.querySelectorAll("figure, .charts > div, .pair > *, .bars, .curves")];
  document.querySelector("pre").textContent = JSON.stringify({{
    scrolling: drawn.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent.slice(0, 40)),
    small: [...inside.querySelectorAll("figure svg text, .bars span")].filter(
      one => one.getClientRects().length && one.getBoundingClientRect().height < 7
        && one.textContent).map(one => one.textContent),
    width: inside.documentElement.scrollWidth, top: inside.querySelector("section").getBoundingClientRect().top,
    cut: wide.map(one => one.textContent.slice(0, 40))}});
}};</script>"""


def laid_out(page, width, folder):
    """Return what the browser made of a page in a frame so wide."""
    file = folder / "frame.html"
    file.write_text(FRAME.format(page=html.escape(page, quote=True), width=width), encoding="utf-8")
    switches = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}")
    shown = subprocess.run(
        [CHROMIUM, *switches, "--virtual-time-budget=5000", "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    found = re.search(r"<pre>(.*?)</pre>", shown, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("inputs", [1, 30])
def test_nothing_is_cut_and_the_first_screen_shows_more_than_the_signature(width, inputs, tmp_path):
    evidence, details = wide(inputs) if inputs > 1 else (EVIDENCE, DETAILS)
    verdicts = judge(REQUIREMENTS, EVIDENCE.measurements, phases={Phase.TEST, Phase.PACKAGE})
    found = laid_out(render_report(evidence, details, verdicts), width, tmp_path)
    assert found["width"] <= width
    assert found["cut"] == []
    assert found["top"] < 600
    assert found["scrolling"] == []
    assert found["small"] == []


def drawings():
    names = [f"a rather long name of a class, {place}" for place in range(8)]
    rows = [bar_charts.DrawnBar(name, 0.5, 0.4, 0.6, "0.500 [0.400, 0.600], n = 1,234") for name in names]
    square = np.linspace(0, 1, 30)
    forecast = SeriesCurve("row-1", (1.5, None), (1.0, 2.0), (0.0, 1.0), (2.0, 3.0))
    trace = Trace("", tuple(square), tuple(square), (0.5, 0.5))
    line = LineChart("", (trace,), "share", "rows", "", diagonal=True)
    yield from (bar_charts.bars(rows, "bars"), bar_charts.bars(rows, "bars", scaled=False))
    digits = [str(place) for place in range(8)]
    yield charts.confusion(digits, digits, np.full((8, 8), 3), "confusion")
    yield charts.histogram(
        square, [("p50", 0.5), ("p99", 0.99)], lambda seconds: f"{seconds:.2f} ms", "latency"
    )
    yield charts.scatter(square * 1e6, square * 1e6, "scatter")
    yield charts.reliability([CurvePoint(0.6, 0.5, 0.4, 0.7, 9)], "reliability")
    yield line_charts.lines(line, "line")
    yield series_charts.curves([forecast] * 5, "curves")


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [360, 390, 1280])
def test_every_drawing_fits_and_its_figures_can_be_read(width, tmp_path):
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    figures = "".join(f"<figure>{one}</figure>" for one in drawings())
    page = f"<!doctype html><meta name=viewport content='width=device-width'><style>{style}</style>"
    found = laid_out(f"{page}<main><section>{figures}</section></main>", width, tmp_path)
    assert found["width"] <= width
    assert (found["scrolling"], found["small"]) == ([], [])
