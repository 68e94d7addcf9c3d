"""Probe and fine-tuning beyond the contract: kinds of every sort, budgets, the real encoder, kills."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_encoder

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import DataError, ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.weights.resolving import resolve
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples

NAMES = ("probe", "finetune", "network")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("learners") / "tiny")


def _learn(
    name: str,
    signature: Signature,
    data: Callable[[int], Examples],
    pretrained: Path,
    place: Path,
    steps: int,
    **options: object,
) -> Path:
    spec = learners.spec(name)
    setup = Setup(
        name,
        steps,
        8,
        1,
        "float32",
        "avx2",
        0,
        spec.Options(**options),
        spec.Training(),
        {signature.inputs[0].name: pretrained},
    )
    rows = Rows(data(60), data(30))
    learners.learn(name).learn(signature, rows, setup, place / "out", place / "scratch", Silent())
    return place / "out"


# The contract test learns every kind, too; that one learner also reads them with missing values is enough each time.
@pytest.mark.parametrize(
    "name", [name if name == "probe" else pytest.param(name, marks=pytest.mark.proof) for name in NAMES]
)
def test_learns_inputs_and_outputs_of_every_kind(name: str, folder: Path, tmp_path: Path) -> None:
    learned = _learn(name, tiny_encoder.MIXED, tiny_encoder.mixed, folder, tmp_path, 60)
    columns = tiny_encoder.mixed(30).columns
    answers = learners.learn(name).predict(learned, columns)
    assert {output: sorted(arrays) for output, arrays in answers.items()} == {
        "keys": ["logits"],
        "price": ["value"],
        "fraud": ["logit"],
    }
    body = learners.export(name).export(learned)
    function = Function(Package(body, "", threads=1))
    found = function.infer(columns)
    for output, arrays in answers.items():
        for array, values in arrays.items():
            np.testing.assert_allclose(found[output][array], values, atol=1e-4)
    prices = np.array([row["price"].value for row in function.answer(columns)])
    wanted = np.array([np.nan if one is None else one for one in columns["price"]])
    known = ~np.isnan(wanted)
    if name == "probe":  # price is linear in age, and a linear head finds that
        assert np.corrcoef(prices[known], wanted[known])[0, 1] > 0.99


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.proof) if name == "network" else name for name in NAMES]
)
def test_more_budget_is_turned_into_more_steps(name: str, folder: Path) -> None:
    learner, spec = learners.learn(name), learners.spec(name)
    arguments = (tiny_encoder.ROUTE, Rows(tiny_encoder.routed(300)), spec.Options())
    tight = learner.forecast(*arguments, spec.Training(), {"question": folder}, tiny_encoder.MACHINE, 0.001)
    wide = learner.forecast(*arguments, spec.Training(), {"question": folder}, tiny_encoder.MACHINE, 6.0)
    given = learner.forecast(
        *arguments, spec.Training(epochs=3), {"question": folder}, tiny_encoder.MACHINE, 0.001
    )
    assert 1 <= tight.steps < wide.steps
    of_an_epoch = {"probe": 1, "finetune": 10, "network": -(-300 // given.batch)}[name]
    assert given.steps == 3 * of_an_epoch
    assert given.epochs == 3.0
    if name == "finetune":
        assert "fewer than 2" in str(tight.why)
        assert "fewer than 2" not in str(wide.why)


def test_weights_name_outputs(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"model\.weights names `domian`"):
        _learn(
            "finetune", tiny_encoder.ROUTE, tiny_encoder.routed, folder, tmp_path, 2, weights={"domian": 2}
        )


def test_a_length_beyond_the_encoder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="max_length"):
        _learn("probe", tiny_encoder.ROUTE, tiny_encoder.routed, folder, tmp_path, 2, max_length=33)


def test_graphs_hold_no_trace_of_their_making(folder: Path, tmp_path: Path) -> None:
    learned = _learn("probe", tiny_encoder.ROUTE, tiny_encoder.routed, folder, tmp_path, 2)
    graph = learners.export("probe").export(learned).graphs["model"]
    for word in (b".py", b"site-packages", b"torch.nn", b"Traceback", str(tmp_path).encode()):
        assert word not in graph, word


def test_the_real_encoder_separates_topics(tmp_path: Path) -> None:
    topics = {
        "cards": ["my card was stolen", "I lost my debit card", "block my card now", "a card went missing"],
        "transfers": [
            "the transfer is late",
            "money sent abroad",
            "wire to another bank",
            "payment not arrived",
        ],
        "rates": ["what is the interest rate", "exchange rates today", "how much is a euro", "loan interest"],
    }
    train = [(text, topic) for topic, texts in topics.items() for text in texts]
    held = [
        ("someone took my card", "cards"),
        ("my transfer never came", "transfers"),
        ("rate of the dollar", "rates"),
    ]

    def data(rows: int) -> Examples:
        pairs = train if rows == 60 else held
        columns = {"question": [text for text, _ in pairs], "domain": [topic for _, topic in pairs]}
        return Examples([str(row) for row in range(len(pairs))], columns)

    learned = _learn("probe", tiny_encoder.ROUTE, data, resolve(None, tmp_path), tmp_path, 50)
    logits = learners.learn("probe").predict(learned, data(3).columns)["domain"]["logits"]
    assert [sorted(topics)[place] for place in logits.argmax(axis=1)] == [topic for _, topic in held]


_SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent / "helpers")]
import test_gradient_learners as tests, tiny_encoder
from modelwright.learners.descent import trainer
from modelwright.learners.training import frozen_features
trainer.SAVE_EVERY_S, frozen_features.BLOCK, frozen_features.BATCH = 0.0, 1, 4
print("learning", flush=True)
name, pretrained, place, steps = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5])
tests._learn(name, tiny_encoder.MIXED, tiny_encoder.mixed, pretrained, place, steps)
"""


