"""How much an answer rests on each input, by the packaged function on validation rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_serving import sealed, table_body

from modelwright.core.signature import Signature
from modelwright.package import packages
from modelwright.runtime.function import Function
from modelwright.stages.evaluate import importance as module
from modelwright.stages.evaluate.importance import LEAST_ROWS, importance

READ = {"colour", "height"}  # by the graph; the other inputs change no answer


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return packages.read(sealed(table_body(), tmp_path_factory.mktemp("package") / "made"))


def columns(package, rows):
    """Return random rows; their truths are what the package answers."""
    draw = np.random.default_rng(0)
    made = {
        "colour": draw.choice(["1", "2", "red"], rows).tolist(),
        "height": (10 + 3 * draw.normal(size=rows)).tolist(),
        "marks": [frozenset({"urgent"}) if row % 2 else frozenset() for row in range(rows)],
        "fragile": [bool(row % 3) for row in range(rows)],
        "sent": [None] * rows,
        "note": ["a note", None] * (rows // 2),
    }
    logits = Function(package).infer(made)["size"]["logits"]
    made["size"] = [package.body.states["size"].classes[place] for place in logits.argmax(axis=1)]
    return made


def test_what_the_graph_reads_matters_and_nothing_else(package):
    found = importance(package, package.body.signature, columns(package, 300), 12_000, 0.95)["size"]
    assert set(found) == {field.name for field in package.body.signature.inputs}
    assert set([*found][:2]) == READ, "the most comes first"
    for name, lost in found.items():
        assert lost.subject.metric == "log_loss"
        assert lost.n == 300
        if name in READ:
            assert lost.low > 0
        else:
            assert lost.value == 0


def test_equal_arguments_give_equal_figures(package):
    rows = columns(package, 200)
    one, other = (importance(package, package.body.signature, rows, 5_000, 0.95) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("most", "inputs", "rows"), [(99, 0, 0), (250, 2, 125), (600, 6, 100), (1200, 6, 200)]
)
def test_the_cost_is_bounded(package, most, inputs, rows, monkeypatch):
    answered = []
    honest = Function.infer
    monkeypatch.setattr(
        Function, "infer", lambda self, given: answered.append(len(given["colour"])) or honest(self, given)
    )
    made = columns(package, 300)
    answered.clear()
    found = importance(package, package.body.signature, made, most, 0.95)
    assert len(found.get("size", ())) == inputs
    assert sum(answered) == (rows * (inputs + 1) if inputs else 0)
    assert not inputs or rows >= LEAST_ROWS


def test_one_input_or_no_row_has_nothing_to_compare(package):
    signature = package.body.signature
    assert importance(package, signature, {name: [] for name in columns(package, 2)}, 9_000, 0.95) == {}
    alone = Signature("one", signature.inputs[:1], signature.outputs)
    assert module.importance(replace(package), alone, columns(package, 20), 9_000, 0.95) == {}
