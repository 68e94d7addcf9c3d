"""What tokens begin with: vectors of their letters, and weights by how rare they are."""

from __future__ import annotations

import math

import pytest
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from modelwright.learners.networks.encoder_options import AttentionOptions, WordsOptions
from modelwright.learners.networks.encoders.words import AttentionOverTokens, WordsEncoder, tokenizer
from modelwright.learners.pretrain import first_vectors

TEXTS = [
    "the transfer failed",
    "the transfers failed",
    "the card arrived",
    "the top-up pending",
    "the end",
] * 4


@pytest.fixture(scope="module")
def built() -> Tokenizer:
    return Tokenizer.from_str(tokenizer(TEXTS, "pieces", 400).decode())


def _begun(built: Tokenizer, pooling: str = "weighted") -> WordsEncoder:
    torch.manual_seed(0)
    options = WordsOptions.model_validate({"width": 256, "kernels": [], "pooling": pooling})
    encoder = WordsEncoder(built.get_vocab_size(), options)
    first_vectors.begin(encoder, built, [*TEXTS, None])
    return encoder.eval()


def test_words_that_share_letters_begin_near_each_other(built: Tokenizer) -> None:
    vectors = _begun(built).table.weight.detach()

    def likeness(one: str, other: str) -> float:
        pair = [vectors[built.token_to_id(word)] for word in (one, other)]
        return float(functional.cosine_similarity(*pair, dim=0))

    assert likeness("transfer", "transfers") > 0.5
    assert abs(likeness("transfer", "arrived")) < 0.25
    # of the deviation that a table from scratch has
    assert float(vectors.std()) == pytest.approx(0.1, rel=0.1)


def test_rare_words_begin_with_a_larger_weight(built: Tokenizer) -> None:
    importance = _begun(built).importance
    assert importance is not None
    weights = importance.weight.detach().exp().flatten()
    assert float(weights[built.token_to_id("card")]) == pytest.approx(math.log(21 / 5), rel=1e-5)
    assert float(weights[built.token_to_id("the")]) == pytest.approx(0.05, rel=1e-5)  # in every text
    # of no text
    assert first_vectors.rarity(2, []).tolist() == [0.05, 0.05]


def test_a_weighted_mean_is_as_long_for_long_texts_and_0_for_none(built: Tokenizer) -> None:
    encoder = _begun(built)
    ids = torch.tensor([[5, 0, 0], [5, 5, 5], [5, 5, 5], [5, 9, 0]])
    mask = torch.tensor([[1, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 0]])
    with torch.no_grad():
        found = encoder(ids, mask)
    table, importance = encoder.table.weight.detach(), encoder.importance
    assert importance is not None
    torch.testing.assert_close(found[0], table[5])
    torch.testing.assert_close(found[1], table[5] * math.sqrt(3))
    assert found[2].abs().max() == 0
    one, other = importance.weight.detach().exp().flatten()[[5, 9]]
    expected = (one * table[5] + other * table[9]) / torch.hypot(one, other)
    torch.testing.assert_close(found[3], expected)


def test_an_even_mean_has_no_weights_and_a_transformer_begins_with_letters_too(built: Tokenizer) -> None:
    assert _begun(built, "mean").importance is None
    encoder = AttentionOverTokens(built.get_vocab_size(), AttentionOptions(type="attention", width=64))
    before = encoder.table.weight.detach().clone()
    first_vectors.begin(encoder, built, TEXTS)
    assert not torch.equal(before, encoder.table.weight)
    assert float(encoder.table.weight.detach().std()) == pytest.approx(0.02, rel=0.1)


def test_what_has_no_table_stays_as_it_is(built: Tokenizer) -> None:
    first_vectors.begin(torch.nn.Identity(), built, TEXTS)  # type: ignore[arg-type]
