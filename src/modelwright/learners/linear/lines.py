"""What linear regression makes of a signature: features of the inputs, and a line for each output.

What is learned is a folder:

    learned.json                the learner, and of each output its L2 and how its line becomes its array
    weights-{i}.npy             float32 (features, columns) of output i, in the signature's order
    bias-{i}.npy                float32 (columns,)
    states.json, states/        the signature and the kinds' states
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import FAR, Array, Form
from modelwright.learners import kind_states
from modelwright.learners.contract.spec import form_of
from modelwright.learners.linear.spec import LinearSpec
from modelwright.learners.logarithms import Logarithm

_FORMAT = 1
_NOTE = "learned.json"


@dataclass(frozen=True)
class Block:
    """The features of one input: `width` columns of the design matrix from column `begin` on.

    axes: of a series its steps and channels.

    | form   | columns                                                     |
    |--------|-------------------------------------------------------------|
    | scalar | value (0 where it is far), sign of a far value, missing     |
    | code   | one a code                                                  |
    | vector | values, missing                                             |
    | set    | members, missing                                            |
    | terms  | one a place; that of place 0 is always 0                    |
    | series | values of all steps and channels, and likewise the gaps     |
    """

    field: Field
    form: Form
    begin: int
    width: int
    axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Line:
    """One output's weights (features, columns) and bias (columns,); `flat`: its array is (n,), of one column.

    quantiles: of a forecast, whose columns are steps: how many quantiles each has, all of which are the line.
    """

    name: str
    array: str
    flat: bool
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    logarithm: Logarithm | None = None
    quantiles: int | None = None

    def answers(self, design: sparse.csr_matrix) -> Array:
        """Return the output's array, float32, of features (n, width)."""
        found = design @ self.weights + self.bias
        if self.logarithm is not None:
            found = self.logarithm.restored(found)
        answers: Array = np.asarray(found, np.float32)
        if self.quantiles is not None:
            return np.repeat(answers[:, :, None], self.quantiles, axis=2)  # (n, h) → (n, h, q)
        return answers[:, 0] if self.flat else answers


def blocks(signature: Signature, states: Mapping[str, object]) -> list[Block]:
    """Return the blocks of the design matrix, in the order of the inputs."""
    found, begin = [], 0
    for field in signature.inputs:
        form = form_of(field, LinearSpec.inputs)
        assert form is not None, "a learner refuses what has no form"
        width = _width(field, form, states[field.name])
        axes = (
            kinds.arrays(field.kind).specs(states[field.name])["series"].shape[1:]
            if form is Form.SERIES
            else ()
        )
        sizes = tuple(axis for axis in axes if isinstance(axis, int))
        found.append(Block(field, form, begin, width, sizes))
        begin += width
    return found


def _width(field: Field, form: Form, state: object) -> int:
    specs = kinds.arrays(field.kind).specs(state)
    match form:
        case Form.SCALAR:
            return 3
        case Form.CODE | Form.TERMS:
            codes = specs["index" if form is Form.CODE else "terms"].codes
            assert codes is not None, "an array of codes says how many there are"
            return codes
        case Form.VECTOR | Form.SET:
            _, columns = specs["values" if form is Form.VECTOR else "members"].shape
            assert isinstance(columns, int)
            return columns + 1
        case Form.SERIES:
            _, steps, channels = specs["series"].shape
            assert isinstance(steps, int)
            assert isinstance(channels, int)
            return 2 * steps * channels
        case _:
            raise AssertionError(f"linear reads no {form}")


def design(
    parts: Sequence[Block], states: Mapping[str, object], columns: Mapping[str, Sequence[object]]
) -> sparse.csr_matrix:
    """Return the features (n, width) of columns of canonical values, float32.

    Sparse throughout: products with it run on one thread and add up in one order, so that bits do not depend on
    how many cores there are.
    """
    rows = len(next(iter(columns.values())))
    made = []
    for part in parts:
        values, state = columns[part.field.name], states[part.field.name]
        arrays = kinds.arrays(part.field.kind).encode(values, state)
        made.append(_features(part, arrays, rows))
    return sparse.csr_matrix(sparse.hstack(made, format="csr", dtype=np.float32))


def _features(part: Block, arrays: Mapping[str, Array], rows: int) -> sparse.csr_matrix:
    match part.form:
        case Form.SCALAR:
            value = arrays["value"]
            far = np.abs(value) >= FAR
            # (n, 3): a fill value such as 1e37 has a weight of its own, and does not bend the line of the others
            dense = [np.where(far, 0, value), np.where(far, np.sign(value), 0), arrays["missing"]]
            return sparse.csr_matrix(np.stack(dense, axis=1, dtype=np.float32))
        case Form.CODE:
            ones, index = np.ones(rows, np.float32), arrays["index"]
            return sparse.csr_matrix((ones, index, np.arange(rows + 1)), shape=(rows, part.width))
        case Form.TERMS:
            terms, weights = arrays["terms"], arrays["weights"]
            there = terms > 0  # (n, length)
            ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
            return sparse.csr_matrix((weights[there], terms[there], ends), shape=(rows, part.width))
        case Form.SERIES:
            # (n, t, c) → (n, t · c)
            both = [arrays["series"].reshape(rows, -1), 1 - arrays["present"].reshape(rows, -1)]
            return sparse.csr_matrix(np.column_stack(both).astype(np.float32))
        case _:
            values = arrays["values" if part.form is Form.VECTOR else "members"]
            return sparse.csr_matrix(np.column_stack([values, arrays["missing"]]).astype(np.float32))


def write(
    folder: Path,
    learner: str,
    signature: Signature,
    states: Mapping[str, object],
    fitted: Sequence[Line],
    strengths: Mapping[str, float],
) -> None:
    """Write the folder; equal lines give equal bytes."""
    kind_states.write(folder, signature, states)
    for place, line in enumerate(fitted):
        np.save(folder / f"weights-{place}.npy", line.weights, allow_pickle=False)
        np.save(folder / f"bias-{place}.npy", line.bias, allow_pickle=False)
    outputs = {
        line.name: {
            "array": line.array,
            "flat": line.flat,
            "l2": strengths[line.name],
            "logarithm": None if line.logarithm is None else asdict(line.logarithm),
            **({} if line.quantiles is None else {"quantiles": line.quantiles}),
        }
        for line in fitted
    }
    note = {"format": _FORMAT, "learner": learner, "outputs": outputs}
    (folder / _NOTE).write_text(json.dumps(note, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[Signature, dict[str, object], list[Line]]:
    """Return what `write` wrote."""
    note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    assert note["format"] == _FORMAT, f"a learned folder of format {note['format']}"
    signature, states = kind_states.read(folder)
    fitted = []
    for place, field in enumerate(signature.outputs):
        one = note["outputs"][field.name]
        fitted.append(
            Line(
                field.name,
                one["array"],
                one["flat"],
                np.load(folder / f"weights-{place}.npy", allow_pickle=False),
                np.load(folder / f"bias-{place}.npy", allow_pickle=False),
                None if one["logarithm"] is None else Logarithm(**one["logarithm"]),
                one.get("quantiles"),
            )
        )
    return signature, states, fitted