@pytest.mark.proof
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_random_it_ends_with_the_same_bytes(name: str, folder: Path, tmp_path: Path) -> None:
    steps = {"probe": 40, "finetune": 400, "network": 200}[name]
    tests = str(Path(__file__).parent)

    def begin(place: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _SCRIPT, tests, name, str(folder), str(place), str(steps)]
        environment = {**os.environ, "PYTHONHASHSEED": str(random.Random(str(place)).randrange(1000))}
        run = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert run.stdout is not None
        with run.stdout:
            assert run.stdout.readline() == b"learning\n"
        return run

    whole = begin(tmp_path / "whole")
    started = time.monotonic()
    assert whole.wait() == 0
    length_s = time.monotonic() - started
    killed, chance = 0, random.Random(name)
    for _ in range(4):
        run = begin(tmp_path / "broken")
        try:
            run.wait(timeout=chance.uniform(0.05, 0.6) * length_s)  # the kill falls where it falls
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            killed += 1
    assert begin(tmp_path / "broken").wait() == 0
    assert killed >= 1
    assert digests.of_folder(tmp_path / "broken" / "out") == digests.of_folder(tmp_path / "whole" / "out")


@pytest.mark.parametrize("name", NAMES)
def test_a_language_that_the_encoder_cannot_read_is_said(name: str, folder: Path) -> None:
    learner, spec = learners.learn(name), learners.spec(name)
    rows = tiny_encoder.routed(60)
    foreign = Examples(rows.ids, {**rows.columns, "question": ["医疗保险包括牙科吗"] * 60})
    warned = [
        learner.forecast(
            tiny_encoder.ROUTE,
            Rows(data),
            spec.Options(),
            spec.Training(epochs=1),
            {"question": folder},
            tiny_encoder.MACHINE,
            1.0,
        ).warnings
        for data in (rows, foreign)
    ]
    assert warned[0] == ()
    assert "cannot read 100% of it" in warned[1][0].found
    assert warned[1][0].values["column"] == "question"
