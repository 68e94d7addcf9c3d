"""Families of pretrained weights: which form of input they read, and what a folder of them holds. Light: no torch.

How a family is loaded and built again stands in `networks.encoders`, in a file of its name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from modelwright.kinds.contract.common import Form

_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json")


@dataclass(frozen=True)
class Family:
    """A family of weights.

    name: of its encoder type; form: what it reads; model_types: of `config.json`, None for whatever no other family
    has; tokenizer: whether a folder must hold one.
    """

    name: str
    form: Form
    model_types: frozenset[str] | None
    tokenizer: bool = False

    def lacking(self, folder: Path) -> list[str]:
        """Return which files a folder of this family lacks."""
        lacking: list[str] = []
        if not (folder / "config.json").is_file():
            lacking.append("config.json")
        if not any(folder.glob("*.safetensors")) and not any(folder.glob("pytorch_model*.bin")):
            lacking.append("model.safetensors")
        named = (folder / file for file in _TOKENIZERS)
        if self.tokenizer and not any(file.is_file() for file in (*named, *folder.glob("*.model"))):
            lacking.append("tokenizer.json")
        return lacking


TRANSFORMER = Family("transformer", Form.TOKENS, None, tokenizer=True)
MOBILENET_V2 = Family("mobilenet-v2", Form.PIXELS, frozenset({"mobilenet-v2"}))

WHISPER = Family("whisper", Form.FRAMES, frozenset({"whisper", "whisper-tiny.en"}))

# What the learner `pretrain` makes: an encoder of any type, by the form that it reads.
OWN: tuple[Family, ...] = tuple(
    Family(
        f"pretrained-{form.value}",
        form,
        frozenset({f"modelwright-{form.value}"}),
        tokenizer=form is Form.TOKENS,
    )
    for form in (Form.TOKENS, Form.PIXELS, Form.FRAMES)
)

FAMILIES: tuple[Family, ...] = (MOBILENET_V2, WHISPER, *OWN, TRANSFORMER)
"""Whatever names its `model_type` goes first; the last takes all others."""

FORMS = frozenset(one.form for one in FAMILIES)
"""The forms for which there are pretrained weights."""


def family_of(folder: Path) -> Family:
    """Return the family of the weights in a folder, by the `model_type` of its config.json."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model_type = str(config["model_type"])
    except (OSError, ValueError, TypeError, KeyError):
        return TRANSFORMER
    named = [one for one in FAMILIES if one.model_types is not None and model_type in one.model_types]
    return named[0] if named else TRANSFORMER
