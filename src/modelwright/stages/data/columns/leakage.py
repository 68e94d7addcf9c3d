"""Inputs that alone give an answer away: a twin of the label, a code of it, a row number of sorted data.

Measured on training and validation rows, half against half: what one half shows answers the other. Of a column of
equal values the most frequent answer to each value; of an ordered one the most frequent of the three nearest. A value
that only one half has is answered with the most frequent answer of all, so that unique texts and ids tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field
from modelwright.core.spacing import evenly_spaced
from modelwright.stages.data.checking import Checked
from modelwright.stages.data.layout import Layout
from modelwright.stages.data.split import TRAIN, VALIDATION

MOST_ROWS = 20_000  # evenly spaced; a column of numbers is then measured in some 10 ms
FEWEST_ROWS, FEWEST_OTHERS = (
    50,
    10,
)  # rows in all, and rows beside the most frequent class: fewer prove nothing
# Share of the errors of the most frequent class that the column alone avoids. The best honest columns stay below:
# iris 0.89 (petal length), breast cancer 0.75, wine 0.56, German credit 0.06, bank marketing 0.09. A label with 1 % of
# wrong cells in three classes has 0.98.
GIVEN_AWAY = 0.97
# Of numbers: rank correlation. Bike sharing's `registered`, a part of the count, has 0.989; a twin has 1.
SAME_ORDER = 0.999


@dataclass(frozen=True)
class GivenAway:
    """How many of `rows` a column alone answers rightly, and how many the most frequent answer does."""

    rows: int
    right: int
    base: int


def leaks(checked: Checked, layout: Layout) -> Iterator[Notice]:
    """Yield a notice for each input that alone gives an output away."""
    rows = checked.of(TRAIN, VALIDATION)
    places = np.flatnonzero(rows)
    if places.size > MOST_ROWS:
        rows = np.zeros_like(rows)
        rows[places[evenly_spaced(places.size, MOST_ROWS)]] = True
    truths = {field: checked.column(field.name, rows) for field in checked.signature.outputs}
    for field in checked.signature.inputs:
        if kinds.value(field.kind).holds_files:  # a file tells nothing of another, but for near twins
            continue
        column = checked.column(field.name, rows)
        for output, truth in truths.items():
            yield from _of_pair(field, column, output, truth, layout)


def _of_pair(
    field: Field, column: pl.Series, output: Field, truth: pl.Series, layout: Layout
) -> Iterator[Notice]:
    name = layout.inputs[field.name] if layout.wildcard else field.name
    line = setting("data.drop", [name]) if layout.wildcard else None
    if truth.dtype.is_numeric():
        if same_order(column, truth):
            yield Notice("data.same-order", column=name, count=len(truth), output=output.name, line=line)
        return
    if not kinds.value(output.kind).labelled:
        return
    found = given_away(column, truth)
    if found is not None:
        yield Notice(
            "data.given-away",
            column=name,
            count=found.right,
            rows=found.rows,
            base=found.base,
            output=output.name,
            line=line,
        )


def given_away(column: pl.Series, truth: pl.Series) -> GivenAway | None:
    """Return how well a column (n,) alone answers classes (n,), None where it gives them not away."""
    known = truth.is_not_null()
    column, labels = column.filter(known), _codes(truth.filter(known))
    rows = labels.size
    counts = np.bincount(labels) if rows else np.zeros(1, np.int64)
    base = int(counts.max())
    if rows < FEWEST_ROWS or rows - base < FEWEST_OTHERS:
        return None
    right = max(_right(answer(column, labels), labels) for answer in (_by_value, _by_order))
    errors_avoided = 1.0 - (rows - right) / (rows - base)
    return GivenAway(rows, right, base) if errors_avoided >= GIVEN_AWAY else None


def same_order(column: pl.Series, truth: pl.Series) -> bool:
    """Tell whether a column (n,) orders rows as the numbers of the truth (n,) do, forwards or backwards.

    Spearman's correlation of the ranks; ties have their mean rank.
    """
    known = truth.is_not_null() & column.is_not_null()
    if not column.dtype.is_numeric() or int(known.sum()) < FEWEST_ROWS:
        return False
    one, other = (each.filter(known).rank("average").to_numpy() for each in (column, truth))
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return spread > 0 and abs(float((one * other).sum())) / spread >= SAME_ORDER


def _right(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> int:
    return int((answers == labels).sum())


def _codes(column: pl.Series) -> NDArray[np.int64]:
    """Return a number (n,) for each value, from 0; equal where values are equal, null included."""
    if column.dtype.is_nested():
        # sets lie there as sorted lists of texts; other lists are told apart by how they are written
        texts = column.dtype == pl.List(pl.String)
        column = column.list.join("\0") if texts else pl.Series(map(str, column.to_list()), dtype=pl.String)
    return column.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def _halves(rows: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the places of the rows that show, and of those that are answered."""
    # Drawn, and not every other row: data may have an order of its own. The same rows each time.
    drawn = np.random.default_rng(0).permutation(rows)
    one, other = drawn[: rows // 2], drawn[rows // 2 :]
    yield one, other
    yield other, one


def _by_value(column: pl.Series, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the most frequent label (n,) of each value in the other half."""
    codes = _codes(column)
    answers = np.empty_like(labels)
    for shown, others in _halves(labels.size):
        pairs = pl.DataFrame({"code": codes[shown], "label": labels[shown]})
        counted = pairs.group_by("code", "label").agg(n=pl.len()).sort("n", "label", descending=[True, False])
        table = np.full(int(codes.max()) + 1, np.bincount(labels[shown]).argmax())
        first = counted.unique("code", keep="first", maintain_order=True)
        table[first["code"].to_numpy()] = first["label"].to_numpy()
        answers[others] = table[codes[others]]
    return answers


def _by_order(column: pl.Series, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the label (n,) that most of the three nearest rows of the other half have, in the order of the values."""
    codes = _codes(column)
    answers = np.empty_like(labels)
    for shown, others in _halves(labels.size):
        order = shown[np.argsort(codes[shown], kind="stable")]
        at = np.clip(np.searchsorted(codes[order], codes[others]), 1, max(order.size - 2, 1))
        before, here, after = (labels[order[at + step]] for step in (-1, 0, 1))
        # Of three, two that agree are the majority; without any, the middle one.
        answers[others] = np.where(before == after, before, here)
    return answers
