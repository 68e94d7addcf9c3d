"""A body: what a learner exports and a package holds, before it is written and after it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelwright.core.json_types import JsonLike
from modelwright.core.signature import Signature
from modelwright.package.content import Content


@dataclass(frozen=True)
class Body:
    """Graphs, the driver that runs them, the files and settings that it needs, and each field's kind state.

    graphs: ONNX by name; inputs of a graph are named `{input}.{array}` and its outputs `{output}.{array}`, as
    the kinds name their arrays. files: what else the driver reads, by its path inside the package
    (`vectors.npy`, `index/ids.bin`); tensors of a graph may have their values in one of them (ONNX calls that
    external data: the tensor's `location` is the path). settings: JSON, for the driver alone. states: the
    fitted state of each field's kind, by the name of the field.

    The driver `once` runs the single graph `model` and has no settings.
    """

    signature: Signature
    driver: str
    graphs: Mapping[str, Content]
    states: Mapping[str, Any]  # whatever the field's kind made; only that kind looks into it
    files: Mapping[str, Content] = field(default_factory=dict)
    settings: Mapping[str, JsonLike] = field(default_factory=dict)
