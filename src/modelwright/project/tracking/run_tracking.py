"""Records a run of a project, from its first learned step to its verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from modelwright.core.messages import Notice
from modelwright.core.progress import Progress
from modelwright.project.loop.context import Context
from modelwright.project.loop.loop import Run
from modelwright.project.loop.stage_names import LEARN
from modelwright.project.results.stage_warnings import warning_row
from modelwright.project.results.table_rows import WarningRow
from modelwright.project.tracking import tracked_run
from modelwright.project.tracking.tracker import RecordTarget, Tracker, Watching


class RunTracking:
    """Within its `with` block the process that writes may run; after it, it has ended."""

    def __init__(self, context: Context, root: Path) -> None:
        opened = context.opened
        self._context = context
        self._config = opened.file.tracking
        self._target = RecordTarget.of(self._config, opened.signature.name, opened.folder, root)
        self._tracker = Tracker(self._target, root)

    def __enter__(self) -> RunTracking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tracker.close()

    def watching(self, progress: Progress) -> Progress:
        """Return the Progress of `learn`, whose points are written as they come."""
        if not self._tracker.writes:
            return progress
        return Watching(progress, self._tracker, tracked_run.begun(self._context))

    def finish(self, run: Run) -> Iterator[WarningRow]:
        """Write what the run has come to; yields what could not be written, and why."""
        if LEARN not in self._context.made:
            if self._tracker.running:  # it failed while it learned
                self._tracker.finish(tracked_run.begun(self._context), failed=True)
            return
        for name in self._target.lacking(self._config):
            yield warning_row(LEARN, Notice("tracking.not-installed", where=None, name=name))
        if not self._tracker.writes:
            return
        for point in tracked_run.points(self._context.made[LEARN]):
            self._tracker.point(point)
        found = self._tracker.finish(tracked_run.ended(self._context, run), failed=bool(run.problems))
        if found is not None:
            yield warning_row(LEARN, found)
