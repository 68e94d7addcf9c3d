"""Sounds (frames) and series over time, from scratch: convolutions, recurrent networks, a transformer.

All take steps (batch, time, channels) and which of them are there, (batch, time). A series has its values and whether
each is present side by side as channels, and all of its steps are there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, cast, final

import torch
from pydantic import BaseModel
from torch import Tensor, nn
from torch.nn import functional

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.encoder_options import AttentionOptions, RecurrentOptions, TemporalOptions
from modelwright.learners.networks.encoders.contract import Encoder, ScratchType
from modelwright.learners.networks.encoders.layers import (
    AttentionLayer,
    Standard,
    masked_mean,
    masked_most,
    padded_front,
)

_MOST_PATCHES = 32
# Frames of 10 ms overlap by 15 ms. Seen on 2,400 spoken digits in noise, right of 300 that validate: a position for 4
# frames 0.773 after 10 CPU-s and 0.823 after 24, for each frame 0.790 after 23; bands not standardised 0.683 after 25.
_FRAMES_A_POSITION = 4
_FORMS = frozenset({Form.FRAMES, Form.SERIES})


class _OverTime(Encoder):
    """An encoder of steps. Abstract. normalised: whether the bands of a sound are standardised before they are read."""

    def __init__(self, form: Form, channels: int, *, normalised: bool) -> None:
        super().__init__()
        self.form = form
        # log-mel frames lie far from 0 and vary little: a network that reads them as they are first learns their mean
        self.norm_bands = Standard(channels) if normalised else None

    def forward(self, values: Tensor, there: Tensor) -> Tensor:
        """Return (batch, width) of frames (batch, time, d) and mask (batch, time), or of a series and its presence."""
        if self.form is Form.FRAMES:
            mask = there.to(values.dtype)
            steps = values if self.norm_bands is None else self.norm_bands(values, there > 0)
            return self.read(steps * mask.unsqueeze(-1), mask)
        # (batch, time, 2 · channels): a 0 that is there is told from one that stands for nothing
        steps = torch.cat([values, there.to(values.dtype)], dim=-1)
        return self.read(steps, torch.ones_like(steps[:, :, 0]))

    @abstractmethod
    def read(self, steps: Tensor, there: Tensor) -> Tensor:
        """Return (batch, width) of steps (batch, time, channels) and which are there, float32 (batch, time)."""


class _DilatedBlock(nn.Module):
    """A normalised convolution over time with a way around it."""

    def __init__(self, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        # as many steps before as after, one more before where the kernel is even
        reach = (kernel - 1) * dilation
        self.pads = (reach - reach // 2, reach // 2)
        self.convolve = nn.Conv1d(width, width, kernel, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.act = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """Return (batch, width, time) of (batch, width, time); there (batch, 1, time)."""
        inner = self.norm(self.convolve(functional.pad(x, self.pads)))
        out: Tensor = (x + self.dropout(self.act(inner))) * there
        return out


@final
class TemporalEncoder(_OverTime):
    """Dilated convolutions; the mean, the largest and the last of every channel.

    stride: steps that become one before the blocks.
    """

    def __init__(
        self, form: Form, channels: int, options: TemporalOptions, *, normalised: bool, stride: int
    ) -> None:
        super().__init__(form, channels, normalised=normalised)
        self.stride = stride
        # each position reads its own steps and almost as many of its neighbours on either side
        kernel = 2 * stride - 1
        self.pads = (stride - 1, stride - 1)
        self.lift = nn.Conv1d(channels, options.width, kernel, stride)
        self.norm: nn.Module = nn.BatchNorm1d(options.width) if normalised else nn.Identity()
        self.act = nn.ReLU()
        self.blocks = nn.ModuleList(
            [
                _DilatedBlock(options.width, options.kernel, 2**number, options.dropout)
                for number in range(options.layers)
            ]
        )
        self.width = 3 * options.width

    def read(self, steps: Tensor, there: Tensor) -> Tensor:
        """Return (batch, width) of steps (batch, time, channels)."""
        there = there[:, :: self.stride]
        mask = there.unsqueeze(1)  # (batch, 1, time / stride)
        lifted = self.lift(functional.pad(steps.transpose(1, 2), self.pads))
        x = self.act(self.norm(lifted)) * mask
        for block in self.blocks:
            x = block(x, mask)
        x = x.transpose(1, 2)  # (batch, time, channels)
        return torch.cat([masked_mean(x, there), masked_most(x, there), x[:, -1]], dim=-1)


@final
class RecurrentEncoder(_OverTime):
    """A GRU or an LSTM; the mean over time, and the last state of each direction."""

    def __init__(self, form: Form, channels: int, options: RecurrentOptions, *, normalised: bool) -> None:
        super().__init__(form, channels, normalised=normalised)
        cell = nn.GRU if options.type == "gru" else nn.LSTM
        self.cell = cell(
            channels, options.width, options.layers, batch_first=True, bidirectional=options.both
        )
        self.both = options.both
        self.dropout = nn.Dropout(options.dropout)
        self.width = options.width * (4 if options.both else 2)

    def read(self, steps: Tensor, there: Tensor) -> Tensor:
        """Return (batch, width) of steps (batch, time, channels)."""
        states, _ = self.cell(steps)  # (batch, time, width · directions)
        half = states.shape[-1] // 2
        # forwards, all is read at the last step; backwards, at the first
        ends = torch.cat([states[:, -1, :half], states[:, 0, half:]], -1) if self.both else states[:, -1]
        features: Tensor = self.dropout(torch.cat([masked_mean(states, there), ends], dim=-1))
        return features


@final
class AttentionOverTime(_OverTime):
    """A transformer over patches of steps (Nie et al. 2023); the mean of the positions that are there."""

    def __init__(
        self, form: Form, channels: int, steps: int, options: AttentionOptions, *, normalised: bool
    ) -> None:
        super().__init__(form, channels, normalised=normalised)
        self.patch = options.patch or -(-steps // _MOST_PATCHES)
        positions = -(-steps // self.patch)
        self.lift = nn.Linear(channels * self.patch, options.width)
        self.places = nn.Parameter(torch.randn(positions, options.width) * 0.02)
        self.blocks = nn.ModuleList(
            [AttentionLayer(options.width, options.heads, options.dropout) for _ in range(options.layers)]
        )
        self.norm = nn.LayerNorm(options.width)
        self.width = 2 * options.width

    def read(self, steps: Tensor, there: Tensor) -> Tensor:
        """Return (batch, width) of steps (batch, time, channels)."""
        steps, mask = padded_front(steps, self.patch), padded_front(there.unsqueeze(-1), self.patch)
        positions, channels = self.places.shape[0], steps.shape[-1]
        # (batch, time, channels) → (batch, positions, patch · channels)
        x = self.lift(steps.reshape(-1, positions, self.patch * channels)) + self.places
        mask = mask.reshape(-1, positions, self.patch).amax(dim=-1)
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        return torch.cat([masked_mean(x, mask), x[:, -1]], dim=-1)


def _channels(form: Form, specs: Mapping[str, ArraySpec]) -> JsonObject:
    """Return the channels of a step, and how many steps there are."""
    _, steps, columns = specs["frames" if form is Form.FRAMES else "series"].shape
    assert isinstance(steps, int)
    assert isinstance(columns, int)
    return {
        "form": form.value,
        "channels": columns if form is Form.FRAMES else 2 * columns,
        "steps": steps,
    }


class _OfSteps(ScratchType):
    """An encoder of what follows in time. Abstract; a subclass names its options."""

    forms: ClassVar[frozenset[Form]] = _FORMS
    Options: ClassVar[type[BaseModel]]

    def config(
        self,
        form: Form,
        specs: Mapping[str, ArraySpec],
        options: Mapping[str, object],
        fitted: Mapping[str, object],
    ) -> JsonObject:
        """Return the options, the channels of a step, and how many steps there are."""
        given = self.Options.model_validate({"type": self.name, **options})
        return _channels(form, specs) | {
            "options": given.model_dump(mode="json"),
            # a series is scaled already
            "normalised": form is Form.FRAMES,
            **self._further(form, given),
        }

    def _further(self, form: Form, given: BaseModel) -> JsonObject:
        """Return what else a type settles by the form that it reads; given: its options."""
        return {}


def _normalised(config: JsonObject) -> bool:
    """Tell whether bands are standardised; earlier versions did not, and their configurations do not say so."""
    return bool(config.get("normalised", False))


@final
class Temporal(_OfSteps):
    """Convolutions over time."""

    name: ClassVar[str] = "temporal"
    Options: ClassVar[type[BaseModel]] = TemporalOptions

    def _further(self, form: Form, given: BaseModel) -> JsonObject:
        """Return how many steps become one before the blocks."""
        assert isinstance(given, TemporalOptions)
        return {"stride": given.stride or (_FRAMES_A_POSITION if form is Form.FRAMES else 1)}

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        options = TemporalOptions.model_validate(config["options"])
        form, channels = Form(str(config["form"])), cast("int", config["channels"])
        # earlier versions read every step, and their configurations do not say so
        stride = cast("int", config.get("stride", 1))
        return TemporalEncoder(form, channels, options, normalised=_normalised(config), stride=stride)


class _Recurrent(_OfSteps):
    """A recurrent network. Abstract."""

    Options: ClassVar[type[BaseModel]] = RecurrentOptions

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        options = RecurrentOptions.model_validate(config["options"])
        form, channels = Form(str(config["form"])), cast("int", config["channels"])
        return RecurrentEncoder(form, channels, options, normalised=_normalised(config))


@final
class Gru(_Recurrent):
    """Gated recurrent units (Cho et al. 2014)."""

    name: ClassVar[str] = "gru"


@final
class Lstm(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997)."""

    name: ClassVar[str] = "lstm"


@final
class Attention(_OfSteps):
    """A transformer over time."""

    name: ClassVar[str] = "attention"
    Options: ClassVar[type[BaseModel]] = AttentionOptions

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        options = AttentionOptions.model_validate(config["options"])
        channels, steps = cast("int", config["channels"]), cast("int", config["steps"])
        form = Form(str(config["form"]))
        return AttentionOverTime(form, channels, steps, options, normalised=_normalised(config))
