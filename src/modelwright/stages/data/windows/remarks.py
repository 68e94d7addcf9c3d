"""What is said of rows on their way to windows: each thing once, with how often and what would change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Protocol

from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.stages.data.columns.written import Written
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.split import TEST, TRAIN, VALIDATION

SHOWN_NAMES = 5


class Grouped(Protocol):
    """The rows of which windows were made."""

    @property
    def group(self) -> Sized: ...


@dataclass
class Remarks:
    """Counts what is odd, while windows are made."""

    config: DataConfig
    _short: dict[str, int] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _daylight: bool = True
    _of_cells: list[Notice] = field(default_factory=list)

    def _count(self, what: str, count: int) -> None:
        self._counts[what] = self._counts.get(what, 0) + count

    def short(self, name: str | None, steps: int) -> None:
        """Note a series with fewer steps than a window."""
        self._short[name or ""] = steps

    def left_out(self, empty: int, at_gap: int) -> None:
        """Count windows without a number, and those whose own row is missing."""
        self._count("data.empty-windows", empty)
        self._count("data.windows-at-gaps", at_gap)

    def stamps(self, irregular: int, repeated: int, *, daylight: bool) -> None:
        """Count stamps that are off the grid, and those that repeat an earlier one."""
        self._count("data.irregular-stamps", irregular)
        self._count("data.repeated-stamps", repeated)
        if repeated and not daylight:
            self._daylight = False

    def unsorted(self, count: int) -> None:
        """Count rows that stand before an earlier one."""
        self._count("data.unsorted-stamps", count)

    def gaps(self, count: int) -> None:
        """Count steps without a row."""
        self._count("data.gaps", count)

    def without_group(self, count: int) -> None:
        """Count rows without a group, which are in no series."""
        self._count("data.no-group", count)

    def written(self, written: Written, columns: Mapping[str, str], refused: int) -> None:
        """Note how the cells of the series were written, and how many rows hold one that is no number."""
        self._of_cells = [*written.notices(columns)]
        self._count("data.cells-as-gaps", refused)

    def notices(self, rows: Grouped, windows: Mapping[str, int]) -> Iterator[Notice]:
        """Yield what there is to say; windows: how many each split has."""
        yield from self._of_cells
        config = self.config
        horizon = config.horizon or 0
        yield Notice(
            "data.windows",
            count=len(rows.group),
            train=windows.get(TRAIN, 0),
            validation=windows.get(VALIDATION, 0),
            test=windows.get(TEST, 0),
            window=config.window,
            horizon=horizon or None,
            line=setting("data.stride", config.apart),
        )
        if self._short:
            shown = dict(sorted(self._short.items(), key=lambda one: one[1])[:SHOWN_NAMES])
            yield Notice(
                "data.short-series",
                column=config.group,
                count=len(self._short),
                names=[name for name in shown if name] or None,
                more=max(len(self._short) - SHOWN_NAMES, 0) or None,
                steps=(config.window or 0) + horizon,
                line=setting("data.window", min(self._short.values())),
            )
        yield from self._of_stamps()
        if count := self._counts.get("data.empty-windows"):
            yield Notice("data.empty-windows", count=count)
        if count := self._counts.get("data.windows-at-gaps"):
            yield Notice("data.windows-at-gaps", count=count)
        if count := self._counts.get("data.cells-as-gaps"):
            yield Notice("data.cells-as-gaps", count=count)

    def _of_stamps(self) -> Iterator[Notice]:
        time = self.config.time
        if count := self._counts.get("data.no-group"):
            yield Notice("data.no-group", column=self.config.group, count=count)
        if count := self._counts.get("data.unsorted-stamps"):
            yield Notice("data.unsorted-stamps", column=time, count=count)
        if count := self._counts.get("data.irregular-stamps"):
            yield Notice("data.irregular-stamps", column=time, count=count)
        if count := self._counts.get("data.repeated-stamps"):
            yield Notice("data.repeated-stamps", column=time, count=count, daylight=self._daylight)
        if count := self._counts.get("data.gaps"):
            how, line = self.config.fill.gaps, setting("data.fill", {"gaps": "previous"})
            yield Notice("data.gaps", column=time, count=count, how=how, line=line)
