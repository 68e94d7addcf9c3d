"""Draws the forms of a package that were tried: how large, how quick, how good, which was taken and why not another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from modelwright import outcomes
from modelwright.core.messages import Phrase
from modelwright.core.units import Unit, format_quantity
from modelwright.reports import wording
from modelwright.reports.svg import (
    SMALL_PX,
    add,
    canvas,
    markup,
    nice_ticks,
    vertical,
    write,
)

_WIDTH, _HEIGHT, _LEFT, _TOP = 300.0, 190.0, 56.0, 12.0
_ROOM = 1.15  # of the largest value: a dot at the edge is half a dot
_NEAR = 8.0  # between two numbers, so that none covers another

Form = Mapping[str, Any]  # of the summary of `package`: `stages.package.candidate.Candidate.shown`


def frontier(forms: Sequence[Form]) -> dict[str, object]:
    """Return what the template shows of the forms; nothing of the exact one alone."""
    if len(forms) < 2:
        return {"frontier": None}
    return {
        "frontier": _chart(forms, str(Phrase("report.forms"))),
        "frontier_note": str(Phrase("report.forms-note")),
        "frontier_rows": [{"number": number, **_row(one)} for number, one in enumerate(forms, 1)],
    }


def facts(forms: Sequence[Form]) -> list[tuple[str, str]]:
    """Return name and figures of each form, as a terminal lists them; nothing of the exact one alone."""
    if len(forms) < 2:
        return []
    return [
        (
            str(Phrase("show.fact-form", form=one["name"])),
            ", ".join(
                [
                    format_quantity(one["graph_bytes"], Unit.BYTES),
                    format_quantity(one["request_s"], Unit.SECONDS),
                    *_figures(one),
                    _fate(one),
                ]
            ),
        )
        for one in forms
    ]


def _figures(form: Form) -> list[str]:
    """Return the main metric of each output on validation; its name before it where there are several outputs."""
    found = []
    for output, (metric, value) in form["main"].items():
        shown = wording.figure(value, outcomes.metrics().any(metric).unit)
        found.append(f"{metric} {shown}" if len(form["main"]) == 1 else f"{output}.{metric} {shown}")
    return found


def _fate(form: Form) -> str:
    """Say that a form was taken, or why it was not."""
    if form["taken"]:
        return str(Phrase("report.form-taken"))
    if form["refused"] is not None:
        return str(Phrase("report.form-refused", why=Phrase.from_wire(form["refused"])))
    return str(Phrase("report.form-other"))


def _row(form: Form) -> dict[str, object]:
    changed = wording.DASH if form["changed"] is None else f"{form['changed']:,} / {form['rows']:,}"
    return {
        "name": wording.safe(form["name"]),
        "taken": form["taken"],
        "size": format_quantity(form["graph_bytes"], Unit.BYTES),
        "request": format_quantity(form["request_s"], Unit.SECONDS),
        "figures": ", ".join(_figures(form)),
        "changed": changed,
        "fate": _fate(form),
    }


def _chart(forms: Sequence[Form], label: str) -> Markup:
    """Draw each form as a dot, at its size and the time of a request: low and left is best."""
    most_mb = max(one["graph_bytes"] for one in forms) / 1e6 * _ROOM
    most_ms = max(one["request_s"] for one in forms) * 1e3 * _ROOM or 1.0
    root = canvas(_LEFT + _WIDTH + 16, _TOP + _HEIGHT + 42, label)
    for tick in nice_ticks(0.0, most_mb, 4):
        x = _LEFT + tick / most_mb * _WIDTH
        add(root, "line", "grid", x1=x, x2=x, y1=_TOP, y2=_TOP + _HEIGHT)
        write(root, x, _TOP + _HEIGHT + 15, f"{tick:g}", "muted", SMALL_PX, "middle")
    for tick in nice_ticks(0.0, most_ms, 4):
        y = _TOP + (1 - tick / most_ms) * _HEIGHT
        add(root, "line", "grid", x1=_LEFT, x2=_LEFT + _WIDTH, y1=y, y2=y)
        write(root, _LEFT - 6, y + 4, f"{tick:g}", "muted", SMALL_PX, "end")
    beside: list[tuple[float, float]] = []
    for number, one in enumerate(forms, 1):
        x = _LEFT + one["graph_bytes"] / 1e6 / most_mb * _WIDTH
        y = _TOP + (1 - one["request_s"] * 1e3 / most_ms) * _HEIGHT
        style = "dot met" if one["taken"] else "dot" if one["refused"] is None else "dot unmet"
        title = ", ".join([one["name"], *_figures(one), _fate(one)])
        add(root, "circle", style, title, cx=x, cy=y, r=6 if one["taken"] else 4)
        # its number in the table: to the right, else to the left, above, below
        places = [(x + 8, y + 4), (x - 15, y + 4), (x - 3, y - 9), (x - 3, y + 17)]
        free = (
            at for at in places if all(abs(at[0] - u) > _NEAR or abs(at[1] - v) > _NEAR for u, v in beside)
        )
        beside.append(next(free, places[0]))
        write(root, *beside[-1], str(number), "", SMALL_PX)
    vertical(root, 12, _TOP + _HEIGHT / 2, str(Phrase("report.forms-up")))
    write(
        root,
        _LEFT + _WIDTH / 2,
        _TOP + _HEIGHT + 34,
        str(Phrase("report.forms-across")),
        "muted",
        SMALL_PX,
        "middle",
    )
    return markup(root)
