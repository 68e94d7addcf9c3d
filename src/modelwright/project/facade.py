"""`Project`: what a person or a program does with a learned function. The command line calls nothing else."""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from weakref import finalize

from modelwright import kinds
from modelwright.core.messages import (
    DataError,
    MachineError,
    Phrase,
    Problem,
    ProjectError,
    StateError,
)
from modelwright.core.progress import Progress, Silent
from modelwright.engine.fingerprint import Fingerprint
from modelwright.engine.runner import Runner
from modelwright.engine.store import Store
from modelwright.learners import devices
from modelwright.project import (
    file_answers,
    file_rows,
    freeing,
    history,
    input_file,
    leaving,
    live_traffic,
    moving,
    release_history,
    state_history,
    whole_run,
)
from modelwright.project.declaration import project_file, store_place
from modelwright.project.explained import explanations
from modelwright.project.explained.explain_report import ExplainReport
from modelwright.project.explained.reasons import require_some
from modelwright.project.loop import loop
from modelwright.project.loop.context import Context
from modelwright.project.loop.required_names import placed, unknown_names
from modelwright.project.loop.stage_names import DATA, PLAN, RELEASE
from modelwright.project.loop.stage_table import TABLE
from modelwright.project.notes import stage_lines
from modelwright.project.packaged_function import packaged
from modelwright.project.rates import range_test
from modelwright.project.rates.rate_report import RateReport
from modelwright.project.results import doctor
from modelwright.project.results.check_report import CheckReport
from modelwright.project.results.history_results import DiffReport, ReleaseResult, Versions
from modelwright.project.results.live_results import MonitorReport, RowAnswer, StatusReport
from modelwright.project.results.machine_results import DoctorReport, ExportReport, GcReport, MoveReport
from modelwright.project.results.proofs import check_report
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.show_report import ShowReport
from modelwright.project.results.showing import show
from modelwright.project.row_answers import answered
from modelwright.project.serving import reading_ahead
from modelwright.project.tuning.declared_space import require_space
from modelwright.project.whole_run import RunRequest
from modelwright.runtime import explaining
from modelwright.runtime.function import Function
from modelwright.stages.plan.ranking import sift
from modelwright.storage import disk, file_patterns, read_only, store_marks, user_cache
from modelwright.storage.file_digests import FileDigests
from modelwright.storage.formats import judgements
from modelwright.storage.state.database import State

if TYPE_CHECKING:
    from modelwright.gateway.station import Serving
    from modelwright.project.judging.blind_comparison import BlindComparison


def _now() -> datetime:
    return datetime.now(UTC)


