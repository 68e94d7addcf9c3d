"""Checkpoints: tensors (safetensors) and a JSON note in one file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from modelwright.core.json_types import JsonLike, JsonObject
from modelwright.storage import disk

_NOTE = "note"


def write(path: Path, tensors: Mapping[str, Tensor], note: Mapping[str, JsonLike]) -> None:
    """Write a checkpoint in place of an older one; after a crash, either the old or the new one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = save(
        {name: tensor.detach().contiguous() for name, tensor in tensors.items()},
        metadata={_NOTE: json.dumps(note)},
    )
    # Under a name of its own, so that a killed run leaves no file that the next does not replace.
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    disk.sync(unfinished)
    unfinished.replace(path)
    disk.sync(path.parent)


def named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, by what follows it."""
    return {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}


def read_note(path: Path) -> JsonObject | None:
    """Return a checkpoint's note alone, or None where there is none."""
    if not path.is_file():
        return None
    with safe_open(path, framework="pt") as file:
        note: JsonObject = json.loads(file.metadata()[_NOTE])
    return note


def read(path: Path) -> tuple[dict[str, Tensor], JsonObject] | None:
    """Return a checkpoint's tensors and note, or None where there is none."""
    if not path.is_file():
        return None
    with safe_open(path, framework="pt") as file:
        # Clones: tensors of a mapped file may lie unaligned, and bits of a sum can depend on that.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - no mapping
        note: JsonObject = json.loads(file.metadata()[_NOTE])
    return tensors, note
