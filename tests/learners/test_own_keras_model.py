"""A model of Keras 3 as a network of the project's own: its weights, its names and its training mode."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from test_own_module import _examples, _learn, _project

from modelwright import learners
from modelwright.core.digests import of_folder
from modelwright.package.packages import Package
from modelwright.runtime.function import Function

pytestmark = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="there is no keras")

FUNCTIONAL = """
import keras
from keras import layers

def build(inputs, outputs):
    given = {
        f"{name}.{array}": keras.Input(spec.shape[1:], name=f"{name}.{array}", dtype=spec.dtype)
        for name, arrays in inputs.items()
        for array, spec in arrays.items()
    }
    x = layers.Concatenate()([layers.Reshape((1,))(given[name]) for name in ("a.value", "b.value")])
    x = layers.Dense(12, activation="relu")(layers.BatchNormalization()(layers.Dropout(0.05)(x)))
    classes = outputs["c"]["logits"].shape[1]
    return keras.Model(given, {"c": layers.Dense(classes)(x), "d": layers.Reshape(())(layers.Dense(1)(x))})
"""
SUBCLASSED = """
import keras
from keras import layers, ops

class Small(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.norm, self.hidden = layers.BatchNormalization(), layers.Dense(12, activation="relu")
        self.classes, self.number = layers.Dense(classes), layers.Dense(1)

    def call(self, arrays{training}):
        x = self.hidden(self.norm(ops.stack([arrays["a.value"], arrays["b.value"]], axis=-1){pass_on}))
        return {{"c": self.classes(x), "d": ops.squeeze(self.number(x), -1)}}

def build(inputs, outputs):
    return Small(outputs["c"]["logits"].shape[1])
"""
MODELS = {
    "functional": FUNCTIONAL,
    "subclassed": SUBCLASSED.format(training=", training=None", pass_on=", training=training"),
    "subclassed, blind to training": SUBCLASSED.format(training="", pass_on=""),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_learned_and_exported_alike_each_time(name: str, tmp_path: Path) -> None:
    settings = {key: os.environ.get(key) for key in ("KERAS_BACKEND", "KERAS_HOME")}
    code = _project(tmp_path / "project", MODELS[name])
    learned, again = (_learn(code, tmp_path / f"work-{number}") for number in range(2))
    assert of_folder(learned) == of_folder(again)
    assert {key: os.environ.get(key) for key in settings} == settings
    held = _examples(80).columns
    function = Function(Package(learners.export("network").export(learned), "", threads=1))
    wanted = learners.learn("network").predict(learned, held)
    found = function.infer({one: held[one] for one in "ab"})
    for output, arrays in wanted.items():
        for array, values in arrays.items():
            np.testing.assert_allclose(found[output][array], values, atol=1e-4)
    answers = function.answer({one: held[one] for one in "ab"})
    assert sum(row["c"].value == truth for row, truth in zip(answers, held["c"], strict=True)) >= 68
    (weights,) = learned.rglob("*.safetensors")
    moving = {key: value for key, value in load_file(weights).items() if "moving_mean" in key}
    assert moving
    if "blind" not in name:  # batch statistics are learned in training mode alone
        assert all(np.abs(value).max() > 0 for value in moving.values())
