"""Functions with an input that holds files, for the tests of what serves them."""

from __future__ import annotations

import io
import wave

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tiny_serving import SIZES

from modelwright.core.signature import Signature
from modelwright.kinds.audio.arrays import AudioArrays
from modelwright.kinds.image.arrays import ImageArrays
from modelwright.kinds.number.arrays import NumberState
from modelwright.kinds.tags.arrays import TagsState
from modelwright.package.body import Body

LEVELS = {"small": 20, "medium": 128, "large": 240}


def picture(level: int, form: str = "PNG", size: tuple[int, int] = (24, 16)) -> bytes:
    """Return the file of a grey picture of one level."""
    content = io.BytesIO()
    Image.new("L", size, level).save(content, form)
    return content.getvalue()


def picture_body() -> Body:
    """Return `measure(photo: image, height: number?, marks: tags?) -> size: category`: how bright the picture is."""
    nodes = [
        helper.make_node("Cast", ["photo.pixels"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("Sub", ["column", "middles"], ["off"]),
        helper.make_node("Abs", ["off"], ["far"]),
        helper.make_node("Mul", ["far", "less"], ["bright"]),
        helper.make_node("Unsqueeze", ["height.value", "last"], ["of_height"]),
        helper.make_node("Mul", ["of_height", "little"], ["slope"]),
        helper.make_node("Add", ["bright", "slope"], ["size.logits"]),
    ]
    weights = {
        "axes": np.array([1, 2, 3], np.int64),
        "last": np.array([1], np.int64),
        "middles": np.array([list(LEVELS.values())], np.float32),
        "less": np.array(-0.1, np.float32),
        "little": np.array([[0.0, 0.0, 1e-3]], np.float32),
    }
    state = ImageArrays().fit([picture(level) for level in LEVELS.values()], side=16)
    spec = ImageArrays().specs(state)["pixels"]
    graph = helper.make_graph(
        nodes,
        "model",
        [
            helper.make_tensor_value_info("photo.pixels", TensorProto.UINT8, list(spec.shape)),
            helper.make_tensor_value_info("height.value", TensorProto.FLOAT, ["batch"]),
        ],
        [helper.make_tensor_value_info("size.logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return Body(
        Signature.parse("measure(photo: image, height: number?, marks: tags?) -> size: category"),
        "once",
        {"model": model.SerializeToString(deterministic=True)},
        {
            "photo": state,
            "height": NumberState(10.0, 2.0),
            "marks": TagsState(("7", "urgent")),
            "size": SIZES,
        },
    )


def tone(seconds: float = 0.5, rate: int = 8000, loud: float = 0.5) -> bytes:
    """Return the WAV file of a tone of 440 Hz."""
    samples = loud * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return content.getvalue()


def sound_body() -> Body:
    """Return `measure(sound: audio, marks: tags?) -> size: category`: how loud the sound is."""
    nodes = [
        helper.make_node("ReduceMean", ["sound.frames", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("Mul", ["column", "row"], ["size.logits"]),
    ]
    weights = {
        "axes": np.array([1, 2], np.int64),
        "last": np.array([1], np.int64),
        "row": np.array([[-1, 0, 1]], np.float32),
    }
    state = AudioArrays().fit([tone(2.0)])
    spec = AudioArrays().specs(state)["frames"]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("sound.frames", TensorProto.FLOAT, list(spec.shape))],
        [helper.make_tensor_value_info("size.logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return Body(
        Signature.parse("measure(sound: audio, marks: tags?) -> size: category"),
        "once",
        {"model": model.SerializeToString(deterministic=True)},
        {"sound": state, "marks": TagsState(("7", "urgent")), "size": SIZES},
    )
