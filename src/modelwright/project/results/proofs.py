"""Puts together what `check` answers: what would run, and what the test set can prove."""

from __future__ import annotations

from pathlib import Path

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Provability, evaluation_confidence, provable
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice
from modelwright.project.loop.table import Context
from modelwright.project.results.check_report import CheckReport, ProofRow
from modelwright.project.results.table_rows import StageRow
from modelwright.storage.formats.data import Counts


def check_report(context: Context, stages: list[StageRow]) -> CheckReport:
    """Return what `check` found once the data is sealed."""
    counts = context.counts
    test = context.part("data", "test")
    looks = context.state.evaluations(test.digest, counts.test_sketch)
    confidence = evaluation_confidence(context.opened.file.confidence, looks + 1)
    return CheckReport(
        function=context.opened.signature.name,
        signature=str(context.signature),
        stages=tuple(stages),
        proofs=tuple(_proof(one, counts, test.path, confidence) for one in context.opened.requirements),
        rows=dict(counts.rows),
        looks=looks,
        notes=tuple(f"data: {line}" for line in context.made["data"].summary.get("warnings", ())),
        next_steps=("modelwright run",),
    )


def _proof(requirement: Requirement, counts: Counts, test: Path, confidence: float) -> ProofRow:
    phases = requirement.metric.phases
    if Phase.TEST not in phases:
        phase = next(one for one in (Phase.PACKAGE, Phase.TRAINING, Phase.LIVE) if one in phases)
        words = {Phase.PACKAGE: "measured on the package", Phase.LIVE: "only live traffic can show it"}
        return ProofRow(str(requirement), str(phase), None, says=words.get(phase, "shown by training"))
    rows = _rows_of(requirement, counts, test)
    found = provable(requirement, rows, confidence)
    if found is None:
        says = "how wide its interval is shows once it is measured"
        return ProofRow(str(requirement), str(Phase.TEST), None, rows, says=says)
    return ProofRow(
        str(requirement), str(Phase.TEST), found.possible, rows, needed=found.needed, says=_says(found)
    )


def _says(found: Provability) -> str:
    if not found.n:
        return "no test row carries it"
    if found.errors is None:
        enough = f"; {found.needed:,} rows without an error would" if found.needed else ""
        return f"not even {found.n:,} of {found.n:,} right would prove it{enough}"
    return f"with at most {found.errors:,} of {found.n:,} wrong"


def _rows_of(requirement: Requirement, counts: Counts, test: Path) -> int:
    """Return how many test rows carry a requirement: those of its class, in its slice."""
    subject = requirement.subject
    if subject.where is None:
        if subject.of is None or subject.output is None:
            return counts.rows["test"]
        return counts.classes[subject.output].get(subject.of, {}).get("test", 0)
    from modelwright.storage.formats.rows import read_columns  # a slice is the one thing that needs the rows

    part = Slice.parse(subject.where)
    columns = read_columns(test, sorted({*part.columns, *([subject.output] if subject.output else [])}))
    mask = part.mask(columns)
    if subject.of is None or subject.output is None:
        return int(mask.sum())
    truths = columns[subject.output]
    return sum(bool(chosen) and truth == subject.of for chosen, truth in zip(mask, truths, strict=True))
