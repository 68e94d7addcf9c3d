"""A body: what a learner exports and a package holds, before it is written and after it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelwright.core.signature import Signature


@dataclass(frozen=True)
class Body:
    """Graphs (ONNX bytes by file stem), the driver that runs them, and each field's fitted kind state.

    Graph inputs are named `{input}.{array}` and graph outputs `{output}.{array}`, as the kinds name their
    arrays. The driver `once` runs the single graph `model`.
    """

    signature: Signature
    driver: str
    graphs: Mapping[str, bytes]
    states: Mapping[str, Any]  # field name → the state of its kind
