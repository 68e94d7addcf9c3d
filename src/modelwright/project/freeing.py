"""Frees space: what no run and no version that is kept needs goes, and what stays is said with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelwright.core.messages import Phrase, Problem, ProjectError
from modelwright.engine import gc
from modelwright.engine.store import Store
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.stage_names import EVALUATE, PACKAGE, SEALING
from modelwright.project.results.machine_results import GcReport, KeptVersion
from modelwright.storage.state.database import State
from modelwright.storage.state.versions import Version

RELEASED, ANSWERS, NEWEST, LATEST_RUN, UNRELEASED, IN_USE = (
    "released", "answers", "newest", "latest-run", "unreleased", "in-use",
)  # fmt: skip
_SOME = 3  # trials that people still look at: `gc --keep` is proposed where there are more


def collect(state: State, store: Store, keep: int | None = None, *, dry_run: bool = False) -> GcReport:
    """Remove every sealed result that no latest run and no version that is kept needs.

    keep: how many of the newest versions that were never released stay, None for all of them; dry_run: remove
    nothing, and say what would go. A version that was ever released stays, also where its release failed; so
    does the one that answers by default. Raises ProjectError for a negative number.
    """
    if keep is not None and keep < 0:
        raise ProjectError(Problem("gc.keep", keep=keep))
    with store.freeing():
        versions = [one for one in state.versions() if _is_there(store, one)]
        reasons = _reasons(state, store, versions, keep)
        latest = {found.key for name in SEALING if (found := store.latest(name)) is not None}
        kept = [one for one in versions if one.number in reasons]
        keys = gc.reachable(store, latest | {key for one in kept for key in _keys(one)})
        freed = gc.collect(store, keys, dry_run=dry_run)
        gone = []
        for one in versions:
            if one.number in reasons:
                continue
            if _went(store, one, freed.folders):
                gone.append(one.number)
            else:  # a process at work holds it, or a version that is kept has the same results
                reasons[one.number] = LATEST_RUN if set(_keys(one)) <= keys else IN_USE
        if gone and not dry_run:
            state.note("gc", "versions.freed", {"versions": gone, "keep": keep})
    return GcReport(
        removed=freed.removed,
        freed_bytes=freed.freed_bytes,
        kept=freed.kept,
        kept_bytes=freed.kept_bytes,
        notes=tuple(map(str, _notes(gone, reasons, freed.in_use, keep, dry_run=dry_run))),
        dry_run=dry_run,
        freed_versions=tuple(gone),
        kept_versions=tuple(KeptVersion(number, why) for number, why in sorted(reasons.items())),
        in_use=freed.in_use,
    )


def _reasons(state: State, store: Store, versions: list[Version], keep: int | None) -> dict[int, str]:
    """Return version → why it is kept; one without a reason may go."""
    reasons: dict[int, str] = {}
    released = {one.version for one in state.releases()}
    # What `predict` and `status` answer from must not go: where nothing is released, the newest version.
    answers = version_artifacts.answering(state).number if state.versions() else None
    free = sorted((one.number for one in versions if one.number not in released), reverse=True)
    newest = set(free if keep is None else free[:keep])
    latest = {found.key for name in (PACKAGE, EVALUATE) if (found := store.latest(name)) is not None}
    for one in versions:
        if one.number in released:
            reasons[one.number] = RELEASED
        elif one.number in newest:
            reasons[one.number] = UNRELEASED if keep is None else NEWEST
        elif one.number == answers:
            reasons[one.number] = ANSWERS
        elif set(_keys(one)) <= latest:
            reasons[one.number] = LATEST_RUN
    return reasons


def _notes(
    gone: list[int], reasons: dict[int, str], in_use: int, keep: int | None, *, dry_run: bool
) -> Iterator[Phrase]:
    if gone:
        yield Phrase("gc.freed-versions", numbers=gone, dry=dry_run)
    for why in (RELEASED, ANSWERS, NEWEST, UNRELEASED, LATEST_RUN, IN_USE):
        if numbers := [number for number, one in sorted(reasons.items()) if one == why]:
            yield Phrase("gc.kept-versions", numbers=numbers, why=why)
    if in_use:
        yield Phrase("gc.in-use", count=in_use)
    if list(reasons.values()).count(UNRELEASED) > _SOME:
        yield Phrase("gc.try-keep", keep=_SOME)
    if dry_run:
        yield Phrase("gc.dry-run")


def _keys(version: Version) -> Iterable[str]:
    return version.package_key, version.evidence_key


def _is_there(store: Store, version: Version) -> bool:
    """Return whether anything of a version lies in the store; what was freed before is not freed again."""
    return store.folder(PACKAGE, version.package_key).is_dir() or (
        store.folder(EVALUATE, version.evidence_key).is_dir()
    )


def _went(store: Store, version: Version, folders: tuple[str, ...]) -> bool:
    """Return whether the package or the evidence of a version is among what went, or would go."""
    own = (
        store.folder(PACKAGE, version.package_key),
        store.folder(EVALUATE, version.evidence_key),
    )
    return any(one.relative_to(store.root).as_posix() in folders for one in own)
