"""A decoder that begins from nothing: its tokenizer gives every text back, documents are packed, rows are forecast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cutting import CutError, Cutting
from pydantic import ValidationError
from tokenizers import Tokenizer

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.causal.packing import cut, packed
from modelwright.learners.causal.token_rows import TokenRow
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.generate import from_scratch
from modelwright.learners.generate.spec import GenerateOptions, GenerateTraining, ScratchKeys
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT, Machine

WRITE = Signature.parse("write(start: text?) -> text: text")
TINY = ScratchKeys(layers=1, width=32, heads=2, words=300)
MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
LEARN = learners.learn("generate")
TEXTS = [f"The number {n} follows the number {n - 1}.\n\tIt is 好." for n in range(24)]


def examples(texts: list[str]) -> Examples:
    return Examples([f"row-{at}" for at in range(len(texts))], {"start": [None] * len(texts), "text": texts})


def options(**given: object) -> GenerateOptions:
    return GenerateOptions(pretrained="none", scratch=TINY, context=32, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("of", ["bytes", "characters"])
def test_a_tokenizer_gives_every_text_back_and_equal_texts_give_equal_bytes(of: str) -> None:
    keys = ScratchKeys(tokenizer=of)  # type: ignore[arg-type]
    found = from_scratch.fitted(TEXTS, keys)
    assert found == from_scratch.fitted(list(TEXTS), keys)
    built = Tokenizer.from_str(found.decode())
    for text in ("The number 7\n\n  is 好", "emoji 🙂, ünseen", " x "):
        assert built.decode(built.encode(text, add_special_tokens=False).ids) == text
    assert built.encode("<|end|>").ids == [built.token_to_id("<|end|>")]


def test_documents_are_packed_without_a_gap_and_each_token_is_learned_once() -> None:
    documents = [
        TokenRow.of(range(begin, begin + size), [True] * size) for begin, size in ((0, 5), (10, 9), (20, 2))
    ]
    rows = packed(documents, 7)
    assert [len(row.ids) for row in rows[:-1]] == [7] * (len(rows) - 1)
    found = sorted(int(one) for row in rows for one in row.ids[row.learned])
    wanted = sorted(int(one) for row in documents for one in row.ids[row.learned])
    assert found == wanted
    for row in rows:
        begins = np.zeros(len(row.ids)) if row.begins is None else row.begins
        # what is learned goes on from the token before it, in the same document
        for at in np.flatnonzero(row.learned):
            assert begins[at] == begins[at - 1]
            assert row.ids[at] == row.ids[at - 1] + 1
    pieces = list(cut(documents, 4))
    assert max(len(one.ids) for one in pieces) == 4
    assert sum(int(one.learned.sum()) for one in pieces) == len(wanted)


def learned(
    place: Path,
    progress: Silent,
    steps: int = 12,
    numbers: str = "float32",
    training: GenerateTraining | None = None,
) -> DecoderWeights:
    out = place / "out"
    out.mkdir(parents=True, exist_ok=True)
    setup = Setup(
        "generate", steps, 4, 1, numbers, "avx2", 0, options(), training or GenerateTraining(), {BROUGHT: place}
    )  # fmt: skip
    rows = Rows(examples(TEXTS[:16]), examples(TEXTS[16:]))
    summary = LEARN.learn(WRITE, rows, setup, out, place / "scratch", progress)
    history = summary["history"]
    assert history[-1]["loss"] < history[0]["loss"]  # type: ignore[index]
    return DecoderWeights.read(out)


def test_it_learns_documents_and_goes_on_to_the_same_bits_after_a_kill(tmp_path: Path) -> None:
    with pytest.raises(CutError):
        learned(tmp_path / "other", Cutting(7))
    one, other = (learned(tmp_path / name, Silent()) for name in ("one", "other"))
    assert one.tokenizer == other.tokenizer
    assert all(np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    likely = LEARN.predict(tmp_path / "one" / "out", {"start": [None], "text": ["The number 3"]})
    assert np.isfinite(likely["text"]["likelihood"]).all()


@pytest.mark.parametrize(("name", "numbers"), [("muon", "float32"), ("adamw", "float16")])
def test_another_optimiser_and_scaled_losses_have_other_bits_and_the_same_after_a_kill(
    name: str, numbers: str, tmp_path: Path
) -> None:
    training = GenerateTraining.model_validate({"optimiser": {"name": name}})
    with pytest.raises(CutError):
        learned(tmp_path / "cut", Cutting(7), 12, numbers, training)
    cut, whole = (learned(tmp_path / place, Silent(), 12, numbers, training) for place in ("cut", "whole"))
    plain = learned(tmp_path / "plain", Silent())
    assert all(np.array_equal(cut.tensors[one], whole.tensors[one]) for one in whole.tensors)
    assert not all(np.array_equal(plain.tensors[one], whole.tensors[one]) for one in whole.tensors)


def test_time_and_memory_are_forecast_and_the_budget_is_kept() -> None:
    found = [
        LEARN.forecast(
            WRITE, Rows(examples(TEXTS)), options(), GenerateTraining(), {BROUGHT: Path()}, MACHINE, budget
        )
        for budget in (0.3, 60.0)
    ]
    assert 1 <= found[0].steps < found[1].steps
    assert found[1].seconds <= 60
    assert found[1].memory_bytes > 0


def test_adapters_to_nothing_and_heads_that_do_not_share_the_width_are_refused() -> None:
    with pytest.raises(ValidationError):
        GenerateOptions(pretrained="none", train="lora")
    with pytest.raises(ValidationError):
        ScratchKeys(width=48, heads=2)
