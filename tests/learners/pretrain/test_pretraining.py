"""Pretraining: what it learns, what starts from it, and the same bits after it was cut off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_encoder
import torch
from cutting import CutError, Cutting

from modelwright import kinds, learners
from modelwright.core import digests
from modelwright.core.messages import MachineError, ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.kinds.contract.samples import Samples
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.steps import AveragingKeys
from modelwright.learners.descent import trainer
from modelwright.learners.descent.plain_run import PlainRecipe, PlainRun
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.encoders.contract import ARRAYS
from modelwright.learners.options import option_problems
from modelwright.learners.pretrain.learn import PretrainLearn
from modelwright.learners.pretrain.pretext import Pretext, Vocabulary
from modelwright.learners.pretrain.spec import PretrainOptions, PretrainTraining
from modelwright.learners.steps import scaling
from modelwright.learners.steps.schedule import RateSchedule
from modelwright.learners.weights import resolving
from modelwright.storage.formats.examples import Examples

READ = Signature("read", (Field("question", "text"),), ())
LEARN = PretrainLearn()
STEPS = 8
AMOUNTS = {"text": {}, "image": {"shift": 0.1, "brightness": 0.3}, "audio": {}}


@pytest.fixture(autouse=True)
def _save_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)


def _texts(rows: int) -> Examples:
    column = tiny_encoder.routed(rows).columns["question"]
    return Examples([str(row) for row in range(rows)], {"question": column})


def _of_kind(kind: str, rows: int) -> tuple[Signature, Examples]:
    values = kinds.facet(kind, Samples).values()
    column = [values[row % len(values)] for row in range(rows)]
    signature = Signature("read", (Field("given", kind),), ())
    return signature, Examples([str(row) for row in range(rows)], {"given": column})


def _setup(pretrained: dict[str, Path] | None = None, augment: object = None, **options: object) -> Setup:
    return Setup(
        learner="pretrain",
        steps=STEPS,
        batch=16,
        threads=1,
        precision="float32",
        instruction_set="avx2",
        seed=3,
        options=PretrainOptions.model_validate(options),
        training=PretrainTraining(),
        pretrained=pretrained or {},
        augment=augment or {},  # type: ignore[arg-type]
    )


def _learn(
    place: Path,
    setup: Setup,
    signature: Signature = READ,
    data: Examples | None = None,
    progress: Silent | None = None,
) -> Path:
    out, scratch = place / "learned", place / "scratch"
    for folder in (out, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    train = data or _texts(60)
    LEARN.learn(signature, Rows(train, data or _texts(20)), setup, out, scratch, progress or Silent())
    return out


@pytest.mark.parametrize(
    "options", [{}, {"encoder": {"type": "attention", "width": 8}}, {"objective": "masked"}]
)
@pytest.mark.parametrize("start", ["nothing", "weights"])
def test_a_run_cut_off_anywhere_ends_with_the_bytes_of_an_unbroken_one(
    tmp_path: Path, options: dict[str, object], start: str
) -> None:
    given = {"question": tiny_encoder.save(tmp_path / "tiny")} if start == "weights" else {}
    if given and "encoder" in options:
        with pytest.raises(ProjectError, match="asks for an encoder from scratch"):
            _learn(tmp_path / "both", _setup(given, **options))
        return
    whole = digests.of_folder(_learn(tmp_path / "whole", _setup(given, **options)))
    for cut in (1, 4, STEPS):
        place = tmp_path / f"cut-{cut}"
        with pytest.raises(CutError):
            _learn(place, _setup(given, **options), progress=Cutting(cut))
        assert digests.of_folder(_learn(place, _setup(given, **options))) == whole
    other = _setup(given, **options)
    assert digests.of_folder(_learn(tmp_path / "other", Setup(**{**vars(other), "seed": 4}))) != whole


@pytest.mark.parametrize("kind", ["text", "image", pytest.param("audio", marks=pytest.mark.proof)])
def test_other_learners_start_from_what_was_learned(tmp_path: Path, kind: str) -> None:
    signature, data = _of_kind(kind, 24)
    out = _learn(tmp_path, _setup(augment={"given": AMOUNTS[kind]}), signature, data)
    form = kinds.arrays(kind).input_form
    assert form is not None
    assert resolving.resolve(str(out), tmp_path) == out.resolve()
    type_name, loaded = registry.load(out, {})
    assert type_name == f"pretrained-{form.value}"
    weights = loaded.encoder.state_dict()
    assert all(bool(torch.isfinite(one).all()) for one in weights.values() if one.is_floating_point())
    # what is loaded answers as what was written, and what is built again from the plan takes its weights
    built = registry.build(type_name, loaded.config)
    built.load_state_dict(weights)
    state = kinds.arrays(kind).fit(data.columns["given"], **dict(loaded.fit))
    arrays = kinds.arrays(kind).encode(data.columns["given"][:4], state)
    given = [torch.from_numpy(np.ascontiguousarray(arrays[name])) for name in ARRAYS[form]]
    with torch.no_grad():
        assert torch.equal(built.eval()(*given), loaded.encoder(*given))

    asked = Signature("route", signature.inputs, (Field("domain", "category"),))
    learner = "finetune"
    few = Examples(data.ids, {**data.columns, "domain": ["a", "b"] * 12})
    spec = learners.spec(learner)
    setup = Setup(
        learner=learner, steps=2, batch=8, threads=1, precision="float32", instruction_set="avx2", seed=0,
        options=spec.Options(), training=spec.Training(), pretrained={"given": out},
    )  # fmt: skip
    for folder in ("learned-few", "scratch-few"):
        (tmp_path / folder).mkdir()
    learners.learn(learner).learn(
        asked, Rows(few, few), setup, tmp_path / "learned-few", tmp_path / "scratch-few", Silent()
    )
    body = learners.export(learner).export(tmp_path / "learned-few")
    assert body.graphs


def test_pretraining_goes_on_from_what_was_pretrained_here(tmp_path: Path) -> None:
    first = _learn(tmp_path / "first", _setup())
    second = _learn(tmp_path / "second", _setup({"question": first}))
    one, two = (registry.load(folder, {})[1] for folder in (first, second))
    assert one.config == two.config
    assert one.fit == two.fit
    assert digests.of_folder(first) != digests.of_folder(second)


@pytest.mark.parametrize("numbers", ["bfloat16", "float16"])
def test_steps_in_fewer_bits_round_and_are_the_same_after_a_kill(tmp_path: Path, numbers: str) -> None:
    exact, how = _setup(objective="both"), Setup(**{**vars(_setup(objective="both")), "precision": numbers})
    whole = digests.of_folder(_learn(tmp_path / "whole", how))
    assert whole != digests.of_folder(_learn(tmp_path / "exact", exact))
    with pytest.raises(CutError):
        _learn(tmp_path / "cut", how, progress=Cutting(3))
    assert digests.of_folder(_learn(tmp_path / "cut", how)) == whole


@pytest.mark.parametrize("first", [2.0**16, 2.0**60])
def test_a_scaled_loss_in_float16_has_the_gradient_of_float32(
    first: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "_FIRST", first)
    arrays = {"ids": torch.randint(2, 50, (32, 12)), "mask": torch.ones(32, 12, dtype=torch.int64)}

    class Given:
        """An objective on rows that are arrays already."""

        def __init__(self, numbers: str) -> None:
            self.module = _pretext("both")
            self.module.numbers = numbers

        def loss(self, rows: Any, batch: Any, seed: int, step: int) -> torch.Tensor:
            return self.module.loss(arrays, seed, step)

        def parts(self, rows: Any, batch: Any) -> Iterator[tuple[Any, float]]:
            yield batch, 1.0

        held = parts

    norms = {}
    for numbers in ("float16", "float32"):
        recipe = PlainRecipe(1e-9, 0.0, AveragingKeys(), RateSchedule("constant", 0.0), precision=numbers)
        run = PlainRun(Given(numbers), None, recipe, steps=4, seed=1)
        run.learn(np.arange(32))
        norms[numbers] = run.norm
        assert (1.0 < run._scaling.scale <= first) == (numbers == "float16")
    assert norms["float16"] == pytest.approx(norms["float32"], rel=0.05)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop", "adagrad", "muon"])
def test_the_optimiser_is_the_one_that_is_named_and_a_kill_changes_no_bit(tmp_path: Path, name: str) -> None:
    keys = {"encoder": {"type": "attention", "width": 8, "layers": 1}, "objective": "both"}
    training = PretrainTraining.model_validate({"optimiser": {"name": name, "clip": 0.5}})
    how = Setup(**{**vars(_setup(**keys)), "training": training})
    whole = digests.of_folder(_learn(tmp_path / "whole", how))
    assert whole != digests.of_folder(_learn(tmp_path / "adamw", _setup(**keys)))
    with pytest.raises(CutError):
        _learn(tmp_path / "cut", how, progress=Cutting(4))
    assert digests.of_folder(_learn(tmp_path / "cut", how)) == whole


def test_patience_ends_what_gains_nothing(tmp_path: Path) -> None:
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    for folder in (out, scratch):
        folder.mkdir()
    still = PretrainTraining(learning_rate=1e-30, patience=1)
    setup = Setup(**{**vars(_setup()), "steps": 40, "training": still})
    rows = Rows(_texts(60), _texts(20))
    history = LEARN.learn(READ, rows, setup, out, scratch, Silent())["history"]
    assert [one["step"] for one in history] == [4, 8]  # type: ignore[attr-defined]


def test_learning_lessens_the_loss(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    words = ["".join(chance.choice(list("abcdefghij"), 4)) for _ in range(300)]
    # what a text says is told by any of its words: they come from one of 30 topics
    texts = [" ".join(chance.choice(words[row % 30 :: 30], 8)) for row in range(260)]
    rows = Rows(_column(texts[:200]), _column(texts[200:]))
    best = {}
    for rate in (1e-9, 0.005):  # of the first, nothing is learned
        out, scratch = tmp_path / f"out-{rate}", tmp_path / f"scratch-{rate}"
        for folder in (out, scratch):
            folder.mkdir()
        setup = Setup(**{**vars(_setup()), "steps": 60, "training": PretrainTraining(learning_rate=rate)})
        summary = LEARN.learn(READ, rows, setup, out, scratch, Silent())
        best[rate] = summary["chosen"]["loss"]  # type: ignore[index]
    assert best[0.005] < 0.95 * best[1e-9], best


def _column(texts: list[str]) -> Examples:
    return Examples([str(row) for row in range(len(texts))], {"question": texts})


def _pretext(objective: str, temperature: float = 0.1) -> Pretext:
    torch.manual_seed(0)
    type_ = registry.scratch(Form.TOKENS)
    encoder = type_.build({"tokens": 50, "options": {"type": "words", "width": 8, "dropout": 0.0}})
    options = PretrainOptions.model_validate({"objective": objective, "temperature": temperature})
    return Pretext(encoder.eval(), Form.TOKENS, options, Vocabulary(50, 0), 0, {}).eval()


def test_losses_are_those_of_chance_before_anything_is_learned_and_follow_from_seed_and_step() -> None:
    arrays = {"ids": torch.randint(2, 50, (64, 12)), "mask": torch.ones(64, 12, dtype=torch.int64)}
    masked = _pretext("masked")
    found = float(masked.loss(arrays, 1, 2).detach())
    assert found == pytest.approx(np.log(50), rel=0.2)
    assert float(masked.loss(arrays, 1, 2).detach()) == found
    assert float(masked.loss(arrays, 1, 3).detach()) != found
    # of equal values no view is nearer than another
    alike = {"ids": torch.full((64, 12), 7), "mask": torch.ones(64, 12, dtype=torch.int64)}
    assert float(_pretext("contrastive", 1.0).loss(alike, 1, 2).detach()) == pytest.approx(
        np.log(64), rel=0.05
    )


def test_rows_without_tokens_and_a_batch_of_one_have_a_loss() -> None:
    for objective in ("masked", "contrastive", "both"):
        for rows in (1, 3):
            empty = {
                "ids": torch.zeros(rows, 4, dtype=torch.int64),
                "mask": torch.zeros(rows, 4, dtype=torch.int64),
            }
            assert np.isfinite(float(_pretext(objective).loss(empty, 0, 0).detach()))


def test_what_cannot_be_pretrained_is_said(tmp_path: Path) -> None:
    two = Signature("read", (Field("a", "text"), Field("b", "text")), ())
    examples = Examples(["1", "2"], {"a": ["x", "y"], "b": ["x", "y"]})
    with pytest.raises(ProjectError, match="reads one input, and the function has"):
        _learn(tmp_path / "two", _setup(), two, examples)
    signature, data = _of_kind("image", 8)
    with pytest.raises(ProjectError, match="has no variations"):
        _learn(tmp_path / "views", _setup(objective="contrastive"), signature, data)
    spec = learners.spec("pretrain")
    assert spec.refuses(tiny_encoder.ROUTE) is not None
    assert spec.refuses(READ) is None
    others = [name for name in learners.names() if name != "pretrain"]
    assert all(learners.spec(name).refuses(READ) is not None for name in others)
    assert not learners.offered(tiny_encoder.ROUTE) or "pretrain" not in learners.offered(tiny_encoder.ROUTE)


def test_rows_whose_loss_is_no_number_are_saved_and_memory_that_runs_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = Setup(**{**vars(_setup()), "training": PretrainTraining(learning_rate=1e30)})
    with pytest.raises(ProjectError, match="the rows are in") as refused:
        _learn(tmp_path / "far", far)
    saved = json.loads((tmp_path / "far" / "scratch" / "diverged.json").read_text("utf-8"))
    assert {one["question"] for one in saved["rows"]} <= set(_texts(60).columns["question"])
    assert "learn.learning_rate" in str(refused.value)

    whole = digests.of_folder(_learn(tmp_path / "whole", _setup()))
    honest, asked = Pretext.loss, []

    def tight(self: Pretext, *given: Any) -> torch.Tensor:
        asked.append(given)
        if len(asked) == 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return honest(self, *given)

    monkeypatch.setattr(Pretext, "loss", tight)
    with pytest.raises(MachineError) as tight_one:
        _learn(tmp_path / "tight", _setup())
    assert [one.id for one in tight_one.value.problems] == ["machine.memory"]
    # no step before it is lost
    assert digests.of_folder(_learn(tmp_path / "tight", _setup())) == whole


def _too_large() -> torch.Tensor:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory")


def test_where_memory_runs_out_a_batch_is_halved_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, read = Pretext.loss, list[int]()

    def tight(self: Pretext, arrays: Any, seed: int, step: int) -> torch.Tensor:
        rows = len(next(iter(arrays.values())))
        if self.training and rows > 4:
            _too_large()
        read.append(rows)
        return honest(self, arrays, seed, step)

    monkeypatch.setattr(Pretext, "loss", tight)
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    for folder in (out, scratch):
        folder.mkdir()
    how = Setup(**{**vars(_setup()), "batch": 16, "steps": 2})
    summary = LEARN.learn(READ, Rows(_texts(60), _texts(20)), how, out, scratch, Silent())
    (said,) = summary["warnings"]  # type: ignore[misc,attr-defined]
    assert (said["id"], said["values"]["parts"]) == ("learn.compared-in-parts", 4)
    assert read.count(4) >= 8


def test_the_average_is_said_as_by_every_learner() -> None:
    ((path, problem),) = option_problems({"learner": "pretrain", "average": 0.9})
    assert (path, problem.values["now"]) == (("model", "average"), "learn.averaging.decay")
    assert PretrainTraining.model_validate({"averaging": {"name": "none"}}).averaging.name == "none"
