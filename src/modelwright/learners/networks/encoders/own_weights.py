"""Encoders that the learner `pretrain` has made: any type that there is, with its weights and its configuration.

config.json          model_type (by the form that it reads), the type and configuration of the encoder, and what the
                     kind's `fit` takes of it
model.safetensors    its weights
tokenizer.json       of texts
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, cast, final

import torch
from safetensors.torch import load_file, save

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, ProjectError
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.encoders.contract import Encoder, EncoderType, Loaded, PretrainedType

_CONFIG, _WEIGHTS, _TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
_FORMAT = 1
Types = Mapping[str, EncoderType]


def write(folder: Path, form: Form, type_name: str, name: str, loaded: Loaded) -> None:
    """Write an encoder into a folder that `pretrained` may name; equal encoders give equal bytes.

    type_name: of the encoder; name: of the function that it was learned as.
    """
    fit = dict(loaded.fit)
    if (tokenizer := fit.pop("tokenizer", None)) is not None:
        (folder / _TOKENIZER).write_bytes(cast("bytes", tokenizer))
    config = {
        "format": _FORMAT,
        "model_type": f"modelwright-{form.value}",
        "name": name,
        "encoder": {"type": type_name, "config": loaded.config},
        "fit": fit,
        "most": loaded.most,
    }
    text = json.dumps(config, ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True)
    (folder / _CONFIG).write_text(text + "\n", encoding="utf-8")
    # clones, because weights that a model ties share memory, which safetensors refuses
    weights = {
        key: value.detach().cpu().clone().contiguous() for key, value in loaded.encoder.state_dict().items()
    }
    (folder / _WEIGHTS).write_bytes(save(weights))


class _OwnWeights(PretrainedType):
    """One form's encoders; `types`: all that an encoder of ours may be of. Abstract."""

    def __init__(self, types: Types) -> None:
        self._types = types

    def load(self, folder: Path, options: Mapping[str, object]) -> Loaded:
        """Return the encoder; options: `max_length`, of texts."""
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        encoder, fit = config.get("encoder"), dict(config.get("fit") or {})
        if (
            config.get("format") != _FORMAT
            or not isinstance(encoder, dict)
            or encoder.get("type") not in self._types
        ):
            raise ProjectError(Problem("pretrained.unknown-encoder", folder=str(folder)))
        with torch.random.fork_rng(devices=[]):
            built = self.build(encoder)
        found, wanted = load_file(folder / _WEIGHTS), built.state_dict()
        shapes = {name: value.shape for name, value in wanted.items()}
        lacking = sorted(
            name for name, shape in shapes.items() if name not in found or found[name].shape != shape
        )
        if lacking:
            raise ProjectError(
                Problem(
                    "pretrained.missing-weights", count=len(lacking), first=lacking[0], folder=str(folder)
                )
            )
        built.load_state_dict({name: found[name] for name in wanted})
        if (folder / _TOKENIZER).is_file():
            fit["tokenizer"] = (folder / _TOKENIZER).read_bytes()
            if options.get("max_length") is not None:
                fit["max_length"] = options["max_length"]
        most = config.get("most")
        return Loaded(built.eval(), cast("JsonObject", encoder), fit, most if isinstance(most, int) else None)

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder with weights yet to be loaded."""
        inner = self._types[str(config["type"])]
        return inner.build(cast("JsonObject", config["config"]))


@final
class OwnOfTokens(_OwnWeights):
    """Encoders of texts."""

    name: ClassVar[str] = "pretrained-tokens"


@final
class OwnOfPixels(_OwnWeights):
    """Encoders of pictures."""

    name: ClassVar[str] = "pretrained-pixels"

    def fitted(self, loaded: Loaded, inputs: Sequence[Mapping[str, ArraySpec]]) -> Loaded:
        """Return the encoder; raises ProjectError where pictures have other channels than it reads."""
        inner = cast("JsonObject", loaded.config["config"])
        levels = inner.get("mean")
        for specs in inputs:
            channels = specs["pixels"].shape[-1]
            if isinstance(levels, list) and channels != len(levels):
                raise ProjectError(
                    Problem("pretrained.other-channels", wanted=len(levels), channels=channels)
                )
        return replace(loaded)


@final
class OwnOfFrames(_OwnWeights):
    """Encoders of sounds."""

    name: ClassVar[str] = "pretrained-frames"
