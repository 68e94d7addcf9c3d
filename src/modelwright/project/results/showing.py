"""Puts together what `show` answers."""

from __future__ import annotations

import json
from pathlib import Path

from modelwright import outcomes
from modelwright.core.messages import PackageError, Problem, StateError
from modelwright.core.units import format_quantity
from modelwright.engine.store import Artifact, Store
from modelwright.project.loop import sealed
from modelwright.project.loop.table import TABLE, Context
from modelwright.project.results.run_notes import CARD, REPORT
from modelwright.project.results.show_report import ShowReport


def show(context: Context, store: Store, root: Path, what: str) -> ShowReport:
    """Show a version (`3`), a stage's last result (`learn`), `report`, `card`, or what a digest names."""
    if what in ("report", "card"):
        number = sealed.newest(context.state).number
        path = root / "reports" / str(number) / (REPORT if what == "report" else CARD)
        if not path.is_file():
            raise StateError(_not_there(what, "a run to `evaluate` writes it: `modelwright run`"))
        text = path.read_text("utf-8").partition("\n")[2] if what == "card" else ""
        return ShowReport(f"{what} of version {number}", text=text, path=str(path))
    if what.removeprefix("v").isdecimal():
        return _show_version(context, store, int(what.removeprefix("v")))
    if what in TABLE:
        latest = store.latest(what)
        artifact = store.find(what, latest.key) if latest else None
        if artifact is None:
            raise StateError(_not_there(what, f"`modelwright {what}` makes it"))
        return _show_artifact(artifact)
    named = [one for one in store.artifacts() if _is_named(one, what)]
    if not named:
        raise StateError(
            _not_there(what, f"name a version, one of {', '.join(TABLE)}, `report`, `card` or a digest")
        )
    return _show_artifact(named[0])


def _is_named(artifact: Artifact, digest: str) -> bool:
    names = (artifact.digest, artifact.key, *artifact.parts.values())
    return len(digest) >= 6 and any(name.startswith(digest) for name in names)


def _show_version(context: Context, store: Store, number: int) -> ShowReport:
    version = next((one for one in context.state.versions() if one.number == number), None)
    if version is None:
        raise StateError(_not_there(f"version {number}", "see `modelwright versions`"))
    evidence = sealed.evidence(store, version)
    facts = [
        ("package", version.package_digest),
        ("evidence", version.evidence_digest),
        ("made", str(version.created_at)),
        ("look at the test set", str(evidence.look)),
    ]
    for one in evidence.measurements:
        if one.subject.of is None and one.value is not None:
            unit = outcomes.metrics().any(one.subject.metric).unit
            bounds = [format_quantity(x, unit) for x in (one.low, one.high) if x is not None]
            interval = f" [{', '.join(bounds)}]" if len(bounds) == 2 else ""
            facts.append((str(one.subject), f"{format_quantity(one.value, unit)}{interval}, n = {one.n:,}"))
    data = {"package": version.package_digest, "evidence": version.evidence_digest, "look": evidence.look}
    try:
        path = str(sealed.package_folder(store, version))
    except PackageError:
        path = None
    return ShowReport(
        f"version {number} of {context.opened.signature.name}", tuple(facts), path=path, data=data
    )


def _show_artifact(artifact: Artifact) -> ShowReport:
    facts = [("key", artifact.key), ("digest", artifact.digest)]
    facts += [(f"part {name}", digest) for name, digest in artifact.parts.items()]
    facts += [(f"from {name}", digest) for name, digest in artifact.made_from.inputs.items()]
    summary = dict(artifact.summary)
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    return ShowReport(f"{artifact.stage}, sealed", tuple(facts), text, str(artifact.path), summary)


def _not_there(what: str, next_step: str) -> Problem:
    return Problem("show.nothing", rule="`show` shows what is there", found=f"no {what}", next_step=next_step)
