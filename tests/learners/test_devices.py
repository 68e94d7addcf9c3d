"""What steps are computed on: asked for, found, refused; and no operation takes tensors of two devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_encoder
import torch

from modelwright.core.messages import ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import budget, devices
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.steps import LossKeys, RegularisationKeys
from modelwright.learners.descent import trainer
from modelwright.learners.descent.batch_loss import Moment
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.descent.training_run import TrainingRun
from modelwright.learners.networks.network import Network
from modelwright.learners.pretrain.pretext import Pretext, Vocabulary
from modelwright.learners.pretrain.spec import PretrainOptions
from modelwright.learners.training import checkpoint
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.project.loop.context import Context
from modelwright.project.loop.loop import other_machine_words
from modelwright.storage.formats.plan import Execution

ONE_GPU = replace(tiny_encoder.MACHINE, gpus=("A100",))
TWO_GPUS = replace(tiny_encoder.MACHINE, gpus=("A100", "H100"))
OPTIONAL = Signature(
    "judge",
    tuple(replace(field, optional=True) for field in tiny_encoder.MIXED.inputs),
    tiny_encoder.MIXED.outputs,
)
ALL_PARTS = Scratch(
    types={Form.TOKENS: "words", Form.CODE: "embedding"},
    combiner={"type": "attention", "width": 8, "dropout": 0.2},
    columns={"width": 8, "layers": 1, "dropout": 0.2},
    weighing=True,
    alone=True,
)
RECIPE = Recipe(
    learning_rate=1e-2,
    head_rate=1e-2,
    layer_decay=0.9,
    weight_decay=0.01,
    label_smoothing=0.1,
    dropout=0.1,
    weights={},
    omitted=0.3,
    left_out=0.3,
    auxiliary=0.5,
    regularisation=RegularisationKeys(mixup=0.4),
    loss=LossKeys(class_weights="balanced"),
)


@pytest.mark.parametrize(
    ("asked", "machine", "found"),
    [
        (None, tiny_encoder.MACHINE, Execution("cpu")),
        ("auto", tiny_encoder.MACHINE, Execution("cpu")),
        ("auto", TWO_GPUS, Execution("cuda", "A100")),
        ("cpu", TWO_GPUS, Execution("cpu")),
        ("cuda:1", TWO_GPUS, Execution("cuda:1", "H100")),
    ],
)
def test_a_device_is_the_one_that_is_asked_for(asked, machine, found):
    assert devices.execution(asked, machine) == found


@pytest.mark.parametrize(
    ("asked", "machine", "says"),
    [("cuda", tiny_encoder.MACHINE, "no GPU here"), ("cuda:1", ONE_GPU, "up to `cuda:0`")],
)
def test_one_that_is_not_there_is_refused(asked, machine, says):
    with pytest.raises(ProjectError) as raised:
        devices.execution(asked, machine)
    (problem,) = raised.value.problems
    assert problem.id == "plan.no-device"
    assert says in problem.found
    assert "`learn.device: auto`" in problem.next_step


def test_each_process_has_a_gpu_of_its_own():
    found = devices.execution("cuda", TWO_GPUS, 2)
    assert found == Execution("cuda", "A100", 2)
    assert [devices.of_rank(found.device, rank) for rank in range(2)] == ["cuda", "cuda:1"]
    assert [devices.of_rank("cpu", rank) for rank in range(2)] == ["cpu", "cpu"]
    for requested, processes, left in (("cuda", 3, 2), ("cuda:1", 2, 1)):
        with pytest.raises(ProjectError) as raised:
            devices.execution(requested, TWO_GPUS, processes)
        (problem,) = raised.value.problems
        assert problem.id == "plan.too-few-gpus"
        assert f"there are {left} GPUs" in problem.found


def test_a_plan_for_a_device_is_known_elsewhere():
    planned = Execution("cuda", "A100")
    assert devices.here("auto", planned, TWO_GPUS) == planned
    assert devices.here("auto", planned, tiny_encoder.MACHINE) == Execution()
    assert devices.here("cuda", planned, tiny_encoder.MACHINE) == Execution()
    assert devices.here("auto", Execution(), ONE_GPU) == planned
    # of a learner that knows no devices
    assert devices.here(None, Execution(), ONE_GPU) == Execution()


def test_a_plan_for_a_gpu_is_said_where_there_is_none() -> None:
    sealed = SimpleNamespace(
        threads=1,
        instruction_set="avx2",
        members=(),
        training={"device": "auto"},
        execution=Execution("cuda", "A100"),
    )
    file = SimpleNamespace(learn=SimpleNamespace(threads=None))
    here = SimpleNamespace(choice=sealed, machine=tiny_encoder.MACHINE, opened=SimpleNamespace(file=file))
    planned_for = Context.planned_for.fget
    assert planned_for is not None
    found = planned_for(here)
    assert "the plan computes on cuda (A100); this machine would on cpu" in other_machine_words(found)
    here.machine = ONE_GPU
    assert planned_for(here) is None


def _begin(rows: int) -> tuple[Network, EncodedRows]:
    data = tiny_encoder.mixed(rows)
    begin = starting_point(OPTIONAL, data, {}, {}, ALL_PARTS)
    return begin.network, EncodedRows(OPTIONAL, begin.states, data.columns)


@pytest.mark.parametrize("alone", [True, False])
def test_no_operation_of_a_step_takes_tensors_of_two_devices(alone: bool) -> None:
    # on `meta` nothing is computed, but what lies elsewhere is refused as on a GPU
    network, rows = _begin(40)
    network.alone = network.alone if alone else None
    trainer.settle_losses(network, rows, RECIPE)
    run = TrainingRun(network.to("meta"), RECIPE, 10, 8, 0)
    loss = run.batch_loss.of(rows, np.arange(8), Moment(0, 0))
    loss.backward()  # type: ignore[no-untyped-call]
    learned = [weight for weight in run.weights.values() if weight.grad is not None]
    assert {weight.grad.device.type for weight in learned if weight.grad is not None} == {"meta"}
    assert len(learned) > 20
    assert {values.device.type for values in run.average.values()} == {"meta"}


@pytest.mark.parametrize(("kind", "objective"), [("text", "both"), ("text", "contrastive")])
def test_nor_of_a_step_of_pretraining(kind: str, objective: str) -> None:
    signature = Signature("weights", (Field("items", kind),), ())
    data = tiny_encoder.mixed(20)
    begin = starting_point(signature, data, {}, {}, Scratch(types={Form.TOKENS: "words"}))
    options = PretrainOptions.model_validate({"objective": objective})
    encoder = begin.network.encoder_of("items")
    pretext = Pretext(encoder, Form.TOKENS, options, Vocabulary(30, 0), 0, {}).to("meta")
    arrays = EncodedRows(signature, begin.states, data.columns).arrays(np.arange(8))
    loss = pretext.loss({name.removeprefix("items."): values for name, values in arrays.items()}, 0, 0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.device.type == "meta"


@pytest.mark.parametrize(("one_ms", "slower"), [(3.0, True), (30.0, None)])
def test_a_forecast_says_what_a_step_takes_in_several_processes(one_ms: float, slower: bool | None) -> None:
    data = tiny_encoder.mixed(40)
    begin = starting_point(OPTIONAL, data, {}, {}, ALL_PARTS)
    some = Sample.of_examples(OPTIONAL, begin.states, data)
    asked = []

    def timer(_: Network, __: EncodedRows, recipe: Recipe, batches: list[Any], threads: int) -> float:
        asked.append((recipe.optimiser.accumulate, threads, len(batches[0])))
        return 0.01 if threads == 2 else one_ms / 1e3

    costs = budget.timed(begin, some, Rows(data), RECIPE, 16, 4, "float32", Execution(processes=2), timer)
    # eight rows of each batch on half of the threads, and all of them on all, in as many parts
    assert asked == [(1, 2, 8), (2, 4, 16)]
    assert costs.step_s > 0.01
    (notice,) = costs.notices
    assert notice.id == "plan.processes"
    assert notice.values["slower"] is slower
    assert ("several are slower here" in str(notice)) is bool(slower)


def test_what_an_optimiser_remembers_is_laid_beside_its_weights(tmp_path: Path) -> None:
    network, rows = _begin(20)
    trainer.settle_losses(network, rows, RECIPE)
    run = TrainingRun(network, RECIPE, 10, 8, 0)
    run.learn(rows, np.arange(8))
    run.save(tmp_path / "state.safetensors", {})
    kept = checkpoint.read(tmp_path / "state.safetensors")
    assert kept is not None
    again = TrainingRun(network, RECIPE, 10, 8, 0)
    again.restore(*kept)
    assert dict(again.stepper.state()).keys() == dict(run.stepper.state()).keys()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can compute on")
def test_on_a_gpu_the_same_seed_gives_the_same_bits_and_a_resumed_run_too(tmp_path: Path) -> None:
    def train(scratch: Path, steps: int = 12) -> dict[str, torch.Tensor]:
        with deterministic(1, 3, "cuda"):
            network, rows = _begin(57)
            network.to("cuda")
            trainer.train(
                network,
                rows,
                rows,
                replace(RECIPE, noisy=True),
                steps=12,
                batch=8,
                seed=3,
                scratch=scratch,
                progress=Silent(),
            )
            assert network.device.type == "cuda"
            return {name: values.cpu() for name, values in network.state_dict().items()}

    first = train(tmp_path / "one")
    for scratch in ("one", "two"):  # a finished one is read, another is learned
        again = train(tmp_path / scratch)
        assert all(torch.equal(again[name], values) for name, values in first.items())
