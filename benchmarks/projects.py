"""What the benchmarks of whole projects share: where data lies, a project in a folder of its own, and its figures."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from PIL import Image


def default_data() -> Path:
    """Return where the mirror, or a folder beside the checkout, keeps the datasets."""
    mirror = os.environ.get("MODELWRIGHT_MIRROR")
    return Path(mirror) if mirror else Path(__file__).resolve().parents[2] / "shared" / "data"


def png(pixels: np.ndarray) -> bytes:
    """Return a picture as PNG."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


@dataclass(frozen=True)
class Figures:
    """What a project measured on its test rows: requirement (without its bar) → value; CPU seconds of all its work."""

    values: Mapping[str, float]
    cpu_s: float


class Kept:
    """Figures of a benchmark that is run in pieces: a JSON line each in a file, None: nothing is kept.

    most: figures that one run may compute; then it ends with exit code 4, and the next run of the same file goes on.
    """

    def __init__(self, path: Path | None, most: int | None = None) -> None:
        self.path, self.left = path, most
        there = path is not None and path.exists()
        lines = path.read_text("utf-8").splitlines() if path is not None and there else []
        self.found = {json.dumps(one["key"]): one["figure"] for one in map(json.loads, lines)}

    def of(self, compute: Callable[..., Any], *key: Any) -> Any:
        """Return what a function gives for these arguments, computed where no earlier run has; all of it is JSON."""
        name = json.dumps(key)
        if name not in self.found:
            if self.left == 0:
                sys.exit(4)
            self.found[name] = compute(*key)
            self.left = None if self.left is None else self.left - 1
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "figure": self.found[name]}) + "\n")
        return self.found[name]

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add what `of_arguments` reads."""
        parser.add_argument("--keep", type=Path, help="file of figures that are computed once")
        parser.add_argument("--most", type=int, help="figures to compute in this run; the next goes on")

    @classmethod
    def of_arguments(cls, arguments: argparse.Namespace) -> Self:
        """Return the figures kept as the command line says."""
        return cls(arguments.keep, arguments.most)


def evaluated(
    project: Mapping[str, object], rows: pl.DataFrame | None, answers: Path | None = None
) -> Figures:
    """Run the loop up to `evaluate` in a folder of its own; see `evaluated_in`."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        return evaluated_in(Path(temporary), project, rows, answers)


def evaluated_in(
    folder: Path, project: Mapping[str, object], rows: pl.DataFrame | None, answers: Path | None = None
) -> Figures:
    """Run the loop up to `evaluate` in a folder; `rows.parquet` holds the rows.

    answers: where the packaged function's answers to `asked.parquet` beside it go, a JSON line each.
    """
    if rows is not None:
        rows.write_parquet(folder / "rows.parquet")
    (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
    before = os.times()
    done = _modelwright(folder, "run", "--to", "evaluate", "--json")
    after = os.times()
    if answers is not None:
        asked = answers.with_suffix(".parquet")
        _modelwright(folder, "predict", "--file", str(asked), "--out", str(answers))
    result = json.loads(done[done.index("{") :])
    return Figures(
        {
            row["requirement"].rpartition(" ")[0].rstrip("<>= "): row["value"]
            for row in result["requirements"]
        },
        after.children_user + after.children_system - before.children_user - before.children_system,
    )


def _modelwright(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "modelwright", *words, "--project", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 3):
        sys.exit(f"{words[0]} failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    return done.stdout
