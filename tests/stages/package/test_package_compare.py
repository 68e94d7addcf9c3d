"""Parity, and that an answer does not depend on its batch, on graphs made for the purpose."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from requirement_texts import parse

from modelwright.core.messages import PackageError
from modelwright.core.signature import Signature
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.number.arrays import NumberState
from modelwright.outcomes.contract.gap import Gap
from modelwright.package.body import Body
from modelwright.stages.package.candidate import Trial, batch_dependence, looked_at, require_sound, try_out
from modelwright.stages.package.compare import gap, outcomes_of

SIGNATURE = Signature.parse("sort(size: number) -> grade: category, price: number")
CLASSES = ("large", "middle", "small")


def body(*, mixes_rows=0.0):
    """Return a body of one linear layer; `mixes_rows` is the share of the batch's mean taken off each row."""
    weight = np.array([[2.0, 0.0, -2.0, 1.0]], dtype=np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["size.value", "one"], ["column"]),
        helper.make_node("ReduceMean", ["column"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Mul", ["mean", "share"], ["taken"]),
        helper.make_node("Sub", ["column", "taken"], ["centred"]),
        helper.make_node("MatMul", ["centred", "weight"], ["both"]),
        helper.make_node("Slice", ["both", "zero", "three", "one"], ["grade.logits"]),
        helper.make_node("Slice", ["both", "three", "four", "one"], ["price_column"]),
        helper.make_node("Squeeze", ["price_column", "one"], ["price.value"]),
    ]
    constants = {
        "one": np.array([1], np.int64),
        "zero": np.array([0], np.int64),
        "three": np.array([3], np.int64),
        "four": np.array([4], np.int64),
        "share": np.array(mixes_rows, np.float32),
        "weight": weight,
    }
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("size.value", TensorProto.FLOAT, ["batch"])],
        [
            helper.make_tensor_value_info("grade.logits", TensorProto.FLOAT, ["batch", 3]),
            helper.make_tensor_value_info("price.value", TensorProto.FLOAT, ["batch"]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    states = {"size": NumberState(0.0, 1.0), "grade": CategoryState(CLASSES), "price": NumberState(0.0, 1.0)}
    return Body(SIGNATURE, "once", {"model": model.SerializeToString()}, states)


def trial(requirements=(), *, count=60, off=0.0):
    """Return rows on a line, and what the network before export answers to them (`off`: how wrongly)."""
    size = np.linspace(-3, 3, count)
    columns = {
        "size": size.tolist(),
        "grade": [CLASSES[0] if s > 0 else CLASSES[2] for s in size],
        "price": size.tolist(),
    }
    logits = np.stack([2 * size + off, 0 * size, -2 * size], axis=1).astype(np.float32)
    network = {"grade": {"logits": logits}, "price": {"value": size.astype(np.float32)}}
    return Trial(columns, columns, network, requirements, threads=1)


def looked(name, of, by):
    """Return a candidate that was tried out and looked at."""
    return looked_at(try_out(name, of, by), by)


def test_a_faithful_graph_is_sound():
    found = looked("exact", body(), trial())
    require_sound(found)
    assert found.parity.labels == found.batches.labels == 0
    assert found.parity.probability < 1e-5
    assert batch_dependence(found.batches) is None


def test_a_graph_that_reads_its_neighbours_is_refused():
    found = looked("exact", body(mixes_rows=0.5), trial())
    assert found.batches.labels > 0
    assert found.batches.confidence > 0.005
    with pytest.raises(PackageError) as caught:
        require_sound(found)
    assert caught.value.problems[-1].id == "package.batch-dependent"
    assert f"{found.batches.labels} of 60 labels differ" in str(caught.value)


def test_a_slight_dependence_shows_in_the_confidence_alone():
    found = looked("exact", body(mixes_rows=0.02), trial(count=6))
    assert found.batches.labels == 0
    assert batch_dependence(found.batches) is not None


def test_a_graph_that_is_not_the_network_is_refused():
    found = looked("exact", body(), trial(off=0.1))
    with pytest.raises(PackageError) as caught:
        require_sound(found)
    assert [problem.id for problem in caught.value.problems] == ["package.parity"]


def test_a_gap_counts_labels_probabilities_and_standard_deviations():
    made, rows = body(), trial()
    one = outcomes_of(made, rows.facts, rows.network)
    shifted = {
        "grade": {"logits": rows.network["grade"]["logits"] + np.float32([0, 1, 0])},
        "price": {"value": rows.network["price"]["value"] + np.float32(0.5)},
    }
    found = gap(SIGNATURE, one, outcomes_of(made, rows.facts, shifted))
    assert gap(SIGNATURE, one, one) == Gap(60, 0, 0.0, 0.0)
    assert found.labels == sum(
        a != b
        for a, b in zip(
            rows.network["grade"]["logits"].argmax(1), shifted["grade"]["logits"].argmax(1), strict=True
        )
    )
    deviation = float(np.std(rows.facts["price"]))
    assert found.probability == pytest.approx(0.5 / deviation, rel=1e-5)


def test_figures_speak_of_slices_and_bars():
    requirements = (
        parse("grade.accuracy", ">= 0.5", SIGNATURE),
        parse("grade.recall[middle] where size > 2", ">= 0.5", SIGNATURE),
        parse("price.rmse", "<= 0.001", SIGNATURE),
        parse("grade.accuracy", ">= champion", SIGNATURE),
    )
    figures = try_out("exact", body(), trial(requirements)).figures
    assert figures.required[str(requirements[0])] == 1.0
    assert figures.required[str(requirements[1])] is None  # no row is a middle one
    assert figures.kept == {str(requirements[0]), str(requirements[2])}
    assert str(requirements[3]) not in figures.required
