"""Options of what reads texts with pretrained weights: words that stay, adapters, lengths, windows, rates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_encoder
import tiny_passages
import torch
from cutting import CutError
from test_training_options import TEXT, _texts

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import CorpusSize, Rows
from modelwright.learners.descent import trainer
from modelwright.learners.locating import window_training
from modelwright.learners.locating.reading_options import ReadingOptions, ReadingTraining
from modelwright.learners.match import learn as match
from modelwright.learners.match.pairs import pairs_of
from modelwright.learners.match.spec import MatchOptions, MatchTraining
from modelwright.learners.networks.heads import MatchTask
from modelwright.learners.networks.network import Network
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import starting_point
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

FIND = Signature.parse("find(question: text) -> answer: choice")
PAIRS = Examples(
    list(tiny_passages.QUESTIONS),
    {
        "question": list(tiny_passages.QUESTIONS),
        "answer": [frozenset({one}) for one in tiny_passages.QUESTIONS.values()],
    },
    passages=tiny_passages.PASSAGES,
)


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    return tiny_encoder.save(tmp_path / "encoder")


def begun(folder: Path) -> Network:
    rows = Examples(["0", "1"], {"text": ["a", "b"], "c": ["red", "blue"]})
    return starting_point(TEXT, rows, {"text": folder}, {}).network


def table(network: Network) -> torch.nn.Parameter:
    """Return the word vectors of its first encoder."""
    words = network.encoder(0).words()
    assert words is not None
    (weight,) = words.parameters()
    return weight


@pytest.mark.parametrize("stay", [True, False])
def test_word_vectors_stay_or_those_of_words_that_rows_have_learn(tmp_path: Path, stay: bool) -> None:
    learned, _ = _texts(tmp_path, {"freeze_words": stay})
    network = begun(tmp_path / "encoder")
    words = table(network)
    name = next(name for name, weight in network.named_parameters() if weight is words)
    moved = torch.nonzero((learned[name] != words).any(dim=1)).flatten().tolist()
    # [UNK], [CLS] and [SEP]: the tokens of rows whose words the tokenizer does not know
    assert moved == ([] if stay else [1, 2, 3])


def test_an_adapter_counts_by_alpha_over_its_rank(encoder: Path) -> None:
    pytest.importorskip(
        "peft"
    )  # takes seconds to import, which only the process with this test should pay for
    from modelwright.learners.networks import adapters

    changes = []
    for rank, alpha in ((2, 4.0), (2, 8.0), (4, 8.0)):
        network, before = begun(encoder), dict(begun(encoder).named_parameters())
        torch.manual_seed(0)
        assert adapters.insert(network, rank, alpha)
        for key, weight in network.named_parameters():
            if "lora" in key:
                torch.nn.init.constant_(weight, 1.0 if "lora_A" in key else 0.1)
        adapters.merge(network)
        name = next(name for name in before if name.endswith("query.weight"))
        changes.append(dict(network.named_parameters())[name].detach() - before[name].detach())
    # B · A of ones and tenths is a tenth of the rank
    for change, wanted in zip(changes, (2 * 0.2, 4 * 0.2, 2 * 0.4), strict=True):
        assert torch.allclose(change, torch.full_like(change, wanted), atol=1e-5)


def test_questions_and_passages_are_read_up_to_their_lengths_and_compared_by_the_temperature(
    encoder: Path,
) -> None:
    pairs = pairs_of(FIND, PAIRS)
    found = []
    for passage, question, shown in ((8, 4, 1), (16, 6, 3)):
        options = MatchOptions(
            passage_length=passage,
            question_length=question,
            temperature=0.2,
            shown=shown,
            freeze_words=shown == 1,
        )
        begin = match._begin(FIND, pairs, options, {"question": encoder})
        rows = pairs.rows(match.pair_signature(FIND), begin.states)
        arrays = rows.arrays(np.arange(len(pairs)))
        found.append([int(arrays[f"{one}.mask"].sum(1).max()) for one in ("passage", "question")])
        (head,) = begin.network.tasks().values()
        assert isinstance(head.task, MatchTask)
        assert head.task.temperature == 0.2
        assert table(begin.network).requires_grad is (shown != 1)
    assert found == [[8, 4], [16, 6]]


def test_a_forecast_says_how_long_the_passages_of_a_corpus_take(encoder: Path) -> None:
    machine = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
    given, training = {"question": encoder}, MatchTraining(epochs=1)
    found = learners.learn("match").forecast(
        FIND, Rows(PAIRS), MatchOptions(), training, given, machine, 60.0
    )
    values: dict[str, Any] = dict(found.why.values)
    assert values["encoded"] > 0
    assert values["passages"] == len(PAIRS.passages)
    assert values["minutes"] == pytest.approx(values["passages"] / values["encoded"] / 60)
    assert "`package` encodes some" in str(found.why)
    assert not [one for one in found.warnings if one.id == "match.long-packaging"]


@pytest.mark.parametrize("name", ["match", "lexical"])
def test_a_forecast_reckons_with_all_passages_not_with_those_that_rows_name(encoder: Path, name: str) -> None:
    machine = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
    options, training = learners.spec(name).Options(), learners.spec(name).Training()
    found = [
        learners.learn(name).forecast(
            FIND, Rows(PAIRS, corpus=size), options, training, {"question": encoder}, machine, 60.0
        )
        for size in (None, CorpusSize(10**6, 85 * 10**6))
    ]
    small, large = found
    assert large.package_bytes > small.package_bytes + 2 * 85 * 10**6 - 10**5
    assert large.latency_s > small.latency_s + 0.05, "the words of a question stand in many postings"
    said = [one for one in large.warnings if one.id == "match.long-packaging"]
    assert len(said) == (name == "match")
    assert all("1,000,000 passages" in str(one) and "model.learner: lexical" in str(one) for one in said)


@pytest.mark.parametrize("hard", [True, False])
def test_a_passage_that_looks_alike_shares_a_step_where_negatives_are_hard(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard: bool
) -> None:
    given: list[EncodedRows] = []

    def taken(network: Network, rows: EncodedRows, *_: object) -> None:
        given.append(rows)
        raise CutError

    monkeypatch.setattr(trainer, "train_as_planned", taken)
    setup = Setup(
        "match",
        steps=30,
        batch=2,
        threads=1,
        precision="float32",
        instruction_set="avx2",
        seed=0,
        options=MatchOptions(hard_negatives=hard),
        training=MatchTraining(),
        pretrained={"question": encoder},
    )
    with pytest.raises(CutError):
        learners.learn("match").learn(FIND, Rows(PAIRS, PAIRS), setup, tmp_path, tmp_path, Silent())
    (rows,) = given
    alike = pairs_of(FIND, PAIRS).couples(seed=0)
    assert (alike >= 0).any()

    def together(rows: EncodedRows) -> int:
        """Return how many rows of thirty epochs stand in a batch with the one that they are like."""
        batches = [batch.tolist() for epoch in range(30) for batch in rows.shuffled(2, 0, epoch)]
        return sum(int(alike[row]) in batch for batch in batches for row in batch)

    by_chance = together(replace(rows, couples=None))
    assert together(rows) > by_chance if hard else together(rows) == by_chance


@pytest.mark.parametrize("stay", [True, False])
def test_texts_are_read_in_windows_as_wide_as_said_and_words_stay_as_said(encoder: Path, stay: bool) -> None:
    signature = Signature.parse("f(question: text, text: text) -> answer: span?")
    rows = Examples(["0"], {"question": ["red"], "text": ["red car " * 9], "answer": [None]})
    options = ReadingOptions(window=12, stride=3, question=2, freeze_words=stay)
    start = window_training.starting(signature, rows, options, {"text": encoder})
    assert (start.settings.window, start.settings.stride, start.settings.question) == (12, 3, 2)
    assert table(start.begin.network).requires_grad is not stay


@pytest.mark.parametrize("learner", ["tag", "match"])
def test_a_recipe_has_the_rates_that_are_stated(learner: str) -> None:
    if learner == "tag":
        options = ReadingOptions(head_rate=0.03, layer_decay=0.7, dropout=0.3)
        recipe = window_training._recipe(options, ReadingTraining(learning_rate=0.02, weight_decay=0.4))
        assert (recipe.head_rate, recipe.dropout) == (0.03, 0.3)
    else:
        recipe = match._recipe(
            MatchOptions(layer_decay=0.7), MatchTraining(learning_rate=0.02, weight_decay=0.4)
        )
    assert (recipe.learning_rate, recipe.layer_decay, recipe.weight_decay) == (0.02, 0.7, 0.4)
