"""A decoder learns the answers of rows: of them alone, whatever stands beside; what it cannot learn from is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_decoder
import tiny_tools
import torch

from modelwright import learners
from modelwright.core.messages import MachineError, ProjectError
from modelwright.core.progress import Silent
from modelwright.kinds.dialogue.value import DialogueTurn
from modelwright.learners.causal.causal_objective import CausalObjective
from modelwright.learners.causal.token_rows import TokenRow, TokenRows
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.generate.answer_rows import AnswerReader
from modelwright.learners.generate.spec import GenerateOptions, GenerateTraining
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT, Machine

MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
LEARN = learners.learn("generate")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_decoder.brought(tmp_path_factory.mktemp("instructing") / "weights")


@pytest.fixture(scope="module")
def decoder(weights: Path) -> llama.Decoder:
    read = DecoderWeights.read(weights)
    return llama.built(read.config, read.tensors)


def answered(prompt: list[int], answer: list[int]) -> TokenRow:
    return TokenRow.of([*prompt, *answer], [False] * len(prompt) + [True] * len(answer))


def learned(
    weights: Path, place: Path, steps: int = 30, rate: float = 0.01, **options: object
) -> DecoderWeights:
    out, scratch = place / "out", place / "scratch"
    out.mkdir(parents=True)
    setup = Setup(
        "generate", steps, 8, 1, "float32", "avx2", 0, GenerateOptions(**options),
        GenerateTraining(learning_rate=rate), {BROUGHT: weights},
    )  # fmt: skip
    rows = Rows(tiny_decoder.asked(16), tiny_decoder.asked(8))
    summary = LEARN.learn(tiny_decoder.ASK, rows, setup, out, scratch, Silent())
    first, last = (summary["history"][place]["loss"] for place in (0, -1))  # type: ignore[index]
    assert last < first
    return DecoderWeights.read(out)


def forecast(weights: Path, rows: Examples, budget_s: float = 60.0, **options: object) -> Estimate:
    return LEARN.forecast(
        tiny_decoder.ASK,
        Rows(rows),
        GenerateOptions(**options),
        GenerateTraining(),
        {BROUGHT: weights},
        MACHINE,
        budget_s,
    )


def test_all_learn_but_the_words_and_adapters_leave_no_trace(weights: Path, tmp_path: Path) -> None:
    before = DecoderWeights.read(weights).tensors
    full = learned(weights, tmp_path / "full", train="full").tensors
    lora = learned(weights, tmp_path / "lora", train="lora", lora={"rank": 1, "alpha": 2.0}).tensors
    words = "model.embed_tokens.weight"
    for after in (full, lora):
        assert after.keys() == before.keys()
        assert np.array_equal(after[words], before[words])
    changed = {name for name, one in full.items() if not np.array_equal(one, before[name])}
    assert changed == before.keys() - {words}
    change = lora["model.layers.0.mlp.up_proj.weight"] - before["model.layers.0.mlp.up_proj.weight"]
    assert np.linalg.matrix_rank(change, rtol=1e-3) == 1
    free = learned(weights, tmp_path / "free", train="full", freeze_words=False).tensors
    assert not np.array_equal(free[words], before[words])


def test_the_loss_is_of_the_answers_alone_and_not_of_what_fills_rows_up(decoder: llama.Decoder) -> None:
    rows = TokenRows([answered([5, 6, 7], [8, 9]), answered([5], [10, 11, 12, 13, 2])])
    objective = CausalObjective(decoder, "float32", "cpu")
    both = objective.loss(rows, np.array([0, 1]), 0, 0)
    total = torch.zeros(())
    for ids, prompt in (([5, 6, 7, 8, 9], 3), ([5, 10, 11, 12, 13, 2], 1)):
        likely = decoder(torch.tensor([ids])).log_softmax(-1)[0]
        total = total - sum(likely[place - 1, ids[place]] for place in range(prompt, len(ids)))
    assert both.item() == pytest.approx(total.item() / 7, abs=1e-5)
    parts = list(objective.parts(rows, np.array([0, 1])))
    assert sum(share for _, share in parts) == pytest.approx(1.0)


def test_documents_in_one_row_read_nothing_of_each_other(decoder: llama.Decoder) -> None:
    one, other = [5, 6, 7, 8], [9, 10, 11]
    apart = TokenRows([answered([], one), answered([], other)])
    begins = np.array([0] * 4 + [4] * 3, np.int32)
    together = TokenRow(
        np.array(one + other, np.int32), np.array([False, True, True, True, False, True, True]), begins
    )
    objective = CausalObjective(decoder, "float32", "cpu")
    wanted = objective.loss(apart, np.array([0, 1]), 0, 0)
    found = objective.loss(TokenRows([together]), np.array([0]), 0, 0)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-5)


def test_of_a_dialogue_every_answer_is_learned_with_the_token_that_ends_it(weights: Path) -> None:
    read = DecoderWeights.read(weights)
    words = llama.built(read.config, read.tensors).shape.words
    user, assistant = DialogueTurn("user", "One?"), DialogueTurn("assistant", "It is one.")
    columns = {"messages": [(user, assistant, user)], "reply": ["It is two."]}
    reader = AnswerReader(tiny_decoder.ASK, read, words, 200)
    ids, learned, _ = reader.read(Examples(["row"], columns)).rows.arrays(np.array([0]))
    tokenizer = tiny_decoder.tokenizer()
    answers = [ids[0][place].item() for place in learned[0].nonzero()[:, 0]]
    assert tokenizer.decode(answers, skip_special_tokens=False) == "It is one.<|im_end|>It is two.<|im_end|>"


def test_calls_are_learned_as_the_template_writes_them_and_results_are_not(weights: Path) -> None:
    read = DecoderWeights.read(weights)
    texts = ToolTexts.model_validate(tiny_tools.HERMES)
    assert read.template is not None
    calling = replace(read, template=read.template.model_copy(update={"tools": texts}))
    words = llama.built(read.config, read.tensors).shape.words
    call = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    turns = [
        DialogueTurn("tools", json.dumps(tiny_tools.TOOLS)),
        DialogueTurn("user", "One?"),
        DialogueTurn("assistant", f"It is.\n{call}"),
        DialogueTurn("tool", "two"),
    ]
    rows = Examples(["row", "other"], {"messages": [tuple(turns)] * 2, "reply": ["It is two.", call]})
    reader = AnswerReader(tiny_decoder.ASK, calling, words, 2000)
    tokenizer = tiny_decoder.tokenizer()
    ids, learned, _ = reader.read(rows).rows.arrays(np.array([0, 1]))
    for place, last in enumerate(["It is two.", call]):
        answers = [ids[place][one].item() for one in learned[place].nonzero()[:, 0]]
        text = tokenizer.decode(answers, skip_special_tokens=False)
        assert text == f"It is.\n{call}<|im_end|>{last}<|im_end|>"
        assert "<tool_response>\ntwo\n" in tokenizer.decode(ids[place].tolist(), skip_special_tokens=False)
    without = AnswerReader(tiny_decoder.ASK, read, words, 2000).read(rows)
    (notice,) = without.notices(2000, 2000)
    assert (notice.values["count"], notice.values["line"]) == (2, "data.tools: false")


def test_rows_that_nothing_can_be_learned_from_are_counted_by_their_reason(weights: Path) -> None:
    rows = tiny_decoder.asked(12)
    user, assistant = DialogueTurn("user", "One?"), DialogueTurn("assistant", "Two.")
    odd = {
        1: (user, user),
        2: (user, assistant),
        3: (DialogueTurn("tool", "4"), user),
        4: (DialogueTurn("user", "word " * 200),),
        5: (assistant, user),  # it answers what was said before: fine
    }
    columns = {name: list(values) for name, values in rows.columns.items()}
    for place, dialogue in odd.items():
        columns["messages"][place] = dialogue
    columns["reply"][6] = None
    estimate = forecast(weights, replace(rows, columns=columns), train="full")
    found = {
        str(one.values["reason"]): one.values for one in estimate.warnings if one.id == "generate.left-out"
    }
    assert sorted(tuple(one["ids"]) for one in found.values()) == [
        ("row-1", "row-2"), ("row-3",), ("row-4",), ("row-6",)
    ]  # fmt: skip
    assert {one["count"] for one in found.values()} == {1, 2}
    none = replace(rows, columns={**rows.columns, "reply": [None] * 12})
    with pytest.raises(ProjectError, match="none can be learned from"):
        forecast(weights, none, train="lora")


def test_the_budget_is_kept_and_keys_in_vain_are_named(weights: Path) -> None:
    rows = tiny_decoder.asked(24)
    short, long = (forecast(weights, rows, budget, train="full") for budget in (4.5, 600.0))
    assert 1 <= short.steps <= long.steps == 3 * 3
    assert long.seconds <= 600
    as_it_comes = forecast(weights, rows, freeze_words=False)
    assert [one.values["key"] for one in as_it_comes.warnings] == ["model.freeze_words"]


def test_where_memory_runs_out_parts_are_halved_to_the_same_gradient_and_that_is_said(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = CausalObjective.loss
    whole = once(weights, tmp_path / "whole")

    def tight(
        self: CausalObjective, rows: TokenRows, batch: np.ndarray, seed: int, step: int
    ) -> torch.Tensor:
        if len(batch) > 2 and torch.is_grad_enabled():
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return honest(self, rows, batch, seed, step)

    monkeypatch.setattr(CausalObjective, "loss", tight)
    summary = once(weights, tmp_path / "halved")
    assert [one["id"] for one in summary["warnings"]] == ["learn.smaller-parts"]
    assert "warnings" not in whole
    for one, other in zip(summary["history"], whole["history"], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)

    def none(*_: object) -> torch.Tensor:
        raise MemoryError

    monkeypatch.setattr(CausalObjective, "loss", none)
    with pytest.raises(MachineError, match="no memory"):
        once(weights, tmp_path / "none")


def test_rows_whose_loss_is_no_number_are_saved_as_they_were_read(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="the rows are in"):
        once(weights, tmp_path / "far", learning_rate=1e30)
    saved = json.loads((tmp_path / "far" / "scratch" / "diverged.json").read_text("utf-8"))
    assert saved["rows"]
    assert all("It is" in one["read"] for one in saved["rows"])


def once(weights: Path, folder: Path, **training: object) -> Any:
    """Learn a few steps, and return the summary."""
    out, scratch = folder / "out", folder / "scratch"
    for made in (out, scratch):
        made.mkdir(parents=True)
    setup = Setup(
        "generate", 6, 8, 1, "float32", "avx2", 0, GenerateOptions(train="full"),
        GenerateTraining(**training), {BROUGHT: weights},
    )  # fmt: skip
    rows = Rows(tiny_decoder.asked(24), tiny_decoder.asked(6))
    return LEARN.learn(tiny_decoder.ASK, rows, setup, out, scratch, Silent())
