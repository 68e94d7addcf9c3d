"""Batches: every row once an epoch, of like length, in an order that seed and epoch alone decide."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core.signature import Field, Signature
from modelwright.learners.training.encoded_rows import EncodedRows


def _make(lengths: list[int]) -> EncodedRows:
    rows = EncodedRows(Signature("f", (Field("a", "text"),), ()), {}, {"a": [""] * len(lengths)})
    rows.__dict__["lengths"] = np.array(lengths, np.int64)  # given here, instead of counted in tokens
    return rows


LENGTHS = st.lists(st.integers(1, 64), min_size=1, max_size=200)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 2**31), st.integers(0, 5))
@settings(deadline=None)
def test_an_epoch_holds_every_row_once(lengths: list[int], batch: int, seed: int, epoch: int) -> None:
    rows = _make(lengths)
    batches = rows.shuffled(batch, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch)
    assert max(map(len, batches)) <= batch
    again = rows.shuffled(batch, seed, epoch)
    assert all(np.array_equal(one, other) for one, other in zip(batches, again, strict=True))


@given(LENGTHS, st.integers(1, 40))
@settings(deadline=None)
def test_by_length_wastes_nothing_between_batches(lengths: list[int], batch: int) -> None:
    rows = _make(lengths)
    ends = [rows.lengths[chosen] for chosen in rows.by_length(batch)]
    assert sorted(np.concatenate(rows.by_length(batch)).tolist()) == list(range(len(lengths)))
    assert all(one.max() <= other.min() for one, other in zip(ends, ends[1:], strict=False))


def test_epochs_and_seeds_differ() -> None:
    rows = _make(list(range(1, 101)))
    orders = {tuple(np.concatenate(rows.shuffled(8, seed, epoch))) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4


def test_many_rows_are_drawn_from_large_pools_and_pass_by_pass_from_others() -> None:
    # as texts have them: most are short, and some far longer
    lengths = np.random.default_rng(0).lognormal(2.7, 0.5, 10_000).astype(np.int64) + 2
    rows = _make(lengths.tolist())
    batches, others = rows.shuffled(32, 0, 0), rows.shuffled(32, 0, 1)
    assert sum(len(one) * lengths[one].max() for one in batches) < 1.07 * lengths.sum()
    assert len(batches) == 313
    # two rows that share a batch seldom share one again
    place = {row: number for number, batch in enumerate(others) for row in batch.tolist()}
    again = [place[int(one[0])] == place[int(one[1])] for one in batches]
    assert np.mean(again) < 0.15


def test_batches_hold_rows_of_like_length() -> None:
    lengths = [1 + row % 50 for row in range(320)]
    rows = _make(lengths)
    padded = sum(len(batch) * rows.lengths[batch].max() for batch in rows.shuffled(20, 0, 0))
    assert padded < 1.15 * sum(lengths)
