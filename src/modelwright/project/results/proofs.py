"""Puts together what `check` answers: what would run, and what the test set can prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from modelwright import kinds, learners
from modelwright.core.evidence import means
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import evaluation_confidence, provable
from modelwright.core.messages import Notice, Phrase
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.kinds.slicing import slice_rows
from modelwright.learners import readable_texts
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.idle_keys import idle
from modelwright.project.loop.stage_names import DATA
from modelwright.project.loop.stage_table import Context
from modelwright.project.notes.note_groups import grouped
from modelwright.project.results.check_report import CheckReport, ProofRow
from modelwright.project.results.stage_warnings import warning_row, warning_rows
from modelwright.project.results.table_rows import StageRow, WarningRow
from modelwright.stages.plan.config import candidates
from modelwright.storage.formats.data import Counts
from modelwright.storage.formats.examples import read_columns


def check_report(context: Context, stages: list[StageRow]) -> CheckReport:
    """Return what `check` found once the data is sealed."""
    counts = context.counts
    test = context.part("data", "test")
    evaluations = context.state.evaluations(test.digest, counts.test_sketch)
    confidence = evaluation_confidence(context.opened.file.confidence, evaluations + 1)
    proofs = tuple(
        _proof(one, context.signature, counts, test.path, confidence, context.opened.file.data.group)
        for one in context.opened.requirements
    )
    warnings = (
        *warning_rows(context.made["data"]),
        *_unjudged(context, proofs),
        *_of_texts(context),
        *_unused(context),
    )
    return CheckReport(
        function=context.opened.signature.name,
        signature=str(context.signature),
        stages=tuple(stages),
        proofs=proofs,
        rows=dict(counts.rows),
        evaluations=evaluations,
        notes=tuple(grouped(warnings)),
        next_steps=("modelwright run",),
        warnings=warnings,
    )


def _unjudged(context: Context, proofs: Sequence[ProofRow]) -> Iterator[WarningRow]:
    """Yield a warning for each slice that cannot judge some of the test rows."""
    found = {
        one.subject.where: proof.unjudged
        for one, proof in zip(context.opened.requirements, proofs, strict=True)
        if one.subject.where is not None and proof.unjudged
    }
    for where, count in found.items():
        columns = ", ".join(Slice.parse(where).columns)
        notice = Notice(
            "slice.unjudged", column=columns, slice=where, count=count, of=context.counts.rows["test"]
        )
        yield warning_row("check", notice)


def _of_texts(context: Context) -> Iterator[WarningRow]:
    """Yield what the encoder cannot read of the training texts, and how many it would be given in part alone.

    Nothing where no learner that may be taken starts from it. Of the weights only the tokenizer is read.
    """
    model, signature = context.opened.file.model, context.signature
    names = learners.accepting(signature, candidates(context.opened.file.plan, model))
    specs = [spec for spec in map(learners.spec, names) if spec.needs_pretrained]
    if not specs:
        return
    # who finds places in a text reads all of it, in several windows where it is long
    whole = all(Form.LOCATED in spec.inputs for spec in specs)
    weights = context.pretrained.folders
    fields = fields_of(signature.inputs, Form.TOKENS)
    columns = read_columns(context.part(DATA, "train").path, [field.name for field in fields], fields)
    max_length = model.options.get("max_length")
    most = max_length if isinstance(max_length, int) else None
    # of several learners that may be taken, some read each text by itself
    (spec,) = specs if len(specs) == 1 else (None,)
    options = None if spec is None else spec.Options.model_validate(model.options_of(spec))
    together: bool | None = getattr(options, "together", False)
    for found in readable_texts.of_weights(signature, columns, weights, most, together=together):
        for notice in found.notices():
            if whole and notice.id == "plan.cut-texts":
                continue
            yield warning_row("check", notice)


def _unused(context: Context) -> Iterator[WarningRow]:
    """Yield what the learner that the project names would make nothing of; of others, `plan` says it."""
    model = context.opened.file.model
    if model.learner is not None:
        spec = learners.spec(model.learner)
        options = spec.Options.model_validate(model.options_of(spec))
        learn = context.opened.file.learn
        unused = (*spec.without_effect(context.signature, options), *idle(spec, context.signature, learn))
        for notice in unused:
            yield warning_row("check", notice)


def _proof(
    requirement: Requirement,
    signature: Signature,
    counts: Counts,
    test: Path,
    confidence: float,
    group: str | None,
) -> ProofRow:
    phases = requirement.metric.phases
    if Phase.TEST not in phases:
        phase = next(one for one in (Phase.PACKAGE, Phase.TRAINING, Phase.LIVE) if one in phases)
        where = Phrase("proof.elsewhere", phase=phase.value)
        return ProofRow(str(requirement), phase.value, None, says=str(where))
    rows, unjudged = _rows_of(requirement, signature, counts, test)
    if group is not None:
        grouped = _with_unjudged(Phrase("proof.grouped", group=group), unjudged)
        return ProofRow(str(requirement), Phase.TEST.value, None, rows, says=grouped, unjudged=unjudged)
    found = provable(requirement, rows, confidence)
    least = means.least_rows(confidence)
    if found is None and rows < least and _is_unbounded(requirement, signature):
        few = _with_unjudged(Phrase("proof.open-end", n=rows, least=least), unjudged)
        return ProofRow(
            str(requirement), Phase.TEST.value, False, rows, needed=least, says=few, unjudged=unjudged
        )
    if found is None:
        measured = _with_unjudged(Phrase("proof.measured"), unjudged)
        return ProofRow(str(requirement), Phase.TEST.value, None, rows, says=measured, unjudged=unjudged)
    possible = found.instead or Phrase(
        "proof.possible", n=found.n, errors=found.errors, needed=found.needed or None, empty=not found.n
    )
    return ProofRow(
        str(requirement),
        Phase.TEST.value,
        found.possible,
        rows,
        needed=found.needed,
        says=_with_unjudged(possible, unjudged),
        unjudged=unjudged,
    )


def _is_unbounded(requirement: Requirement, signature: Signature) -> bool:
    """Tell whether a range of the output would give few rows an interval, and none is declared."""
    ranges = {field.name: field.range for field in signature.outputs}
    bar = requirement.bar
    return (
        requirement.metric.ranged
        and not bar.champion
        and ranges.get(requirement.subject.output or "") is None
    )


def _with_unjudged(says: Phrase, count: int) -> str:
    return str(Phrase("proof.unjudged", says=says, count=count) if count else says)


def _rows_of(requirement: Requirement, signature: Signature, counts: Counts, test: Path) -> tuple[int, int]:
    """Return how many test rows carry a requirement (its class, its slice), and how many its slice cannot judge."""
    subject = requirement.subject
    if subject.where is None:
        if subject.of is None or subject.output is None:
            return counts.rows["test"], 0
        return counts.classes[subject.output].get(subject.of, {}).get("test", 0), 0
    from modelwright.storage.formats.examples import (
        read_columns,  # a slice is the one thing that needs the rows
    )

    part = Slice.parse(subject.where)
    fields = {field.name: field for field in (*signature.inputs, *signature.outputs)}
    wanted = sorted({*part.columns, *([subject.output] if subject.output else [])})
    columns = read_columns(test, wanted, [fields[name] for name in wanted if name in fields])
    found = slice_rows(subject.where, signature, columns)
    unjudged = int(found.unjudged.sum())
    if subject.of is None or subject.output is None:
        return int(found.inside.sum()), unjudged
    labels = kinds.value(fields[subject.output].kind).labels
    truths = columns[subject.output]
    rows = sum(
        bool(chosen) and truth is not None and subject.of in labels(truth)
        for chosen, truth in zip(found.inside, truths, strict=True)
    )
    return rows, unjudged
