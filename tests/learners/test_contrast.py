"""What belongs together is told from what does not, and what is right as well is told from nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modelwright.core.messages import DataError
from modelwright.core.signature import Signature
from modelwright.learners.match.pairs import pair_signature, pairs_of
from modelwright.learners.networks import contrast
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.storage.formats.examples import Examples

SIGNATURE = Signature.parse("answer(question: text) -> answer: choice")
PASSAGES = {"a": "a lost card", "b": "a lost card", "c": "a slow transfer", "d": "the card fee"}


def rows(truths: list[set[str]]) -> Examples:
    columns = {
        "question": [f"lost card {number}" for number in range(len(truths))],
        "answer": [frozenset(one) for one in truths],
    }
    return Examples([f"r{number}" for number in range(len(truths))], columns, passages=PASSAGES)


def test_the_loss_is_that_of_the_softmax_from_both_sides():
    vectors = torch.tensor([[1.0, 0.0, 0.8, 0.6], [0.0, 1.0, 0.6, 0.8]])
    own, right = torch.tensor([0, 1]), torch.tensor([[0], [1]])
    logits = np.array([[0.8, 0.6], [0.6, 0.8]]) / 0.5
    wanted = -np.log(np.exp(logits.diagonal()) / np.exp(logits).sum(axis=1))  # symmetric: both sides alike
    assert contrast.loss(vectors, own, right, 0.5).numpy() == pytest.approx(wanted, rel=1e-5)


def test_an_equal_passage_and_a_second_right_one_are_no_negatives():
    vectors = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    vectors[1, 4:] = vectors[0, 4:]  # the passage of the first row once more
    own = torch.tensor([0, 0, 2])
    beside = contrast.loss(vectors, own, torch.tensor([[0], [0], [2]]), 0.1)
    logits = contrast.sides(vectors)[0][0] @ contrast.sides(vectors)[1].T
    assert contrast.also_right(own, torch.tensor([[0], [0], [2]]))[0].tolist() == [False, True, False]
    # of the question's side the row is where it was without its twin
    first = torch.nn.functional.cross_entropy(logits[[0, 2]].unsqueeze(0) / 0.1, torch.tensor([0]))
    assert float(beside[0]) * 2 >= float(first) - 1e-5
    assert contrast.lost_ranks(vectors, own, torch.tensor([[0], [0], [2]])).max() <= 0.5


def test_pairs_are_every_right_passage_and_equal_texts_are_one():
    pairs = pairs_of(SIGNATURE, rows([{"a", "b"}, {"c"}, {"b", "d"}]))
    assert list(pairs.passages) == ["a lost card", "a slow transfer", "a lost card", "the card fee"]
    assert pairs.own.tolist() == [0, 1, 0, 2]
    assert pairs.right.tolist() == [[0, 0], [1, 1], [0, 2], [0, 2]]
    assert pair_signature(SIGNATURE).inputs[1].name == "passage"


def test_one_passage_is_nothing_to_learn():
    with pytest.raises(DataError) as caught:
        pairs_of(SIGNATURE, rows([{"a"}, {"b"}]))
    assert [problem.id for problem in caught.value.problems] == ["match.one-passage"]


def test_couples_are_wrong_passages_that_words_find_and_stand_in_one_batch():
    pairs = pairs_of(SIGNATURE, rows([{"a"}, {"c"}, {"d"}, {"b"}]))
    couples = pairs.couples(seed=0)
    assert couples[0] == 2  # the fee has the card in it; the equal passage is none
    assert couples.tolist() == pairs.couples(seed=0).tolist()
    given = EncodedRows(pair_signature(SIGNATURE), {}, {}, couples=np.array([2, 3, 0, 1]))
    given.__dict__["lengths"] = np.arange(4)
    object.__setattr__(given, "columns", {"question": range(4)})
    batches = given.shuffled(2, seed=0, epoch=0)
    assert sorted(row for batch in batches for row in batch.tolist()) == [0, 1, 2, 3]
    assert any(sorted(batch.tolist()) == [0, 2] for batch in batches)
