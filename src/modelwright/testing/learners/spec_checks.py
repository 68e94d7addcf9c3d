"""What the specification of a learner must hold; nothing is learned."""

from __future__ import annotations

import itertools
import subprocess
import sys
from functools import cache

from pydantic import BaseModel

from modelwright import kinds, learners
from modelwright.core.messages import Phrase
from modelwright.core.signature import Field, Signature
from modelwright.engine.fingerprint import Fingerprint
from modelwright.kinds.contract.common import Role
from modelwright.learners.contract.spec import Makes
from modelwright.learners.contract.training import TrainingKeys
from modelwright.learners.options import COMMON_KEYS, PRETRAINED

FRAMEWORKS = ("torch", "lightgbm", "sklearn", "transformers", "onnx", "onnxruntime", "polars")


def check_declares_itself(name: str) -> None:
    """A learner is named like its folder and says in one line what it is."""
    spec = learners.spec(name)
    assert spec.name == name
    assert spec.summary
    assert "\n" not in spec.summary
    assert spec.inputs, "a learner reads some form"
    assert bool(spec.outputs) == (spec.makes is Makes.BODY), "a learner answers some form, or makes weights"
    assert spec.needs_input <= spec.inputs
    assert spec.sources
    assert set(spec.takes) <= set(TrainingKeys.model_fields), "a key of `learn:` that no project can set"


def check_every_key_has_a_default_and_a_description(name: str) -> None:
    """Whatever a project may set stands in the reference, with what holds when it does not."""
    spec = learners.spec(name)
    own = {PRETRAINED} if spec.brings else set()
    assert not set(spec.Options.model_fields) & (COMMON_KEYS - own), "these are keys of `model:` itself"
    for model in (spec.Options, spec.Training):
        assert issubclass(model, BaseModel)
        assert model.model_config.get("extra") == "forbid", f"{model.__name__} takes unknown keys"
        assert model.model_config.get("frozen"), f"{model.__name__} can be changed"
        for key, field in model.model_fields.items():
            assert not field.is_required(), f"{key} has no default"
            assert field.description, f"{key} has no description"
        model()


def check_says_what_it_refuses(name: str) -> None:
    """A signature is accepted, or refused with a reason; the same one each time."""
    spec = learners.spec(name)
    pairs = itertools.product(_kinds(Role.INPUT), _kinds(Role.OUTPUT))
    signatures = [Signature("f", (Field("a", one),), (Field("b", other),)) for one, other in pairs]
    signatures += [Signature("f", (Field("a", one),), ()) for one in _kinds(Role.INPUT)]
    answers = []
    for signature in signatures:
        answers.append(spec.refuses(signature))
        assert answers[-1] == spec.refuses(signature)
    assert None in answers, "a learner accepts some signature of two simple fields"
    for answer in answers:
        assert answer is None or (isinstance(answer, Phrase) and len(str(answer).split()) > 3)


def check_the_specification_imports_no_framework(name: str) -> None:
    """`check` reads specifications, so they load nothing heavy; tried in a process of its own."""
    code = (
        "import sys; from modelwright import learners; "
        f"learners.spec({name!r}); print(*sorted(set({FRAMEWORKS!r}) & set(sys.modules)))"
    )
    ended = subprocess.run(  # noqa: S603 - our own interpreter, and a name of ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not ended.stdout.strip(), f"the specification imports {ended.stdout.strip()}"


def check_learning_does_not_import_its_export(name: str) -> None:
    """A change of the export packages again and learns nothing again: the code of `learn` does not hold it."""
    (export,) = learners.modules(name, "export")
    code = _fingerprint().code([*learners.modules(name, "spec", "learn"), "modelwright.stages.learn.stage"])
    assert export not in code
    assert not [module for module in code if module.startswith("modelwright.learners.exporting")]


@cache
def _fingerprint() -> Fingerprint:
    """Return one for all learners: most of what they import is the same."""
    return Fingerprint()


def _kinds(role: Role) -> list[str]:
    return [name for name in kinds.names() if role in kinds.value(name).roles]
