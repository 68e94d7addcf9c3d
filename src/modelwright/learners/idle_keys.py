"""Keys of `learn:` that change nothing for a signature. Light: `check` and `plan` ask before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright import kinds
from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Spec
from modelwright.learners.contract.training import TrainingKeys

_CHOICES = frozenset({Form.CODE, Form.FLAG, Form.SET})
_SMOOTHED = _CHOICES | {Form.CHOICE, Form.SPANS}  # tags of tokens, and passages that are told from each other
_ONE_OF = frozenset({Form.CODE, Form.FLAG})
_NUMBERS = frozenset({Form.SCALAR, Form.VECTOR})
_OUTPUTS = {"classes": _CHOICES, "gamma": _CHOICES, "class_weights": _ONE_OF} | dict.fromkeys(
    ("numbers", "delta", "level"), _NUMBERS
)


def idle(spec: Spec, signature: Signature, learn: TrainingKeys) -> Iterator[Notice]:
    """Yield a warning for each key of `learn.loss`, `.regularisation`, `.optimiser` that is given without effect."""
    in_parts = learn.optimiser is not None and learn.optimiser.accumulate > 1
    if in_parts and "optimiser" in spec.takes and not spec.accumulates:
        yield Notice("learn.idle-accumulate", learner=spec.name)
    answered = {kinds.arrays(field.kind).output_form for field in signature.outputs}
    if learn.loss is not None and "loss" in spec.takes:
        for key in sorted(learn.loss.model_fields_set):
            if _OUTPUTS[key].isdisjoint(answered):
                wanted = "/".join(sorted(one.value for one in _OUTPUTS[key]))
                yield Notice("learn.idle-loss", key=f"learn.loss.{key}", forms=wanted)
    if "label_smoothing" in spec.takes and learn.label_smoothing and _SMOOTHED.isdisjoint(answered):
        wanted = "/".join(sorted(one.value for one in _SMOOTHED))
        yield Notice("learn.idle-loss", key="learn.label_smoothing", forms=wanted)
    read = {kinds.arrays(field.kind).input_form for field in signature.inputs}
    cut = learn.regularisation is not None and learn.regularisation.cutmix > 0
    if cut and "regularisation" in spec.takes and Form.PIXELS not in read:
        yield Notice("learn.idle-cutmix")
