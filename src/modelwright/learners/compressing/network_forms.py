"""The forms of a body, by name, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import onnx

from modelwright.core.messages import Phrase
from modelwright.learners.compressing import (
    attention_heads,
    channels,
    fixed_scales,
    float16,
    four_bits,
    low_rank,
    zeros,
)
from modelwright.learners.compressing import (
    work as working,
)
from modelwright.learners.compressing.material import Material, graph_of
from modelwright.learners.contract.compression import (
    FormChoice,
    Int4Choice,
    Int8Choice,
    Int8StaticChoice,
    PruneChoice,
)
from modelwright.learners.contract.export import Compressor
from modelwright.learners.exporting import eight_bits, int8, refitted_heads
from modelwright.package.body import Body

_WORKED = 8  # validation rows, evenly spaced, over which what a graph computes is added up


def _pruned(model: onnx.ModelProto, one: PruneChoice, material: Material) -> int:
    """Take out what matters least, in place; return how much. Heads go first: channels are fitted to what is left."""
    if not one.structured:
        return zeros.prune(model, one.share)
    gone = 0 if one.of == "channels" else attention_heads.prune(model, one.share, material)
    return gone if one.of == "heads" else gone + channels.prune(model, one.share, material)


_MADE: Mapping[str, Callable[[onnx.ModelProto, Any, Material], int]] = {
    "int8-static": lambda model, one, material: fixed_scales.quantise(model, one.clip, material),
    "int4": lambda model, one, _: four_bits.store(model, one.block, one.of),
    "prune": _pruned,
    "low-rank": lambda model, one, material: low_rank.factor(model, one.share, one.of, material),
}
"""Form → what changes a graph in place, and returns how much it changed: 0 where it finds nothing to change."""
_BY_ITSELF = ("int8", "float16")  # which `applied` makes before and after those
WORTH_A_TRY: Sequence[Sequence[FormChoice]] = (
    (Int8Choice(),),
    (PruneChoice(), Int8Choice()),
    (Int4Choice(of="tables"), Int8StaticChoice()),
    (Int4Choice(of="tables"), PruneChoice(), Int8StaticChoice()),
)
"""What `auto` tries of a network."""


@final
class NetworkForms(Compressor):
    """Makes the forms of a network's body."""

    def __init__(self, material: Material) -> None:
        self._material = material

    @property
    def offers(self) -> Sequence[Sequence[FormChoice]]:
        """Return the forms that are worth a try."""
        return WORTH_A_TRY

    def made(self, chosen: Sequence[FormChoice]) -> Body | Phrase | None:
        """Return the body in these forms; None where one of them is none of a network's."""
        if any(one.form not in _MADE and one.form not in _BY_ITSELF for one in chosen):
            return None
        return applied(chosen, self._material)

    def work(self, body: Body) -> float:
        """Return what it computes for some rows."""
        return work(body, self._material)


def applied(chosen: Sequence[FormChoice], material: Material) -> Body | Phrase:
    """Return the body in these forms, taken one after another; or why one of them finds nothing to change.

    Where there are heads, they are fitted again to what the exact body answers, so that a form's errors are not read as
    evidence. `float16` stores what the others leave, wherever it stands among them.
    """
    body = material.exact
    if [one.form for one in chosen] == ["int8"]:  # which fits heads where there are convolutions
        return eight_bits.compress(body, material.rows) or Phrase("package.form-changes-nothing", form="int8")
    for one in chosen:
        if one.form == "float16":
            continue
        if one.form == "int8":
            smaller = eight_bits.compress(body, material.rows, refitted=False)
            if smaller is None:
                return Phrase("package.form-changes-nothing", form=one.form)
            body = smaller
            continue
        model = graph_of(body)
        if not _MADE[one.form](model, one, material):
            return Phrase("package.form-changes-nothing", form=one.form)
        body = _with(body, model)
        # tables have no activations: their rows are in 8 bits as those of `int8`
        if one.form == "int8-static":
            body = int8.compress(body) or body
    model = graph_of(body)
    if any(one.form != "float16" for one in chosen):
        refitted_heads.refit(model, material.wanted)
    # how weights are stored comes last: before, no other form would know them
    if any(one.form == "float16" for one in chosen) and not float16.store(model):
        return Phrase("package.form-changes-nothing", form="float16")
    if any(one.form == "prune" and not one.structured for one in chosen):
        zeros.pack(model)
    return _with(body, model)


def work(body: Body, material: Material) -> float:
    """Return what a body computes for some validation rows (`compressing.work`)."""
    return working.work(body, material.held(_WORKED))


def _with(body: Body, model: onnx.ModelProto) -> Body:
    return replace(body, graphs={**body.graphs, "model": model.SerializeToString(deterministic=True)})
