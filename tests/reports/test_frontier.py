"""The forms of a package: each a dot inside the drawing with its number, and a row that says what became of it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from modelwright.core.messages import Phrase
from modelwright.reports.frontier import facts, frontier

EVIL = "<script>alert(1)</script>"


def form(name, size, request_s, value, *, taken=False, refused=None, changed=3):
    return {
        "name": name,
        "graph_bytes": size,
        "request_s": request_s,
        "main": {"intent": ["accuracy", value]},
        "taken": taken,
        "refused": refused,
        "changed": changed,
        "rows": 1054,
    }


LOST = Phrase("package.loses-metric", metric="accuracy", output=EVIL, before="0.93", after="0.9").to_wire()
FORMS = [
    form("exact", 90_000_000, 0.009, 0.93, changed=None),
    form("int8", 23_000_000, 0.005, 0.928),
    form("prune+int8", 23_000_100, 0.005, 0.927, taken=True),
    form("prune(share=0.5)+int8", 17_000_000, 0.0, 0.9, refused=LOST, changed=80),
]


def test_each_form_is_a_dot_inside_the_drawing_and_a_row():
    shown = frontier(FORMS)
    root = ET.fromstring(str(shown["frontier"]))
    width, height = (float(root.get(name)) for name in ("width", "height"))
    dots = list(root.iter("circle"))
    assert [dot.get("class") for dot in dots] == ["dot", "dot", "dot met", "dot unmet"]
    for dot in dots:
        assert 0 <= float(dot.get("cx")) <= width
        assert 0 <= float(dot.get("cy")) <= height
    numbers = [one for one in root.iter("text") if one.text in {"1", "2", "3", "4"}]
    places = {(one.get("x"), one.get("y")) for one in numbers}
    assert len(places) == 4  # two forms of one size do not hide each other's number
    rows = shown["frontier_rows"]
    assert [row["number"] for row in rows] == [1, 2, 3, 4]
    assert rows[2]["taken"]
    assert rows[2]["fate"] == "taken"
    assert "0.93" in rows[3]["fate"]
    assert rows[0]["changed"] == "–"
    assert EVIL not in str(shown["frontier"])


@pytest.mark.parametrize("forms", [[], FORMS[:1]])
def test_the_exact_form_alone_is_no_frontier(forms):
    assert frontier(forms) == {"frontier": None}
    assert facts(forms) == []


def test_a_terminal_lists_the_same():
    (_, first), (_, second), *_ = facts(FORMS)
    assert first.startswith("90 MB, 9 ms, accuracy 0.930")
    assert second.startswith("23 MB, 5 ms, accuracy 0.928")
