"""Puts together what `check` answers: what would run, and what the test set can prove."""

from __future__ import annotations

from pathlib import Path

from modelwright import kinds
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import evaluation_confidence, provable
from modelwright.core.messages import Phrase
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice
from modelwright.core.signature import Signature
from modelwright.kinds.slicing import sliced
from modelwright.project.loop.stage_table import Context
from modelwright.project.results.check_report import CheckReport, ProofRow
from modelwright.project.results.stage_warnings import line, warning_rows
from modelwright.project.results.table_rows import StageRow
from modelwright.storage.formats.data import Counts


def check_report(context: Context, stages: list[StageRow]) -> CheckReport:
    """Return what `check` found once the data is sealed."""
    counts = context.counts
    test = context.part("data", "test")
    evaluations = context.state.evaluations(test.digest, counts.test_sketch)
    confidence = evaluation_confidence(context.opened.file.confidence, evaluations + 1)
    warnings = tuple(warning_rows(context.made["data"]))
    return CheckReport(
        function=context.opened.signature.name,
        signature=str(context.signature),
        stages=tuple(stages),
        proofs=tuple(
            _proof(one, context.signature, counts, test.path, confidence)
            for one in context.opened.requirements
        ),
        rows=dict(counts.rows),
        evaluations=evaluations,
        notes=tuple(map(line, warnings)),
        next_steps=("modelwright run",),
        warnings=warnings,
    )


def _proof(
    requirement: Requirement, signature: Signature, counts: Counts, test: Path, confidence: float
) -> ProofRow:
    phases = requirement.metric.phases
    if Phase.TEST not in phases:
        phase = next(one for one in (Phase.PACKAGE, Phase.TRAINING, Phase.LIVE) if one in phases)
        where = Phrase("proof.elsewhere", phase=phase.value)
        return ProofRow(str(requirement), phase.value, None, says=str(where))
    rows = _rows_of(requirement, signature, counts, test)
    found = provable(requirement, rows, confidence)
    if found is None:
        return ProofRow(str(requirement), Phase.TEST.value, None, rows, says=str(Phrase("proof.measured")))
    says = Phrase(
        "proof.possible", n=found.n, errors=found.errors, needed=found.needed or None, empty=not found.n
    )
    return ProofRow(
        str(requirement), Phase.TEST.value, found.possible, rows, needed=found.needed, says=str(says)
    )


def _rows_of(requirement: Requirement, signature: Signature, counts: Counts, test: Path) -> int:
    """Return how many test rows carry a requirement: those of its class, in its slice."""
    subject = requirement.subject
    if subject.where is None:
        if subject.of is None or subject.output is None:
            return counts.rows["test"]
        return counts.classes[subject.output].get(subject.of, {}).get("test", 0)
    from modelwright.storage.formats.examples import (
        read_columns,  # a slice is the one thing that needs the rows
    )

    part = Slice.parse(subject.where)
    fields = {field.name: field for field in (*signature.inputs, *signature.outputs)}
    wanted = sorted({*part.columns, *([subject.output] if subject.output else [])})
    columns = read_columns(test, wanted, [fields[name] for name in wanted if name in fields])
    mask = part.mask(sliced(subject.where, signature, columns))
    if subject.of is None or subject.output is None:
        return int(mask.sum())
    labels = kinds.value(fields[subject.output].kind).labels
    truths = columns[subject.output]
    return sum(
        bool(chosen) and truth is not None and subject.of in labels(truth)
        for chosen, truth in zip(mask, truths, strict=True)
    )
