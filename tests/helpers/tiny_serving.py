"""Real packages with tiny graphs, and real servers on a free port, for the tests of this folder."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from modelwright.core.digests import of_folder
from modelwright.core.messages import Problem
from modelwright.core.signature import Signature
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import Server
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic, DesiredVersion
from modelwright.kinds.boolean.arrays import BooleanState
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.contract.settled_cells import SettledCells
from modelwright.kinds.date.arrays import DateState
from modelwright.kinds.number.arrays import NumberState
from modelwright.kinds.tags.arrays import TagsState
from modelwright.kinds.text.arrays import TextState
from modelwright.package.body import Body
from modelwright.package.manifest import Typical
from modelwright.package.packages import write
from modelwright.storage.state.database import State

SIZES = CategoryState(("small", "medium", "large"))
WORDS = ("[UNK]", "[PAD]", "dental", "cover", "car", "does", "my", "plan", "new", "insure")


def onnx_bytes(nodes: list[Any], inputs: dict[str, int], weights: dict[str, Any], rank: int = 1) -> bytes:
    """Return a graph with the output `size.logits` and inputs of one element type each."""
    axes = ["batch", "length"][:rank]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, dtype, axes) for name, dtype in inputs.items()],
        [helper.make_tensor_value_info("size.logits", TensorProto.FLOAT, ["batch", len(SIZES.classes)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def linear_body(shift: float = 0.0) -> Body:
    """Return `measure(height: number, width: number?) -> size: category`: small is below the mean."""
    arrays = ["height.value", "height.missing", "width.value", "width.missing"]
    nodes = [
        *(helper.make_node("Unsqueeze", [name, "last"], [f"{name}.column"]) for name in arrays),
        helper.make_node("Concat", [f"{name}.column" for name in arrays], ["features"], axis=1),
        helper.make_node("Gemm", ["features", "weight", "bias"], ["size.logits"]),
    ]
    weights = {
        "last": np.array([1], dtype=np.int64),
        "weight": np.array([[-4, 0, 4], [0, 1, 0], [-1, 0, 1], [0, 0.5, 0]], dtype=np.float32),
        "bias": np.array([shift, 1, -shift], dtype=np.float32),
    }
    graph = onnx_bytes(nodes, dict.fromkeys(arrays, TensorProto.FLOAT), weights)
    return Body(
        Signature.parse("measure(height: number, width: number?) -> size: category"),
        "once",
        {"model": graph},
        {"height": NumberState(10.0, 2.0), "width": NumberState(5.0, 1.0), "size": SIZES},
    )


def slow_body() -> Body:
    """Return `measure(rounds: number) -> size: category`, which multiplies matrices `rounds` times."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("MatMul", ["state", "turn"], ["next"]),
        ],
        "round",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [256, 256]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [256, 256]),
        ],
    )
    nodes = [
        helper.make_node("ReduceMax", ["rounds.value"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["trips"], to=TensorProto.INT64),
        helper.make_node("Loop", ["trips", "yes", "start"], ["end"], body=body),
        helper.make_node("ReduceMax", ["end"], ["top"], keepdims=0),
        helper.make_node("Mul", ["top", "zero"], ["nothing"]),
        helper.make_node("Unsqueeze", ["rounds.value", "last"], ["column"]),
        helper.make_node("Mul", ["column", "row"], ["scores"]),
        helper.make_node("Add", ["scores", "nothing"], ["size.logits"]),
    ]
    weights = {
        "yes": np.array(True),
        "start": np.eye(256, dtype=np.float32),
        "turn": np.eye(256, dtype=np.float32),
        "zero": np.array(0, dtype=np.float32),
        "last": np.array([1], dtype=np.int64),
        "row": np.array([[-1, 0, 1]], dtype=np.float32),
    }
    return Body(
        Signature.parse("measure(rounds: number) -> size: category"),
        "once",
        {"model": onnx_bytes(nodes, {"rounds.value": TensorProto.FLOAT}, weights)},
        {"rounds": NumberState(0.0, 1.0), "size": SIZES},
    )


def picky_body() -> Body:
    """Return `measure(height: number) -> size: category` that answers 0 to 2, NaN below, and fails above."""
    nodes = [
        helper.make_node("Cast", ["height.value"], ["place"], to=TensorProto.INT64),
        helper.make_node("Max", ["place", "zero"], ["least"]),
        helper.make_node("Gather", ["rows", "least"], ["scores"]),
        helper.make_node("Sqrt", ["height.value"], ["root"]),
        helper.make_node("Unsqueeze", ["root", "last"], ["column"]),
        helper.make_node("Add", ["scores", "column"], ["size.logits"]),
    ]
    weights = {
        "zero": np.array(0, dtype=np.int64),
        "rows": np.eye(3, dtype=np.float32) * 5,
        "last": np.array([1], dtype=np.int64),
    }
    return Body(
        Signature.parse("measure(height: number) -> size: category"),
        "once",
        {"model": onnx_bytes(nodes, {"height.value": TensorProto.FLOAT}, weights)},
        {"height": NumberState(0.0, 1.0), "size": SIZES},
    )


def text_body() -> Body:
    """Return `measure(question: text) -> size: category`: the mean of a vector for each word."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    nodes = [
        helper.make_node("Gather", ["vectors", "question.ids"], ["embedded"]),
        helper.make_node("Cast", ["question.mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
        helper.make_node("Mul", ["embedded", "mask3"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "middle"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "middle"], ["count"], keepdims=1),
        helper.make_node("Max", ["count", "one"], ["least_one"]),
        helper.make_node("Div", ["sum", "least_one"], ["size.logits"]),
    ]
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), len(SIZES.classes))).astype(np.float32) * 4
    weights = {
        "vectors": vectors,
        "last": np.array([2], dtype=np.int64),
        "middle": np.array([1], dtype=np.int64),
        "one": np.array(1, dtype=np.float32),
    }
    inputs = dict.fromkeys(("question.ids", "question.mask"), TensorProto.INT64)
    return Body(
        Signature.parse("measure(question: text) -> size: category"),
        "once",
        {"model": onnx_bytes(nodes, inputs, weights, rank=2)},
        {"question": TextState(tokenizer.to_str().encode(), 16, 1), "size": SIZES},
    )


def table_body() -> Body:
    """Return `measure(…) -> size: category` with an input of each kind, of which the graph reads colour and height."""
    signature = Signature.parse(
        "measure(colour: category, height: number, marks: tags?, fragile: boolean?, sent: date?, note: text?) "
        "-> size: category"
    )
    nodes = [
        helper.make_node("Gather", ["rows", "colour.index"], ["of_colour"]),
        helper.make_node("Unsqueeze", ["height.value", "last"], ["column"]),
        helper.make_node("Mul", ["column", "slope"], ["of_height"]),
        helper.make_node("Add", ["of_colour", "of_height"], ["size.logits"]),
    ]
    weights = {
        "rows": np.array(
            [[0, 1, 0], [3, 0, 0], [0, 0, 3], [0, 3, 0]], dtype=np.float32
        ),  # 0: missing, unseen
        "slope": np.array([[-1, 0, 1]], dtype=np.float32),
        "last": np.array([1], dtype=np.int64),
    }
    inputs = {"colour.index": TensorProto.INT64, "height.value": TensorProto.FLOAT}
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    return Body(
        signature,
        "once",
        {"model": onnx_bytes(nodes, inputs, weights)},
        {
            "colour": CategoryState(("1", "2", "red")),
            "height": NumberState(10.0, 2.0),
            "marks": TagsState(("7", "urgent")),
            "fragile": BooleanState(),
            "sent": DateState(2024.0, 1.0),
            "note": TextState(tokenizer.to_str().encode(), 16, 1),
            "size": SIZES,
        },
    )


TYPICAL = {
    "colour": Typical(value="red"),
    "height": Typical(value=9.5, low=7.0, high=13.0),
    "marks": Typical(value=["urgent"]),
    "fragile": Typical(value=True),
}


def sealed(
    body: Body,
    folder: Path,
    typical: dict[str, Typical] | None = None,
    settled: dict[str, SettledCells] | None = None,
) -> Path:
    """Write a package and return its folder."""
    write(
        body,
        folder,
        lineage={"learned": "0" * 64},
        versions={"onnx": onnx.__version__},
        threads=1,
        typical=typical or {},
        settled=settled or {},
    )
    return folder


class Releases:
    """DesiredReleases in a real state database; package folders by version."""

    def __init__(self, *packages: Path) -> None:
        self.state = State.open(packages[0].parent / f"state-{secrets.token_hex(8)}.db")
        self.packages: dict[int, Path] = {}
        self.judged: dict[int, str] = {}
        self.refused: list[Problem] = []
        self.changed = threading.Event()
        self.shared: DesiredTraffic | None = None
        for package in packages:
            self.ask(package)

    def ask(self, package: Path, digest: str | None = None) -> int:
        """Ask for one more release; returns its version. `digest` is that of the package that was judged."""
        self.changed.clear()
        keys = ("package_digest", "evidence_digest", "package_key", "evidence_key")
        names = dict.fromkeys(keys, str(len(self.packages)))
        version = self.state.register_version(**names, champion_digest=None)
        self.packages[version] = package
        self.judged[version] = digest or of_folder(package)
        self.state.request_release(version, "direct", "test")
        return version

    def version(self, number: int) -> DesiredVersion:
        """Return a version as the gateway is to load it."""
        return DesiredVersion(number, self.packages[number], self.judged[number])

    def desired_traffic(self, *, leads: bool) -> DesiredTraffic | None:
        """Return the traffic of the newest release that did not fail, or that which `shared` has set."""
        release = self.state.desired_release()
        if release is None:
            return None
        return self.shared or DesiredTraffic.all_to(release.id, self.version(release.version))

    def share(self, shares: dict[int, float], **options: Any) -> None:
        """Set who answers from now on, by version; those with 0 are loaded, too."""
        self.changed.clear()
        self.shared = DesiredTraffic(1, tuple(map(self.version, shares)), shares, **options)

    def moved(self, traffic: DesiredTraffic) -> None:
        """Note that the traffic moved."""
        if self.shared is None:
            self.state.mark(traffic.release_id, "serving")
        self.changed.set()

    def failed(self, release_id: int, version: int, problem: Problem) -> None:
        """Note that a release did not start."""
        self.state.mark(release_id, "failed", str(problem))
        self.refused.append(problem)
        self.changed.set()

    def statuses(self) -> list[str]:
        """Return what became of each release."""
        return [str(release.status) for release in self.state.releases()]


@contextmanager
def running(releases: Releases, *, wait: bool = True, **options: Any) -> Iterator[Server]:
    """Run a server in a thread until the block ends; it is ready when the block begins.

    It keeps no answers unless `cache` is given: a worker is asked whatever is sent.
    """
    keys = ("live", "environment", "beside", "operations", "memory_bytes")
    function = options.pop("function", "measure")
    given = {key: options.pop(key) for key in keys if key in options}
    options.setdefault("cache", {"size": None})
    server = Server(function, ServeConfig(port=0, **options), releases, **{"environment": {}, **given})
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        if wait:
            assert releases.changed.wait(60), "the server did not start"
        yield server
    finally:
        server.stop()
        thread.join(60)
        assert not thread.is_alive(), "the server did not stop"
