"""Boosted trees as an ONNX graph that answers what LightGBM answers, to the last bit of float32.

Features are float64 (amounts), float32 or int64 (codes). The graph widens them to float64, compares them with
LightGBM's own float64 thresholds and adds float64 leaves, as LightGBM does; only the sum is narrowed to
float32. Float32 trees would be 0.6 times the size, but 1,000 rounds then drift by 3e-5.

The trees of an output are one `TreeEnsemble` of ai.onnx.ml 5; its set membership is LightGBM's split on codes.
`onnxmltools` converts LightGBM too, but to the older `TreeEnsembleRegressor`, where a set becomes a chain of
nodes and thresholds are float32, and it would bring two more packages.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from modelwright.learners.logarithms import Logarithm
from modelwright.learners.trees.ahead import Ahead
from modelwright.learners.trees.step_graph import step_nodes

TreeDump = Mapping[str, Any]
"""A booster, or one node of its trees, as the JSON of LightGBM's `dump_model`."""

_OPSETS = {"": 21, "ai.onnx.ml": 5}
_IR_VERSION = 10
_AT_MOST, _EQUAL, _IN_SET, _SUM, _AS_THEY_ARE = 0, 4, 6, 1, 0  # enumerations of TreeEnsemble
_TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64}


@dataclass(frozen=True)
class Feature:
    """One array of the inputs, (batch, *shape): one feature, or as many as a row of it has numbers.

    is_code: values are codes, split by sets, and not amounts, split by thresholds; ranks: what is split is the place of
    each code in an order, by thresholds.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    is_code: bool = False
    ranks: tuple[int, ...] = ()

    @property
    def columns(self) -> int:
        """Return how many features it is."""
        return math.prod(self.shape)

    @property
    def split_dtype(self) -> str:
        """Return the type of what is split."""
        return "float64" if self.ranks else self.dtype


@dataclass(frozen=True)
class Forest:
    """A booster as LightGBM's `dump_model` gives it; `targets`: the column that each tree of a round adds to."""

    dump: TreeDump
    targets: Sequence[int] = (0,)


@dataclass(frozen=True)
class Answers:
    """One output of the graph and the boosters behind it.

    Without `columns` the output is (batch,), else (batch, columns); of a series (batch, h, columns). logarithm: how
    sums become numbers.
    """

    name: str
    forests: Sequence[Forest]
    columns: int | None = None
    ahead: Ahead | None = None
    logarithm: Logarithm | None = None

    @property
    def shape(self) -> list[str | int]:
        """Return the output's axes."""
        steps = [] if self.ahead is None else [self.ahead.steps]
        return ["batch", *steps, *([] if self.columns is None else [self.columns])]


def graph(features: Sequence[Feature], answers: Sequence[Answers]) -> bytes:
    """Return the ONNX model; equal arguments give equal bytes."""
    nodes: list[onnx.NodeProto] = []
    constants = [_constant("flat", [-1])]
    if any(answer.ahead is None for answer in answers):
        nodes += _feature_nodes(features, "")
        constants += _feature_constants(features, "")
    alone = [feature for feature in features if len(feature.shape) < 2]
    if alone and any(answer.ahead is not None for answer in answers):
        nodes += _feature_nodes(alone, "alone.")
        constants += _feature_constants(alone, "alone.")
    for place, answer in enumerate(answers):
        name = f"trees_{place}"
        if answer.ahead is None:
            nodes += _answer_nodes(answer, name)
            constants += _logarithm_constants(answer, name)
        else:
            added, numbers = step_nodes(answer.ahead, name, features[0].name, has_others=bool(alone))
            nodes += [*added, *_series_nodes(answer, name)]
            constants += [*numbers, _constant(f"{name}.shape", [-1, answer.ahead.steps, 1])]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "trees",
            [
                helper.make_tensor_value_info(f.name, _TYPES[f.dtype], ["batch", *f.shape])
                for f in _once(features)
            ],
            [helper.make_tensor_value_info(a.name, TensorProto.FLOAT, a.shape) for a in answers],
            initializer=constants,
        ),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()],
        ir_version=_IR_VERSION,
        producer_name="modelwright",
    )
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def _once(features: Sequence[Feature]) -> list[Feature]:
    """Return one feature of each input: codes may be two, split by sets and in their order."""
    return list({feature.name: feature for feature in features}.values())


