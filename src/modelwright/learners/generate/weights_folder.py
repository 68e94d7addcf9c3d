"""Weights of a decoder as the learner keeps them, whatever they were read from.

model.safetensors   tensors by the names of transformers
config.json         the sizes
tokenizer.json
prompt.json         {"template": {…}, "ends": [ids], "context": positions}
README.md           licence and source
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from modelwright.learners.generate.spec import ChatTemplate

TENSORS, CONFIG, TOKENIZER, PROMPT, README = (
    "model.safetensors",
    "config.json",
    "tokenizer.json",
    "prompt.json",
    "README.md",
)
OPTIONS = "options.json"  # beside them, what the project says of writing


@dataclass(frozen=True)
class DecoderWeights:
    """A decoder that was read.

    config: as transformers has it; tokenizer: the bytes of tokenizer.json; template: None where the weights bring none;
    ends: tokens after which an answer ends; licence, source: as they are stated; answer_schema: the text of the JSON
    schema that answers fit, None: of any object, where they are objects. lacks_tools: whether the weights' own
    template has tools that could not be read.
    """

    tensors: Mapping[str, NDArray[Any]]
    config: Mapping[str, Any]
    tokenizer: bytes
    template: ChatTemplate | None
    ends: tuple[int, ...]
    licence: str
    source: str
    answer_schema: str | None = None
    lacks_tools: bool = False

    def write(self, folder: Path) -> None:
        """Write the folder; equal weights give equal bytes."""
        save_file(
            {name: np.ascontiguousarray(self.tensors[name]) for name in sorted(self.tensors)},
            folder / TENSORS,
        )
        _write_json(folder / CONFIG, dict(self.config))
        (folder / TOKENIZER).write_bytes(self.tokenizer)
        template = None if self.template is None else self.template.model_dump(mode="json")
        held = {} if self.answer_schema is None else {"answer_schema": self.answer_schema}
        lacks = {"lacks_tools": True} if self.lacks_tools else {}
        _write_json(folder / PROMPT, {"template": template, "ends": list(self.ends), **held, **lacks})
        text = f"---\nlicense: {self.licence}\n---\n{self.source}\n"
        (folder / README).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> DecoderWeights:
        """Read what `write` wrote."""
        prompt = json.loads((folder / PROMPT).read_text(encoding="utf-8"))
        readme = (folder / README).read_text(encoding="utf-8").split("\n")
        return cls(
            load_file(folder / TENSORS),
            json.loads((folder / CONFIG).read_text(encoding="utf-8")),
            (folder / TOKENIZER).read_bytes(),
            None if prompt["template"] is None else ChatTemplate.model_validate(prompt["template"]),
            tuple(prompt["ends"]),
            readme[1].removeprefix("license: "),
            readme[3],
            prompt.get("answer_schema"),
            prompt.get("lacks_tools", False),
        )


def copied(source: Path, to: Path) -> None:
    """Copy a folder of weights, file by file."""
    for name in (TENSORS, CONFIG, TOKENIZER, PROMPT, README):
        shutil.copyfile(source / name, to / name)


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
