"""A model of another library answers as a graph what it answers in its library, with its columns by their names."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pytest

from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.learners.given import given_graph

DRAW = np.random.default_rng(3)
ROWS = DRAW.normal(size=(200, 3)).astype(np.float32)
SCORES = ROWS @ np.array([1.0, -2.0, 0.5])
CLASSES = np.digitize(SCORES, [-1, 1])
CODES = DRAW.integers(0, 8, size=200)
ROWS_CODED = np.stack([ROWS[:, 0], CODES, ROWS[:, 2]], axis=1).astype(np.float32)  # a category in the middle
NAMES = ["c", "a", "b"]
Made = tuple[np.ndarray, list[str] | None]  # what the library answers, and the names of the columns


def xgboost_model(path: Path) -> Made:
    """Save a model whose base score is far from the usual one."""
    xgboost = pytest.importorskip("xgboost")
    pytest.importorskip("onnxmltools")
    binary = path.suffix == ".json"
    truth = SCORES > 0.3 if binary else SCORES * 50 + 700
    settings = {
        "objective": "binary:logistic" if binary else "reg:squarederror",
        "max_depth": 3,
        "nthread": 1,
        "base_score": 0.2 if binary else 650.0,
    }
    rows = xgboost.DMatrix(ROWS, truth, feature_names=NAMES)
    model = xgboost.train(settings, rows, 5)
    model.save_model(path)
    answers = model.predict(rows)
    return (np.stack([1 - answers, answers], axis=1) if binary else answers[:, None]), NAMES


def lightgbm_model(path: Path) -> Made:
    pytest.importorskip("onnxmltools")
    import lightgbm

    truth = (CLASSES + np.isin(CODES, [1, 4, 6])) % 3
    rows = lightgbm.Dataset(ROWS_CODED, truth, feature_name=NAMES, categorical_feature=[1])
    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(settings, rows, 4)
    model.save_model(path)
    return np.asarray(model.predict(ROWS_CODED)), NAMES


def sklearn_model(path: Path) -> Made:
    pytest.importorskip("skl2onnx")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    forest = RandomForestClassifier(5, max_depth=4, random_state=1)
    model = make_pipeline(StandardScaler(), forest).fit(ROWS, np.array(["low", "mid", "high"])[CLASSES])
    joblib.dump(model, path)
    return model.predict_proba(ROWS), None


_KERAS = """
import sys, numpy, keras
from keras import layers
rows = numpy.load(sys.argv[1])
keras.utils.set_random_seed(1)
stack = [keras.Input((3,), name="columns"), layers.Dense(8, activation="relu"), layers.BatchNormalization()]
model = keras.Sequential([*stack, layers.Dropout(0.5), layers.Dense(3, activation="softmax")])
model.save(sys.argv[2])
numpy.save(sys.argv[1], model.predict(rows, verbose=0))
"""


def keras_model(path: Path) -> Made:
    """Save a network whose layers answer otherwise while it learns."""
    if importlib.util.find_spec("keras") is None:  # importing it takes seconds, and here nothing else
        pytest.skip("there is no keras")
    rows = path.with_suffix(".npy")
    np.save(rows, ROWS)
    environment = {**os.environ, "KERAS_BACKEND": "torch", "KERAS_HOME": str(path.parent)}
    command = [sys.executable, "-c", _KERAS, str(rows), str(path)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return np.load(rows), None


_TENSORFLOW = """
import os, sys
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import numpy, tensorflow as tf
rows = numpy.load(sys.argv[1])
class Line(tf.Module):
    def __init__(self):
        self.weight = tf.Variable(numpy.array([[1, -2], [0.5, 1], [2, 0]], numpy.float32))
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="columns")])
    def __call__(self, columns):
        return {"scores": tf.nn.softmax(columns @ self.weight)}
