"""Models of other libraries, which become a graph in a process of its own.

XGBoost's JSON and UBJ and LightGBM's text are data, and are read as such; what comes of them is compared with the model
on drawn rows. A pickle (joblib) can hold any program, which runs when it is read: that is done only where the project
says `trust: true`, and never by `check`. So is a SavedModel of TensorFlow, which is a program that may read and write
files. A `.keras` file is read in Keras' safe mode, with torch as its backend.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.messages import MachineError, Problem, ProjectError
from modelwright.learners import own_process

_MOST_S = 1800.0
_OPSET = 15

_PICKLED = """
import joblib, numpy, sys
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
model = joblib.load(sys.argv[1])
names = getattr(model, "feature_names_in_", None)
width = int(model.n_features_in_)
options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
graph = to_onnx(model, initial_types=[("columns", FloatTensorType([None, width]))], options=options, target_opset=OPSET)
write(graph, None if names is None else [str(name) for name in names])
"""
_XGBOOST = """
import sys, xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
model = xgboost.Booster()
model.load_model(sys.argv[1])
names, width = model.feature_names, model.num_features()
model.feature_names = [f"f{place}" for place in range(width)]  # the converter reads no others
graph = convert_xgboost(model, initial_types=[("columns", FloatTensorType([None, width]))], target_opset=OPSET)
compare(graph, width, lambda rows: model.inplace_predict(rows))
write(graph, names)
"""
_LIGHTGBM = """
import lightgbm, sys
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
model = lightgbm.Booster(model_file=sys.argv[1])
names = model.feature_name()
if names == [f"Column_{place}" for place in range(len(names))]:
    names = None
graph = convert_lightgbm(
    model, initial_types=[("columns", FloatTensorType([None, model.num_feature()]))], target_opset=OPSET, zipmap=False
)
infos = model.dump_model()["feature_infos"]
codes = [place for place, name in enumerate(model.feature_name()) if infos.get(name, {}).get("values")]
compare(graph, model.num_feature(), model.predict, codes)
write(graph, names)
"""
_KERAS = """
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
import keras, torch
model = keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True)
model.eval()
inputs = tuple(torch.zeros([2, *(axis or 8 for axis in one.shape[1:])]) for one in model.inputs)
batch = torch.export.Dim("batch")
class Positional(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, arrays):
        found = self.inner(list(arrays) if len(arrays) > 1 else arrays[0])
        return tuple(found.values()) if isinstance(found, dict) else found
names = getattr(model, "output_names", None) or [one.name for one in model.outputs]  # a Sequential has none
with torch.no_grad():
    graph = torch.onnx.export(
        Positional(model).eval(), (inputs,), dynamo=True, external_data=False, verbose=False,
        input_names=[one.name for one in model.inputs], output_names=list(names),
        dynamic_shapes=((tuple({0: batch} for _ in inputs)),),
    ).model_proto
write(graph, None)
"""
_TENSORFLOW = """
import os, sys
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import numpy, onnx, onnxruntime, tensorflow
from tf2onnx import convert
folder, out = arguments = sys.argv[1:]
signatures = tensorflow.saved_model.load(folder).signatures
if not signatures:
    raise ValueError("it has no signature by which it answers: save it with signatures=")
name = "serving_default" if "serving_default" in signatures else next(iter(signatures))
sys.argv = ["tf2onnx", "--saved-model", folder, "--signature_def", name, "--tag", "serve", "--output", out,
    "--opset", str(OPSET)]
convert.main()
sys.argv = ["", *arguments]
graph = onnx.load(out)
for port in [*graph.graph.input, *graph.graph.output]:
    axes = port.type.tensor_type.shape.dim
    if len(axes) and not axes[0].HasField("dim_value"):
        axes[0].dim_param = "batch"
session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
answer = signatures[name]
draw, rows = numpy.random.default_rng(0), {}
for port, spec in answer.structured_input_signature[1].items():
    shape = [16, *(axis or 8 for axis in spec.shape[1:])] if spec.shape.rank else []
    if spec.dtype.is_floating:
        rows[port] = draw.normal(size=shape).astype(spec.dtype.as_numpy_dtype)
    elif spec.dtype.is_integer:
        rows[port] = draw.integers(0, 4, size=shape).astype(spec.dtype.as_numpy_dtype)
if rows.keys() == {one.name for one in session.get_inputs()} == set(answer.structured_input_signature[1]):
    wanted = answer(**{port: tensorflow.constant(one) for port, one in rows.items()})
    for port, found in zip(session.get_outputs(), session.run(None, rows)):
        if not numpy.allclose(found, wanted[port.name].numpy(), rtol=1e-3, atol=1e-4, equal_nan=True):
            raise ValueError("the converted graph answers otherwise than the model")
