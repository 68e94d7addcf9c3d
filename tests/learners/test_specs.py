"""Learners as they declare themselves, and where they are found."""

from __future__ import annotations

import pytest

from modelwright import learners
from modelwright.core.signature import Signature

TABLE = Signature.parse("f(age: number, region: category) -> group: category")
TEXT = Signature.parse("f(question: text) -> domain: category")


def test_learners_are_found_by_their_folder() -> None:
    assert {"finetune", "linear", "probe", "trees"} <= set(learners.names())
    assert not {"contract", "training", "networks", "exporting"} & set(learners.names())
    with pytest.raises(KeyError):
        learners.spec("no-such")


def test_pretrained_weights_are_needed_for_text_alone() -> None:
    assert learners.needs_pretrained(TEXT)
    assert not learners.needs_pretrained(TABLE)
    assert not learners.needs_pretrained(TEXT, ["trees"])
    assert learners.needs_pretrained(TEXT, ["probe", "no-such"])


def test_a_signature_is_accepted_by_the_forms_of_its_arrays() -> None:
    assert learners.accepting(TABLE) == ("linear", "trees")
    assert learners.accepting(TEXT) == ("finetune", "linear", "probe")
    assert learners.accepting(TEXT, ["probe", "trees"]) == ("probe",)
    mixed = Signature.parse("f(question: text, age: number) -> domain: category, price: number")
    assert learners.accepting(mixed) == ("finetune", "linear", "probe")


def test_every_default_of_training_stands_beside_its_key() -> None:
    assert learners.spec("trees").Training().model_dump() == {
        "epochs": None,
        "learning_rate": 0.05,
        "weight_decay": 0.0,
        "patience": 50,
    }
    finetune = learners.spec("finetune").Training().model_dump()
    assert (finetune["batch"], finetune["learning_rate"], finetune["label_smoothing"]) == (32, None, 0.1)


def test_the_modules_of_a_facet_are_named_for_the_fingerprint() -> None:
    assert learners.modules("trees", "spec", "export") == (
        "modelwright.learners.trees.spec",
        "modelwright.learners.trees.export",
    )
