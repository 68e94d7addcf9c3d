"""A loss that is no finite number: its rows are saved, and what to try follows from what is found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import Problem
from modelwright.core.messages.setting import setting
from modelwright.kinds.contract.common import Form
from modelwright.learners.descent.batch_loss import BatchLoss
from modelwright.learners.descent.training_run import DivergedError, TrainingRun
from modelwright.learners.training.encoded_rows import EncodedRows

_LOWER = 10  # times a lower rate
_FAR = 1e4  # standard deviations, from which a value is taken to have done it
_LONGEST = 200  # characters of a value that are written
_STANDARD = {Form.SCALAR: "value", Form.VECTOR: "values", Form.SERIES: "series"}


def problem(run: TrainingRun, rows: EncodedRows, found: DivergedError, path: Path | None) -> Problem:
    """Return what happened and what to try, and write the rows of the loss to a file, if there is one.

    The same rows are asked again: whether a value lies far out, whether the weights are finite, and whether the loss is
    in float32.
    """
    if path is not None:
        save(rows, found.step, found.rows, path)
    rate = run.recipe.stated_rate
    step, file = found.step + 1, None if path is None else str(path)
    far = _far(rows, found)
    if far is not None:
        column, value = far
        return Problem("learn.diverged-value", step=step, file=file, column=column, value=value)
    # once a weight is no number, so is every answer: then the rows say nothing
    weights_finite = all(bool(torch.isfinite(weight).all()) for weight in run.weights.values())
    if weights_finite and run.recipe.precision != "float32":
        exact = BatchLoss(run.network, replace(run.recipe, precision="float32"), run.auxiliary)
        with torch.no_grad():
            if bool(torch.isfinite(exact.of(rows, found.rows, found.moment))):
                line = setting("learn.precision", "float32")
                return Problem(
                    "learn.diverged-digits", step=step, file=file, precision=run.recipe.precision, line=line
                )
    line = setting("learn.learning_rate", float(f"{rate / _LOWER:.1g}"))
    return Problem(
        "learn.diverged", step=step, rate=rate, file=file, finite=weights_finite or None, line=line
    )


def _far(rows: EncodedRows, found: DivergedError) -> tuple[str, float] | None:
    """Return the column and the value, in standard deviations, that lies farthest out, where one does."""
    arrays = rows.arrays(found.rows)
    worst: tuple[str, float] | None = None
    for field in rows.signature.inputs:
        form = kinds.arrays(field.kind).input_form
        key = f"{field.name}.{_STANDARD[form]}" if form in _STANDARD else None
        if key is None or key not in arrays:
            continue
        # `not <` also where it is no number
        most = float(arrays[key].abs().max())
        if not most < _FAR and (worst is None or not most < worst[1]):
            worst = (field.name, most)
    for field in rows.signature.outputs:
        for values in rows.truths[field.name].values():
            chosen = values[torch.from_numpy(found.rows)]
            if chosen.is_floating_point() and len(known := chosen[~torch.isnan(chosen)]):
                most = float(known.abs().max())
                if not most < _FAR and (worst is None or not most < worst[1]):
                    worst = (field.name, most)
    return worst


def save(rows: EncodedRows, step: int, batch: NDArray[np.int64], path: Path) -> None:
    """Write the rows of a step: their places among the training rows, and their values, long ones cut."""
    save_written(written(rows, batch), step, path)


def written(rows: EncodedRows, batch: NDArray[np.int64]) -> list[dict[str, object]]:
    """Return rows as they are written: their places among the training rows, and their values, long ones cut."""
    fields = (*rows.signature.inputs, *rows.signature.outputs)
    return [
        {"row": int(row), **{field.name: shown(rows.columns[field.name][int(row)]) for field in fields}}
        for row in batch
    ]


def save_written(rows: Sequence[Mapping[str, object]], step: int, path: Path) -> None:
    """Write what the rows of a step are, as `written` gives it."""
    text = json.dumps({"step": step + 1, "rows": rows}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def shown(value: object) -> str | None:
    """Return a value as a text that is cut where it is long."""
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