def _constant(name: str, numbers: Sequence[int]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def _feature_constants(features: Sequence[Feature], of: str) -> list[onnx.TensorProto]:
    """Return the shapes that `_feature_nodes` refers to."""
    found = [_constant(f"{of}features_first", [sum(feature.columns for feature in features), -1])]
    found += [_constant(f"{of}{one.name}.row", [-1, one.columns]) for one in features if len(one.shape) > 1]
    found += [
        numpy_helper.from_array(np.array(one.ranks, np.float64), f"{of}{one.name}.places")
        for one in features
        if one.ranks
    ]
    return found


def _feature_nodes(features: Sequence[Feature], of: str) -> list[onnx.NodeProto]:
    """Return the nodes that lay the inputs side by side as `features`, float64 (batch, features); of: before names.

    An input (batch, d) is turned to (d, batch) and laid end to end, so that each of its columns is a feature.
    Inputs of one type are joined before they are cast, so that a wide table needs few nodes.
    """
    nodes: list[onnx.NodeProto] = []
    columns: list[str] = []
    for same in _runs(features):
        flat = []
        for feature in same:
            if feature.ranks:
                placed = f"{of}{feature.name}.placed"
                nodes.append(
                    helper.make_node("Gather", [f"{of}{feature.name}.places", feature.name], [placed])
                )
                flat.append(placed)
                continue
            if not feature.shape:
                flat.append(feature.name)
                continue
            row, turned = feature.name, f"{of}{feature.name}.turned"
            if len(feature.shape) > 1:  # (batch, t, c) → (batch, t·c)
                row = f"{of}{feature.name}.rows"
                nodes.append(helper.make_node("Reshape", [feature.name, f"{of}{feature.name}.row"], [row]))
            nodes.append(helper.make_node("Transpose", [row], [turned], perm=[1, 0]))
            nodes.append(helper.make_node("Reshape", [turned, "flat"], [f"{of}{feature.name}.flat"]))
            flat.append(f"{of}{feature.name}.flat")
        joined, widened = f"{of}joined_{len(columns)}", f"{of}widened_{len(columns)}"
        nodes.append(helper.make_node("Concat", flat, [joined], axis=0))
        nodes.append(helper.make_node("Cast", [joined], [widened], to=TensorProto.DOUBLE))
        columns.append(widened)
    nodes.append(helper.make_node("Concat", columns, [f"{of}end_to_end"], axis=0))
    nodes.append(helper.make_node("Reshape", [f"{of}end_to_end", f"{of}features_first"], [f"{of}by_feature"]))
    nodes.append(helper.make_node("Transpose", [f"{of}by_feature"], [f"{of}features"], perm=[1, 0]))
    return nodes


def _runs(features: Sequence[Feature]) -> list[list[Feature]]:
    """Return the features in the order of their columns, neighbours of one type together."""
    return [list(same) for _, same in itertools.groupby(features, key=lambda one: one.split_dtype)]


def _answer_nodes(answer: Answers, name: str) -> list[onnx.NodeProto]:
    trees = _Trees()
    for forest in answer.forests:
        for place, tree in enumerate(forest.dump["tree_info"]):
            trees.add(tree["tree_structure"], forest.targets[place % len(forest.targets)])
    wide, sums = answer.columns is not None, f"{name}_sums"
    nodes = [trees.node("features", sums, answer.columns or 1)]
    if answer.logarithm is not None:  # exp(min(sum, most)) · smear + zero, in float64 as all sums
        nodes += [
            helper.make_node("Min", [sums, f"{name}_most"], [f"{name}_held"]),
            helper.make_node("Exp", [f"{name}_held"], [f"{name}_grown"]),
            helper.make_node("Mul", [f"{name}_grown", f"{name}_smear"], [f"{name}_smeared"]),
            helper.make_node("Add", [f"{name}_smeared", f"{name}_zero"], [f"{name}_amounts"]),
        ]
        sums = f"{name}_amounts"
    nodes.append(
        helper.make_node("Cast", [sums], [answer.name if wide else f"{name}_column"], to=TensorProto.FLOAT)
    )
    if not wide:
        nodes.append(helper.make_node("Reshape", [f"{name}_column", "flat"], [answer.name]))
    return nodes


def _logarithm_constants(answer: Answers, name: str) -> list[onnx.TensorProto]:
    if answer.logarithm is None:
        return []
    return [
        numpy_helper.from_array(np.array(getattr(answer.logarithm, part), np.float64), f"{name}_{part}")
        for part in ("most", "smear", "zero")
    ]


def _series_nodes(answer: Answers, name: str) -> list[onnx.NodeProto]:
    """Return the nodes that answer a series: every quantile is the median of its step."""
    (forest,) = answer.forests
    trees = _Trees()
    for tree in forest.dump["tree_info"]:
        trees.add(tree["tree_structure"], 0)
    return [
        trees.node(f"{name}.steps", f"{name}_sums", 1),
        helper.make_node("Cast", [f"{name}_sums"], [f"{name}_narrow"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", [f"{name}_narrow", f"{name}.shape"], [f"{name}_medians"]),
        helper.make_node("Concat", [f"{name}_medians"] * (answer.columns or 1), [answer.name], axis=2),
    ]


@dataclass
class _Trees:
    """The attributes of one TreeEnsemble while trees are added to it."""

    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)  # whether NaN goes the way of the test that holds
    members: list[float] = field(default_factory=list)  # of each set in the order of its node, then a NaN
    children: list[list[int]] = field(default_factory=lambda: [[], []])  # if the test holds, and if not
    to_leaf: list[list[int]] = field(default_factory=lambda: [[], []])  # whether that child is a leaf
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, root: TreeDump, target: int) -> None:
        """Add one tree of a dump, whose leaves add to column `target`."""
        self.roots.append(len(self.features))
        if "split_feature" not in root:  # one leaf alone: ONNX wants a test, so both ways lead to the leaf
            self._test(0, _AT_MOST, 0.0)
            for way in (0, 1):
                self._lead(way, len(self.features) - 1, self._leaf(root, target), leaf=1)
            return
        # Depth first with the way that holds in front; a leaf-wise tree may be deeper than the call stack.
        waiting: list[tuple[TreeDump, int | None, int]] = [(root, None, 0)]
        while waiting:
            node, parent, way = waiting.pop()
            if "split_feature" not in node:
                assert parent is not None
                self._lead(way, parent, self._leaf(node, target), leaf=1)
                continue
            place = self._split(node)
            if parent is not None:
                self._lead(way, parent, place, leaf=0)
            waiting += [(node["right_child"], place, 1), (node["left_child"], place, 0)]

    def node(self, given: str, made: str, columns: int) -> onnx.NodeProto:
        """Return the TreeEnsemble of all trees: (batch, features) → (batch, columns)."""
        members = np.array(self.members, np.float64)
        # what says nothing is left out: it would take 2 of the 30 bytes of a node
        stated: dict[str, Any] = (
            {"membership_values": numpy_helper.from_array(members, "members")} if self.members else {}
        )
        if any(self.missing):
            stated["nodes_missing_value_tracks_true"] = self.missing
        return helper.make_node(
            "TreeEnsemble",
            [given],
            [made],
            domain="ai.onnx.ml",
            aggregate_function=_SUM,
            post_transform=_AS_THEY_ARE,
            n_targets=columns,
            tree_roots=self.roots,
            nodes_featureids=self.features,
            nodes_modes=numpy_helper.from_array(np.array(self.modes, np.uint8), "modes"),
            nodes_splits=numpy_helper.from_array(np.array(self.splits, np.float64), "splits"),
            nodes_truenodeids=self.children[0],
            nodes_falsenodeids=self.children[1],
            nodes_trueleafs=self.to_leaf[0],
            nodes_falseleafs=self.to_leaf[1],
            leaf_targetids=self.targets,
            leaf_weights=numpy_helper.from_array(np.array(self.weights, np.float64), "weights"),
            **stated,
        )

    def _split(self, node: TreeDump) -> int:
        """Add the test of an inner node; returns its place."""
        if node["decision_type"] == "<=":
            # NaN (a missing amount) has a way of its own where training has shown some; elsewhere there is none.
            left = node.get("missing_type") == "NaN" and node["default_left"]
            return self._test(node["split_feature"], _AT_MOST, node["threshold"], missing=bool(left))
        assert node["decision_type"] == "==", node["decision_type"]
        codes = [float(code) for code in node["threshold"].split("||")]
        if len(codes) == 1:  # a set of its own would take 16 bytes more
            return self._test(node["split_feature"], _EQUAL, codes[0])
        self.members += [*codes, math.nan]
        return self._test(node["split_feature"], _IN_SET, 0.0)

    def _test(self, feature: int, mode: int, split: float, *, missing: bool = False) -> int:
        self.features.append(feature)
        self.modes.append(mode)
        self.splits.append(split)
        self.missing.append(int(missing))
        for way in (0, 1):
            self.children[way].append(0)
            self.to_leaf[way].append(0)
        return len(self.features) - 1

    def _leaf(self, node: TreeDump, target: int) -> int:
        self.targets.append(target)
        self.weights.append(node["leaf_value"])
        return len(self.weights) - 1

    def _lead(self, way: int, parent: int, child: int, *, leaf: int) -> None:
        self.children[way][parent] = child
        self.to_leaf[way][parent] = leaf
