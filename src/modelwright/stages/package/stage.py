"""The stage `package`: from what was learned to the files that serve.

package/          the package, as `modelwright.package.packages` writes it
report/           package.json: where outputs answer; the candidates, what each showed on validation, which was
                  taken and why
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modelwright import learners
from modelwright.core.messages import Notice, Phrase
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress, ProgressTask
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.core.spacing import evenly_spaced
from modelwright.core.units import Unit, format_quantity
from modelwright.engine.store import ArtifactPart
from modelwright.learners.contract.export import Export, ServingLimits
from modelwright.learners.contract.source import Rows
from modelwright.learners.session.used_function import used_packages
from modelwright.package import packages
from modelwright.package.body import Body
from modelwright.runtime.function import load
from modelwright.runtime.written_rows import writes
from modelwright.stages.package import accept, form_search, operating
from modelwright.stages.package.candidate import Candidate, Trial, looked_at, require_sound, try_out
from modelwright.stages.package.compare import BATCH_SIZES, BATCH_TOLERANCE, PARITY_TOLERANCE, Columns
from modelwright.stages.package.config import PackageConfig
from modelwright.stages.package.form_search import FormSearch, FormsTried, most_bytes
from modelwright.stages.package.operating import Operating
from modelwright.stages.package.typical import typical_values
from modelwright.storage.formats.corpus import Corpus
from modelwright.storage.formats.data import DataProfile
from modelwright.storage.formats.examples import column_names, read_columns, read_examples
from modelwright.storage.formats.file_values import taken
from modelwright.storage.formats.plan import Choice
from modelwright.storage.formats.settled_inputs import settled_inputs

FORMAT = 1
KEPT = "kept"  # beside the package while it is made: what is left of what was learned within the bars
INDEX = "index"  # and likewise the files of a corpus
CHECKED_ROWS = (
    512  # of validation, evenly spaced: parity and batches are facts of a graph, which few rows show
)
COMPARED_ROWS = 2048  # of validation, evenly spaced: what the compressed graph must keep is an estimate
CHECKED_TEXTS, COMPARED_TEXTS = 8, 64  # likewise, of a body that writes: token by token, a row takes seconds
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
    costs: Sequence[ErrorCosts],
    config: PackageConfig,
    private: Collection[str],
    out: Path,
    progress: Progress,
    corpus: ArtifactPart | None = None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Write the package and its report into `out`, and return a summary.

    The exact graph must answer as the network did before export, and independently of its batch; raises
    PackageError where it does not. Where its outputs answer is chosen on validation (`operating`), so that another
    bar chooses again without learning again. Another form than the exact one is taken when `accept` finds nothing
    against it; of several, `form_search` says which. What is typical of inputs is packed with it, less those that are
    private. corpus: the passages from which an output is chosen; cache: for what is the same whenever it is made (None:
    nothing is kept). What is timed is shown in the summary alone: nothing
    rests on it, so that the same inputs give the same bytes.
    """
    chosen = Choice.read(choice.path)
    exporter = learners.export(chosen.learner)
    rows = _rows(train, validation, signature)
    kept, left_out = exporter.kept_within(learned.path, _limits(requirements), rows, out / KEPT)
    described = DataProfile.read(profile.path)
    columns = _columns(validation, signature)
    exported = exporter.export(kept)
    if corpus is not None:
        some = _spaced(columns, COMPARED_ROWS)
        passages = Corpus.read(corpus.path)
        exported = exporter.indexed(
            kept, exported, passages, some, out / INDEX, chosen.threads, progress, cache
        )
    trial = _trial(chosen, exporter, exported, kept, columns, requirements)
    with progress.task(str(Phrase("work.packaging"))) as task:
        body, points = operating.choose(
            exported, _spaced(columns, CHOSEN_ROWS), requirements, costs, trial.threads
        )
        exact = looked_at(try_out("exact", body, trial), trial)
        require_sound(exact)
        task.advance(note="exported")
        compressor = exporter.compressor(body, rows)
        by = FormSearch(chosen.learner, compressor, exact, trial, most_bytes(requirements))
        searched = _forms_tried(by, config, task)
        taken = searched.taken or exact
        packages.write(
            taken.body,
            out / "package",
            lineage={
                "learner": chosen.learner,
                **_origins(chosen.pretrained),
                **used_packages(chosen.options),
                **{
                    part.name: part.digest
                    for part in (train, validation, profile, choice, learned, corpus)
                    if part is not None
                },
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
    says = exporter.says(kept)
    for folder in (KEPT, INDEX):
        shutil.rmtree(out / folder, ignore_errors=True)
    why = _why(config, searched)
    size_bytes = packages.size_bytes(out / "package")
    _write_report(out / "report", digest, size_bytes, exact, searched, why, chosen, trial, points, says)
    return {
        "package": digest,
        "size_bytes": size_bytes,
        "taken": taken.name,
        "why": why.to_wire(),
        "says": [one.to_wire() for one in says],
        "forms": [one.shown(taken=one is taken) for one in (exact, *searched.candidates)],
        "warnings": [
            notice.to_wire()
            for notice in (
                *left_out,
                *(one for point in points for one in point.notices()),
                *_otherwise(exact, taken),
            )
        ],
    }


def _limits(requirements: Sequence[Requirement]) -> ServingLimits:
    """Return the least that the bars allow of a request's time and of the package's size."""
    latencies, sizes = [], []
    for one in requirements:
        if one.metric.better != "lower" or one.bar.champion:
            continue
        if one.subject.metric.startswith("latency_"):
            latencies.append(one.bar.value)
        elif one.subject.metric == "size":
            sizes.append(int(one.bar.value))
    return ServingLimits(min(latencies, default=None), min(sizes, default=None))


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
    exporter: Export,
    body: Body,
    learned: Path,
    validation: Columns,
    requirements: Sequence[Requirement],
) -> Trial:
    written = writes(body.signature)
    columns = _spaced(validation, COMPARED_TEXTS if written else COMPARED_ROWS)
    facts = _spaced(columns, CHECKED_TEXTS if written else CHECKED_ROWS)
    fields = (*body.signature.inputs, *(body.signature.outputs if written else ()))
    inputs = {field.name: facts[field.name] for field in fields}
    predicted = learners.learn(chosen.learner).predict(learned, inputs)
    network = exporter.answered(body, predicted, inputs)
    return Trial(facts, columns, network, requirements, chosen.threads)


def _spaced(columns: Columns, most: int) -> Columns:
    """Return at most so many rows, evenly spaced over all."""
    rows = evenly_spaced(len(next(iter(columns.values()))), most)
    return {name: taken(column, rows) for name, column in columns.items()}


def _rows(train: ArtifactPart, validation: ArtifactPart, signature: Signature) -> Callable[[], Rows]:
    """Return what reads the rows that a form may rest on, once: most learners have no use for them."""
    return cache(
        lambda: Rows(read_examples(train.path, signature), read_examples(validation.path, signature))
    )


def _forms_tried(by: FormSearch, config: PackageConfig, task: ProgressTask) -> FormsTried:
    if config.compress == "none":
        return FormsTried()
    if config.compress == "auto":
        return by.auto(task)
    return by.insisted(config.compress, task)


def _why(config: PackageConfig, searched: FormsTried) -> Phrase:
    if config.compress == "none":
        return Phrase("package.why-no-compression")
    if (taken := searched.taken) is not None:
        assert taken.changed is not None
        return Phrase(
            "package.why-compressed", form=taken.name, changed=taken.changed.labels, rows=taken.changed.rows
        )
    refused = [one for one in searched.candidates if one.refused is not None]
    if not refused:
        return Phrase("package.why-no-form")
    return Phrase(
        "package.why-refused",
        why=[Phrase("package.refused-form", form=one.name, why=one.refused) for one in refused],
    )


def _otherwise(exact: Candidate, taken: Candidate) -> Iterator[Notice]:
    """Yield how many validation rows what is taken answers otherwise than the exact graph, where it is any."""
    if taken.changed is not None and taken.changed.labels:
        yield Notice(
            "package.eight-bits",
            form=taken.name,
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
    exact: Candidate,
    searched: FormsTried,
    why: Phrase,
    chosen: Choice,
    trial: Trial,
    points: Sequence[Operating],
    says: Sequence[Phrase],
) -> None:
    report = {
        "format": FORMAT,
        "package": digest,
        "size_bytes": size_bytes,
        "taken": (searched.taken or exact).name,
        "why": str(why),
        "says": [str(one) for one in says],
        "operating points": [point.as_json() for point in points],
        "candidates": [candidate.as_json() for candidate in (exact, *searched.candidates)],
        "idle": {name: str(found) for name, found in searched.idle},
        "rules": {
            "parity": f"no probability differs by more than {PARITY_TOLERANCE} from the network's",
            "batches": f"alone and in batches of {', '.join(map(str, BATCH_SIZES))}, no label differs and no "
            f"confidence by more than {BATCH_TOLERANCE}",
            "compression": accept.RULE,
            "forms": form_search.RULE,
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
