"""The features of a forecast's steps as nodes of an ONNX graph: what `ahead.Ahead.matrix` lays side by side."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from modelwright.learners.trees.ahead import Ahead, Turn


def step_nodes(
    ahead: Ahead, name: str, first: str, *, has_others: bool
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Return the nodes that make `{name}.steps`, float64 (batch·h, k), and their constants.

    first: an input, whose first axis is the batch; has_others: `alone.features` (batch, d) is what is no series.
    """
    h = ahead.steps
    constants = [
        numpy_helper.from_array(np.arange(h, dtype=np.float64).reshape(1, h, 1), f"{name}.numbers"),
        numpy_helper.from_array(np.array([1], np.int64), f"{name}.one"),
        numpy_helper.from_array(np.array([h], np.int64), f"{name}.h"),
    ]
    nodes = [
        helper.make_node("Shape", [first], [f"{name}.batch"], start=0, end=1),
        helper.make_node("Concat", [f"{name}.batch", f"{name}.one", f"{name}.one"], [f"{name}.each"], axis=0),
        helper.make_node("Expand", [f"{name}.numbers", f"{name}.each"], [f"{name}.numbered"]),
    ]
    parts = []
    if has_others:
        nodes += [
            helper.make_node("Unsqueeze", ["alone.features", f"{name}.one"], [f"{name}.a_row"]),
            helper.make_node(
                "Concat", [f"{name}.one", f"{name}.h", f"{name}.one"], [f"{name}.times"], axis=0
            ),
            helper.make_node("Tile", [f"{name}.a_row", f"{name}.times"], [f"{name}.others"]),
        ]
        parts.append(f"{name}.others")
    parts.append(f"{name}.numbered")
    for number, turn in enumerate(ahead.turns):
        added, numbers, made = _turned(turn, h, f"{name}.turn_{number}", f"{name}.one")
        nodes, constants, parts = nodes + added, constants + numbers, parts + made
    for one in ahead.series:
        places = one.places(h)
        for array in one.arrays:
            at, taken, row, shape = (f"{name}.{array}.{part}" for part in ("at", "taken", "row", "shape"))
            constants.append(numpy_helper.from_array(places.reshape(-1), at))
            width = places.shape[1] * one.channels
            constants.append(numpy_helper.from_array(np.array([-1, h, width], np.int64), shape))
            nodes += [  # (batch, t, c) → (batch, h·k, c) → (batch, h, k·c)
                helper.make_node("Gather", [array, at], [taken], axis=1),
                helper.make_node("Reshape", [taken, shape], [f"{row}.narrow"]),
                helper.make_node("Cast", [f"{row}.narrow"], [row], to=TensorProto.DOUBLE),
            ]
            parts.append(row)
    nodes.append(helper.make_node("Concat", parts, [f"{name}.by_step"], axis=2))
    # (batch, h, k) → (batch·h, k); the first of the three axes goes into the second
    nodes.append(helper.make_node("Shape", [f"{name}.by_step"], [f"{name}.width"], start=2, end=3))
    nodes.append(helper.make_node("Concat", ["flat", f"{name}.width"], [f"{name}.flat"], axis=0))
    nodes.append(helper.make_node("Reshape", [f"{name}.by_step", f"{name}.flat"], [f"{name}.steps"]))
    return nodes, constants


def _turned(
    turn: Turn, steps: int, name: str, one: str
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto], list[str]]:
    """Return the nodes and constants of a turned sine and cosine, (batch, h, 1) each, and what these are called."""
    by_cosine, by_sine = turn.angles(steps)  # (h,)
    constants = [
        numpy_helper.from_array(by_cosine.reshape(1, steps, 1), f"{name}.by_cosine"),
        numpy_helper.from_array(by_sine.reshape(1, steps, 1), f"{name}.by_sine"),
    ]
    nodes = []
    for place, part in enumerate(("sine", "cosine")):
        at = f"{name}.{part}"
        constants.append(numpy_helper.from_array(np.array([turn.column + place], np.int64), f"{at}.at"))
        nodes += [  # (batch, d) → (batch, 1) → (batch, 1, 1)
            helper.make_node("Gather", ["alone.features", f"{at}.at"], [f"{at}.column"], axis=1),
            helper.make_node("Unsqueeze", [f"{at}.column", one], [at]),
            helper.make_node("Mul", [at, f"{name}.by_cosine"], [f"{at}.by_cosine"]),
            helper.make_node("Mul", [at, f"{name}.by_sine"], [f"{at}.by_sine"]),
        ]
    sine, cosine, found = f"{name}.sine", f"{name}.cosine", [f"{name}.turned_sine", f"{name}.turned_cosine"]
    nodes += [
        helper.make_node("Add", [f"{sine}.by_cosine", f"{cosine}.by_sine"], [found[0]]),
        helper.make_node("Sub", [f"{cosine}.by_cosine", f"{sine}.by_sine"], [found[1]]),
    ]
    return nodes, constants, found
