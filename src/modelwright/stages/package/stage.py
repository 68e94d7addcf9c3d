"""The stage `package`: from what was learned to the files that serve.

package/          the package, as `modelwright.package.packages` writes it
report/           package.json: where outputs answer; the candidates, what each showed on validation, which was
                  taken and why
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modelwright import learners
from modelwright.core.messages import Notice, PackageError, Phrase, Problem
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.core.spacing import evenly_spaced
from modelwright.core.units import Unit, format_quantity
from modelwright.engine.store import ArtifactPart
from modelwright.learners.contract.source import Rows
from modelwright.package import packages
from modelwright.runtime.function import load
from modelwright.stages.package import accept, operating
from modelwright.stages.package.candidate import (
    Candidate,
    Trial,
    batch_dependence,
    require_sound,
    try_out,
)
from modelwright.stages.package.compare import BATCH_SIZES, BATCH_TOLERANCE, PARITY_TOLERANCE, Columns
from modelwright.stages.package.config import PackageConfig
from modelwright.stages.package.operating import Operating
from modelwright.stages.package.typical import typical_values
from modelwright.storage.formats.data import DataProfile
from modelwright.storage.formats.examples import column_names, read_columns, read_examples
from modelwright.storage.formats.file_values import taken
from modelwright.storage.formats.plan import Choice
from modelwright.storage.formats.settled_inputs import settled_inputs

FORMAT = 1
CHECKED_ROWS = (
    512  # of validation, evenly spaced: parity and batches are facts of a graph, which few rows show
)
COMPARED_ROWS = 2048  # of validation, evenly spaced: what the compressed graph must keep is an estimate
CHOSEN_ROWS = 8192  # of validation, evenly spaced: a rare class has few rows, and its cut rests on them
SERVES = ("numpy", "onnxruntime", "tokenizers")  # libraries whose version can change an answer


def package(
    learned: ArtifactPart,
    choice: ArtifactPart,
    train: ArtifactPart,
    validation: ArtifactPart,
    profile: ArtifactPart,
    signature: Signature,
    requirements: Sequence[Requirement],
    config: PackageConfig,
    private: Collection[str],
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Write the package and its report into `out`, and return a summary.

    The exact graph must answer as the network did before export, and independently of its batch; raises
    PackageError where it does not. Where its outputs answer is chosen on validation (`operating`), so that another
    bar chooses again without learning again. The compressed graph is taken when `accept` finds nothing against it.
    What is typical of inputs is packed with it, less those that are private. Nothing here is timed, so that the same
    inputs give the same bytes.
    """
    chosen = Choice.read(choice.path)
    exporter = learners.export(chosen.learner)
    described = DataProfile.read(profile.path)
    columns = _columns(validation, signature)
    trial = _trial(chosen, learned, columns, signature, requirements)
    with progress.task(str(Phrase("work.packaging")), 2 if config.compress == "none" else 3) as task:
        body, points = operating.choose(
            exporter.export(learned.path), _spaced(columns, CHOSEN_ROWS), requirements, trial.threads
        )
        exact = try_out("exact", body, trial)
        require_sound(exact)
        task.advance(note="exported")
        compressed = (
            None
            if config.compress == "none"
            else _compressed(chosen.learner, exact, trial, config, _rows(train, validation, signature))
        )
        if compressed is not None:
            task.advance(note=str(compressed.refused or "compressed"))
        taken = exact if compressed is None or compressed.refused else compressed
        packages.write(
            taken.body,
            out / "package",
            lineage={
                "learner": chosen.learner,
                **_origins(chosen.pretrained),
                **{part.name: part.digest for part in (train, validation, profile, choice, learned)},
            },
            credits=dict(chosen.credits),
            versions={name: version(name) for name in SERVES},
            threads=trial.threads,
            typical=typical_values(signature, described, private),
            columns={
                name: column
                for name, column in described.columns.items()
                if name != column and name in {field.name for field in signature.inputs}
            },
            settled=settled_inputs(profile.path),
        )
        digest = load(out / "package").digest  # what was written can be read, verified and opened
        task.advance()
    candidates = [exact, *([compressed] if compressed is not None else [])]
    why = _why(config, compressed)
    size_bytes = packages.size_bytes(out / "package")
    _write_report(out / "report", digest, size_bytes, candidates, taken, why, chosen, trial, points)
    return {
        "package": digest,
        "size_bytes": size_bytes,
        "taken": taken.name,
        "why": why.to_wire(),
        "warnings": [
            notice.to_wire()
            for notice in (*(one for point in points for one in point.notices()), *_otherwise(exact, taken))
        ],
    }


