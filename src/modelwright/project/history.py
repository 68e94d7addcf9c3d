"""Acts on the history of a function: release, roll back, list and compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import cast, get_args

from modelwright import outcomes
from modelwright.core.evidence.measurement import Measurement
from modelwright.core.evidence.verdict import gate
from modelwright.core.messages import ModelwrightError, Phrase, Problem, StateError
from modelwright.core.rollouts.state_machine import DEAD, UNDER_WAY, Decision, Status
from modelwright.core.rollouts.strategy import Strategy, StrategyName
from modelwright.core.units import Unit, format_quantity
from modelwright.engine.store import Store
from modelwright.project.advice.conclusion import compare, conclusion
from modelwright.project.loop import loop, version_artifacts
from modelwright.project.loop.context import Context
from modelwright.project.loop.stage_names import EVALUATE, PACKAGE, PLAN
from modelwright.project.results.history_results import (
    ChangeRow,
    DiffReport,
    ReleaseResult,
    VersionRow,
    Versions,
)
from modelwright.project.results.verdict_rows import requirement_rows
from modelwright.stages.release import stage as release_stage
from modelwright.storage.formats.plan import Choice
from modelwright.storage.state.database import State
from modelwright.storage.state.releases import Release
from modelwright.storage.state.versions import Version

# States of a version.
LIVE, NOT_SERVING, RELEASED, RELEASED_BEFORE, NOT_RELEASED = (
    "live", "released, not serving", "released", "released before", "not released",
)  # fmt: skip
# States of a release beside those of `release_stage`.
WOULD_BE_RELEASED, UNDER_WAY_STATE = "would be released", "under way"


def release(
    context: Context,
    store: Store,
    number: int | None,
    strategy: str | None,
    needs: Callable[[Strategy], tuple[str, ...]],
    *,
    dry_run: bool = False,
    by: str = "release",
) -> ReleaseResult:
    """Request a release of a version, gated by the requirements as the project file states them now.

    needs: says how much traffic a strategy needs until it is decided. dry_run: nothing is requested. by: who asks.
    """
    version = version_artifacts.newest(context.state) if number is None else _version(context.state, number)
    settings = context.opened.file.release
    steps = settings.as_strategy(context.opened.file.confidence, _strategy(strategy))
    if steps.steps and not context.opened.file.serve.record.enabled:
        raise StateError(Problem("release.no-record"))
    verdicts = loop.verdicts_on(context, version_artifacts.evidence(store, version))
    if dry_run:
        release_stage.require_copies(context.state, verdicts, steps)
        held = bool(gate(verdicts, settings.allow_inconclusive))
        production = context.state.production()
        return ReleaseResult(
            function=context.opened.signature.name,
            version=None if held else version.number,
            previous=production.number if production is not None else None,
            strategy=steps.name,
            state=release_stage.HELD_BACK if held else WOULD_BE_RELEASED,
            requirements=requirement_rows(verdicts, settings.allow_inconclusive),
            notes=needs(steps),
            next_steps=(str(Phrase("next.held-back")),) if held else ("modelwright release",),
        )
    with store.freeing(shared=True):  # from here on `gc` sees the release, or has freed the version before
        version_artifacts.package_folder(store, version)  # a version whose package is gone cannot serve
        done = release_stage.release(
            context.state, version.number, verdicts, settings.allow_inconclusive, steps, by
        )
    held = done.state == release_stage.HELD_BACK
    rolling = context.state.rolling_release()
    goes = rolling is not None and rolling.version == version.number and not held
    next_steps: tuple[str, ...] = (str(Phrase("next.serve")), "modelwright status")
    if held:
        next_steps = (str(Phrase("next.held-back")),)
    elif goes:
        next_steps = (str(Phrase("next.serve")), "modelwright show release")
    return ReleaseResult(
        function=context.opened.signature.name,
        version=None if held else version.number,
        previous=done.previous,
        strategy=steps.name,
        state=UNDER_WAY_STATE if goes else done.state,
        requirements=requirement_rows(verdicts, settings.allow_inconclusive),
        notes=needs(steps) if goes else (),
        next_steps=next_steps,
    )


def rollback(context: Context, number: int | None, by: str = "rollback") -> ReleaseResult:
    """Go back to an earlier version, or end a rollout. What was proved when it was released is not judged again."""
    production, rolling = context.state.production(), context.state.rolling_release()
    if rolling is not None and rolling.status in UNDER_WAY and number in (None, rolling.champion):
        return end_rollout(context, rolling, by)
    if number is None:
        target = context.state.previous()
        if target is None:
            only = production.number if production is not None else None
            others = [one for one in context.state.released_versions() if one != only]
            raise StateError(Problem("rollback.nothing-before", only=only, others=others or None))
    else:
        target = _version(context.state, number)
        if target.number not in context.state.released_versions():
            raise StateError(Problem("rollback.never-released", version=number))
    context.state.request_release(target.number, "direct", by)
    return ReleaseResult(
        function=context.opened.signature.name,
        version=target.number,
        previous=production.number if production else None,
        strategy="direct",
        state=release_stage.RELEASED,
        next_steps=("modelwright status",),
    )


def end_rollout(context: Context, rolling: Release, by: str = "rollback") -> ReleaseResult:
    """End a rollout; the version that answers meanwhile answers everything again."""
    ended = Decision(Status.ABORTED, rolling.step, Phrase("rollout.rolled-back", by=by))
    now = context.state.advance(rolling, ended, by=by)
    if now.status not in DEAD:  # it has moved at the same moment: from where it is now
        return rollback(context, None, by)
    return ReleaseResult(
        function=context.opened.signature.name,
        version=rolling.champion,
        previous=rolling.version,
        strategy=rolling.strategy,
        state=release_stage.RELEASED,
        next_steps=("modelwright status",),
    )


def versions(context: Context, store: Store, *, serving: bool | None) -> Versions:
    """List every version, newest first, with the first test figure of each.

    serving: whether a gateway answers with the version in production; None where that is not recorded.
    """
    production, released = context.state.production(), context.state.released_versions()
    in_production = RELEASED if serving is None else LIVE if serving else NOT_SERVING
    rows = []
    for version in sorted(context.state.versions(), key=lambda one: -one.number):
        live = production is not None and production.number == version.number
        state = in_production if live else RELEASED_BEFORE if version.number in released else NOT_RELEASED
        rows.append(
            VersionRow(
                number=version.number,
                package=version.package_digest,
                evidence=version.evidence_digest,
                created=str(version.created_at),
                state=state,
                summary=_summary(store, version),
            )
        )
    next_steps = ("modelwright show 1", "modelwright diff 1 2") if len(rows) > 1 else ("modelwright run",)
    return Versions(context.opened.signature.name, tuple(rows), next_steps)


def diff(context: Context, store: Store, a: str, b: str) -> DiffReport:
    """Show what differs between two versions: what was measured, and what they were made from."""
    first, second = (_version(context.state, _number(word)) for word in (a, b))
    one, other = (version_artifacts.evidence(store, version) for version in (first, second))
    compared = compare(one, other, context.opened.requirements)
    before = {m.subject: m for m in one.measurements if m.subject.of is None}
    after = {m.subject: m for m in other.measurements if m.subject.of is None}
    measured = tuple(
        ChangeRow(str(subject), _figure(before.get(subject)), _figure(after.get(subject)))
        for subject in dict.fromkeys([*before, *after])
        if _figure(before.get(subject)) != _figure(after.get(subject))
    )
    made = _origins(store, first), _origins(store, second)
    origins = tuple(
        ChangeRow(name, made[0].get(name, "–"), made[1].get(name, "–"))
        for name in sorted(made[0].keys() | made[1].keys())
        if made[0].get(name) != made[1].get(name)
    )
    changes = {name: rows for name, rows in (("measured", measured), ("made from", origins)) if rows}
    names = _named(first), _named(second)
    if first.number == second.number:
        return DiffReport(*names, changes)
    concluded = conclusion(*names, compared, [row.what for row in origins])
    return DiffReport(*names, changes, conclusion=str(concluded))


def _version(state: State, number: int) -> Version:
    found = next((one for one in state.versions() if one.number == number), None)
    if found is None:
        raise StateError(
            Problem(
                "versions.unknown", version=number, known=[one.number for one in state.versions()] or None
            )
        )
    return found


def _named(version: Version) -> str:
    return str(Phrase("diff.version", version=version.number))


def _number(word: str) -> int:
    text = word.removeprefix("v")
    if not text.isdecimal():
        raise StateError(Problem("versions.not-a-number", word=word))
    return int(text)


def _strategy(name: str | None) -> StrategyName | None:
    if name is None:
        return None
    known = get_args(StrategyName)
    if name not in known:
        raise StateError(Problem("release.strategy", strategy=name, known=list(known)))
    return cast("StrategyName", name)


def _summary(store: Store, version: Version) -> str:
    try:
        measurements = version_artifacts.evidence(store, version).measurements
    except ModelwrightError:
        return str(Phrase("versions.no-evidence"))
    first = next((m for m in measurements if m.subject.of is None and m.value is not None), None)
    return f"{first.subject} {_figure(first)}" if first else ""


def _figure(measurement: Measurement | None) -> str:
    if measurement is None or measurement.value is None:
        return "–"
    unit = outcomes.metrics().any(measurement.subject.metric).unit
    shown = format_quantity(measurement.value, unit)
    if measurement.low is None or measurement.high is None or unit is Unit.BYTES:
        return shown
    return f"{shown} [{format_quantity(measurement.low, unit)}, {format_quantity(measurement.high, unit)}]"


def _origins(store: Store, version: Version) -> dict[str, str]:
    """Return what package and evidence were made from, as far as it is sealed here.

    Digests of inputs, settings of the project file, the choices of `plan` one by one, and libraries.
    """
    found: dict[str, str] = {}
    for stage, key in ((PACKAGE, version.package_key), (EVALUATE, version.evidence_key)):
        made = store.find(stage, key)
        if made is None:
            continue
        found |= {_origin("input", name): digest[:12] for name, digest in made.made_from.inputs.items()}
        found |= {_origin("library", name): number for name, number in made.made_from.libraries.items()}
        found |= {_origin(stage, name): str(value) for name, value in made.made_from.config.items()}
        if (choice := made.made_from.inputs.get("choice")) is not None:
            found |= {_origin("choice", name): str(value) for name, value in _choice(store, choice).items()}
    return found


def _origin(sort: str, name: str) -> str:
    """Return what a row of `diff` calls an origin: an input, a library, a choice of `plan`, a setting of a stage."""
    return str(Phrase("diff.origin", sort=sort, name=name))


def _choice(store: Store, digest: str) -> dict[str, object]:
    """Return what `plan` chose, by the digest of that part; nothing where it is gone."""
    for one in store.artifacts():
        if one.stage == PLAN and one.parts.get("choice") == digest:
            return asdict(Choice.read(one.part("choice").path))
    return {}
