"""The stage `evaluate`: the packaged function against the test rows. The only stage that reads them.

evidence/evidence.json      measurements, differences, baselines; no verdicts (see `evidence`)
evidence/outcomes.parquet   of each test row: id, and by output truth, answer, confidence, probabilities
report/details.json         what the report draws beside the evidence
report/report.html          the report, and
report/CARD.md              the model card, both without verdicts; who has judged renders them again with them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from modelwright import kinds
from modelwright.core.evidence.measurement import Measurement
from modelwright.core.evidence.verdict import evaluation_confidence
from modelwright.core.messages import DataError, Notice, PackageError, Phrase, Problem, catalog
from modelwright.core.progress import Progress
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, parse_quantity
from modelwright.engine.store import ArtifactPart
from modelwright.kinds.contract.column import Column
from modelwright.learners.session.used_function import UsedFunction
from modelwright.package import packages
from modelwright.package.packages import Package
from modelwright.reports.card import render_card
from modelwright.reports.page import render_report
from modelwright.runtime import measuring
from modelwright.stages.evaluate import (
    answers,
    baselines,
    champions,
    findings,
    slices_beside,
    timed_rows,
    win_rates,
)
from modelwright.stages.evaluate.answers import AnsweredRows, Columns
from modelwright.stages.evaluate.champions import Champion
from modelwright.stages.evaluate.config import EvaluateConfig
from modelwright.stages.evaluate.contributions import contributions
from modelwright.stages.evaluate.importance import Lost, importance
from modelwright.stages.evaluate.row_groups import RowGroups, groups_of_part
from modelwright.storage.formats.evidence import (
    OUTCOMES,
    Contributions,
    Details,
    Evidence,
    SliceBeside,
    write_details,
    write_evidence,
)
from modelwright.storage.formats.examples import ID, column_names, read_columns
from modelwright.storage.formats.judgements import Versus


@dataclass(frozen=True)
class _Rows:
    """The rows of the three splits as columns; those of test also with ids and what the project keeps.

    tested, held: which of the test rows, and of the validation rows, belong together.
    """

    ids: Sequence[str]
    train: Columns
    validation: Columns
    test: Columns
    counts: Mapping[str, int]
    tested: RowGroups
    held: RowGroups


def evaluate(
    package: ArtifactPart,
    train: ArtifactPart,
    validation: ArtifactPart,
    test: ArtifactPart,
    signature: Signature,
    requirements: Sequence[Requirement],
    config: EvaluateConfig,
    confidence: float,
    evaluation: int,
    champion: Champion | None,
    load: str | None,
    purpose: str | None,
    group: str | None,
    versus: Versus | None,
    judge: UsedFunction | None,
    threads: int | None,
    workers: int | None,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Write evidence and report into `out` and return a summary; raises PackageError for a damaged package.

    Of the requirements only what they measure matters, not their bars. `evaluation` counts the packages that
    were evaluated on this test set, this one included; `load` is the rate at which latency is measured (`50 /s`);
    `group`: the column of the rows by which they belong together, beside the near twins that their part names;
    `versus`: what people said of this package's answers, and beside what; `judge`: a function that says it, too;
    threads, workers: with which it is served, None: as suits this machine.
    """
    read = packages.read(package.path)
    _require_signature(read, signature)
    rows = _read(signature, train, validation, test, group)
    at = evaluation_confidence(confidence, evaluation)
    with progress.task(str(Phrase("work.evaluating")), 5) as task:
        answered = replace(
            _beside_training(answers.answer(read, signature, rows.test, config.generate), rows.train),
            groups=rows.tested.codes,
        )
        preferred = win_rates.compared(versus, judge, answered, rows.ids, config.generate)
        answered = win_rates.beside_verdicts(answered, preferred)
        wanted = [
            *answers.subjects(signature, answered.outcomes),
            *answers.of_inputs(answered),
            *answers.of_requirements(requirements),
        ]
        shown = answers.on_rows(list(dict.fromkeys(wanted)), answered, at)
        sliced = slices_beside.beside(answered, requirements, config.slices, at)
        task.advance(note="answered")
        plan = measuring.Plan(
            load=None if load is None else parse_quantity(load, Unit.PER_SECOND),
            requests=config.latency_requests,
            threads=threads,
            workers=workers,
            alone=any(one.metric.name == "memory" for one in requirements),  # more may not fit
        )
        requests = timed_rows.requests(signature, rows.test, answered.refused)
        ran = measuring.measure(package.path, requests, plan)
        costs = answers.of_running(ran, confidence)
        task.advance(note="timed")
        known = (
            preferred.theirs
            if champion and preferred and preferred.versus.digest == champion.digest
            else None
        )
        compared, warning = _compared(champion, signature, answered, requirements, at, config.generate, known)
        if champion is not None and champions.asks_for_running(requirements):
            theirs = measuring.measure(champion.path, requests, plan)
            compared += champions.running_differences(costs, theirs, requirements, confidence)
        task.advance(note="compared")
        simple = (
            tuple(baselines.measured(signature, rows.train, answered, config.baseline_rows, at))
            if config.baselines
            else ()
        )
        task.advance(note="baselines learned")
        lost = importance(
            read, signature, rows.validation, config.importance_rows, confidence, rows.held.codes
        )
        moved = contributions(read, signature, rows.validation, config.importance_rows // 4)
        task.advance(note="inputs weighed")
    details = _details(read, signature, rows, answered, ran, load, config, confidence, lost, moved, sliced)
    details = win_rates.with_judged(details, preferred, answered, rows.ids, at, config.errors)
    evidence = Evidence(
        signature=str(signature),
        purpose=purpose,
        package=package.digest,
        test=test.digest,
        champion=champion.digest if champion is not None else None,
        evaluation=evaluation,
        confidence=confidence,
        measurements=(*shown, *costs),
        differences=tuple(compared),
        baselines=simple,
        warnings=(
            *findings.notices(details.outputs, shown, simple, warning, answered),
            *slices_beside.notices(sliced),
            *findings.unjudged((*shown, *(one.inside for one in sliced)), len(rows.ids)),
            *findings.about_groups(rows.tested),
            *findings.about_refused(answered),
            *findings.about_cut(read.body.states, signature, rows.test),
            *win_rates.notices(preferred, details.outputs),
        ),
    )
    _write(out, evidence, details, rows, answered)
    return {
        "rows": len(rows.ids),
        "evaluation": evaluation,
        "measurements": {str(m.subject): m.value for m in (*shown, *costs) if m.subject.of is None},
        "warnings": [notice.to_wire() for notice in evidence.warnings],
    }


def _require_signature(package: Package, signature: Signature) -> None:
    if str(package.body.signature) != str(signature):
        raise PackageError(
            Problem("evaluate.other-signature", package=str(package.body.signature), project=str(signature))
        )


def _read(
    signature: Signature,
    train: ArtifactPart,
    validation: ArtifactPart,
    test: ArtifactPart,
    group: str | None,
) -> _Rows:
    fields = (*signature.inputs, *signature.outputs)
    columns = read_columns(test.path, column_names(test.path), fields)
    ids = columns.pop(ID)
    if not ids:
        raise DataError(Problem("evaluate.no-rows"))
    learned = read_columns(train.path, [field.name for field in fields], fields)
    held = read_columns(validation.path, [field.name for field in fields], fields)
    counts = {
        "train": len(learned[fields[0].name]),
        "validation": len(held[fields[0].name]),
        "test": len(ids),
    }
    return _Rows(
        ids,
        learned,
        held,
        columns,
        counts,
        groups_of_part(test.path, {**columns, ID: ids}, group),
        groups_of_part(
            validation.path, read_columns(validation.path, [ID, *([] if group is None else [group])]), group
        ),
    )


def _beside_training(answered: AnsweredRows, train: Columns) -> AnsweredRows:
    """Return the outcomes with what they show beside the truths of the training split."""
    found = {name: one.beside_training(train[name]) for name, one in answered.outcomes.items()}
    return replace(answered, outcomes=found)


def _compared(
    champion: Champion | None,
    signature: Signature,
    answered: AnsweredRows,
    requirements: Sequence[Requirement],
    confidence: float,
    written: int,
    known: AnsweredRows | None,
) -> tuple[list[Measurement], Notice | None]:
    if champion is None:
        return [], None
    return champions.differences(champion, signature, answered, requirements, confidence, written, known)


def _details(
    package: Package,
    signature: Signature,
    rows: _Rows,
    answered: AnsweredRows,
    ran: measuring.Measured,
    load: str | None,
    config: EvaluateConfig,
    confidence: float,
    lost: Lost,
    moved: Mapping[str, Contributions],
    sliced: Sequence[SliceBeside],
) -> Details:
    return Details(
        rows=rows.counts,
        outputs=findings.of_outputs(
            signature,
            answered,
            rows.train,
            rows.ids,
            confidence=confidence,
            most_mistakes=config.errors,
            states=package.body.states,
            lost=lost,
            moved=moved,
            sliced=sliced,
        ),
        latencies_s=tuple(sorted(ran.latency_s)),
        load=load,
        made={
            **{f"made from: {name}": value for name, value in package.lineage.items()},
            **{f"holds {name}": f"licence: {licence}" for name, licence in package.credits.items()},
            **{f"version of {name}": value for name, value in package.versions.items()},
            "workers": str(ran.workers),
            "threads": str(ran.threads),
        },
        kept=tuple(name for name in rows.test if name not in _names(signature)),
    )


def _names(signature: Signature) -> set[str]:
    return {field.name for field in (*signature.inputs, *signature.outputs)}


def _write(out: Path, evidence: Evidence, details: Details, rows: _Rows, answered: AnsweredRows) -> None:
    write_evidence(evidence, out / "evidence")
    _outcomes_frame(rows, answered.signature, answered).write_parquet(
        out / "evidence" / OUTCOMES, compression="zstd"
    )
    write_details(details, out / "report")
    with catalog.speaking(catalog.DEFAULT):  # what is sealed has the same bits whoever ran it
        page, card = render_report(evidence, details), render_card(evidence, details)
    (out / "report" / "report.html").write_text(page, encoding="utf-8")
    (out / "report" / "CARD.md").write_text(card, encoding="utf-8")


def _outcomes_frame(rows: _Rows, signature: Signature, answered: AnsweredRows) -> pl.DataFrame:
    """Return for each test row `id`, then by output its truth and what its family keeps (`Outcomes.columns`)."""
    columns = [pl.Series(ID, rows.ids, dtype=pl.String)]
    for name, found in answered.outcomes.items():
        columns.append(_truths(signature, name, rows))
        columns += [_series(f"{name}.{column}", values) for column, values in found.columns().items()]
    return pl.DataFrame(columns)


def _truths(signature: Signature, output: str, rows: _Rows) -> pl.Series:
    """Return the truths of an output as its kind stores them."""
    kind = next(field.kind for field in signature.outputs if field.name == output)
    column = kinds.facet(kind, Column)
    stored = [None if value is None else column.store(value) for value in rows.test[output]]
    return pl.Series(f"{output}.truth", stored, dtype=column.dtype(), strict=False)


def _series(name: str, values: Any) -> pl.Series:
    """Return a column of what a family keeps: texts (None: abstained), (n,) figures, or (n, k) as lists."""
    if not isinstance(values, np.ndarray):
        return pl.Series(name, values, dtype=pl.String)
    if values.ndim == 1:
        return pl.Series(name, values)
    return pl.Series(name, values.tolist(), dtype=pl.List(pl.Float32))