def _origins(pretrained: Mapping[str, str]) -> dict[str, str]:
    """Return the weights that a body started from as its lineage names them: one for all inputs, or by input."""
    if len(set(pretrained.values())) == 1:
        return {"pretrained": next(iter(pretrained.values()))}
    return {f"pretrained.{name}": digest for name, digest in pretrained.items()}


def _columns(validation: ArtifactPart, signature: Signature) -> Columns:
    """Return the validation rows, with the columns that slices may name."""
    fields = [field.name for field in (*signature.inputs, *signature.outputs)]
    kept = [name for name in column_names(validation.path) if name not in fields and name != "id"]
    return read_columns(validation.path, [*fields, *kept], (*signature.inputs, *signature.outputs))


def _trial(
    chosen: Choice,
    learned: ArtifactPart,
    validation: Columns,
    signature: Signature,
    requirements: Sequence[Requirement],
) -> Trial:
    columns = _spaced(validation, COMPARED_ROWS)
    facts = _spaced(columns, CHECKED_ROWS)
    inputs = {field.name: facts[field.name] for field in signature.inputs}
    network = learners.learn(chosen.learner).predict(learned.path, inputs)
    return Trial(facts, columns, network, requirements, chosen.threads)


def _spaced(columns: Columns, most: int) -> Columns:
    """Return at most so many rows, evenly spaced over all."""
    rows = evenly_spaced(len(next(iter(columns.values()))), most)
    return {name: taken(column, rows) for name, column in columns.items()}


def _rows(train: ArtifactPart, validation: ArtifactPart, signature: Signature) -> Callable[[], Rows]:
    """Return what reads the rows that a compressed form may rest on: most learners have no use for them."""
    return lambda: Rows(read_examples(train.path, signature), read_examples(validation.path, signature))


def _compressed(
    learner: str, exact: Candidate, trial: Trial, config: PackageConfig, rows: Callable[[], Rows]
) -> Candidate | None:
    """Return the compressed candidate, refused or not; None where the learner has none.

    Raises PackageError where the project insists on it and it cannot be had.
    """
    body = learners.export(learner).compress_on(exact.body, rows)
    insists = config.compress == "int8"
    if body is None:
        if insists:
            raise PackageError(_not_compressed(Phrase("package.no-compressed-form", learner=learner)))
        return None
    tried = try_out("int8", body, trial, exact)
    refused = batch_dependence(tried.batches) or accept.objection(exact.figures, tried.figures)
    if refused is None and not insists and tried.graph_bytes >= exact.graph_bytes:
        refused = Phrase("package.not-smaller")
    if refused and insists:
        raise PackageError(_not_compressed(refused))
    return replace(tried, refused=refused)


def _not_compressed(why: Phrase) -> Problem:
    return Problem("package.not-compressed", why=why)


def _why(config: PackageConfig, compressed: Candidate | None) -> Phrase:
    if config.compress == "none":
        return Phrase("package.why-no-compression")
    if compressed is None:
        return Phrase("package.why-no-form")
    if compressed.refused:
        return Phrase("package.why-refused", why=compressed.refused)
    assert compressed.changed is not None
    return Phrase("package.why-compressed", changed=compressed.changed.labels, rows=compressed.changed.rows)


def _otherwise(exact: Candidate, taken: Candidate) -> Iterator[Notice]:
    """Yield how many validation rows what is taken answers otherwise than the exact graph, where it is any."""
    if taken.changed is not None and taken.changed.labels:
        yield Notice(
            "package.eight-bits",
            count=taken.changed.labels,
            rows=taken.changed.rows,
            before=format_quantity(exact.graph_bytes, Unit.BYTES),
            after=format_quantity(taken.graph_bytes, Unit.BYTES),
            line=setting("package.compress", "none"),
        )


def _write_report(
    folder: Path,
    digest: str,
    size_bytes: int,
    candidates: Sequence[Candidate],
    taken: Candidate,
    why: Phrase,
    chosen: Choice,
    trial: Trial,
    points: Sequence[Operating],
) -> None:
    report = {
        "format": FORMAT,
        "package": digest,
        "size_bytes": size_bytes,
        "taken": taken.name,
        "why": str(why),
        "operating points": [point.as_json() for point in points],
        "candidates": [candidate.as_json() for candidate in candidates],
        "rules": {
            "parity": f"no probability differs by more than {PARITY_TOLERANCE} from the network's",
            "batches": f"alone and in batches of {', '.join(map(str, BATCH_SIZES))}, no label differs and no "
            f"confidence by more than {BATCH_TOLERANCE}",
            "compression": accept.RULE,
            "operating points": operating.RULE,
        },
        "rows": {
            "parity and batches": len(next(iter(trial.facts.values()))),
            "compression": len(next(iter(trial.rows.values()))),
        },
        "learner": chosen.learner,
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1)
    (folder / "package.json").write_text(text + "\n", encoding="utf-8")
