"""The tiny decoder as a GGUF file, as llama.cpp keeps one. Needs the library `gguf`."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import tiny_decoder as tiny

_SHORT = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def save(path: Path, *, template: str | None = tiny.CHATML, architecture: str = "llama") -> Path:
    """Write the file, of the weights that `tiny_decoder.save` writes; return its path."""
    built = json.loads(tiny.tokenizer().to_str())
    words = sorted(built["model"]["vocab"], key=built["model"]["vocab"].get)
    config = tiny.config(len(words))
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_license("mit")
    writer.add_context_length(256)
    writer.add_embedding_length(tiny.WIDTH)
    writer.add_feed_forward_length(tiny.HIDDEN)
    writer.add_block_count(tiny.LAYERS)
    writer.add_head_count(tiny.HEADS)
    writer.add_head_count_kv(tiny.KEY_HEADS)
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))  # type: ignore[arg-type]
    writer.add_rope_freq_base(10_000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([3 if word in tiny.SPECIAL else 1 for word in words])
    writer.add_token_merges([" ".join(pair) for pair in built["model"]["merges"]])
    writer.add_eos_token_id(2)
    if template is not None:
        writer.add_chat_template(template)
    for name, values in tiny.tensors(len(words)).items():
        writer.add_tensor(_name(name), _turned(name, values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem in _SHORT:
        return f"{_SHORT[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{_SHORT[part]}.weight"


def _turned(name: str, values: np.ndarray) -> np.ndarray:
    """Return a matrix with the two numbers of a pair side by side in each head, as llama.cpp turns them."""
    heads = {"q_proj": tiny.HEADS, "k_proj": tiny.KEY_HEADS}.get(name.split(".")[-2])
    if heads is None:
        return values
    width = values.shape[0] // heads
    return values.reshape(heads, 2, width // 2, -1).swapaxes(1, 2).reshape(values.shape)
