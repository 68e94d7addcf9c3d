"""A version at work: serving it, and reading the record of its live traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from modelwright.core.errors import Problem, StateError
from modelwright.core.measurement import Phase
from modelwright.core.verdict import Verdict
from modelwright.engine.store import Store
from modelwright.project import loop, sealed
from modelwright.project.judging import requirement_rows
from modelwright.project.results import (
    MonitorReport,
    RequirementRow,
    StatusReport,
    StatusRow,
    TrafficRow,
)
from modelwright.project.table import Workbench
from modelwright.serve.gateway import Wish
from modelwright.serve.server import serve as run_server
from modelwright.serve.watch import Look
from modelwright.stages.monitor.stage import monitor as look_at_traffic
from modelwright.state.database import State

LIVE_RECORD = "live.db"


class StateWishes:
    """Tells the gateway which release to serve, from the state database, and writes back what became of it."""

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store

    def wish(self) -> Wish | None:
        """Return the release that should be serving."""
        release = self._state.current_wish()
        if release is None:
            return None
        version = self._state.version(release.version)
        return Wish(
            release.id,
            version.number,
            sealed.package_folder(self._store, version),
            version.package_digest,
        )

    def moved(self, release_id: int) -> None:
        """Write that the traffic has moved."""
        self._state.mark(release_id, "serving")

    def failed(self, release_id: int, problem: Problem) -> None:
        """Write that the release could not start."""
        self._state.mark(release_id, "failed", str(problem))


def serve(
    bench: Workbench,
    store: Store,
    root: Path,
    host: str | None,
    port: int | None,
    started: Callable[[str], None],
) -> None:
    """Serve what is released until interrupted; raises StateError when nothing is.

    `started` is called with the address once it is taken.
    """
    if bench.state.current_wish() is None:
        raise StateError(
            Problem(
                "serve.nothing-released",
                rule="the gateway serves the version that was released",
                found="no release yet",
                next_step="run `modelwright run`: it releases what meets the requirements",
            )
        )
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    config = bench.opened.file.serve.model_copy(update=given)
    file = bench.opened.file
    run_server(
        bench.opened.signature.name,
        config,
        StateWishes(bench.state, store),
        record=root / LIVE_RECORD if config.record else None,
        requirements=bench.opened.requirements,
        confidence=file.confidence,
        window_s=file.monitor.window_s,
        refresh_s=file.monitor.refresh_s,
        started=started,
    )


def monitor(bench: Workbench, root: Path, now_s: float) -> MonitorReport:
    """Judge the live traffic of the window."""
    production = bench.state.production()
    version = production.number if production else None
    look = _look(bench, root, now_s, version)
    return MonitorReport(
        function=bench.opened.signature.name,
        version=version,
        window_s=bench.opened.file.monitor.window_s,
        requests=look.requests,
        requirements=_rows(bench, look.verdicts),
        drift={},
        notes=() if look.requests else ("no request in the window: nothing live can be judged yet",),
        next_steps=("modelwright status",),
    )


def status(bench: Workbench, store: Store, root: Path, now_s: float) -> StatusReport:
    """Show every requirement in every place, and the traffic of the version in production."""
    production = bench.state.production()
    version = production.number if production else None
    sealed_rows: tuple[RequirementRow, ...] = ()
    if production is not None:
        sealed_rows = _rows(bench, loop.verdicts_on(bench, sealed.evidence(store, production)))
    look = _look(bench, root, now_s, version)
    live_rows = _rows(bench, look.verdicts)
    rows = []
    for requirement in map(str, bench.opened.requirements):
        placed = {
            phase: next((one for one in found if one.requirement == requirement and one.phase == phase), None)
            for phase, found in (
                (Phase.TEST, sealed_rows),
                (Phase.PACKAGE, sealed_rows),
                (Phase.LIVE, live_rows),
            )
        }
        some = next((one for one in placed.values() if one), None)
        if some is not None:
            rows.append(
                StatusRow(
                    requirement,
                    some.subject,
                    some.bar,
                    test=placed[Phase.TEST],
                    package=placed[Phase.PACKAGE],
                    live=placed[Phase.LIVE],
                )
            )
    return StatusReport(
        function=bench.opened.signature.name,
        version=version,
        requirements=tuple(rows),
        traffic=tuple(_traffic(bench, look, version)),
        alerts=tuple(
            f"{row.requirement}: unmet in live traffic" for row in live_rows if row.verdict == "unmet"
        ),
        notes=tuple(_notes(version, look)),
    )


def _notes(version: int | None, look: Look) -> Iterable[str]:
    if version is None:
        yield "nothing is released: `modelwright run`"
    if look.dropped:
        yield f"{look.dropped:,} answers found no room in the record of traffic, and are not counted above"


def _look(bench: Workbench, root: Path, now_s: float, version: int | None) -> Look:
    file = bench.opened.file
    return look_at_traffic(
        root / LIVE_RECORD, bench.opened.requirements, file.monitor, file.confidence, version, now_s
    )


def _rows(bench: Workbench, verdicts: Iterable[Verdict]) -> tuple[RequirementRow, ...]:
    return requirement_rows(verdicts, bench.opened.file.release.allow_inconclusive)


def _traffic(bench: Workbench, look: Look, version: int | None) -> Iterable[TrafficRow]:
    if version is None or not look.requests:
        return
    p95 = next((m.value for m in look.measurements if m.subject.metric == "latency_p95"), None)
    rate = look.requests / bench.opened.file.monitor.window_s
    yield TrafficRow(version, 1.0, look.requests, rate, look.failures, p95)