class Project:
    """A learned function with its requirements, as a project file or a mapping with the same content declares it.

    source: the file, its folder, or a mapping (then paths are relative to `folder`, by default the current one);
    settings: texts such as `learn.seed=1`, like `--set`; clock: the time that is written down. Raises
    ProjectError with every problem at once.
    """

    def __init__(
        self,
        source: str | Path | Mapping[str, Any] = "modelwright.yaml",
        settings: Collection[str] = (),
        *,
        folder: Path | None = None,
        progress: Progress | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.settings = tuple(settings)
        self.opened = (
            project_file.from_mapping(source, self.settings, folder)
            if isinstance(source, Mapping)
            else project_file.read(Path(source), self.settings)
        )
        self.root = store_place.of(self.opened)
        if not file_patterns.is_utf8(str(self.root)):
            raise ProjectError(Problem("files.not-utf8", name=file_patterns.readable(str(self.root))))
        self._progress = progress or Silent()
        self._clock = clock

    # -- round the loop ------------------------------------------------------------------------------------

    def run(
        self,
        to: str = RELEASE,
        start: str | None = None,
        keep: Collection[str] = (),
        *,
        force: bool = False,
        replan: bool = False,
    ) -> RunResult:
        """Go round the loop up to a stage; what is unchanged is not done again.

        start: make this stage and all after it again; keep: adopt the last sealed result of these stages;
        replan: make a new plan, for this machine. Where the sealed plan is for another machine (other cores,
        another instruction set) nothing is done without it, and the result says so.
        A stage that fails is a row of the result with its problems; nothing is raised for it.
        """
        with self._writing("run"):
            wanted, context = RunRequest(to, start, keep, force=force, replan=replan), self._context()
            result = whole_run.run(context, self._new_runner(tells=True), self.root, self.settings, wanted)
            if to != PLAN or result.problems:
                return result
            record, now_s = self.root / live_traffic.LIVE_RECORD, self._clock().timestamp()
            needed = release_history.planned_traffic(context, record, now_s)
            return replace(result, notes=(*result.notes, *needed))

    def check(self) -> CheckReport:
        """Validate the file and the data; say what would run, and which requirement the test set can prove.

        Reads the data (and seals it, so that `run` need not read it again; where nothing may be written, in a
        temporary folder); runs no code that the project names.
        """
        require_space(self.opened)
        context = self._context()
        runner = self._new_runner()
        with self._sealing(context, runner) as sealing:
            self._make_data(context, sealing)
            if unknown := tuple(unknown_names(context)):
                raise ProjectError(unknown)
            if self.opened.file.tune is not None:
                _ = context.search_plan  # raises for what is wrong in it
            file = self.opened.file
            try:
                sift(
                    context.signature, file.plan, context.model, context.pretrained, self.opened.folder
                )  # raises where no learner can
                devices.execution(file.learn.device, context.machine, file.learn.processes)  # raises, too
            except ProjectError as error:
                raise ProjectError(placed(self.opened, error.problems)) from None
            return check_report(context, loop.forecast(context, runner))

    def find_rate(self) -> RateReport:
        """Return a learning-rate range test: from the start of learning, the rate rises until the loss blows up.

        Reads the data as `check` does; nothing else is sealed, and nothing is changed. Raises ProjectError for a
        learner that has no such test.
        """
        context, runner = self._context(), self._new_runner()
        with self._sealing(context, runner) as sealing:
            self._make_data(context, sealing)
            return range_test.find_rate(context, runner, self._progress)

    # -- in production -------------------------------------------------------------------------------------

    def release(
        self, version: int | None = None, strategy: str | None = None, *, dry_run: bool = False
    ) -> ReleaseResult:
        """Release a version (by default the newest): request that it serve; held back by what is not met.

        dry_run: request nothing; say whether it would be held back, and how much traffic the strategy needs.
        """
        self._need_outputs()
        with nullcontext() if dry_run else self._writing("release"):
            context, now_s = self._context(), self._clock().timestamp()
            record = self.root / live_traffic.LIVE_RECORD
            needed = partial(release_history.needed_traffic, context, record, now_s=now_s)
            return history.release(context, self._store, version, strategy, needed, dry_run=dry_run)

    def follow_release(self, say: Callable[[str], None]) -> bool:
        """Say every decision about the newest release as it is taken; return, once it has ended, whether it serves."""
        past = self._state.releases()
        return bool(past) and release_history.follow(self._state, past[-1].id, say).counts

    def rollback(self, to: int | None = None) -> ReleaseResult:
        """Go back to the version released before the one in production, or to `to`."""
        with self._writing("rollback"):
            return history.rollback(self._context(), to)

    def serve(self, host: str | None = None, port: int | None = None) -> None:
        """Serve the released version over HTTP until interrupted."""
        one = self.serving(alone=True)
        if not self.is_released:
            raise StateError(Problem("serve.nothing-released"))
        from modelwright.project.serving import project_serving

        project_serving.serve(one, (), host, port, self._progress.say)

    @property
    def is_released(self) -> bool:
        """Return whether a version is, or should be, in production."""
        return self._state.desired_release() is not None

    def serving(self, *, alone: bool = False) -> Serving:
        """Return how a gateway serves the function, whatever is released of it; alone: with no other one beside it."""
        self._need_outputs()
        held = ExitStack()
        held.enter_context(self._writing("serve"))
        if alone:
            reading_ahead.read_released(self.opened.file.serve, self._state, self._store)
        from modelwright.project.serving import project_serving  # with libraries that no other command needs

        serving = project_serving.serving_of(self._context(), self._store, self.root)
        finalize(serving, held.close)  # the store stays where it is for as long as a gateway has it
        return serving

    def status(self) -> StatusReport:
        """Show every requirement in every place, and the traffic."""
        return live_traffic.status(self._context(), self._store, self.root, self._clock().timestamp())

    def monitor(self) -> MonitorReport:
        """Judge the live traffic of the last window."""
        return live_traffic.monitor(self._context(), self.root, self._clock().timestamp())

    def input_names(self) -> tuple[str, ...]:
        """Return the names of the inputs of the packaged function."""
        return tuple(field.name for field in self._packaged()[1].signature.inputs)

    def file_names(self) -> frozenset[str]:
        """Return the names of the inputs that hold files: those of the signature, and those of the project's data."""
        held = [one.name for one in self._packaged()[1].signature.inputs if kinds.value(one.kind).holds_files]
        return frozenset(held) | {self.opened.file.data.columns.get(name, name) for name in held}

    def predict(
        self,
        rows: Iterable[Mapping[str, Any]],
        batch: int = 256,
        *,
        probabilities: bool = False,
        reasons: int | None = None,
        version: int | None = None,
    ) -> Iterator[RowAnswer]:
        """Answer rows with the packaged function here: of the version in production, of the newest where there is
        none, or of `version`. Texts are read as in a table.

        A row has the names of the signature or those of the project's data; a path object stands for the bytes of
        its file, of an input that holds files. reasons: how many inputs that speak most for an answer stand beside
        it. Raises RequestError that names the row (from 1), unless `rows` is a collection of one.
        """
        alone = isinstance(rows, Sized) and len(rows) == 1
        placed = (
            (None if alone else Phrase("place.row", row=number), row)
            for number, row in enumerate(rows, start=1)
        )
        number, function = self._packaged(version)
        by_input = (
            (where, input_file.named_row(row, function.signature, self.opened)) for where, row in placed
        )
        require_some(reasons)
        return answered(number, function, by_input, batch, probabilities=probabilities, reasons=reasons)

    def function(self, version: int | None = None) -> Function:
        """Return the packaged function, opened here: of the version in production, of the newest, or of `version`."""
        return self._packaged(version)[1]

    def explain(
        self,
        row: Mapping[str, Any],
        *,
        out: Path | None = None,
        version: int | None = None,
        orders: int = explaining.ORDERS,
    ) -> ExplainReport:
        """Say what decides the answer to a row: each input's share of it, and what each word or patch adds.

        The row is as for `predict`. out: where the heat map of a picture is written, as PNG; orders: of the inputs,
        where these are too many for every combination.
        """
        number, function = self._packaged(version)
        return explanations.of_row(function, number, row, self.opened, out=out, orders=orders)

    def answer_file(
        self,
        path: Path,
        *,
        keep: Sequence[str] | None = None,
        probabilities: bool = False,
        reasons: int | None = None,
        batch: int = 256,
        version: int | None = None,
    ) -> Iterator[RowAnswer]:
        """Answer what can be answered of a .csv, .tsv, .jsonl or .parquet file, which is read as the data is.

        Each row of the file has its `RowAnswer`, in its order, with its number and the columns that are kept (None:
        all); one that cannot be answered has `problems`. Raises DataError for a file that cannot be read at all,
        or lacks an input.
        """
        number, function = self._packaged(version)
        rows = file_rows.read(path, self.opened.file.data)
        return file_answers.answers(
            rows,
            function,
            number,
            self.opened,
            folder=path.parent,
            keep=keep,
            probabilities=probabilities,
            reasons=reasons,
            batch=batch,
        )

    def predict_file(self, path: Path, batch: int = 256) -> Iterator[RowAnswer]:
        """Answer every row of a .csv, .tsv or .jsonl file, which is read as the project's data is.

        Columns have the data's names or the signature's; those that are no inputs are left out. Raises
        DataError for a file that is broken, empty, or lacks an input, and RequestError that names the row.
        """
        version, function = self._packaged()
        table = input_file.read(path, self.opened.file.data)
        placed = input_file.input_rows(table, function.signature, self.opened)
        files = file_answers.held_files(path.parent, self.opened)
        return answered(version, function, placed, batch, files=files)

    def export(self, target: str, out: Path | None = None, version: int | None = None) -> ExportReport:
        """Write a version (by default the one in production) as another system takes it, into a new folder."""
        self._need_outputs()
        locks = read_only.is_writable(self.root)
        return leaving.export(self._context(), self._store, target, out, version, locks=locks)

    @contextmanager
    def blind_comparison(
        self,
        against: str | None = None,
        *,
        judge: str,
        version: int | None = None,
        rows: int | None = None,
        seed: int = 0,
    ) -> Iterator[BlindComparison]:
        """Give a judge's way through the answers of a version (by default the newest), pair by pair and blind.

        against: as `evaluate.against`, the default; judge: a name; rows: how many of those that the seed draws. Raises
        StateError and ProjectError where there is nothing to compare.
        """
        from modelwright.project.judging.answer_pairs import AnswerPairs
        from modelwright.project.judging.blind_comparison import BlindComparison

        with self._writing("judge"):
            pairs = AnswerPairs(self._context(), self._store, version, against, seed)
            file = self.opened.folder / judgements.FILE_NAME
            lock = self.root / "locks" / "judgements.lock"
            yield BlindComparison(pairs, file, lock, judge, seed, rows, self._clock)

    # -- history -------------------------------------------------------------------------------------------

    def versions(self) -> Versions:
        """List every version, newest first."""
        context = self._context()
        serving_now = live_traffic.is_serving(context, self.root, self._clock().timestamp())
        return history.versions(context, self._store, serving=serving_now)

    def show(
        self, what: str, which: str | None = None, *, version: int | None = None, number: int | None = None
    ) -> ShowReport:
        """Show a version, a stage's last result, `report`, `card`, `release`, what a digest names, or `rows`.

        which: of `rows`, those `set-aside`, `repeated` or `conflicting`; version: of report and card, by default
        the one in production; number: of a release, by default the newest.
        """
        if what == RELEASE:
            return release_history.show_release(self._context(), number)
        return show(self._context(), self._store, self.root, what, which, version=version)

    def diff(self, a: str, b: str) -> DiffReport:
        """Show what differs between two versions."""
        return history.diff(self._context(), self._store, a, b)

    # -- this machine --------------------------------------------------------------------------------------

    def doctor(self) -> DoctorReport:
        """Say what is missing on this machine."""
        return doctor.doctor(self.opened.folder, state_history.faults(self._store, lambda: self._state))

    def restore(self) -> DoctorReport:
        """Restore a state database that was lost or damaged, from its copies and from what is sealed."""
        with self._writing("doctor --restore"):
            return state_history.restore(self._state_place, self._store, self._clock)

    def gc(self, keep: int | None = None, *, dry_run: bool = False) -> GcReport:
        """Free space: remove what no version and no latest run needs.

        keep: of the versions that were never released only so many of the newest stay; dry_run: only say what
        would go.
        """
        with self._writing("gc"):  # the locks, even where nothing is removed
            if not dry_run:
                # It can be made again, and is the room that the database needs on a full disk.
                disk.remove(self.root / "cache")
            return freeing.collect(self._state, self._store, keep, dry_run=dry_run)

    def move(self, store: str) -> MoveReport:
        """Move the store to another folder (a path relative to the project, or `file:///…`), and say so in the file.

        Everything is read again at its new place before the old one goes; the same call ends what was interrupted.
        The project must be opened anew afterwards. Raises StateError where another process writes to the store.
        """
        self._need_to_write("move")
        return moving.move(self.opened, self.root, store)

    def __repr__(self) -> str:
        return "\n  ".join((f"<Project {self.opened.signature}", *map(str, self.opened.requirements))) + ">"

    def _repr_html_(self) -> str:
        rows = "".join(f"<li><code>{html.escape(str(one))}</code></li>" for one in self.opened.requirements)
        return f"<b><code>{html.escape(str(self.opened.signature))}</code></b><ul>{rows}</ul>"

    # -- inside --------------------------------------------------------------------------------------------

    @cached_property
    def _store(self) -> Store:
        store_marks.require_settled(self.root)
        return Store(self.root)

    @cached_property
    def _state(self) -> State:
        return state_history.open_state(self._state_place, self._store, self._clock)

    @property
    def _state_place(self) -> str | Path:
        return store_place.state_place(self.opened.file.state, self.opened.folder, self.root)

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return Fingerprint(cache=user_cache.folder() / "code.json")

    def _new_runner(self, store: Store | None = None, *, tells: bool = False) -> Runner:
        """Return a runner; `tells`: it shows every stage that has ended."""
        return Runner(
            store or self._store,
            self._fingerprint,
            digests=FileDigests(self.root / "cache" / "files.json"),
            progress=self._progress,
            listen=(lambda result: stage_lines.tell(self._progress, result)) if tells else lambda _: None,
            records_latest=read_only.is_writable(self.root),
        )

    @contextmanager
    def _sealing(self, context: Context, runner: Runner) -> Iterator[Runner]:
        """Give the runner that can seal the data: the project's, or one in a temporary folder."""
        if read_only.is_writable(self.root) or not runner.forecast(TABLE[DATA](context)).would_run:
            with store_marks.in_use(self.root) if read_only.is_writable(self.root) else nullcontext():
                yield runner
            return
        with TemporaryDirectory() as folder:
            yield self._new_runner(Store(Path(folder)))

    def _make_data(self, context: Context, runner: Runner) -> None:
        """Let `context` hold the data; raises DataError with the places of the project file."""
        try:
            context.made[DATA] = loop.made(context, runner, DATA).sealed
        except DataError as error:
            raise DataError(placed(self.opened, error.problems)) from None

    def _need_to_write(self, verb: str) -> None:
        """Raise MachineError where the project cannot be written, before anything is done in vain."""
        if not read_only.is_writable(self.root):
            raise MachineError(Problem("project.read-only", where=str(self.root), verb=verb))

    @contextmanager
    def _writing(self, verb: str) -> Iterator[None]:
        """Keep the store where it is for the length of the block; raises MachineError where it is read-only."""
        self._need_to_write(verb)
        with store_marks.in_use(self.root):
            yield

    def _need_outputs(self) -> None:
        """Raise ProjectError where the project makes weights, which are never a version."""
        if not self.opened.signature.outputs:
            raise ProjectError(Problem("pretrain.no-package"))

    def _packaged(self, number: int | None = None) -> tuple[int, Function]:
        self._need_outputs()
        return packaged(self._state, self._store, number, locks=read_only.is_writable(self.root))

    def _context(self) -> Context:
        return Context(self.opened, self._store, self._state)
