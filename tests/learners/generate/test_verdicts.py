"""Liked answers become likelier than others; what says nothing is counted or refused, a kill changes no bit."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tiny_decoder
import torch
from cutting import CutError, Cutting
from in_process import say

from modelwright import learners
from modelwright.core.messages import Notice, ProjectError
from modelwright.core.progress import Silent
from modelwright.learners.causal.token_rows import TokenRow
from modelwright.learners.causal.verdict_objective import VerdictObjective, VerdictRows
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.generate import preferring
from modelwright.learners.generate.spec import GenerateOptions, GenerateTraining
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT, Machine

PAGE = (Path(__file__).parents[3] / "docs" / "writing.md").read_text("utf-8")
LEARN = learners.learn("generate")
MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
PREFER = {"beta": 0.1}
BAD = "No, I do not know."


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_decoder.brought(tmp_path_factory.mktemp("verdicts") / "weights")


def judged(rows: int, liked: Sequence[bool] = (True, False, True)) -> Examples:
    """Return answers whose verdicts follow each other again and again."""
    found = tiny_decoder.asked(rows)
    good = [liked[row % len(liked)] for row in range(rows)]
    truths = [truth if one else None for truth, one in zip(found.columns["reply"], good, strict=True)]
    return replace(
        found,
        columns={**found.columns, "reply": truths},
        less_liked=[None if one else BAD for one in good],
    )


def learned(weights: Path, place: Path, progress: Silent, **options: object) -> dict[str, object]:
    out = place / "out"
    out.mkdir(parents=True, exist_ok=True)
    setup = Setup(
        "generate", 12, 4, 1, "float32", "avx2", 0, GenerateOptions(train="full", prefer=PREFER, **options),  # type: ignore[arg-type]
        GenerateTraining(learning_rate=0.01), {BROUGHT: weights},
    )  # fmt: skip
    return LEARN.learn(tiny_decoder.ASK, Rows(judged(12), judged(6)), setup, out, place / "scratch", progress)


def forecast(weights: Path, rows: Examples, **options: object) -> Estimate:
    given = GenerateOptions(train="full", **options)  # type: ignore[arg-type]
    return LEARN.forecast(
        tiny_decoder.ASK, Rows(rows), given, GenerateTraining(), {BROUGHT: weights}, MACHINE, 60.0
    )


def of_answers(answers: Sequence[Sequence[int]], liked: Sequence[bool]) -> VerdictRows:
    rows = [TokenRow.of([5, 6, *one], [False, False, *[True] * len(one)]) for one in answers]
    return VerdictRows.of(rows, list(liked), 64)


def test_the_loss_is_of_what_changed_beyond_the_drift_of_the_whole_batch(weights: Path) -> None:
    read = DecoderWeights.read(weights)
    decoder = llama.built(read.config, read.tensors)
    rows = of_answers([[7, 8], [9], [10, 11]], [True, False, True])
    objective = VerdictObjective(decoder, 0.5, 0.0, (1.0, 2.0), "float32", "cpu")
    known = preferring.with_reference(objective, rows)
    every = np.arange(3)

    def of(rows: VerdictRows, some: np.ndarray) -> float:
        list(objective.parts(rows, every))  # where a step begins
        return objective.loss(rows, some, 0, 0).item()

    likely = decoder(torch.tensor([[5, 6, 7, 8]])).log_softmax(-1)[0]
    assert known.reference[0, 0] == pytest.approx((likely[1, 7] + likely[2, 8]).item(), abs=1e-5)
    # nothing has changed: σ(0) for each, of which the second counts twice
    assert of(known, every) == pytest.approx((0.5 + 2 * 0.5 + 0.5) / 3, abs=1e-5)
    # answers changed by 1, -2 and 3 nats; those astray by 0.5 on average
    moved = replace(known, reference=known.reference - [[1.0, 0.5], [-2.0, 0.0], [3.0, 1.0]])

    def lost(nats: float) -> float:
        return 1 - 1 / (1 + math.exp(-0.5 * nats))

    wanted = [lost(1 - 0.5), 2 * lost(0.5 + 2), lost(3 - 0.5)]
    assert of(moved, every) == pytest.approx(sum(wanted) / 3, abs=1e-4)
    # the parts of a batch have its drift, not their own
    assert of(moved, every[:1]) == pytest.approx(wanted[0], abs=1e-4)
    # a drift below 0 is an error of its estimate
    lower = replace(known, reference=known.reference + [[0.0, 5.0]] * 3)
    assert of(lower, every) == pytest.approx(2 / 3, abs=1e-5)


def test_answers_astray_stand_behind_a_prompt_that_did_not_ask_for_them() -> None:
    rows = [
        TokenRow.of([1, 2, 3, 4], [False, False, True, True]),
        TokenRow.of([5, 6, 7], [False, True, True]),
    ]
    found = VerdictRows.of(rows, [True, False], 3)
    ids, learned, _ = found.astray.arrays(np.array([0, 1]))
    assert ids.tolist() == [[1, 2, 6], [5, 3, 4]]
    assert learned.tolist() == [[False, False, True], [False, True, True]]


@pytest.mark.parametrize(
    ("liked", "ratio", "wanted"),
    [([True, False], None, (1, 1)), ([True, False, False, False], None, (2, 2 / 3)), ([True, False], 3, (1.5, 0.5))],
)  # fmt: skip
def test_the_rarer_verdict_counts_more(
    liked: list[bool], ratio: float | None, wanted: tuple[float, float]
) -> None:
    assert of_answers([[7]] * len(liked), liked).shares(ratio) == pytest.approx(wanted)


def test_liked_answers_become_likelier_and_a_kill_changes_no_bit(weights: Path, tmp_path: Path) -> None:
    summary = learned(weights, tmp_path / "one", Silent())
    for split in ("train", "validation"):
        found = summary["preferred"][split]  # type: ignore[index]
        assert found["margin"] > 0
        assert found["rose"] == found["fell"] == 1
    notices = [Notice.from_wire(one) for one in summary["warnings"]]  # type: ignore[attr-defined]
    assert {one.id for one in notices} >= {"generate.judged"}
    with pytest.raises(CutError):
        learned(weights, tmp_path / "other", Cutting(5))
    assert learned(weights, tmp_path / "other", Silent()) == summary
    one, other = ((tmp_path / name / "out" / "model.safetensors").read_bytes() for name in ("one", "other"))
    assert one == other


@pytest.mark.proof
def test_the_project_of_the_page_learns_from_verdicts(tmp_path: Path) -> None:
    text = next(one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "form: verdict" in one)
    (row,) = (json.loads(one) for one in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if "label" in one)
    changed = {
        "smollm2": "weights", "train: lora": "train: full", "<= 60": "<= 100000", "budget: 5 min": "epochs: 1",
        "{generate: 5}": "{generate: 2, latency_requests: 100}",
    }  # fmt: skip
    for said, here in changed.items():
        assert text.count(said) == 1
        text = text.replace(said, here)
    (tmp_path / "modelwright.yaml").write_text(text, encoding="utf-8")
    tiny_decoder.save(tmp_path / "weights")
    rows = [
        {**row, "prompt": f"{n}?", "completion": f"It is {2 * n}." if n % 2 else BAD, "label": bool(n % 2)}
        for n in range(80)
    ]
    (tmp_path / "verdicts.jsonl").write_text(
        "".join(f"{json.dumps(one)}\n" for one in rows), encoding="utf-8"
    )
    done = say(tmp_path, "run", "--to", "evaluate", "--json")
    found = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    said = [one["text"] for one in found["warnings"] if one["id"] == "generate.judged"]
    assert len(said) == 2
    # half of the test rows have a truth
    (perplexity,) = found["requirements"]
    (test,) = (tmp_path / ".modelwright/objects/data").glob("*/test/rows.parquet")
    truths = pl.read_parquet(test)["reply"]
    assert 0 < perplexity["n"] == len(truths) - truths.null_count() < len(truths)


def test_verdicts_that_say_nothing_are_counted_or_refused(weights: Path) -> None:
    rows = judged(12)
    both = list(rows.less_liked or ())
    # row 1 asks as row 0 does, and its answer is the one that is liked there
    asked = [*rows.columns["messages"]]
    asked[1], both[1] = asked[0], rows.columns["reply"][0]
    mixed = replace(rows, columns={**rows.columns, "messages": asked}, less_liked=both)
    found = forecast(weights, mixed, prefer=PREFER)
    assert 0 < found.seconds <= 60
    assert [one.values["ids"] for one in found.warnings if one.id == "generate.left-out"] == [
        ["row-0", "row-1"]
    ]
    assert "generate.preferences-unread" in {one.id for one in forecast(weights, rows).warnings}
    for liked, words in (((True,), "all 12 answers were liked"), ((False,), "none of the 12")):
        with pytest.raises(ProjectError, match=words):
            forecast(weights, judged(12, liked), prefer=PREFER)
