"""What `show` answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ShowReport:
    """What `show X` found: facts as (name, value), a text, the file where it lies, and all as data.

    `markdown`: the text is Markdown, which a terminal shows as headings and tables.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    text: str = ""
    path: str | None = None
    data: object = None
    markdown: bool = False

    def as_json(self) -> dict[str, object]:
        """Return what was found as JSON."""
        return asdict(self)