line = Line()
tf.saved_model.save(line, sys.argv[2], signatures=line.__call__)
numpy.save(sys.argv[1], line(tf.constant(rows))["scores"].numpy())
"""


def tensorflow_model(path: Path) -> Made:
    """Save a SavedModel, a folder."""
    if importlib.util.find_spec("tensorflow") is None or importlib.util.find_spec("tf2onnx") is None:
        pytest.skip("there is no tensorflow, or no tf2onnx")
    rows = path.with_suffix(".npy")
    np.save(rows, ROWS)
    subprocess.run([sys.executable, "-c", _TENSORFLOW, str(rows), str(path)], check=True, capture_output=True)
    return np.load(rows), None


@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        ("model.json", xgboost_model, {}),
        ("model.ubj", xgboost_model, {}),
        ("model.txt", lightgbm_model, {}),
        ("model.joblib", sklearn_model, {"trust": True}),
        ("model.keras", keras_model, {}),
        ("saved", tensorflow_model, {"trust": True}),
    ],
)
def test_a_converted_model_answers_alike(
    name: str, make: Callable[[Path], Made], options: dict[str, Any], tmp_path: Path
) -> None:
    expected, names = make(tmp_path / name)
    bring = learners.bring("given")
    assert bring is not None
    out = tmp_path / "out"
    out.mkdir()
    bring.prepare(learners.spec("given").Options(path=name, **options), tmp_path, out)
    graph = given_graph.read(out / "graph.onnx", name)
    assert graph.columns == (None if names is None else tuple(names))
    session = onnxruntime.InferenceSession(out / "graph.onnx", providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    answers = session.run(None, {port.name: ROWS_CODED if make is lightgbm_model else ROWS})[-1]
    np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-5)


def test_a_model_whose_graph_would_answer_otherwise_is_refused(tmp_path: Path) -> None:
    """Its converter reads the categories of XGBoost as numbers."""
    xgboost = pytest.importorskip("xgboost")
    pytest.importorskip("onnxmltools")
    codes = np.random.default_rng(2).integers(0, 8, size=(400, 2)).astype(np.float32)
    truth = np.isin(codes[:, 0], [1, 4, 6]) * 10.0 + codes[:, 1]
    rows = xgboost.DMatrix(codes, truth, feature_types=["c", "q"], enable_categorical=True)
    xgboost.train({"max_depth": 3, "nthread": 1, "max_cat_to_onehot": 1}, rows, 5).save_model(
        tmp_path / "model.json"
    )
    bring = learners.bring("given")
    assert bring is not None
    with pytest.raises(ProjectError) as raised:
        bring.prepare(learners.spec("given").Options(path="model.json"), tmp_path, tmp_path)
    assert [one.id for one in raised.value.problems] == ["given.not-converted"]


@pytest.mark.parametrize(("name", "module"), [("model.json", "xgboost"), ("model.txt", "lightgbm")])
def test_what_is_no_model_of_its_library_is_said(name: str, module: str, tmp_path: Path) -> None:
    pytest.importorskip(module)
    pytest.importorskip("onnxmltools")
    (tmp_path / name).write_text('{"a": 1}', encoding="utf-8")
    bring = learners.bring("given")
    assert bring is not None
    with pytest.raises(ProjectError) as raised:
        bring.prepare(learners.spec("given").Options(path=name), tmp_path, tmp_path)
    (problem,) = raised.value.problems
    assert problem.id == "given.not-converted"
    assert name in problem.found


@pytest.mark.parametrize("named", ["saved", "saved/saved_model.pb"])
def test_a_saved_model_is_a_program_that_the_project_must_trust(named: str, tmp_path: Path) -> None:
    """Whatever lies in its folder is part of the key; nothing of it is read before the project trusts it."""
    (tmp_path / "saved" / "variables").mkdir(parents=True)
    for file in ("saved_model.pb", "variables/variables.index"):
        (tmp_path / "saved" / file).write_bytes(b"no model")
    bring = learners.bring("given")
    assert bring is not None
    options = learners.spec("given").Options(path=named)
    assert [path.name for path in bring.files(options, tmp_path)] == ["saved_model.pb", "variables.index"]
    signature = Signature.parse("f(a: number) -> b: category")
    problems = {one.id: one for one in bring.problems(signature, options, tmp_path)}
    assert "trust: true" in problems["given.untrusted-program"].next_step
    lacking = [name for name in ("tensorflow", "tf2onnx") if importlib.util.find_spec(name) is None]
    assert ("given.no-converter" in problems) == bool(lacking)
    if lacking:
        assert "modelwright[tensorflow]" in problems["given.no-converter"].next_step
    trusted = learners.spec("given").Options(path=named, trust=True)
    with pytest.raises(ProjectError) as raised:
        bring.prepare(trusted, tmp_path, tmp_path)
    assert [one.id for one in raised.value.problems] == [
        "given.no-converter" if lacking else "given.not-converted"
    ]
