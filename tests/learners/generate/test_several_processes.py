"""Several processes that share the rows of a decoder's steps: the bits of one that reads the same parts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_decoder

from modelwright import learners
from modelwright.core import digests
from modelwright.core.progress import Silent
from modelwright.engine.store import ArtifactPart
from modelwright.learners.causal.causal_objective import CausalObjective
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.generate.spec import GenerateOptions, GenerateTraining
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.stages.learn.stage import learn
from modelwright.storage.formats.examples import read_examples
from modelwright.storage.formats.plan import BROUGHT, BROUGHT_FOLDER, Choice, Execution, Machine

MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, instruction_set="avx2")
PREFER: dict[str, Any] = {"train": "full", "prefer": {"beta": 0.1}}
STEPS, BATCH, PROCESSES = 5, 7, 2


def part(folder: Path) -> ArtifactPart:
    return ArtifactPart(folder.parent.name, "0" * 64, folder.name, digests.of_folder(folder), folder)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_decoder.brought(tmp_path_factory.mktemp("several") / "weights")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return pairs of answers, as the stage `data` seals them."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = [
        {"prompt": f"How much is {n} and {n}?", "chosen": f"It is {2 * n}.", "rejected": "No." * (n % 3 + 1)}
        for n in range(40)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    data(tiny_decoder.ASK, DataConfig(source="rows.jsonl"), folder, folder / "data", Silent())
    return folder / "data"


def test_two_processes_give_the_bits_of_one_that_reads_the_same_parts(
    weights: Path, sealed: Path, tmp_path: Path
) -> None:
    options, training = GenerateOptions.model_validate(PREFER), GenerateTraining(learning_rate=0.01)
    execution = Execution(processes=PROCESSES)
    rows = Rows(*(read_examples(sealed / name, tiny_decoder.ASK) for name in ("train", "validation")))
    setup = Setup(
        "generate", STEPS, BATCH, 1, "float32", "avx2", 0, options, training, {BROUGHT: weights},
        execution=execution,
    )  # fmt: skip
    for name in ("alone", "alone-scratch", "two-scratch"):
        (tmp_path / name).mkdir()
    alone = learners.learn("generate").learn(
        tiny_decoder.ASK, rows, setup, tmp_path / "alone", tmp_path / "alone-scratch", Silent()
    )
    Choice(
        learner="generate",
        steps=STEPS,
        batch=BATCH,
        threads=PROCESSES,
        precision="float32",
        instruction_set="avx2",
        seed=0,
        options=options.model_dump(mode="json"),
        training=training.model_dump(mode="json"),
        pretrained={BROUGHT: digests.of_folder(weights)},
        credits={},
        execution=execution,
    ).write(tmp_path / "choice")
    shutil.copytree(weights, tmp_path / "choice" / BROUGHT_FOLDER)
    two = learn(
        train=part(sealed / "train"),
        validation=part(sealed / "validation"),
        choice=part(tmp_path / "choice"),
        signature=tiny_decoder.ASK,
        machine=MACHINE,
        pretrained={},
        out=tmp_path / "two",
        scratch=tmp_path / "two-scratch",
        progress=Silent(),
    )
    assert two["history"] == alone["history"]
    one, other = (
        folder / "model.safetensors" for folder in (tmp_path / "alone", tmp_path / "two" / "learned")
    )
    assert one.read_bytes() == other.read_bytes()
    assert one.read_bytes() != (weights / "model.safetensors").read_bytes()


def test_each_process_has_a_part_of_a_step_where_it_has_as_many_rows(weights: Path) -> None:
    read = DecoderWeights.read(weights)
    decoder = llama.built(read.config, read.tensors)
    lengths = np.array([20, 22, 21, 30, 5], np.int64)
    for shares, rows in ((1, [5]), (2, [3, 2]), (4, [2, 2, 1]), (8, [1] * 5)):
        objective = CausalObjective(decoder, "float32", "cpu", shares)
        parts = list(objective.shared(lengths, np.arange(5)))
        assert [len(one) for one in parts] == rows
        assert np.concatenate(parts).tolist() == [*range(5)]


def test_a_forecast_says_what_a_step_takes_in_several_processes(weights: Path) -> None:
    found = learners.learn("generate").forecast(
        tiny_decoder.ASK,
        Rows(tiny_decoder.asked(24)),
        GenerateOptions(train="full"),
        GenerateTraining(processes=2),
        {BROUGHT: weights},
        MACHINE,
        30.0,
    )
    assert found.execution.processes == 2
    assert 0 < found.seconds <= 30
    (said,) = (one for one in found.warnings if one.id == "plan.processes")
    assert said.values["processes"] == 2
