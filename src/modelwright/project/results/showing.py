"""Puts together what `show` answers."""

from __future__ import annotations

import json
from pathlib import Path

from modelwright import outcomes
from modelwright.core.messages import PackageError, Phrase, Problem, StateError
from modelwright.core.units import format_quantity
from modelwright.engine.store import Artifact, Store
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.stage_names import DATA
from modelwright.project.loop.stage_table import TABLE, Context
from modelwright.project.results.run_notes import CARD, REPORT
from modelwright.project.results.show_report import ShowReport
from modelwright.storage.formats.data import read_signature

ROWS = "rows"


def show(
    context: Context,
    store: Store,
    root: Path,
    what: str,
    which: str | None = None,
    *,
    version: int | None = None,
) -> ShowReport:
    """Show a version (`3`), a stage's last result (`learn`), `report`, `card`, or what a digest names.

    `rows`: those that `which` names (`set-aside`, `repeated`, `conflicting`). Report and card are of the
    version in production, or of `version`.
    """
    if what == ROWS:
        return _show_rows(store, which)
    if what in ("report", "card"):
        number = version_artifacts.answering(context.state, version).number
        path = root / "reports" / str(number) / (REPORT if what == "report" else CARD)
        if not path.is_file():
            raise StateError(Problem("show.nothing", what=what, maker="run"))
        text = path.read_text("utf-8").partition("\n")[2] if what == "card" else ""
        return ShowReport(
            str(Phrase("show.page", page=what, number=number)),
            text=text,
            path=str(path),
            markdown=what == "card",
        )
    if what.removeprefix("v").isdecimal():
        return _show_version(context, store, int(what.removeprefix("v")))
    if what in TABLE:
        latest = store.latest(what)
        artifact = store.find(what, latest.key) if latest else None
        if artifact is None:
            raise StateError(Problem("show.nothing", what=what, maker=what))
        return _show_artifact(artifact)
    named = [one for one in store.artifacts() if _is_named(one, what)]
    if not named:
        raise StateError(Problem("show.nothing", what=what, stages=list(TABLE)))
    return _show_artifact(named[0])


def _show_rows(store: Store, which: str | None) -> ShowReport:
    from modelwright.project.notes.shown_rows import (  # loads Polars, and nothing else here does
        Which,
        shown_rows,
    )

    if which is None:
        raise StateError(Problem("show.no-rows"))
    latest = store.latest(DATA)
    artifact = store.find(DATA, latest.key) if latest else None
    if artifact is None:
        raise StateError(Problem("show.nothing", what=ROWS, maker=DATA))
    return shown_rows(artifact.path, read_signature(artifact.part("profile").path), Which(which))


def _is_named(artifact: Artifact, digest: str) -> bool:
    names = (artifact.digest, artifact.key, *artifact.parts.values())
    return len(digest) >= 6 and any(name.startswith(digest) for name in names)


def _show_version(context: Context, store: Store, number: int) -> ShowReport:
    version = next((one for one in context.state.versions() if one.number == number), None)
    if version is None:
        raise StateError(Problem("show.no-version", number=number))
    evidence = version_artifacts.evidence(store, version)
    facts = [
        (_fact("package"), version.package_digest),
        (_fact("evidence"), version.evidence_digest),
        (_fact("made"), str(version.created_at)),
        (_fact("evaluation"), str(evidence.evaluation)),
    ]
    for one in evidence.measurements:
        if one.subject.of is None and one.value is not None:
            unit = outcomes.metrics().any(one.subject.metric).unit
            bounds = [format_quantity(x, unit) for x in (one.low, one.high) if x is not None]
            interval = f" [{', '.join(bounds)}]" if len(bounds) == 2 else ""
            facts.append((str(one.subject), f"{format_quantity(one.value, unit)}{interval}, n = {one.n:,}"))
    data = {
        "package": version.package_digest,
        "evidence": version.evidence_digest,
        "evaluation": evidence.evaluation,
    }
    try:
        path = str(version_artifacts.package_folder(store, version))
    except PackageError:
        path = None
    title = Phrase("show.version", number=number, function=context.opened.signature.name)
    return ShowReport(str(title), tuple(facts), path=path, data=data)


def _fact(name: str, of: str | None = None) -> str:
    """Return the heading of a fact: `package`, or `part NAME` and `from NAME`."""
    return str(Phrase("show.fact", name=name, of=of))


def _show_artifact(artifact: Artifact) -> ShowReport:
    facts = [(_fact("key"), artifact.key), (_fact("digest"), artifact.digest)]
    facts += [(_fact("part", name), digest) for name, digest in artifact.parts.items()]
    facts += [(_fact("from", name), digest) for name, digest in artifact.made_from.inputs.items()]
    summary = dict(artifact.summary)
    if forms := summary.get("forms"):
        from modelwright.reports import frontier  # nothing else here draws

        facts += frontier.facts(forms)
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    return ShowReport(
        str(Phrase("show.stage", stage=artifact.stage)), tuple(facts), text, str(artifact.path), summary
    )
