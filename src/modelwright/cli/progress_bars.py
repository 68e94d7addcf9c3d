"""Shows work under way on stderr: bars on a terminal, plain lines every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from modelwright.cli import standard_streams
from modelwright.core import figure_words
from modelwright.core.messages import Phrase, visible
from modelwright.core.progress import LearningPoint, Progress, ProgressTask
from modelwright.core.units import format_duration

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LINE_EVERY_S = 10.0
_LONG_STAGE_S = 5.0  # one that took less is seen in the table at the end soon enough
_PACE_S = 2.0  # rows a second are counted over so long
_DRAWN_EVERY_S = 0.2
SIGNS = {"done": "✓", "cached": "="}  # what became of a stage, also where there are no colours


def shown(stream: TextIO | None = None) -> Progress:
    """Return the Progress that suits the stream (stderr): bars on a terminal, else lines."""
    stream = stream or sys.stderr
    return OnTerminal() if stream.isatty() else Lines(stream)


def _stage_line(name: str, status: str, seconds: float, found: str) -> str:
    """Return a line such as `✓ learn     done     3 min 20 s  memory at most 1.2 GB`, in columns."""
    from rich.cells import set_cell_size  # pads words in any script

    word = set_cell_size(str(Phrase("screen.word", word=status)), 7)
    spent = format_duration(seconds) if status == "done" else ""
    return f"{SIGNS.get(status, ' ')} {name:<9} {word} {spent:>12}  {found}".rstrip()


class _Figures:
    """The newest figures of what is learned, and the pace at which rows are read."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._newest: dict[str, float] = {}
        self._rows, self._since = 0, clock()
        self._pace: float | None = None

    def take(self, figures: Mapping[str, float], rows: int) -> None:
        """Take figures, and how many rows were read since the last time."""
        self._newest |= figures
        self._rows += rows
        now = self._clock()
        if now - self._since >= _PACE_S:
            self._pace = self._rows / (now - self._since) if self._rows else None
            self._rows, self._since = 0, now

    def __str__(self) -> str:
        """Return them as one line, such as `loss 0.531  validation 0.612  rate 0.0012  340 rows/s`."""
        shown = [
            f"{figure_words.word(name)} {self._newest[name]:.3g}"
            for name in figure_words.in_order(list(self._newest))
        ]
        if self._pace is not None:
            shown.append(str(Phrase("work.pace", rows=f"{self._pace:,.{0 if self._pace >= 10 else 1}f}")))
        return "  ".join(shown)


class _Line:
    """One task whose state is printed as a line when enough time has passed."""

    def __init__(self, owner: Lines, title: str, total: int | None) -> None:
        self.owner, self.title, self.total = owner, title, total
        self.done = self.done_then = 0
        self.begun = self.printed = owner.clock()
        self.figures = _Figures(owner.clock)

    def seen(self, figures: Mapping[str, float], rows: int = 0) -> None:
        """Keep the newest figures for the next line."""
        self.figures.take(figures, rows)

    def record(self, point: LearningPoint) -> None:
        """Do nothing: what is recorded was seen."""

    def _left_s(self, now: float) -> float | None:
        """Return how long the rest takes at the pace since the last line."""
        done = self.done - self.done_then
        if self.total is None or done <= 0 or self.done >= self.total:
            return None
        return (now - self.printed) / done * (self.total - self.done)

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Count the steps and print a line when the last one is long ago."""
        self.done += steps
        now = self.owner.clock()
        if now - self.printed < self.owner.every_s:
            return
        left_s = self._left_s(now)
        self.printed, self.done_then = now, self.done
        share = 100 * self.done // self.total if self.total else None
        note = str(self.figures).replace("  ", ", ") or note
        line = Phrase(
            "work.line",
            title=self.title,
            done=self.done,
            total=self.total,
            share=share,
            note=note or None,
            time=format_duration(round(now - self.begun)),
            left=None if left_s is None else format_duration(round(left_s)),
        )
        self.owner.say(str(line))


class Lines:
    """A Progress of plain lines, for logs and pipes. `clock` gives seconds."""

    def __init__(
        self, stream: TextIO, every_s: float = LINE_EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stream, self.every_s, self.clock = stream, every_s, clock

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[ProgressTask]:
        """Open a task; it prints a line every few seconds, so that short ones print none."""
        yield _Line(self, title, total)

    def finished(self, name: str, status: str, seconds: float, found: str) -> None:
        """Print a stage that has ended, unless it was short: then the table at the end comes soon enough."""
        if seconds >= _LONG_STAGE_S:
            self.say(_stage_line(name, status, seconds, found))

    def say(self, line: str) -> None:
        """Print one line."""
        with standard_streams.tolerant(self.stream):
            print(visible(line), file=self.stream)


class _Bar:
    def __init__(self, bars: RichProgress, task: TaskID) -> None:
        self.bars, self.task = bars, task
        self.figures = _Figures(time.monotonic)
        self.drawn = -_DRAWN_EVERY_S

    def seen(self, figures: Mapping[str, float], rows: int = 0) -> None:
        """Show the figures below the bar, a few times a second."""
        self.figures.take(figures, rows)
        if time.monotonic() - self.drawn >= _DRAWN_EVERY_S:
            self.drawn = time.monotonic()
            self.bars.update(self.task, figures=str(self.figures))

    def record(self, point: LearningPoint) -> None:
        """Do nothing: what is recorded was seen."""

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Move the bar, and show the figure beside it."""
        if note is None:
            self.bars.advance(self.task, steps)
        else:
            self.bars.update(self.task, advance=steps, note=note)


class OnTerminal:
    """A Progress of Rich bars. They are shown while a task is open, and leave nothing behind."""

    def __init__(self) -> None:
        self._bars: RichProgress | None = None
        self._open = 0

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[ProgressTask]:
        """Show a bar for the length of the block."""
        bars = self._started()
        task = bars.add_task(visible(title), total=total, note="", figures="")
        self._open += 1
        try:
            yield _Bar(bars, task)
        finally:
            self._open -= 1
            bars.remove_task(task)
            if self._open == 0:
                bars.stop()
                self._bars = None

    def finished(self, name: str, status: str, seconds: float, found: str) -> None:
        """Print a stage that has ended; the line stays where it is while the bars of the next ones come and go."""
        from rich.console import Console
        from rich.text import Text

        line = Text(visible(_stage_line(name, status, seconds, found)))
        line.stylize("green" if status == "done" else "dim", 0, 1)
        with standard_streams.tolerant(sys.stderr):
            (self._bars.console if self._bars is not None else Console(stderr=True)).print(
                line, no_wrap=True, overflow="ellipsis"
            )

    def say(self, line: str) -> None:
        """Print one line above the bars."""
        if self._bars is None:
            with standard_streams.tolerant(sys.stderr):
                print(visible(line), file=sys.stderr)
        else:
            self._bars.console.print(visible(line), markup=False, highlight=False)

    def _started(self) -> RichProgress:
        if self._bars is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                SpinnerColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as RichProgress
            from rich.text import Text

            class Bars(RichProgress):
                """Bars, each with the figures of its task on a line of their own below."""

                def get_renderables(self) -> Iterator[RenderableType]:
                    yield self.make_tasks_table(self.tasks)
                    for task in self.tasks:
                        if task.fields["figures"]:
                            yield Text(f"  {visible(task.fields['figures'])}", style="dim")

            self._bars = Bars(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bars.start()
        return self._bars
