"""The decoder in torch, as transformers computes it: what the exported graph is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from modelwright.learners.networks.decoders.decoder_shape import DecoderShape


class RootMeanSquare(nn.Module):
    """x / √(mean x² + ε) · weight (Zhang & Sennrich 2019)."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return states (…, width), scaled."""
        scale = states.float().pow(2).mean(-1, keepdim=True).add(self.epsilon).rsqrt()
        return (states.float() * scale).to(states.dtype) * self.weight


class SelfAttention(nn.Module):
    """Attention with rotary positions, whose keys several heads share (Ainslie et al. 2023)."""

    def __init__(self, shape: DecoderShape, *, biased: bool) -> None:
        super().__init__()
        self.shape = shape
        inner, shared = shape.heads * shape.head_width, shape.key_heads * shape.head_width
        self.q_proj = nn.Linear(shape.width, inner, bias=biased)
        self.k_proj = nn.Linear(shape.width, shared, bias=biased)
        self.v_proj = nn.Linear(shape.width, shared, bias=biased)
        self.o_proj = nn.Linear(inner, shape.width, bias=False)

    def forward(
        self,
        states: torch.Tensor,
        turned: tuple[torch.Tensor, torch.Tensor],
        seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return (n, t, width) of states (n, t, width).

        turned: cosines and sines, (t, d), or (n, 1, t, d) where rows differ; seen: which places each reads,
        (n, 1, t, t), None: all before it and itself.
        """
        n, t, _ = states.shape
        # (n, t, heads·d) → (n, heads, t, d)
        query, key, value = (
            of(states).view(n, t, -1, self.shape.head_width).transpose(1, 2)
            for of in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = (_turn(one, *turned) for one in (query, key))
        found = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=seen, is_causal=seen is None, enable_gqa=True
        )
        answer: torch.Tensor = self.o_proj(found.transpose(1, 2).reshape(n, t, -1))
        return answer


class GatedLayers(nn.Module):
    """down(silu(gate x) · up x) (Shazeer 2020)."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return (…, width) of states (…, width)."""
        found: torch.Tensor = self.down_proj(functional.silu(self.gate_proj(states)) * self.up_proj(states))
        return found


class DecoderLayer(nn.Module):
    """Attention and gated layers, each on what was scaled, and added."""

    def __init__(self, shape: DecoderShape, *, biased: bool) -> None:
        super().__init__()
        self.input_layernorm = RootMeanSquare(shape.width, shape.epsilon)
        self.self_attn = SelfAttention(shape, biased=biased)
        self.post_attention_layernorm = RootMeanSquare(shape.width, shape.epsilon)
        self.mlp = GatedLayers(shape)

    def forward(
        self,
        states: torch.Tensor,
        turned: tuple[torch.Tensor, torch.Tensor],
        seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return states (n, t, width) after the layer."""
        states = states + self.self_attn(self.input_layernorm(states), turned, seen)
        found: torch.Tensor = states + self.mlp(self.post_attention_layernorm(states))
        return found


class DecoderStack(nn.Module):
    """Tokens (n, t) → the last states (n, t, width)."""

    def __init__(self, shape: DecoderShape, *, biased: bool) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.words, shape.width)
        self.layers = nn.ModuleList([DecoderLayer(shape, biased=biased) for _ in range(shape.layers)])
        self.norm = RootMeanSquare(shape.width, shape.epsilon)
        self.angles = torch.tensor(shape.angles, dtype=torch.float64)  # no parameter, and never rounded

    def forward(self, ids: torch.Tensor, begins: torch.Tensor | None = None) -> torch.Tensor:
        """Return the last states.

        begins: where several documents stand in a row, at which place that of each token begins, (n, t): none is read
        from another, and positions count from there.
        """
        places = torch.arange(ids.shape[1], device=ids.device)  # (t,)
        seen = None
        positions = places
        if begins is not None:
            positions = places - begins  # (n, t)
            before = places[:, None] >= places  # (t, t): no token reads what follows it
            seen = (before & (begins[:, :, None] == begins[:, None, :])).unsqueeze(1)  # (n, 1, t, t)
        # (t, d/2) or (n, t, d/2): the angle of each position and pair; both halves of a head turn by the same
        angles = positions[..., None].double() * self.angles.to(ids.device)
        both = torch.cat([angles, angles], dim=-1)
        both = both if begins is None else both.unsqueeze(1)
        turned = both.cos().float(), both.sin().float()
        states = self.embed_tokens(ids)
        for layer in self.layers:
            states = layer(states, turned, seen)
        found: torch.Tensor = self.norm(states)
        return found


class Decoder(nn.Module):
    """Tokens (n, t) → logits (n, t, words); parameters are named as transformers names them."""

    def __init__(self, shape: DecoderShape, *, biased: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.model = DecoderStack(shape, biased=biased)
        if not shape.tied:
            self.lm_head = nn.Linear(shape.width, shape.words, bias=False)

    @property
    def head(self) -> torch.Tensor:
        """Return the matrix (words, width) that gives logits."""
        return self.model.embed_tokens.weight if self.shape.tied else self.lm_head.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return logits (n, t, words) of tokens (n, t)."""
        return self.logits(self.model(ids))

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Return logits (…, words) of last states (…, width)."""
        return functional.linear(states, self.head)


def decoder(shape: DecoderShape, tensors: Mapping[str, NDArray[Any]]) -> Decoder:
    """Return a decoder for tensors of these names, not yet with their values."""
    return Decoder(shape, biased=any(name.endswith("q_proj.bias") for name in tensors))


def built(config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Decoder:
    """Return the decoder of a configuration with these weights."""
    found = decoder(DecoderShape.of(config), tensors)
    given = {name: torch.from_numpy(np.array(values, dtype=np.float32)) for name, values in tensors.items()}
    found.load_state_dict(given)
    return found.eval()


def _turn(heads: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Return heads (n, h, t, d), each pair (i, i + d/2) turned by the angle of its position."""
    one, other = heads.chunk(2, dim=-1)
    return heads * cosines + torch.cat([-other, one], dim=-1) * sines
