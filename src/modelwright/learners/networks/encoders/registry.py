"""The encoders that there are, by name. Imported by statement, so that a key depends on their code (`engine`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.encoders.contract import (
    Encoder,
    EncoderType,
    Loaded,
    PretrainedType,
    ScratchType,
)
from modelwright.learners.networks.encoders.convolutional import Convolutional
from modelwright.learners.networks.encoders.mlp import Mlp
from modelwright.learners.networks.encoders.mobilenet import MobileNet
from modelwright.learners.networks.encoders.one_hot import Columns, Embedding
from modelwright.learners.networks.encoders.over_time import Attention, Gru, Lstm, Temporal
from modelwright.learners.networks.encoders.own_weights import OwnOfFrames, OwnOfPixels, OwnOfTokens
from modelwright.learners.networks.encoders.plain_values import Plain
from modelwright.learners.networks.encoders.transformer import Transformer
from modelwright.learners.networks.encoders.whisper import Whisper
from modelwright.learners.networks.encoders.words import TokenAttention, Words
from modelwright.learners.weights.families import family_of

SCRATCH: tuple[ScratchType, ...] = (
    *(Columns(), Plain(), Words(), Convolutional(), Temporal()),
    *(Attention(), Embedding(), Gru(), Lstm(), Mlp(), TokenAttention()),
)
"""In the order of preference: the first that takes a form is its default."""

COLUMNS = frozenset({"columns", "embedding", "plain"})
"""The types of inputs that a network may read together, as the columns of a table."""

_FOREIGN: tuple[PretrainedType, ...] = (MobileNet(), Whisper(), Transformer())
_MADE_OF: Mapping[str, EncoderType] = {one.name: one for one in (*SCRATCH, *_FOREIGN)}

PRETRAINED: tuple[PretrainedType, ...] = (
    *_FOREIGN,
    *(OwnOfTokens(_MADE_OF), OwnOfPixels(_MADE_OF), OwnOfFrames(_MADE_OF)),
)

_BY_NAME: Mapping[str, EncoderType] = {one.name: one for one in (*SCRATCH, *PRETRAINED)}


def build(type_name: str, config: JsonObject) -> Encoder:
    """Return an encoder of a type and a configuration."""
    return _BY_NAME[type_name].build(config)


def is_pretrained(type_name: str) -> bool:
    """Tell whether a type starts from pretrained weights."""
    return isinstance(_BY_NAME[type_name], PretrainedType)


def load(folder: Path, options: Mapping[str, object]) -> tuple[str, Loaded]:
    """Return the type of the weights in a folder, and the encoder with them; raises ProjectError."""
    name = family_of(folder).name
    found = next(one for one in PRETRAINED if one.name == name)
    return name, found.load(folder, options)


def fitted(type_name: str, loaded: Loaded, inputs: Sequence[Mapping[str, ArraySpec]]) -> Loaded:
    """Return a pretrained encoder less the weights that its inputs, by their specs, do not need."""
    return next(one for one in PRETRAINED if one.name == type_name).fitted(loaded, inputs)


def scratch(form: Form, type_name: str | None = None) -> ScratchType:
    """Return the type of that name, or the default of a form, for learning from nothing."""
    return next(one for one in SCRATCH if form in one.forms and type_name in {None, one.option or one.name})


def options_of(form: Form) -> tuple[str, ...]:
    """Return the types of `model.encoders` that read a form."""
    return tuple(sorted(one.option or one.name for one in SCRATCH if form in one.forms))
