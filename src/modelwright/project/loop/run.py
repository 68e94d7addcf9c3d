"""The loop: runs the stages of the table in order, judges what was measured, and releases."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Verdict, judge
from modelwright.core.messages import ModelwrightError, Problem, ProjectError, did_you_mean
from modelwright.engine.runner import Outcome, Runner
from modelwright.engine.store import Artifact
from modelwright.project.loop.table import TABLE, Context
from modelwright.project.results.table_rows import CACHED, DONE, FAILED, StageRow
from modelwright.stages.release.stage import Released, release
from modelwright.storage.formats.evidence import Evidence, read_evidence
from modelwright.storage.state.versions import Version

RELEASE = "release"
STAGE_NAMES = (*TABLE, RELEASE)
MOST_SHOWN = 10  # classes in a message


@dataclass
class Run:
    """What a run has reached: stage rows, the version and its verdicts, and what went wrong.

    `instead` is the version in production where this one was released before and another has taken its place.
    """

    rows: list[StageRow] = field(default_factory=list)
    version: int | None = None
    verdicts: tuple[Verdict, ...] = ()
    released: Released | None = None
    instead: int | None = None
    problems: tuple[Problem, ...] = ()


def stage_position(name: str) -> int:
    """Return where a stage stands in the loop; raises ProjectError for what is none."""
    if name not in STAGE_NAMES:
        near = did_you_mean(name, STAGE_NAMES)
        raise ProjectError(
            Problem(
                "run.unknown-stage",
                rule=f"a stage is one of {', '.join(STAGE_NAMES)}",
                found=repr(name),
                next_step=f"did you mean {near!r}?" if near else "name one of these",
            )
        )
    return STAGE_NAMES.index(name)


def run_stages(
    context: Context, runner: Runner, *, to: str, start: str | None, keep: Collection[str], force: bool
) -> Run:
    """Run the loop up to a stage. A stage's failure ends the run and is told in it, with its problems.

    start: make this stage and all after it again; keep: adopt the last sealed result of these stages; force:
    make all again that are not kept.
    """
    last = stage_position(to)
    first_forced = 0 if force else stage_position(start) if start else len(STAGE_NAMES)
    reason = "--force" if force else "--from"
    for name in keep:
        stage_position(name)
    run = Run()
    for position, name in enumerate(TABLE):
        if position > last:
            return run
        forced = position >= first_forced and name not in keep
        outcome = _run_one(
            context, runner, name, run, forced_by=reason if forced else None, keep=name in keep
        )
        if outcome is None:
            return run
        context.made[name] = outcome.sealed
        if name == "data" and (unknown := tuple(unknown_classes(context))):
            run.problems = unknown
            return run
    run.version, run.verdicts = _judged(context)
    if last >= stage_position(RELEASE):
        _release(context, run)
    return run


def unknown_classes(context: Context) -> Iterator[Problem]:
    """Yield a problem for each requirement on a class that no row of the data shows."""
    classes = context.counts.classes
    for one in context.opened.requirements:
        known = classes.get(one.subject.output or "", {})
        if one.subject.of is not None and known and one.subject.of not in known:
            near = did_you_mean(one.subject.of, list(known))
            shown = ", ".join(list(known)[:MOST_SHOWN]) + (" …" if len(known) > MOST_SHOWN else "")
            yield Problem(
                "requirement.unknown-class",
                rule=f"a requirement names a class of `{one.subject.output}` that the data has",
                found=f"`{one.subject.of}`",
                next_step=f"did you mean `{near}`?" if near else f"it has {shown}",
                where=context.opened.where(("requirements", one.key)),
            )


def _run_one(
    context: Context, runner: Runner, name: str, run: Run, *, forced_by: str | None, keep: bool
) -> Outcome | None:
    try:
        outcome = runner.run(TABLE[name](context), forced_by=forced_by, keep=keep)
    except ModelwrightError as error:
        run.problems = error.problems
        run.rows.append(StageRow(name, FAILED, 0.0, error.problems[0].found))
        return None
    run.rows.append(StageRow(name, outcome.status, outcome.seconds, outcome.why))
    return outcome


def evidence_of(evaluated: Artifact) -> Evidence:
    """Return what `evaluate` sealed."""
    return read_evidence(evaluated.part("evidence").path)


def verdicts_on(context: Context, evidence: Evidence) -> tuple[Verdict, ...]:
    """Judge evidence by the requirements as the project file states them now."""
    return judge(
        context.opened.requirements, evidence.measurements, evidence.differences, phases=tuple(Phase)
    )


def _judged(context: Context) -> tuple[int, tuple[Verdict, ...]]:
    package, evaluated = context.made["package"], context.made["evaluate"]
    evidence = evidence_of(evaluated)
    digests = package.part("package").digest, evaluated.part("evidence").digest
    for known in context.state.versions():
        # What it was first made from is its history; other keys of the same bits matter only once that is gone.
        if (known.package_digest, known.evidence_digest) == digests and _is_whole(context, known):
            return known.number, verdicts_on(context, evidence)
    number = context.state.register_version(
        package_digest=digests[0],
        evidence_digest=digests[1],
        champion_digest=evidence.champion,
        package_key=package.key,
        evidence_key=evaluated.key,
    )
    return number, verdicts_on(context, evidence)


def _is_whole(context: Context, version: Version) -> bool:
    keys = (("package", version.package_key), ("evaluate", version.evidence_key))
    return all(context.store.find(stage, key) is not None for stage, key in keys)


def _release(context: Context, run: Run) -> None:
    """DesiredRelease for the version, unless it was released before: a version that was rolled back stays back."""
    assert run.version is not None
    settings = context.opened.file.release
    production = context.state.production()
    if run.version in context.state.released_versions():
        live = production.number if production else None
        run.instead = live if live != run.version else None
        why = "in production" if live == run.version else f"released before; version {live} is in production"
        run.rows.append(StageRow(RELEASE, CACHED, 0.0, why))
        return
    try:
        run.released = release(
            context.state,
            run.version,
            run.verdicts,
            settings.allow_inconclusive,
            settings.strategy,
            by="run",
        )
    except ModelwrightError as error:
        run.problems = error.problems
        run.rows.append(StageRow(RELEASE, FAILED, 0.0, error.problems[0].found))
        return
    blocking = run.released.blocking
    if blocking:
        why = "held back by " + "; ".join(f"{one.requirement} ({one.outcome})" for one in blocking)
        run.rows.append(StageRow(RELEASE, FAILED, 0.0, why))
        return
    run.rows.append(StageRow(RELEASE, DONE, 0.0, f"version {run.version} is to serve"))


def forecast(context: Context, runner: Runner) -> list[StageRow]:
    """Say of every stage whether a run would do it again, and why; below the first that runs all may change."""
    rows: list[StageRow] = []
    above: str | None = None
    for name in TABLE:
        if above is not None:
            rows.append(StageRow(name, "would run", 0.0, f"unless `{above}` ends with the same result"))
            continue
        told = runner.forecast(TABLE[name](context))
        rows.append(StageRow(name, "would run" if told.would_run else CACHED, 0.0, told.why))
        if told.artifact is None:
            above = name
        else:
            context.made[name] = told.artifact
    return rows
