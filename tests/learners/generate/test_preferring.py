"""Chosen answers become likelier than rejected ones; what cannot be preferred is counted, a kill changes no bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_decoder
import torch
from cutting import CutError, Cutting
from pydantic import ValidationError
from tokenizers import Tokenizer, normalizers

from modelwright import learners
from modelwright.core.messages import Notice, ProjectError
from modelwright.core.progress import Silent
from modelwright.learners.causal.preference_objective import PairRows, PreferenceObjective
from modelwright.learners.causal.token_rows import TokenRow, TokenRows
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.generate import preferring
from modelwright.learners.generate.answer_rows import AnswerReader
from modelwright.learners.generate.spec import GenerateOptions, GenerateTraining
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.learners.options import option_problems
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT, Machine

LEARN = learners.learn("generate")
MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
PREFER = {"beta": 0.1}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_decoder.brought(tmp_path_factory.mktemp("preferring") / "weights")


def preferred(rows: int) -> Examples:
    return replace(tiny_decoder.asked(rows), less_liked=["No, I do not know."] * rows)


def learned(
    weights: Path, place: Path, progress: Silent, rate: float | None = 0.01, **options: object
) -> dict[str, object]:
    out = place / "out"
    out.mkdir(parents=True, exist_ok=True)
    setup = Setup(
        "generate", 12, 4, 1, "float32", "avx2", 0, GenerateOptions(prefer=PREFER, **options),  # type: ignore[arg-type]
        GenerateTraining(learning_rate=rate), {BROUGHT: weights},
    )  # fmt: skip
    return LEARN.learn(
        tiny_decoder.ASK, Rows(preferred(12), preferred(6)), setup, out, place / "scratch", progress
    )


def forecast(weights: Path, rows: Examples, **options: object) -> list[Notice]:
    given = GenerateOptions(train="full", **options)  # type: ignore[arg-type]
    found = LEARN.forecast(
        tiny_decoder.ASK, Rows(rows), given, GenerateTraining(), {BROUGHT: weights}, MACHINE, 60.0
    )
    assert 0 < found.seconds <= 60
    return list(found.warnings)


def test_the_loss_is_of_what_changed_since_before_learning(weights: Path) -> None:
    read = DecoderWeights.read(weights)
    decoder = llama.built(read.config, read.tensors)
    chosen, rejected = (
        TokenRow.of([5, 6, *answer], [False, False, *[True] * len(answer)]) for answer in ([7, 8], [9])
    )
    rows = PairRows(TokenRows([chosen]), TokenRows([rejected]))
    objective = PreferenceObjective(decoder, 0.5, 0.0, "float32", "cpu")
    known = preferring.with_reference(objective, rows)
    likely = decoder(torch.tensor([[5, 6, 7, 8]])).log_softmax(-1)[0]
    assert known.reference[0, 0] == pytest.approx((likely[1, 7] + likely[2, 8]).item(), abs=1e-5)
    # nothing has changed yet: the margin is 0
    assert objective.loss(known, np.array([0]), 0, 0).item() == pytest.approx(np.log(2), abs=1e-6)
    shifted = replace(known, reference=known.reference - [[1.0, -2.0]])
    margin = 0.5 * 3.0
    assert objective.loss(shifted, np.array([0]), 0, 0).item() == pytest.approx(
        np.log1p(np.exp(-margin)), abs=1e-5
    )
    keeping = PreferenceObjective(decoder, 0.5, 2.0, "float32", "cpu")
    own = -known.reference[0, 0] / 2
    assert keeping.loss(known, np.array([0]), 0, 0).item() == pytest.approx(np.log(2) + 2 * own, abs=1e-5)


def test_of_no_pairs_there_is_nothing_to_know(weights: Path) -> None:
    read = DecoderWeights.read(weights)
    objective = PreferenceObjective(llama.built(read.config, read.tensors), 0.5, 0.0, "float32", "cpu")
    known = preferring.with_reference(objective, PairRows(TokenRows([]), TokenRows([])))
    assert known.reference.shape == (0, 2)
    assert list(objective.held(known)) == []


@pytest.mark.parametrize("train", ["full", "lora"])
def test_chosen_answers_are_preferred_and_a_kill_changes_no_bit(
    weights: Path, tmp_path: Path, train: str
) -> None:
    if train == "lora":
        pytest.importorskip("peft")
    summary = learned(weights, tmp_path / "one", Silent(), train=train)
    for split in ("train", "validation"):
        found = summary["preferred"][split]  # type: ignore[index]
        assert found["margin"] > 0
        assert found["right"] == 1
    notices = [Notice.from_wire(one) for one in summary["warnings"]]  # type: ignore[attr-defined]
    assert {one.id for one in notices} >= {"generate.preferred"}
    with pytest.raises(CutError):
        learned(weights, tmp_path / "other", Cutting(5), train=train)
    assert learned(weights, tmp_path / "other", Silent(), train=train) == summary
    one, other = ((tmp_path / name / "out" / "model.safetensors").read_bytes() for name in ("one", "other"))
    assert one == other


def test_without_a_stated_rate_preferences_have_one_of_their_own(weights: Path, tmp_path: Path) -> None:
    found = [
        learned(weights, tmp_path / str(rate), Silent(), rate, train="full")["preferred"]
        for rate in (None, 5e-6)
    ]
    assert found[0] == found[1]


def test_pairs_that_say_nothing_are_counted_and_rejected_answers_are_not_passed_over(weights: Path) -> None:
    rows = preferred(12)
    worse = list(rows.less_liked or ())
    worse[2], worse[3] = f" {rows.columns['reply'][2]}", None
    warnings = forecast(weights, replace(rows, less_liked=worse), prefer=PREFER)
    found = {
        str(one.values["reason"]): one.values["ids"] for one in warnings if one.id == "generate.left-out"
    }
    assert sorted(found.values()) == [["row-2"], ["row-3"]]
    assert "generate.preferences-unread" in {one.id for one in forecast(weights, rows)}
    with pytest.raises(ProjectError, match="the rows have none"):
        forecast(weights, tiny_decoder.asked(12), prefer=PREFER)
    with pytest.raises(ValidationError):
        GenerateOptions(prefer=PREFER)  # type: ignore[arg-type]
    given = {"learner": "generate", "pretrained": "weights", "prefer": PREFER}
    assert [path for path, _ in option_problems(given)] == [("model", "prefer")]


def test_rows_that_all_say_nothing_are_refused_with_what_would_be_learned_from(weights: Path) -> None:
    rows = tiny_decoder.asked(12)
    equal = replace(rows, less_liked=list(rows.columns["reply"]))
    with pytest.raises(ProjectError, match="the chosen and the rejected answer are equal") as raised:
        forecast(weights, equal, prefer=PREFER)
    assert "two answers that differ" in str(raised.value.problems[0].next_step)
    twice = tiny_decoder.asked(6)
    columns = {
        "messages": [*twice.columns["messages"]] * 2,
        "reply": [*twice.columns["reply"], *[None] * 6],
    }
    both = Examples(
        [f"row-{n}" for n in range(12)], columns, less_liked=[*[None] * 6, *twice.columns["reply"]]
    )
    with pytest.raises(ProjectError, match="was liked in one row and not in another") as raised:
        forecast(weights, both, prefer=PREFER)
    assert "one verdict" in str(raised.value.problems[0].next_step)


def test_answers_that_are_written_with_the_same_tokens_are_equal(weights: Path) -> None:
    read = DecoderWeights.read(weights)
    small = Tokenizer.from_buffer(read.tokenizer)
    small.normalizer = normalizers.Lowercase()
    read = replace(read, tokenizer=small.to_str().encode())
    rows = preferred(4)
    worse = [str(rows.columns["reply"][0]).upper(), *(rows.less_liked or ())[1:]]
    found = AnswerReader(tiny_decoder.ASK, read, 300, 200).read_pairs(replace(rows, less_liked=worse))
    assert dict(found.left_out) == {"with-equal-answers": ["row-0"]}
