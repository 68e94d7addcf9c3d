"""Builds SVG from an element tree, so that a user's text can never become markup."""

from __future__ import annotations

import math
import unicodedata
from xml.etree import ElementTree as ET  # only builds trees here; it never parses what others wrote

from markupsafe import Markup

FONT_PX = 12
SMALL_PX = 10.5
_ELLIPSIS = "…"


def canvas(width: float, height: float, label: str, least: float | None = None) -> ET.Element:
    """Return an empty drawing of that many pixels; `label` says what it shows to who cannot see it.

    It shrinks to the width that there is, but to no smaller share of its own than `least`.
    """
    return ET.Element(
        "svg",
        {
            "viewBox": f"0 0 {number(width)} {number(height)}",
            "width": number(width),
            "height": number(height),
            "role": "img",
            "aria-label": label,
            **({} if least is None else {"style": f"min-width: {number(width * least)}px"}),
        },
    )


def number(value: float) -> str:
    """Return a coordinate as short, stable text."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def add(
    parent: ET.Element, tag: str, cls: str = "", title: str | None = None, **attributes: float | str
) -> ET.Element:
    """Add a shape; `title` is shown on hover, and underscores of attributes are hyphens."""
    found = {k.replace("_", "-"): v if isinstance(v, str) else number(v) for k, v in attributes.items()}
    element = ET.SubElement(parent, tag, {**({"class": cls} if cls else {}), **found})
    if title is not None:
        ET.SubElement(element, "title").text = title
    return element


def write(
    parent: ET.Element,
    x: float,
    y: float,
    text: str,
    cls: str = "",
    size: float = FONT_PX,
    anchor: str = "start",
) -> ET.Element:
    """Add a text whose baseline is at y."""
    element = add(parent, "text", cls, x=x, y=y, font_size=size, text_anchor=anchor)
    element.text = text
    return element


def markup(root: ET.Element) -> Markup:
    """Return a finished drawing as markup for a page: with the end tags that HTML wants."""
    return Markup(ET.tostring(root, encoding="unicode", short_empty_elements=False))  # noqa: S704 - the tree has escaped all text


def document(root: ET.Element, style: str) -> str:
    """Return a finished drawing as a file of its own, on a ground as that of a page; style: a style sheet."""
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("font-family", "system-ui, sans-serif")
    ground = ET.Element("rect", {"width": "100%", "height": "100%", "fill": "var(--sheet)"})
    root.insert(0, ground)
    sheet = ET.Element("style")
    sheet.text = style
    root.insert(0, sheet)
    return ET.tostring(root, encoding="unicode") + "\n"


def text_width(text: str, size: float = FONT_PX) -> float:
    """Return about how wide a text is in pixels; a Chinese character is as wide as the font is high."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return size * (wide + 0.56 * (len(text) - wide))


def fit(text: str, width: float, size: float = FONT_PX) -> str:
    """Return the text, cut with an ellipsis so that it fits a width in pixels."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + _ELLIPSIS, size) > width:
        text = text[:-1]
    return text.rstrip() + _ELLIPSIS


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round numbers that lie in [low, high]."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / count
    if raw < 1e-300:  # two numbers so near to each other that nothing lies between
        return [low]
    magnitude: float = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def vertical(root: ET.Element, x: float, y: float, text: str, size: float = SMALL_PX) -> None:
    """Add a text that is read from below, centred at (x, y)."""
    element = write(root, x, y, text, "muted", size, "middle")
    element.set("transform", f"rotate(-90 {number(x)} {number(y)})")
