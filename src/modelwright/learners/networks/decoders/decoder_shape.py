"""How a decoder is built, read from the configuration that lies beside published weights (`config.json`)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Problem, ProjectError

FAMILIES = ("llama", "mistral", "qwen2")  # what they call `model_type`, and what this graph computes
_MOST = 1 << 24  # of any count: more is a damaged file
_HEAD_STEP = 16  # the runtime's attention with a cache turns heads of such widths alone
_SCALINGS = ("default", "linear", "llama3")
_CONTEXT = 2048  # positions, where nobody says more: what most dialogues and documents need


@dataclass(frozen=True)
class DecoderShape:
    """The sizes of a decoder: RMS norms, rotary positions, groups of query heads that share keys, a gated MLP.

    words: rows of the table of tokens. hidden: between the two halves of the MLP. context: positions that it has been
    made for. tied: whether the table is the head as well. angles: radians a position turns each pair,
    (head_width / 2,).
    """

    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    hidden: int
    words: int
    context: int
    epsilon: float
    tied: bool
    angles: tuple[float, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> DecoderShape:
        """Return the shape that a configuration tells; raises ProjectError for one that this graph does not compute."""
        family = config.get("model_type")
        if family not in FAMILIES:
            raise _unlike("model_type", family, ", ".join(FAMILIES))
        if config.get("hidden_act", "silu") != "silu":
            raise _unlike("hidden_act", config["hidden_act"], "silu")
        if family != "qwen2" and config.get("sliding_window") is not None:
            raise _unlike("sliding_window", config["sliding_window"], "null")
        if config.get("use_sliding_window"):
            raise _unlike("use_sliding_window", True, "false")
        width, heads = _count(config, "hidden_size"), _count(config, "num_attention_heads")
        key_heads = _count(config, "num_key_value_heads", heads)
        head_width = _count(config, "head_dim", width // heads)
        if heads % key_heads:
            raise _unlike("num_key_value_heads", key_heads, f"1 … {heads}")
        if head_width % _HEAD_STEP:
            raise _unlike("head_dim", head_width, f"{_HEAD_STEP}, {2 * _HEAD_STEP}, …")
        return cls(
            layers=_count(config, "num_hidden_layers"),
            width=width,
            heads=heads,
            key_heads=key_heads,
            head_width=head_width,
            hidden=_count(config, "intermediate_size"),
            words=_count(config, "vocab_size"),
            context=_count(config, "max_position_embeddings"),
            epsilon=_positive(config, "rms_norm_eps", 1e-6),
            tied=bool(config.get("tie_word_embeddings", False)),
            angles=tuple(_angles(config, head_width).tolist()),
        )

    def served(self, context: int | None) -> int:
        """Return the positions that a body has: as many as are stated (None: 2,048), and no more than it can."""
        return min(context or _CONTEXT, self.context)


def _angles(config: Mapping[str, Any], head_width: int) -> NDArray[np.float64]:
    """Return θ^(-2i/d) for each pair i of a head's d numbers (Su et al. 2021, section 3.3), scaled as it says."""
    # transformers 5 keeps both in `rope_parameters`; what was published before has `rope_theta` and `rope_scaling`
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(rope, Mapping):
        raise _unlike("rope_scaling", rope, ", ".join(_SCALINGS))
    scaling = rope.get("rope_type", rope.get("type", "default"))
    if not isinstance(scaling, str) or scaling not in _SCALINGS:
        raise _unlike("rope_scaling", scaling, ", ".join(_SCALINGS))
    theta = _positive({**config, **rope}, "rope_theta", 10_000.0)
    angles = theta ** (-np.arange(0, head_width, 2, dtype=np.float64) / head_width)  # (d/2,)
    if scaling == "linear":
        return angles / _positive(rope, "factor", 1.0)
    if scaling == "llama3":
        # slow turns, whose wave is longer than the first context, are slowed by the factor; those between go over
        # smoothly (transformers, modeling_rope_utils, `_compute_llama3_parameters`)
        low, high = _positive(rope, "low_freq_factor", 1.0), _positive(rope, "high_freq_factor", 4.0)
        if low >= high:
            raise _unlike("low_freq_factor", low, f"< {high:g}")
        turns = _positive(rope, "original_max_position_embeddings", 8192.0) * angles / (2 * math.pi)
        smooth = np.clip((turns - low) / (high - low), 0.0, 1.0)
        return smooth * angles + (1 - smooth) * angles / _positive(rope, "factor", 8.0)
    return angles


def _count(config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if type(value) is not int or not 1 <= value <= _MOST:
        raise _unlike(key, value, f"1 … {_MOST}")
    return value


def _positive(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key, default)
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise _unlike(key, value, "> 0")
    return float(value)


def _unlike(key: str, value: object, known: str) -> ProjectError:
    return ProjectError(
        Problem("decoder.shape", key=key, value=json.dumps(value, default=str)[:80], known=known)
    )
