"""The report in a browser as narrow as a phone: nothing is cut at the edge."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import pytest
from test_card import DETAILS, EVIDENCE, REQUIREMENTS, wide

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import judge
from modelwright.reports.page import render_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# The report runs no script, so a page around it measures it: how wide it wants to be, where the first section begins.
FRAME = """<!doctype html><iframe srcdoc="{page}" style="width:{width}px;height:844px;border:0"></iframe><pre></pre>
<script>onload = () => {{
  const inside = document.querySelector("iframe").contentDocument;
  const wide = [...inside.querySelectorAll("td, h1, h2, h3, p, dd")].filter(
    one => one.getClientRects().length && !one.closest("figure")
      && one.getBoundingClientRect().right > {width} + 1);
  document.querySelector("pre").textContent = JSON.stringify({{
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
