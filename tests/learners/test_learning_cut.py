"""Learning that the clock ends: the same bits under the plan that names its last step, and on to the planned end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_decoder
import tiny_encoder
from cutting import CutError, Cutting

from modelwright import learners
from modelwright.core import digests
from modelwright.core.progress import Silent
from modelwright.learners.contract.ending import Ending, LearningCut
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent import trainer
from modelwright.learners.trees import boosting
from modelwright.storage.formats.plan import BROUGHT, BlendMember

STEPS, BATCH = 8, 8
LastSteps = dict[str, tuple[int, int]]
CASES = {
    "finetune": {},
    "network": {},
    "network stacking": {"combiner": "stacking"},
    "trees": {"bags": 1, "min_rows": 2},
    "pretrain": {},
    "match": {},
    "tag": {},
    "extract": {},
    "trees drawn": {"bags": 2, "min_rows": 2},
    "generate": {"train": "full"},
    "generate lora": {"train": "lora"},
    "blend": {"of": ["network", "trees"]},
}
# learns as `network` does, from a package
AS_ANOTHER = {"distil"}
MEMBERS = tuple(
    BlendMember(name, name, STEPS, BATCH, "float32", options, {}, 0.001, seconds=2.0)
    for name, options in (("network", {}), ("trees", {"bags": 1, "min_rows": 2}))
)
ASK = tiny_decoder.ASK
TEXTS = replace(tiny_encoder.ROUTE, outputs=())
TABLE = replace(tiny_encoder.MIXED, inputs=tiny_encoder.MIXED.inputs[1:])  # without the text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("cut") / "tiny")


def clock(asked: int) -> Callable[[float], bool]:
    """Return a clock that has run out after it was asked so often, by a share of that for a share of the time."""
    count = 0

    def over(share: float) -> bool:
        nonlocal count
        count += 1
        return count >= asked * share

    return over


class Learning:
    """One learner on a few rows of every kind, in a folder of its own."""

    def __init__(self, case: str, folder: Path, place: Path) -> None:
        self.case = case
        self.name, self.options = case.partition(" ")[0], CASES[case]
        self.signature = {
            "trees": TABLE,
            "blend": TABLE,
            "pretrain": TEXTS,
            "match": tiny_encoder.CHOOSE,
            "tag": tiny_encoder.TAG,
            "extract": tiny_encoder.EXTRACT,
        }.get(self.name, tiny_encoder.MIXED)
        texts = [one.name for one in self.signature.inputs if one.kind == "text"]
        self.pretrained, self.place = dict.fromkeys(texts, folder), place
        if self.name == "generate":
            self.signature, self.pretrained = ASK, {BROUGHT: tiny_decoder.brought(place / "weights")}

    def run(
        self, where: str, ending: Ending | None = None, progress: Silent | None = None, seed: int = 0
    ) -> str:
        """Learn in a scratch folder of that name, and return the digest of what was learned."""
        spec = learners.spec(self.name)
        out, scratch = self.place / where / "out", self.place / where / "scratch"
        shutil.rmtree(out, ignore_errors=True)
        for made in (out, scratch):
            made.mkdir(parents=True, exist_ok=True)
        setup = Setup(
            self.name, STEPS, BATCH, 1, "float32", "avx2", seed,
            spec.Options(**self.options), spec.Training(), self.pretrained, ending=ending or Ending(),
            members=MEMBERS if self.name == "blend" else (),
        )  # fmt: skip
        make = {
            "pretrain": tiny_encoder.routed,
            "match": tiny_encoder.chosen,
            "tag": tiny_encoder.tagged,
            "extract": tiny_encoder.extracted,
            "generate": tiny_decoder.asked,
        }.get(self.name, tiny_encoder.mixed)
        rows = Rows(make(24), make(12))
        learners.learn(self.name).learn(self.signature, rows, setup, out, scratch, progress or Silent())
        return digests.of_folder(out)

    def copy(self, where: str, into: str) -> None:
        """Begin a learning from the state of another."""
        shutil.copytree(self.place / where / "scratch", self.place / into / "scratch")

    def cut(self, where: str, asked: int) -> tuple[LastSteps, str]:
        """Learn under a clock, each time it ends a training under a plan that says so; return that plan and the end."""
        last_steps: LastSteps = {}
        over = clock(asked)
        for number in range(100):
            assert len(last_steps) == number, "no training is cut twice"
            here = f"{where}-{number}" if number else where
            try:
                return last_steps, self.run(here, Ending(last_steps, over))
            except LearningCut as cut:
                last_steps = {**last_steps, cut.training: (cut.step, cut.steps)}
                self.copy(here, f"{where}-{number + 1}")
        raise AssertionError("it never ends")


# stacking is of ten trainings, each of which is cut
@pytest.fixture(params=[pytest.param(one, marks=[pytest.mark.proof] * ("stacking" in one)) for one in CASES])
def learning(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Learning:
    return Learning(request.param, folder, tmp_path)


@pytest.mark.parametrize("asked", [1, 5])
def test_cut_it_is_what_its_plan_gives_from_nothing_and_goes_on_to_the_planned_end(
    learning: Learning, asked: int
) -> None:
    whole = learning.run("whole")
    last_steps, ended = learning.cut("cut", asked)
    assert last_steps
    assert all(1 <= step < steps <= STEPS for step, steps in last_steps.values())
    # a clock that has run out changes nothing where the plan has said where it ends
    assert learning.run("nothing", Ending(last_steps, lambda share: True)) == ended
    assert asked > 1 or ended != whole  # later on, the best may have come before the cut
    # what went on from a copy has left the state itself as it was
    assert learning.run("cut") == whole


def test_killed_before_at_and_after_the_cut_it_ends_alike(
    learning: Learning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(boosting, "CHECKPOINT_S", 0.0)
    whole = learning.run("whole")
    with pytest.raises(CutError):
        learning.run("cut", progress=Cutting(4))
    with pytest.raises(LearningCut) as cut:
        learning.run("cut", Ending(over=lambda share: True))
    with pytest.raises(LearningCut) as again:  # no one had noted where: a step more, and again
        learning.run("cut", Ending(over=lambda share: True))
    # a booster that draws at random begins again
    assert again.value.step == cut.value.step + ("drawn" not in learning.case)
    last_steps = {again.value.training: (again.value.step, again.value.steps)}
    learning.copy("cut", "copy")
    with pytest.raises(CutError):
        learning.run("cut", progress=Cutting(3))
    assert learning.run("copy", Ending(last_steps)) == learning.run("nothing", Ending(last_steps))
    assert learning.run("cut") == whole


def test_the_best_weights_of_a_later_step_end_no_earlier_one(folder: Path, tmp_path: Path) -> None:
    """A kill between writing the best weights and the state leaves those of a step that the state has not seen."""
    learning = Learning("network", folder, tmp_path)
    whole = learning.run("whole")
    with pytest.raises(LearningCut):
        learning.run("cut", Ending(over=clock(2)))
    scratch = tmp_path / "cut" / "scratch"
    shutil.copy(tmp_path / "whole" / "scratch" / "best.safetensors", scratch / "best.safetensors")
    try:
        learning.run("cut", Ending(over=lambda share: True))
    except LearningCut as cut:
        learning.copy("cut", "copy")
        last_steps = {cut.training: (cut.step, cut.steps)}
        assert learning.run("copy", Ending(last_steps)) == learning.run("nothing", Ending(last_steps))
    assert learning.run("cut") == whole


def test_parts_of_a_learning_share_the_time_and_each_has_half_of_its_own() -> None:
    asked: list[float] = []
    ending = Ending({"a": (2, 8), "a/x": (3, 8)}, lambda share: bool(asked.append(share)), lambda: 0.4)
    for part, of_left, of_all in (("a", 0.5, 0.25), ("b", 1.0, 0.5), ("b", 0.1, 0.5)):
        assert not ending.within(part, of_left, of_all).of("y").is_due(1)
    assert asked == pytest.approx([0.7, 1.0, 0.65])
    part = ending.within("a", 1.0, 1.0)
    assert (part.of().last(8), part.of("x").last(8), part.of("y").last(8)) == (2, 3, 8)
    assert part.spent() == 0.0
    with pytest.raises(LearningCut) as cut:
        ending.within("b", 1.0, 1.0).within("c", 1.0, 1.0).of().cut(1, 8)
    assert cut.value.training == "b/c"


def test_trainings_share_what_is_left_of_the_time() -> None:
    asked: list[float] = []
    end = Ending(over=lambda share: bool(asked.append(share)), spent=lambda: 0.5).in_turn(2)
    for name in "ab":
        one = end(name, 10)
        assert not one.is_due(2)  # not before a quarter of its steps, whatever the time
        assert not one.is_due(3)
    assert asked == pytest.approx([0.75, 1.0])


def test_where_one_training_was_cut_those_behind_it_end_after_the_same_part() -> None:
    end = Ending({"b": (3, 12)}, lambda share: True).in_turn(4)
    ends = {name: end(name, steps) for name, steps in (("a", 12), ("b", 12), ("c", 12), ("d", 20))}
    assert {name: one.last(12 if name != "d" else 20) for name, one in ends.items()} == {
        "a": 12, "b": 3, "c": 3, "d": 5
    }  # fmt: skip
    assert not any(ends[name].is_due(12) for name in "bcd"), (
        "learning is begun again once, not once a training"
    )


@pytest.mark.parametrize("name", learners.names())
def test_a_learner_says_whether_it_can_be_cut(name: str) -> None:
    assert learners.spec(name).cuttable is (name in {case.partition(" ")[0] for case in CASES} | AS_ANOTHER)


@pytest.mark.parametrize("case", ["finetune", "network", "trees drawn"])
def test_another_seed_gives_other_bits(case: str, folder: Path, tmp_path: Path) -> None:
    learning = Learning(case, folder, tmp_path)
    assert learning.run("one") != learning.run("other", seed=1)
