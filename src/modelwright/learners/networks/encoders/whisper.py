"""Pretrained Whisper encoders of sounds (Radford et al. 2022): their lower layers' idea of a window of log-mel frames.

The module has the names of OpenAI's checkpoints; a folder in the form of the `transformers` library is read too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final, cast, final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, ProjectError
from modelwright.kinds.contract.common import ArraySpec
from modelwright.learners.networks.encoders.contract import Encoder, Loaded, PretrainedType

FRAMES_A_POSITION: Final = 2  # the second convolution has a stride of 2

# OpenAI's sizes of a model, and what transformers calls them.
_SIZES: Final = {
    "n_mels": "num_mel_bins",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
}
_MELS: Final = 80  # what the frames of a sound have
# What transformers calls the weights, in the order in which it is replaced.
_NAMES: Final = (
    (r"^model\.encoder\.|^encoder\.", ""),
    (r"^layers\.", "blocks."),
    (r"^embed_positions\.weight$", "positional_embedding"),
    (r"^layer_norm\.", "ln_post."),
    (r"\.self_attn_layer_norm\.", ".attn_ln."),
    (r"\.self_attn\.([qkv])_proj\.", r".attn.\1."),
    (r"\.self_attn\.out_proj\.", ".attn.out."),
    (r"\.attn\.q\.", ".attn.query."),
    (r"\.attn\.k\.", ".attn.key."),
    (r"\.attn\.v\.", ".attn.value."),
    (r"\.final_layer_norm\.", ".mlp_ln."),
    (r"\.fc1\.", ".mlp.0."),
    (r"\.fc2\.", ".mlp.2."),
)


@final
class WhisperAttention(nn.Module):
    """Attention of each position to all others (Vaswani et al. 2017); keys have no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, positions, width) of the same."""
        queries, keys, values = (self._split(one(x)) for one in (self.query, self.key, self.value))
        # (batch, heads, positions, positions)
        weights = torch.softmax(queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5, dim=-1)
        heard: Tensor = self.out((weights @ values).transpose(1, 2).flatten(2))
        return heard

    def _split(self, x: Tensor) -> Tensor:
        """Return (batch, heads, positions, width of a head)."""
        batch, positions, width = x.shape
        return x.reshape(batch, positions, self.heads, width // self.heads).transpose(1, 2)


@final
class WhisperBlock(nn.Module):
    """A layer: attention and a perceptron, each on what is normalised, added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = WhisperAttention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, positions, width) of the same."""
        x = x + self.attn(self.attn_ln(x))
        added: Tensor = x + self.mlp(self.mlp_ln(x))
        return added


@final
class WhisperEncoder(Encoder):
    """The mean over the positions of a sound of what the last two layers say.

    Only as many positions are computed as the frames need: 60 for 1.2 s, where Whisper itself always takes 1,500.
    """

    def __init__(self, mels: int, positions: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.width = 2 * width
        self.conv1 = nn.Conv1d(mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=FRAMES_A_POSITION, padding=1)
        self.positional_embedding = nn.Parameter(torch.zeros(positions, width), requires_grad=False)
        self.blocks = nn.ModuleList([WhisperBlock(width, heads) for _ in range(layers)])
        self.ln_post = nn.LayerNorm(width)

    def layers(self) -> Sequence[nn.Module]:
        """Return the blocks."""
        return list(self.blocks)

    def states(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the last two layers say of frames (batch, t, mels): each (batch, ceil(t / 2), width)."""
        x = functional.gelu(self.conv1(frames.transpose(1, 2)))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)  # (batch, positions, width)
        x = x + self.positional_embedding[: x.shape[1]]
        before = x
        for block in self.blocks:
            before, x = x, block(x)
        return before, self.ln_post(x)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Return (batch, 2 · width) of frames (batch, t, mels) and their mask, int64 (batch, t)."""
        heard = torch.cat(self.states(frames), dim=-1)  # (batch, positions, 2 · width)
        # A position counts where the first of its two frames is of the sound; padding is attended to, as silence is.
        weights = mask[:, ::FRAMES_A_POSITION].unsqueeze(-1).to(heard.dtype)
        return (heard * weights).sum(1) / weights.sum(1).clamp(min=1.0)


@final
class Whisper(PretrainedType):
    """The encoder of a Whisper, without what it writes words with."""

    name: ClassVar[str] = "whisper"

    def load(self, folder: Path, options: Mapping[str, object]) -> Loaded:
        """Return the encoder in a folder."""
        config = _config(folder)
        encoder = self.build(config)
        weights = _weights(folder)
        wanted = encoder.state_dict()
        lacking = sorted(
            name for name, one in wanted.items() if name not in weights or weights[name].shape != one.shape
        )
        if lacking:
            raise ProjectError(
                Problem(
                    "pretrained.missing-weights", count=len(lacking), first=lacking[0], folder=str(folder)
                )
            )
        encoder.load_state_dict({name: weights[name] for name in wanted})
        most = cast("int", config["n_audio_ctx"]) * FRAMES_A_POSITION
        return Loaded(encoder, config, fit={"most_frames": most})

    def fitted(self, loaded: Loaded, inputs: Sequence[Mapping[str, ArraySpec]]) -> Loaded:
        """Return the encoder with the positions that the longest of its inputs needs: 60 for 1.2 s, of 1,500."""
        encoder = loaded.encoder
        assert isinstance(encoder, WhisperEncoder)
        positions = max(-(-frames_of(specs) // FRAMES_A_POSITION) for specs in inputs)
        table = encoder.positional_embedding.detach()[:positions].clone()
        encoder.positional_embedding = nn.Parameter(table, requires_grad=False)
        return replace(loaded, config={**loaded.config, "n_audio_ctx": positions})

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder with weights yet to be loaded."""
        mels, positions, width, heads, layers = (cast("int", config[name]) for name in _SIZES)
        with torch.random.fork_rng(devices=[]):
            return WhisperEncoder(mels, positions, width, heads, layers)


def frames_of(specs: Mapping[str, ArraySpec]) -> int:
    """Return how many frames an input has."""
    frames = specs["frames"].shape[1]
    assert isinstance(frames, int), "a sound has a fixed number of frames"
    return frames


def _config(folder: Path) -> JsonObject:
    """Return the sizes by their names at OpenAI; raises ProjectError for other frames than the kind has."""
    read = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    found = {name: read.get(name, read.get(other)) for name, other in _SIZES.items()}
    if not all(isinstance(size, int) and size > 0 for size in found.values()):
        raise ProjectError(Problem("pretrained.incomplete", lacking=", ".join(_SIZES), folder=str(folder)))
    if found["n_mels"] != _MELS:
        raise ProjectError(
            Problem("pretrained.other-frames", bands=found["n_mels"], wanted=_MELS, folder=str(folder))
        )
    return found


def _weights(folder: Path) -> dict[str, Tensor]:
    """Return the encoder's weights by OpenAI's names, float32."""
    found: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        for name, one in load_file(file).items():
            if not name.startswith(("encoder.", "model.encoder.")):
                continue
            own = name
            for pattern, with_ in _NAMES:
                own = re.sub(pattern, with_, own)
            found[own] = one.detach().clone().to(torch.float32)
    return found
