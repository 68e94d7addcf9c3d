"""The keys of `model.encoders.INPUT` by type of encoder. Light, so that a specification can read them without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modelwright.learners.contract.steps import Normalisation

Dropout = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=1, le=4096)]
Layers = Annotated[int, Field(ge=1, le=64)]

_SETTINGS = ConfigDict(frozen=True, extra="forbid")


class PlainOptions(BaseModel):
    """A number, a vector or a set as it is; it is read together with the other columns."""

    model_config = _SETTINGS
    type: Literal["plain"] = "plain"


class ColumnsOptions(BaseModel):
    """A column a code; it is read together with the other columns."""

    model_config = _SETTINGS
    type: Literal["columns"] = "columns"


class EmbeddingOptions(BaseModel):
    """A learned vector a code; it is read together with the other columns."""

    model_config = _SETTINGS
    type: Literal["embedding"] = "embedding"
    width: Width | None = Field(None, description="numbers a code; None: 1.6 · codes^0.56, at most 64")


class MlpOptions(BaseModel):
    """Layers of its own for a number, a vector or a set."""

    model_config = _SETTINGS
    type: Literal["mlp"] = "mlp"
    width: Width = Field(64, description="numbers of a layer")
    layers: Layers = Field(2, description="layers")
    normalisation: Normalisation = Field(
        "batch", description="over what its layers are normalised: the batch, the layer, or nothing"
    )
    dropout: Dropout = Field(0.1, description="share of a layer that a step leaves out")


class ConvolutionalOptions(BaseModel):
    """Residual blocks of convolutions for pictures (He et al. 2016)."""

    model_config = _SETTINGS
    type: Literal["convolutional"] = "convolutional"
    width: Width = Field(
        32, description="channels of the first convolution; each stage has twice as many, up to 8 times"
    )
    stages: Layers | None = Field(
        None, description="stages of half the size each; None: until 7 to 14 pixels are left"
    )
    blocks: Layers = Field(1, description="residual blocks a stage")
    dropout: Dropout = Field(0.1, description="share of the features that a step leaves out")


class TemporalOptions(BaseModel):
    """Dilated convolutions over time (Bai et al. 2018), for sounds and series."""

    model_config = _SETTINGS
    type: Literal["temporal"] = "temporal"
    width: Width = Field(96, description="channels")
    layers: Layers = Field(4, description="residual blocks; each looks twice as far as the one before")
    kernel: Annotated[int, Field(ge=2, le=64)] = Field(5, description="steps that a convolution reads")
    stride: Annotated[int, Field(ge=1, le=64)] | None = Field(
        None,
        description="steps that become one before the first block; None: 4 frames of a sound, 1 of a series",
    )
    dropout: Dropout = Field(0.1, description="share of a layer that a step leaves out")


class RecurrentOptions(BaseModel):
    """A recurrent network over time, for sounds and series."""

    model_config = _SETTINGS
    type: Literal["gru", "lstm"]
    width: Width = Field(64, description="numbers of the state, a direction")
    layers: Layers = Field(1, description="layers")
    both: bool = Field(True, description="read in both directions")
    dropout: Dropout = Field(0.1, description="share of the features that a step leaves out")


class AttentionOptions(BaseModel):
    """A transformer (Vaswani et al. 2017) from scratch, for texts, sounds and series."""

    model_config = _SETTINGS
    type: Literal["attention"] = "attention"
    width: Annotated[int, Field(ge=4, le=4096, multiple_of=4)] = Field(
        64, description="numbers of a position"
    )
    layers: Layers = Field(2, description="layers")
    heads: Literal[1, 2, 4] = Field(4, description="heads of a layer")
    patch: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="steps of a sound or series that are one position; None: as many as leave at most 32",
    )
    tokenizer: Literal["pieces", "bytes"] = Field(
        "pieces", description="of a text: parts of words, or of bytes"
    )
    vocabulary: Annotated[int, Field(ge=300, le=200_000)] = Field(8000, description="of a text: most tokens")
    dropout: Dropout = Field(0.1, description="share of a layer that a step leaves out")


class WordsOptions(BaseModel):
    """Vectors of tokens and convolutions over them (Kim 2014), for texts; the tokenizer is fitted on training texts."""

    model_config = _SETTINGS
    type: Literal["words"] = "words"
    width: Width = Field(96, description="numbers a token, and of each convolution")
    kernels: tuple[Annotated[int, Field(ge=2, le=16)], ...] = Field(
        (2, 3, 4), description="tokens that each convolution reads; []: none, the order of words is not read"
    )
    pooling: Literal["mean", "weighted"] = Field(
        "mean",
        description="how the vectors of tokens become one: each counts alike, or by a weight that is learned for each "
        "token (`pretrain` begins with how rare it is)",
    )
    tokenizer: Literal["pieces", "bytes"] = Field("pieces", description="parts of words, or of bytes")
    vocabulary: Annotated[int, Field(ge=300, le=200_000)] = Field(8000, description="most tokens")
    dropout: Dropout = Field(0.3, description="share of the features that a step leaves out")


EncoderOptions = Annotated[
    PlainOptions
    | ColumnsOptions
    | EmbeddingOptions
    | MlpOptions
    | ConvolutionalOptions
    | TemporalOptions
    | RecurrentOptions
    | AttentionOptions
    | WordsOptions,
    Field(discriminator="type"),
]
