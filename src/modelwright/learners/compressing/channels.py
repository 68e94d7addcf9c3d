"""Takes whole channels out of a graph, so that it gets smaller and quicker (structured pruning).

Which channels stay: those that hold most of what is passed on, chosen one after another, each for what those before it
do not hold already (a pivoted Cholesky decomposition of the channels' products on training rows, each channel by the
size of the weights that read it). What reads them is then fitted by least squares, so that it gives what it gave with
all of them (as in He et al. 2017, section 3.1); no gradient is taken.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from modelwright.learners.compressing.channel_groups import groups
from modelwright.learners.compressing.kept_channels import from_those_kept, left_of, those_kept
from modelwright.learners.compressing.material import CALIBRATED, Material, flowing


def prune(model: onnx.ModelProto, share: float, material: Material) -> int:
    """Take a share of the channels of each group out, in place; return how many channels."""
    found = [one for one in groups(model) if left_of(one.count, share) < one.count]
    if not found:
        return 0
    squares = products(model, {group.read: group.axis for group in found}, material)
    weights = {one.name: one for one in model.graph.initializer}
    gone = 0
    for group in found:
        square = squares[group.read]
        size = sum(_reading(numpy_helper.to_array(weights[name]), axis) for name, axis in group.used.items())
        kept = those_kept(square * np.sqrt(np.outer(size, size)), left_of(group.count, share))
        gone += group.count - len(kept)
        mixed = from_those_kept(square, kept)
        for name, axis in group.used.items():
            values = numpy_helper.to_array(weights[name]).astype(np.float64)
            fitted = np.moveaxis(np.tensordot(mixed, values, axes=(1, axis)), 0, axis)
            _set(weights[name], fitted)
        for name, axis in group.made.items():
            _set(weights[name], np.take(numpy_helper.to_array(weights[name]), kept, axis=axis))
        for node in group.apart:
            for attribute in node.attribute:
                if attribute.name == "group":
                    attribute.i = len(kept)
    del model.graph.value_info[:]
    return gone


def _set(tensor: onnx.TensorProto, values: NDArray[np.floating]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), tensor.name))


def _reading(values: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    """Return for each channel the sum of squares of the weights that read it, (channels,)."""
    others = tuple(one for one in range(values.ndim) if one != axis)
    return np.asarray(np.square(values.astype(np.float64)).sum(axis=others))


def products(
    model: onnx.ModelProto, axes: Mapping[str, int], material: Material
) -> dict[str, NDArray[np.float64]]:
    """Return by tensor the products of its channels with each other over training rows, (channels, channels).

    axes: tensor → the axis of its channels.
    """
    sums: dict[str, NDArray[np.float64]] = {}
    for tensors in flowing(model, list(axes), material.train(CALIBRATED)):
        for name, values in tensors.items():
            moved = np.moveaxis(values, axes[name], -1)
            flat = moved.reshape(-1, moved.shape[-1])
            sums[name] = sums.get(name, 0.0) + (flat.T @ flat).astype(np.float64)
    return sums
