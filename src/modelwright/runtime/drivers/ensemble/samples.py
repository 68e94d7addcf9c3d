"""Two sums, one of which knows its inputs by states of its own, blended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from onnx import TensorProto, helper

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.samples import Samples
from modelwright.runtime.drivers.ensemble.mean_answers import Share
from modelwright.runtime.drivers.ensemble.parts import joined

_SIGNATURE = "add(a: number, b: number) -> sum: number"


class EnsembleSamples(Samples):
    """`add(a: number, b: number) -> sum: number`; one part adds, the other subtracts, in other deviations of `b`."""

    def body(self) -> Body:
        """Return the body."""
        parts = {"plus": _part("Add", [1.0, 2.0, 3.0]), "minus": _part("Sub", [0.0, 10.0, 20.0])}
        shares = {"sum": {"plus": Share(0.75), "minus": Share(0.25)}}
        return joined(parts, shares, {"sum": parts["plus"].states["sum"]})

    def columns(self) -> Mapping[str, Sequence[object]]:
        """Return four rows."""
        return {"a": [1.0, 2.0, 3.0, -4.0], "b": [0.5, 0.0, -1.0, 8.0]}

    def refused(self) -> Sequence[Body]:
        """Return bodies without a graph, with one too many, and with settings that are not an ensemble's."""
        body = self.body()
        one = body.graphs["plus"]
        parts, shares = body.settings["parts"], body.settings["shares"]
        assert isinstance(parts, list)
        settings: list[dict[str, Any]] = [
            {},
            {"parts": parts},
            {"parts": parts, "shares": {}},
            {"parts": parts[:1], "shares": {"sum": {"plus": {"weight": 1.0}}}},
            {"parts": parts, "shares": {"sum": {"plus": {"weight": 0.5}, "minus": {"weight": 0.4}}}},
            {"parts": parts, "shares": {"sum": {"plus": {"weight": 0.5}, "times": {"weight": 0.5}}}},
            {"parts": parts, "shares": shares, "more": 1},
            {"parts": [parts[0], {**parts[1], "name": "plus"}], "shares": shares},
            {"parts": [parts[0], {**parts[1], "driver": "ensemble"}], "shares": shares},
            {"parts": [parts[0], {**parts[1], "files": {"x.bin": "x.bin"}}], "shares": shares},
            {"parts": [parts[0], {**parts[1], "states": {"c": {"state": {}}}}], "shares": shares},
            {"parts": [parts[0], {**parts[1], "states": {"b": {"state": {}}}}], "shares": shares},
        ]
        return [
            replace(body, graphs={}),
            replace(body, graphs={**body.graphs, "third": one}),
            *(replace(body, settings=one) for one in settings),
        ]


def _part(operator: str, values: Sequence[float]) -> Body:
    """Return a body of one graph; values: of `b` in training."""
    signature = Signature.parse(_SIGNATURE)
    names = [f"{name}.value" for name in ("a", "b", "sum")]
    a, b, total = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]) for name in names)
    graph = helper.make_graph([helper.make_node(operator, names[:2], names[2:])], "part", [a, b], [total])
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])
    fields = (*signature.inputs, *signature.outputs)
    seen = {"a": [1.0, 2.0, 3.0], "b": values, "sum": [1.0, 2.0, 3.0]}
    states = {one.name: kinds.arrays(one.kind).fit(seen[one.name]) for one in fields}
    return Body(signature, "once", {"model": model.SerializeToString(deterministic=True)}, states)
