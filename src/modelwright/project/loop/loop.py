"""The loop: runs the stages of the table in order, judges what was measured, and releases."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Verdict, judge
from modelwright.core.messages import ModelwrightError, Phrase, Problem, ProjectError, did_you_mean
from modelwright.engine.artifact_manifest import Artifact
from modelwright.engine.runner import Runner
from modelwright.engine.step import Outdated, StepResult
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.context import Context, OtherMachine
from modelwright.project.loop.learning import follow_cuts, learned
from modelwright.project.loop.required_names import placed, unknown_names
from modelwright.project.loop.stage_names import (
    DATA,
    EVALUATE,
    LANE,
    LEARN,
    PACKAGE,
    PLAN,
    RELEASE,
    STAGE_NAMES,
    TUNE,
)
from modelwright.project.loop.stage_table import TABLE
from modelwright.project.results.table_rows import CACHED, DONE, FAILED, StageRow
from modelwright.stages.release.stage import Released, release
from modelwright.stages.tune.judging import Judged, judge_trials
from modelwright.storage.formats.evidence import Evidence, read_evidence
from modelwright.storage.formats.plan import Forecast
from modelwright.storage.formats.search import Search, plan_folder
from modelwright.storage.state.versions import Version

_REPLAN = "--replan"
WOULD_RUN = "would run"  # what `check` says of a stage that is not sealed


@dataclass(frozen=True)
class Searched:
    """A sealed search, and which of its trials is taken by the requirements of today."""

    search: Search
    judged: Judged


@dataclass
class Run:
    """What a run has reached: stage rows, the version and its verdicts, and what went wrong.

    `instead` is the version in production where this one was released before and another has taken its place.
    `search`: what a search found, of a project with one.
    `other_machine` is set where the run stopped at, or found sealed, what was planned for another machine.
    """

    rows: list[StageRow] = field(default_factory=list)
    version: int | None = None
    verdicts: tuple[Verdict, ...] = ()
    released: Released | None = None
    instead: int | None = None
    other_machine: OtherMachine | None = None
    problems: tuple[Problem, ...] = ()
    search: Searched | None = None


def stage_position(name: str) -> int:
    """Return where a stage stands in the loop; raises ProjectError for what is none."""
    if name not in STAGE_NAMES:
        near = did_you_mean(name, STAGE_NAMES)
        raise ProjectError(Problem("run.unknown-stage", name=name, near=near, stages=", ".join(STAGE_NAMES)))
    return STAGE_NAMES.index(name)


def run_stages(
    context: Context,
    runner: Runner,
    *,
    to: str,
    start: str | None = None,
    keep: Collection[str] = (),
    force: bool = False,
    replan: bool = False,
) -> Run:
    """Run the loop up to a stage. A stage's failure ends the run and stands in it, with its problems.

    start: make this stage and all after it again; keep: adopt the last sealed result of these stages; force:
    make all again that are not kept; replan: make a new plan, for this machine.

    Where the sealed plan is for another machine nothing is made, evaluated or released, unless `replan` or a
    forced stage asks for it: what is sealed is found, and `other_machine` says why the rest was left.
    """
    last = _last(context, to)
    forced = _forced(start, force=force, replan=replan)
    for name in keep:
        stage_position(name)
    run = Run()
    for name in STAGE_NAMES[: last + 1]:
        if name == RELEASE or (name == TUNE and context.opened.file.tune is None):
            continue
        named = name in forced or name in keep
        if not named:
            _find_plan(context, runner, run, name)
        if run.other_machine is not None and not named and runner.forecast(TABLE[name](context)).would_run:
            return run
        result = _run_one(
            context,
            runner,
            name,
            run,
            forced_by=None if name in keep else forced.get(name),
            keep=name in keep,
            take_up=start == LEARN and not force,
        )
        if result is None:
            return run
        context.made[name] = result.sealed
        if name == DATA and (unknown := tuple(unknown_names(context))):
            run.problems = unknown
            return run
        if name == TUNE:
            run.search = searched(context)
            context.reopen(run.search.judged.taken.settings)
            forced = _behind_search(forced)
        if name == PLAN:
            run.other_machine = context.planned_for
    if EVALUATE not in context.made:
        return run
    if run.other_machine is not None:
        # Its verdicts are left out, with those that would hold it back: this run has nothing to say of them.
        run.version = known.number if (known := _version(context)) is not None else None
        return run
    run.version, run.verdicts = _judged(context)
    if last >= stage_position(RELEASE):
        _release(context, run)
    return run


def _last(context: Context, to: str) -> int:
    """Return where the stage stands that a run goes up to: of a function without outputs, `learn` is the last.

    Raises ProjectError where a later one is named by itself.
    """
    last = stage_position(to)
    if context.opened.signature.outputs or last <= stage_position(LEARN):
        return last
    if to != RELEASE:  # which is how far a run goes that names no stage
        raise ProjectError(Problem("pretrain.no-package"))
    return stage_position(LEARN)


def _forced(start: str | None, *, force: bool, replan: bool) -> Mapping[str, str]:
    """Return stage → the option that makes it again; `--force` and `--from` reach all after the first, too."""
    first = 0 if force else stage_position(start) if start else len(STAGE_NAMES)
    reason = "--force" if force else "--from"
    return {**dict.fromkeys(STAGE_NAMES[first:], reason), **({PLAN: _REPLAN} if replan else {})}


def _behind_search(forced: Mapping[str, str]) -> Mapping[str, str]:
    """Return what is still made again behind a search that was: what follows is its trial, not another plan of it."""
    if TUNE not in forced:
        return forced
    return {one: why for one, why in forced.items() if one not in LANE or why == _REPLAN}


def _find_plan(context: Context, runner: Runner, run: Run, name: str) -> None:
    """Before a stage, let what an earlier run has settled of the plan stand: by a search, or by the clock."""
    if name == PLAN and run.search is not None:
        _restore_plan(context, runner, run.search.judged.taken.number)
    if name == LEARN:
        follow_cuts(context, runner)


def _restore_plan(context: Context, runner: Runner, number: int) -> None:
    """Seal the plan of the trial that is taken as the search holds it, where it is gone: a search is a plan.

    Made anew it might have other steps, for these follow from what a step takes on this machine at this time.
    """
    search = context.made[TUNE]
    if search.adopted_from is not None or "plans" not in search.parts:
        return  # `--keep`: of other data, or of other code
    content = plan_folder(search.part("plans").path, number)
    if content.is_dir():
        forecast = Forecast.read(content / "forecast")
        warnings = [one.to_wire() for one in forecast.warnings]
        runner.restore(TABLE[PLAN](context), content, {**forecast.chosen.to_json(), "warnings": warnings})


def _run_one(
    context: Context,
    runner: Runner,
    name: str,
    run: Run,
    *,
    forced_by: str | None,
    keep: bool,
    take_up: bool,
) -> StepResult | None:
    try:
        result = (
            learned(context, runner, forced_by=forced_by, keep=keep, take_up=take_up)
            if name == LEARN
            else made(context, runner, name, forced_by=forced_by, keep=keep)
        )
    except ModelwrightError as error:
        run.problems = placed(context.opened, error.problems)
        run.rows.append(StageRow(name, FAILED, 0.0, error.problems[0].found))
        return None
    run.rows.append(StageRow(name, result.status, result.seconds, result.why))
    return result


def made(
    context: Context, runner: Runner, name: str, *, forced_by: str | None = None, keep: bool = False
) -> StepResult:
    """Run one stage of the table, built again where what it was built from changes meanwhile."""
    while True:
        try:
            return runner.run(TABLE[name](context), forced_by=forced_by, keep=keep)
        except Outdated:
            continue


def searched(context: Context) -> Searched:
    """Return what the sealed search found, judged by the requirements as they stand now."""
    search = Search.read(context.part(TUNE, "search").path)
    tune = context.opened.file.tune
    judged = judge_trials(search, context.opened.requirements, None if tune is None else tune.aim)
    assert judged is not None, "a search is sealed where a trial came to a package"
    return Searched(search, judged)


def evidence_of(evaluated: Artifact) -> Evidence:
    """Return what `evaluate` sealed."""
    return read_evidence(evaluated.part("evidence").path)


def verdicts_on(context: Context, evidence: Evidence) -> tuple[Verdict, ...]:
    """Judge evidence by the requirements as the project file states them now."""
    return judge(
        context.opened.requirements, evidence.measurements, evidence.differences, phases=tuple(Phase)
    )


def _judged(context: Context) -> tuple[int, tuple[Verdict, ...]]:
    package, evaluated = context.made[PACKAGE], context.made[EVALUATE]
    evidence = evidence_of(evaluated)
    # Counted before it was made; once more where the database is younger than the evidence (it was lost).
    context.state.register_evaluation(evidence.test, evidence.package, context.counts.test_sketch)
    known = _version(context)
    number = (
        known.number
        if known is not None
        else context.state.register_version(
            package_digest=package.part("package").digest,
            evidence_digest=evaluated.part("evidence").digest,
            champion_digest=evidence.champion,
            package_key=package.key,
            evidence_key=evaluated.key,
        )
    )
    return number, verdicts_on(context, evidence)


def _version(context: Context) -> Version | None:
    """Return the version of what this run has reached, if it is registered and whole."""
    digests = (
        context.part(PACKAGE, "package").digest,
        context.part(EVALUATE, "evidence").digest,
    )
    for known in context.state.versions():
        # What it was first made from is its history; other keys of the same bits matter only once that is gone.
        if (known.package_digest, known.evidence_digest) == digests and _is_whole(context, known):
            return known
    return None


def _is_whole(context: Context, version: Version) -> bool:
    keys = ((PACKAGE, version.package_key), (EVALUATE, version.evidence_key))
    return all(context.store.find(stage, key) is not None for stage, key in keys)


def _release(context: Context, run: Run) -> None:
    """Request a release of the version, unless it was released before: a version that was rolled back stays back."""
    assert run.version is not None
    settings = context.opened.file.release
    production = context.state.production()
    # one that is under way, or was decided against on traffic, is not requested by itself either
    decided = {one.version for one in context.state.releases() if one.settings is not None}
    if run.version in decided or run.version in context.state.released_versions():
        live = production.number if production else None
        run.instead = live if live != run.version else None
        why = Phrase("run.released", live=live, instead=run.instead)
        run.rows.append(StageRow(RELEASE, CACHED, 0.0, str(why)))
        return
    try:
        with context.store.freeing(shared=True):  # else `gc` might take what is released at the same moment
            version_artifacts.package_folder(context.store, context.state.version(run.version))
            run.released = release(
                context.state,
                run.version,
                run.verdicts,
                settings.allow_inconclusive,
                settings.as_strategy(context.opened.file.confidence),
                by="run",
            )
    except ModelwrightError as error:
        run.problems = error.problems
        run.rows.append(StageRow(RELEASE, FAILED, 0.0, error.problems[0].found))
        return
    blocking = run.released.blocking
    if blocking:
        bars = Phrase("list.semicolon").found.join(map(str, map(_bar, blocking)))
        run.rows.append(StageRow(RELEASE, FAILED, 0.0, str(Phrase("run.held-back", bars=bars))))
        return
    run.rows.append(StageRow(RELEASE, DONE, 0.0, str(Phrase("run.to-serve", version=run.version))))


def _bar(verdict: Verdict) -> Phrase:
    word = Phrase("screen.word", word=str(verdict.outcome))
    return Phrase("run.bar", requirement=str(verdict.requirement), verdict=word)


def forecast(context: Context, runner: Runner) -> list[StageRow]:
    """Say of every stage whether a run would do it again, and why; below the first that runs all may change."""
    rows: list[StageRow] = []
    above: str | None = None
    other: OtherMachine | None = None
    end = None if context.opened.signature.outputs else stage_position(LEARN) + 1
    for name in [one for one in STAGE_NAMES[:end] if one in TABLE]:
        if name == TUNE and context.opened.file.tune is None:
            continue
        if above is not None:
            why = str(Phrase("run.unless-same", stage=above))
            rows.append(StageRow(name, WOULD_RUN, 0.0, why))
            continue
        if name == LEARN:
            follow_cuts(context, runner)
        preview = runner.forecast(TABLE[name](context))
        why = other_machine_words(other) if other is not None and preview.would_run else preview.why
        rows.append(StageRow(name, WOULD_RUN if preview.would_run else CACHED, 0.0, why))
        if preview.artifact is None:
            above = name
            continue
        context.made[name] = preview.artifact
        if name == TUNE:
            context.reopen(searched(context).judged.taken.settings)
        if name == PLAN:
            other = context.planned_for
    return rows


def other_machine_words(other: OtherMachine) -> str:
    """Return what a reader needs to know of a plan for another machine."""
    return str(Phrase("run.other-machine", **asdict(other)))
