"""Rows that a learner is tried on, and what it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from modelwright import kinds, learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.arrays import AnyArrays
from modelwright.kinds.contract.common import Form
from modelwright.kinds.contract.samples import Samples
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows, Source
from modelwright.learners.contract.spec import Makes, Spec, form_of
from modelwright.package.body import Body
from modelwright.storage.formats.corpus import Corpus
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine
from modelwright.testing.learners import tiny_encoder

MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
_ROWS, _HELD = 60, 24
_MOST_STEPS = 4
_BUDGET_S = 1.0


@dataclass(frozen=True)
class Case:
    """A learner and the signature on which it is tried."""

    learner: str
    name: str
    signature: Signature

    def __str__(self) -> str:
        return f"{self.learner}-{self.name}"


@dataclass(frozen=True)
class Tried:
    """What a learner made of a case: its estimate, and two folders learned apart from each other."""

    case: Case
    validation: Examples
    estimate: Estimate
    folder: Path
    again: Path
    summary: object

    @property
    def signature(self) -> Signature:
        """Return the signature of the case."""
        return self.case.signature

    @property
    def spec(self) -> Spec:
        """Return the learner's specification."""
        return learners.spec(self.case.learner)

    @property
    def inputs(self) -> dict[str, list[object]]:
        """Return the inputs of the validation rows."""
        return {field.name: list(self.validation.columns[field.name]) for field in self.signature.inputs}

    @cached_property
    def body(self) -> Body:
        """Return what is exported from the first folder; an export takes seconds, so once for all checks."""
        return self.exported(self.folder)

    def exported(self, folder: Path) -> Body:
        """Return the body of a folder, with the passages that the rows name where it chooses from some."""
        exporter = learners.export(self.case.learner)
        body = exporter.export(folder)
        if not any(kinds.value(field.kind).of_corpus for field in self.signature.outputs):
            return body
        passages = self.validation.passages
        corpus = Corpus(list(passages), list(passages.values()))
        place = folder.parent / "index"
        columns = self.validation.columns
        return exporter.indexed(folder, body, corpus, columns, place, MACHINE.cores, Silent())

    @cached_property
    def smaller(self) -> Body | None:
        """Return the compressed body, where there is one."""
        rows = Rows(self.validation, self.validation)
        return learners.export(self.case.learner).compress_on(self.body, lambda: rows)


def cases(learner: str) -> list[Case]:
    """Return the cases of a learner from rows: the narrowest signature that it takes, and the widest.

    The widest has an input and an output of every kind whose form the learner accepts.
    """
    spec = learners.spec(learner)
    # a file made for one signature fits no other; weights answer nothing that could be compared
    if Source.ROWS not in spec.sources or spec.brings or spec.makes is Makes.WEIGHTS:
        return []
    inputs = [Field(f"in_{name}", name) for name in _kinds(spec.inputs, lambda kind: kind.input_forms)]
    outputs = [Field(f"out_{name}", name) for name in _kinds(spec.outputs, lambda kind: (kind.output_form,))]
    needed = [one for one in inputs if form_of(one, spec.inputs) in (spec.needs_input or spec.inputs)]
    assert needed, f"no kind has a form that {learner} needs"
    needed.sort(
        key=lambda one: form_of(one, spec.inputs) is not Form.TOKENS
    )  # the quickest of those with weights
    assert outputs, f"no kind has a form that {learner} answers"
    if spec.one_of_each:
        alone = [one for one in outputs if kinds.arrays(one.kind).output_form not in spec.of_two]
        pairs = [one for one in outputs if one not in alone]
        beside = Field(f"{needed[0].name}_2", needed[0].kind)
        return [
            *(Case(learner, "narrow", Signature("f", (needed[0],), (one,))) for one in alone[:1]),
            *(Case(learner, "pair", Signature("f", (needed[0], beside), (one,))) for one in pairs[:1]),
        ]
    return [
        Case(learner, "narrow", Signature("f", (needed[0],), (outputs[0],))),
        Case(learner, "wide", Signature("分派", tuple(inputs), tuple(outputs))),
    ]