write(graph, None)
"""
_WRITE = """
def compare(graph, width, predict, codes=()):
    import numpy, onnxruntime
    draw = numpy.random.default_rng(0)
    near, whole = draw.normal(size=(300, width)), draw.integers(0, 12, size=(300, width))
    rows = numpy.concatenate([near, 100 * near, whole]).astype(numpy.float32)
    rows[:, list(codes)] = numpy.abs(rows[:, list(codes)]).round()  # a category is a whole number
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"columns": rows})[-1].reshape(len(rows), -1)
    wanted = numpy.asarray(predict(rows)).reshape(len(rows), -1)
    if wanted.shape[1] == 1:
        found = found[:, -1:]
    alike = numpy.isclose(found, wanted, rtol=1e-3, atol=1e-4).all(axis=1) if found.shape == wanted.shape else 0
    if numpy.mean(alike) < 0.99:  # a threshold may be rounded to another side
        raise ValueError("the converted graph answers otherwise than the model")
def write(graph, names):
    import json
    del graph.metadata_props[:]
    if names is not None:
        entry = graph.metadata_props.add()
        entry.key, entry.value = "modelwright.columns", json.dumps(list(names))
    open(sys.argv[2], "wb").write(graph.SerializeToString(deterministic=True))
"""


@dataclass(frozen=True)
class Convertible:
    """A form of models that another library has written.

    library: of whose models it is; script: what converts one; modules: what that needs, with the distributions that
    bring them; pickle: whether reading it runs what it holds; program: whether it is a program that converting runs;
    extra: of this distribution, which brings the modules.
    """

    library: str
    script: str
    modules: Mapping[str, str]
    pickle: bool = False
    program: bool = False
    extra: str = "given"

    def problems(self, path: Path, shown: str, *, trust: bool) -> Iterator[Problem]:
        """Yield why the file cannot be converted here; nothing of it is run."""
        if self.pickle and not trust:
            yield Problem("given.untrusted", path=shown).at("model.path")
        if self.program and not trust:
            yield Problem("given.untrusted-program", path=shown, library=self.library).at("model.path")
        lacking = [name for module, name in self.modules.items() if importlib.util.find_spec(module) is None]
        if lacking:
            yield Problem(
                "given.no-converter", path=shown, library=self.library, lacking=lacking, extra=self.extra
            ).at("model.path")

    def convert(self, path: Path, shown: str, out: Path, *, trust: bool) -> None:
        """Write the graph into the file `out`; raises ProjectError and MachineError."""
        if problems := list(self.problems(path, shown, trust=trust)):
            raise ProjectError(problems)
        script = f"import sys\nOPSET = {_OPSET}\n{_WRITE}{self.script}"
        with tempfile.TemporaryDirectory() as work:
            environment = {**os.environ, "KERAS_HOME": work}
            try:
                reason = own_process.failure(
                    script,
                    str(path.absolute()),
                    str(out.absolute()),
                    folder=Path(work),
                    environment=environment,
                    most_s=_MOST_S,
                )
            except subprocess.TimeoutExpired:
                raise MachineError(_failed(shown, self.library, f"{_MOST_S:g} s")) from None
        if reason is not None or not out.is_file():
            raise ProjectError(_failed(shown, self.library, reason or "?"))


def _failed(shown: str, library: str, reason: str) -> Problem:
    return Problem("given.not-converted", path=shown, library=library, reason=reason).at("model.path")


_SKLEARN = Convertible(
    "scikit-learn",
    _PICKLED,
    {"joblib": "joblib", "sklearn": "scikit-learn", "skl2onnx": "skl2onnx"},
    pickle=True,
)
_OF_XGBOOST = Convertible("XGBoost", _XGBOOST, {"xgboost": "xgboost-cpu", "onnxmltools": "onnxmltools"})
_OF_LIGHTGBM = Convertible("LightGBM", _LIGHTGBM, {"lightgbm": "lightgbm", "onnxmltools": "onnxmltools"})
_OF_KERAS = Convertible("Keras", _KERAS, {"keras": "keras", "torch": "torch", "onnxscript": "onnxscript"})
_OF_TENSORFLOW = Convertible(
    "TensorFlow",
    _TENSORFLOW,
    {"tensorflow": "tensorflow-cpu", "tf2onnx": "tf2onnx"},
    program=True,
    extra="tensorflow",
)
SAVED_MODEL = "saved_model.pb"  # beside it lie its variables and its assets
_BY_SUFFIX = {
    ".joblib": _SKLEARN,
    ".pkl": _SKLEARN,
    ".pickle": _SKLEARN,
    ".json": _OF_XGBOOST,
    ".ubj": _OF_XGBOOST,
    ".txt": _OF_LIGHTGBM,
    ".keras": _OF_KERAS,
}
SUFFIXES = frozenset({".onnx", *_BY_SUFFIX})


def format_of(path: Path) -> Convertible | None:
    """Return the form of a file or folder that is no graph, by its name; None of a graph."""
    if path.is_dir() and (path / SAVED_MODEL).is_file():
        return _OF_TENSORFLOW
    return _BY_SUFFIX.get(path.suffix.lower())
