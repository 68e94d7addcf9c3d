"""The teacher: a package, run without torch, its answers to rows, and its word vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
from numpy.typing import NDArray
from onnx import helper

from modelwright.core.messages import ModelwrightError, Notice
from modelwright.learners.distil.bring import PACKAGE, ROWS
from modelwright.package import packages
from modelwright.package.content import whole
from modelwright.package.graphs import open_session
from modelwright.package.packages import Package
from modelwright.runtime.function import Function

Array = NDArray[Any]
_AT_ONCE = 64  # word ids a pass
_PASSES = frozenset({"Cast", "Identity"})


@dataclass(frozen=True)
class Teacher:
    """A package in a folder that the project brought."""

    package: Package
    function: Function
    folder: Path

    @property
    def states(self) -> Mapping[str, Any]:
        """Return the states of its kinds."""
        return self.package.body.states

    def answers(self, inputs: Mapping[str, Sequence[object]]) -> dict[str, dict[str, Array]]:
        """Return its raw arrays for rows of canonical values: output → array → (n, …)."""
        return self.function.infer(inputs)

    def unlabelled(self) -> tuple[dict[str, list[object]], tuple[Notice, ...]]:
        """Return the further rows, as columns of canonical values; and how many of them cannot be read."""
        names = [one.name for one in self.function.signature.inputs]
        files = sorted(self.folder.glob(f"{ROWS}.*"))
        found: list[tuple[Any, ...]] = []
        lost = 0
        for row in (row for file in files for row in _frame(file).to_dicts()):
            try:
                found.append(self.function.rows.read({name: row.get(name) for name in names}, lenient=True))
            except ModelwrightError:
                lost += 1
        columns = {name: [row[place] for row in found] for place, name in enumerate(names)}
        return columns, (Notice("distil.lost-rows", count=lost, rows=lost + len(found)),) if lost else ()


def read(folder: Path, threads: int) -> Teacher:
    """Read the teacher that `bring` put into a folder; raises PackageError for a damaged one."""
    package = packages.read(folder / PACKAGE)
    return Teacher(package, Function(package, threads), folder)


def _frame(file: Path) -> pl.DataFrame:
    if file.suffix == ".parquet":
        return pl.read_parquet(file)
    return pl.read_ndjson(file) if file.suffix == ".jsonl" else pl.read_csv(file, infer_schema=False)


def word_vectors(teacher: Teacher, name: str, words: int) -> NDArray[np.float32] | None:
    """Return the vectors that the teacher's graph has of the words of an input, (words, width); None without such.

    They are what the graph itself looks up, in whatever form they are stored.
    """
    body = teacher.package.body
    graph = body.graphs.get("model")
    if graph is None or body.files:
        return None
    model = onnx.load_from_string(whole(graph))
    tensor = _looked_up(model, f"{name}.ids")
    if tensor is None:
        return None
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    session = open_session(model.SerializeToString(), 1, "model")
    needed = {one.name for one in session.get_inputs()}
    if needed - {f"{name}.ids", f"{name}.mask"}:
        return None
    parts = []
    for begin in range(0, words, _AT_ONCE):
        ids = np.arange(begin, min(begin + _AT_ONCE, words), dtype=np.int64)[None]
        feed = {f"{name}.ids": ids, f"{name}.mask": np.ones_like(ids)}
        (found,) = session.run([tensor], {key: value for key, value in feed.items() if key in needed})
        if found.ndim != 3:
            return None
        parts.append(found[0])
    return np.concatenate(parts).astype(np.float32)


def _looked_up(model: onnx.ModelProto, ids: str) -> str | None:
    """Return the tensor that holds the vectors of ids, (batch, length, width)."""
    same, scaled = {ids}, set[str]()
    tables = {one.name: tuple(one.dims) for one in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    best: tuple[int, str] | None = None
    for node in model.graph.node:
        if node.op_type in _PASSES and node.input[0] in same:
            same.update(node.output)
        elif node.op_type in ("Gather", "GatherBlockQuantized") and node.input[1] in same:
            size = _size(node.input[0], tables, made)
            scaled.add(node.output[0])
            best = max(best or (0, ""), (size, node.output[0]))
        elif node.op_type in ("Cast", "Mul") and all(name in scaled for name in node.input):
            # a table in 8 bits: steps, times the scale of each vector
            scaled.add(node.output[0])
    if best is None:
        return None
    found = best[1]
    for node in model.graph.node:
        if (
            node.op_type in ("Cast", "Mul")
            and found in node.input
            and all(name in scaled for name in node.input)
        ):
            found = node.output[0]
    return found


def _size(name: str, tables: Mapping[str, tuple[int, ...]], made: Mapping[str, onnx.NodeProto]) -> int:
    """Return the numbers of a table; of one that is put together (cast, gaps), those of what it is put together of."""
    while name not in tables and name in made:
        name = made[name].input[0]
    return int(np.prod(tables.get(name, (0,))))