def try_out(case: Case, place: Path) -> Tried:
    """Return what a learner makes of a case, in folders below `place`."""
    spec, learner = learners.spec(case.learner), learners.learn(case.learner)
    train, validation = _examples(case.signature, _ROWS), _examples(case.signature, _HELD)
    options, training = spec.Options(), spec.Training()
    pretrained = _pretrained(case.signature, place) if spec.needs_pretrained else {}
    estimate = learner.forecast(
        case.signature, Rows(train), options, training, pretrained, MACHINE, _BUDGET_S
    )
    setup = Setup(
        learner=spec.name,
        steps=min(estimate.steps, _MOST_STEPS),
        batch=estimate.batch,
        threads=MACHINE.cores,
        precision="float32",
        instruction_set=MACHINE.instruction_set,
        seed=0,
        options=options,
        training=training,
        pretrained=pretrained,
        members=[replace(one, steps=min(one.steps, _MOST_STEPS)) for one in estimate.members],
    )
    summary: object = None
    folders = [place / "one", place / "two"]
    for folder in folders:
        scratch = folder / "scratch"
        for made in (scratch, folder / "out"):
            made.mkdir(parents=True)
        summary = learner.learn(
            case.signature, Rows(train, validation), setup, folder / "out", scratch, Silent()
        )
    return Tried(case, validation, estimate, folders[0] / "out", folders[1] / "out", summary)


def _kinds(forms: frozenset[Form], side: Callable[[AnyArrays], Sequence[Form | None]]) -> Iterator[str]:
    for name in kinds.names():
        if forms.intersection(side(kinds.arrays(name))):
            yield name


def _examples(signature: Signature, rows: int) -> Examples:
    """Return rows of the kinds' samples, every one of them among the first rows, missing values too."""
    columns: dict[str, list[object]] = {}
    for place, field in enumerate((*signature.inputs, *signature.outputs)):
        values = kinds.facet(field.kind, Samples).values()
        order = np.random.default_rng(place).permutation(len(values))
        columns[field.name] = [values[order[row % len(values)]] for row in range(rows)]
    return Examples([f"row-{row}" for row in range(rows)], columns, passages=_passages(signature, columns))


def _passages(signature: Signature, columns: Mapping[str, Sequence[object]]) -> dict[str, str]:
    """Return a text for each passage that the truths of the rows name, by its id."""
    found: dict[str, str] = {}
    for field in signature.outputs:
        for value in columns[field.name]:
            for one in () if value is None else kinds.value(field.kind).passages(value):
                found[one] = f"what is it? 你好 {one}"
    return dict(sorted(found.items()))


def _pretrained(signature: Signature, place: Path) -> dict[str, Path]:
    """Return for each input of a form for which there are weights the folder of a tiny encoder."""
    found: dict[str, Path] = {}
    for field in signature.inputs:
        form = kinds.arrays(field.kind).input_form
        if form is not None and form in _TINY:
            found[field.name] = place / form.value
    for path in set(found.values()):
        _TINY[Form(path.name)](signature, path)
    return found


def _tiny_texts(signature: Signature, folder: Path) -> None:
    """Write a tiny encoder that knows some words of the samples."""
    words: list[str] = []
    for field in signature.inputs:
        if kinds.arrays(field.kind).input_form is Form.TOKENS:
            values = kinds.facet(field.kind, Samples).values()
            words += [word.lower() for value in values for word in str(value).split()]
    tiny_encoder.save(folder, words[:200], layers=1)


def _tiny_pictures(signature: Signature, folder: Path) -> None:
    tiny_encoder.save_of_pictures(folder)


def _tiny_sounds(signature: Signature, folder: Path) -> None:
    tiny_encoder.save_of_sounds(folder)


_TINY: Mapping[Form, Callable[[Signature, Path], None]] = {
    Form.TOKENS: _tiny_texts,
    Form.PIXELS: _tiny_pictures,
    Form.FRAMES: _tiny_sounds,
}
"""For each form for which there are pretrained weights, what writes a tiny encoder of it into a folder."""
