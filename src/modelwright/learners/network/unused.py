"""Keys of `model:` that change nothing for a signature. Light: `check` and `plan` ask before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from modelwright import kinds
from modelwright.core.messages import Notice
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.networks import forms

if TYPE_CHECKING:
    from modelwright.learners.network.spec import NetworkOptions

_COMBINING = ("combiner", "width", "auxiliary")
_APART = forms.PLAIN - {Form.CODE}
_COLUMNS = ("columns_width", "columns_layers")


def apart(signature: Signature, options: NetworkOptions) -> list[str]:
    """Return the inputs that are a part of their own. What pretrained weights read is never a column."""
    return [field.name for field in signature.inputs if not _is_column(field, options)]


def parts(signature: Signature, options: NetworkOptions) -> int:
    """Return how many parts the combiner has: an input each, but all columns of a table together."""
    own = apart(signature, options)
    return len(own) + (len(own) < len(signature.inputs))


def answers_alone(signature: Signature, options: NetworkOptions) -> bool:
    """Tell whether each part has heads of its own, which answer the rows that have no other part."""
    apart_only = options.module is None and options.combiner not in {"stacking", "matching"}
    return apart_only and options.auxiliary != 0 and parts(signature, options) > 1 and _spares(signature)


def unused(signature: Signature, options: NetworkOptions) -> Iterator[Notice]:
    """Yield a warning for each key that is given and has no effect."""
    given = options.model_fields_set
    for key, why in _reasons(signature, options).items():
        if key in given:
            yield Notice("network.no-effect", key=key, why=why, column=_example(signature, why))


def _reasons(signature: Signature, options: NetworkOptions) -> Mapping[str, str]:
    """Return key → why it has no effect."""
    if options.module is not None:
        return dict.fromkeys(
            (
                "encoders",
                *_COMBINING,
                *_COLUMNS,
                "output_width",
                "activation",
                "initialisation",
                "normalisation",
            ),
            "module",
        )
    found: dict[str, str] = {}
    if parts(signature, options) == 1:
        several = len(signature.inputs) > 1
        found |= dict.fromkeys(_COMBINING, "columns" if several else "one-input")
    elif options.combiner == "stacking":
        found |= dict.fromkeys(("width", "auxiliary"), "stacking")
    elif options.combiner == "sum":
        found["output_width"] = "sum"
    if not any(_is_column(field, options) for field in signature.inputs):
        found |= dict.fromkeys(_COLUMNS, "no-columns")
        if len(signature.outputs) == 1 or not options.output_width:
            found["normalisation"] = "no-columns"
    optional = [kinds.arrays(field.kind).input_form for field in signature.inputs if field.optional]
    if not _spares(signature):
        found["left_out"] = "none-spared"
    elif parts(signature, options) == 2 and answers_alone(signature, options):
        found["left_out"] = "one-left"
    if forms.SPARED.issuperset(optional):
        found["omitted"] = "none-omitted"
    if len(signature.outputs) == 1:
        found |= dict.fromkeys(("weighing", "output_width"), "one-output")
    return found


def _spares(signature: Signature) -> bool:
    """Tell whether an input may be missing for which a learned vector can stand."""
    forms_of = (kinds.arrays(field.kind).input_form for field in signature.inputs if field.optional)
    return not forms.SPARED.isdisjoint(forms_of)


def _is_column(field: Field, options: NetworkOptions) -> bool:
    """Tell whether an input is read together with the other columns of a table."""
    own = field.name in options.encoders and options.encoders[field.name].type == "mlp"
    return kinds.arrays(field.kind).input_form in forms.PLAIN and not own


def _example(signature: Signature, why: str) -> str | None:
    """Return an input that could be a part of its own; a code has no encoder that is."""
    able = (field.name for field in signature.inputs if kinds.arrays(field.kind).input_form in _APART)
    return next(able, None) if why == "columns" else None
