"""The folder that `prepare` writes: the graph with all of its tensors, and the tokenizers of texts.

graph.onnx
tokenizers/{input}.json
"""

from __future__ import annotations

from pathlib import Path


def graph(folder: Path) -> Path:
    """Return where the graph lies."""
    return folder / "graph.onnx"


def tokenizer(folder: Path, name: str) -> Path:
    """Return where the tokenizer of an input lies."""
    return folder / "tokenizers" / f"{name}.json"
