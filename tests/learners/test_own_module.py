"""A network of the project's own: sealed as text, checked on a small batch, learned and exported like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_encoder

from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners import own_code
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples

SIGNATURE = Signature.parse("f(a: number, b: number) -> c: category, d: number")
GOOD = """
import torch
from torch import nn
from mine.parts import HIDDEN

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU())
        self.classes, self.number = nn.Linear(HIDDEN, classes), nn.Linear(HIDDEN, 1)

    def forward(self, arrays):
        x = self.body(torch.stack([arrays["a.value"], arrays["b.value"]], dim=-1))
        return {"c": self.classes(x), "d": self.number(x).squeeze(-1)}

def build(inputs, outputs):
    assert inputs["a"]["value"].shape == ("batch",)
    return Small(outputs["c"]["logits"].shape[1])
"""


def _project(place: Path, text: str) -> dict[str, str]:
    (place / "mine").mkdir(parents=True)
    (place / "mine" / "__init__.py").write_text("")
    (place / "mine" / "parts.py").write_text("HIDDEN = 12\n")
    (place / "mine" / "net.py").write_text(text)
    return own_code.read("mine.net:build", place)


def _examples(rows: int) -> Examples:
    draw = np.random.default_rng(rows)
    a, b = draw.normal(size=(2, rows))
    return Examples(
        [str(row) for row in range(rows)],
        {
            "a": a.tolist(),
            "b": b.tolist(),
            "c": ["above" if one > 0 else "below" for one in a + b],
            "d": (a - b).tolist(),
        },
    )


def _learn(code: dict[str, str], place: Path, steps: int = 150) -> Path:
    spec = learners.spec("network")
    options = spec.Options(module="mine.net:build", code=code)
    (place / "scratch").mkdir(parents=True)
    (place / "out").mkdir()
    setup = Setup(
        "network", steps, 32, 1, "float32", "avx2", 0, options, spec.Training(learning_rate=0.01), {}
    )
    learners.learn("network").learn(
        SIGNATURE, Rows(_examples(200), _examples(50)), setup, place / "out", place / "scratch", Silent()
    )
    return place / "out"


def test_it_is_learned_and_exported_from_the_sealed_text(tmp_path: Path) -> None:
    code = _project(tmp_path / "project", GOOD)
    assert set(code) == {"mine/__init__.py", "mine/net.py", "mine/parts.py"}
    learned = _learn(code, tmp_path / "work")
    (tmp_path / "project" / "mine" / "net.py").write_text("raise RuntimeError('the project has changed')")
    held = _examples(80).columns
    function = Function(Package(learners.export("network").export(learned), "", threads=1))
    wanted = learners.learn("network").predict(learned, held)
    found = function.infer({name: held[name] for name in "ab"})
    for output, arrays in wanted.items():
        for array, values in arrays.items():
            np.testing.assert_allclose(found[output][array], values, atol=1e-4)
    answers = function.answer({name: held[name] for name in "ab"})
    right = sum(row["c"].value == truth for row, truth in zip(answers, held["c"], strict=True))
    assert right >= 70
    assert np.corrcoef([row["d"].value for row in answers], held["d"])[0, 1] > 0.9  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise RuntimeError('no way')", r"raised RuntimeError: no way \(line 1\)"),
        ("x = 1", r"raised AttributeError: module .mine\.net. has no attribute .build. \(its"),
        ("def build(inputs, outputs):\n    return 3", "returned a int"),
        (GOOD.replace("nn.Linear(HIDDEN, classes)", "nn.Linear(HIDDEN, 7)"), r"`c` in the shape \(3, 7\)"),
        (GOOD.replace('"d": self.number', '"e": self.number'), "gives no array for `d`"),
        (GOOD.replace("return {", "return 5\n        {"), "returned a int"),
        (GOOD.replace('arrays["b.value"]', 'arrays["b.values"]'), r"raised KeyError: .* \(line 13\)"),
    ],
)
def test_what_is_wrong_with_it_is_said_before_it_learns(text: str, words: str, tmp_path: Path) -> None:
    code = _project(tmp_path / "project", text)  # nothing of it is run here
    with pytest.raises(ProjectError, match=words):
        _learn(code, tmp_path / "work", 1)


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("mine.net", "names no factory"),
        ("../other:build", "names no factory"),
        ("mine.other:build", r"has no mine/other\.py"),
        ("os.path:join", r"has no os/path\.py"),
    ],
)
def test_names_that_lead_nowhere_are_said(factory: str, words: str, tmp_path: Path) -> None:
    _project(tmp_path, "raise RuntimeError")
    with pytest.raises(ProjectError, match=words):
        own_code.read(factory, tmp_path)


def test_links_out_of_the_project_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("def build(inputs, outputs): ...")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "mine.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(ProjectError, match="has no"):
        own_code.read("mine:build", tmp_path / "project")


def test_the_learner_reads_more_than_its_module_of_pretrained_parts(tmp_path: Path) -> None:
    """A text is read by a tokenizer that is fitted, whatever the module makes of its tokens."""
    text = """
import torch
from torch import nn

class Bag(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.table, self.head = nn.Embedding(9000, 8), nn.Linear(8, classes)

    def forward(self, arrays):
        mask = arrays["question.mask"].unsqueeze(-1).float()
        return {"domain": self.head((self.table(arrays["question.ids"]) * mask).sum(1) / mask.sum(1))}

def build(inputs, outputs):
    return Bag(outputs["domain"]["logits"].shape[1])
"""
    code, spec = _project(tmp_path / "project", text), learners.spec("network")
    estimate = learners.learn("network").forecast(
        tiny_encoder.ROUTE,
        Rows(tiny_encoder.routed(40)),
        spec.Options(module="mine.net:build", code=code),
        spec.Training(epochs=1),
        {},
        tiny_encoder.MACHINE,
        1.0,
    )
    assert estimate.epochs == 1
    assert estimate.steps * estimate.batch == 40
