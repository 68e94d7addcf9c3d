"""Reads GGUF, the form in which llama.cpp keeps weights, through `gguf`: no pickle, nothing of it is run."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import mmap
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from modelwright.core.messages import MachineError, Problem, ProjectError
from modelwright.learners.generate.spec import ChatTemplate
from modelwright.learners.generate.templates import template_reading
from modelwright.learners.generate.weights_folder import DecoderWeights

_CONTROL, _DEFINED = 3, 4  # types of tokens
_SIZES = {
    0: 1,
    1: 1,
    2: 2,
    3: 2,
    4: 4,
    5: 4,
    6: 4,
    7: 1,
    10: 8,
    11: 8,
    12: 8,
}  # bytes of a value, by its type
_TEXT, _LIST = 8, 9  # types of other values; no list of lists is read
_LONGEST = 1 << 24  # of a list: there are vocabularies of 256,000 tokens, with about as many merges
_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# How each family cuts a text before pairs are merged, beside the usual cut of GPT-2 (`tokenizer.ggml.pre`).
_DIGITS_ALONE = frozenset({"smollm"})
_PRE = frozenset({"smollm", "gpt-2", "default"})


def read(path: Path, shown: str, declared: ChatTemplate | None = None) -> DecoderWeights:
    """Return the weights of a file; raises ProjectError for one that is cut short, damaged or of another form.

    declared: a template that is taken in the place of the file's own, which is then not read.
    Raises MachineError without the library.
    """
    if importlib.util.find_spec("gguf") is None:
        raise MachineError(Problem("generate.no-gguf", path=shown))
    import gguf

    try:
        _require_lists_within(path)
        with np.errstate(all="ignore"):
            reader = gguf.GGUFReader(str(path))
        fields = {name: field.contents() for name, field in reader.fields.items()}
        architecture = fields.get("general.architecture")
        with np.errstate(all="ignore"):  # numbers beyond all floats are refused by their tensor
            tensors = {str(one.name): gguf.dequantize(one.data, one.tensor_type) for one in reader.tensors}
    except Exception as error:  # of whatever the library meets in a damaged file
        reason = f"{type(error).__name__}: {error}"
        raise ProjectError(
            Problem("generate.gguf", path=shown, reason=reason[:200]).at("model.pretrained")
        ) from None
    if architecture != "llama":
        raise _unlike(shown, f"its architecture is {str(architecture)[:40]!r}, and `llama` is read")
    try:
        config = _config(fields, tensors)
        tokenizer = _tokenizer(fields)
        named = dict(_named(tensors, config))
        words = _words(fields)
        tokens = {
            f"{name}_token": words[place]
            for name in ("bos", "eos")
            if isinstance(place := fields.get(f"tokenizer.ggml.{name}_token_id"), int) and place < len(words)
        }
    except Exception as error:  # numbers that are none, and the library of tokenizers raises plain Exception
        raise _unlike(shown, f"{type(error).__name__}: {error}") from None
    end = fields.get("tokenizer.ggml.eos_token_id")
    stated = None if declared is not None else fields.get("tokenizer.chat_template")
    template = template_reading.read(stated, tokens) if isinstance(stated, str) else declared
    licence = fields.get("general.license")
    return DecoderWeights(
        named,
        config,
        tokenizer,
        template,
        (end,) if isinstance(end, int) else (),
        licence if isinstance(licence, str) else "not stated",
        f"{str(fields.get('general.name', 'weights'))[:80]}, from {Path(shown).name}",
        lacks_tools=template_reading.lacks_tools(str(stated), template),
    )


def _require_lists_within(path: Path) -> None:
    """Raise ValueError, IndexError or struct.error for a header with a list that its file cannot hold.

    The library reads lists one by one, and behind the end of a file it would read nothing for ever.
    https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    with (
        path.open("rb") as file,
        contextlib.closing(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)) as data,
    ):
        # version 2 and 3 of either byte order; what they are of, the library tells
        order = "<" if data[4] else ">"
        (fields,) = struct.unpack_from(f"{order}Q", data, 16)
        place = 24
        for _ in range(fields):
            place += 8 + struct.unpack_from(f"{order}Q", data, place)[0]
            (kind,) = struct.unpack_from(f"{order}I", data, place)
            place = _behind(data, order, kind, place + 4)


def _behind(data: mmap.mmap, order: str, kind: int, place: int) -> int:
    """Return the place behind a value; raises as `_require_lists_within` does."""
    if kind == _TEXT:
        return place + 8 + int(struct.unpack_from(f"{order}Q", data, place)[0])
    if kind != _LIST:
        return place + _SIZES[kind]
    inner, length = struct.unpack_from(f"{order}IQ", data, place)
    place += 12
    size = 8 if inner == _TEXT else _SIZES[inner]  # at least
    if length > _LONGEST or length * size > len(data) - place:
        raise ValueError(f"a list of {length:,}, with {len(data) - place:,} bytes behind it")
    if inner != _TEXT:
        return place + int(length) * size
    for _ in range(length):
        place += 8 + struct.unpack_from(f"{order}Q", data, place)[0]
    return place


def _config(fields: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    def of(name: str) -> Any:
        return fields[f"llama.{name}"]

    heads = int(of("attention.head_count"))
    return {
        "model_type": "llama",
        "hidden_size": int(of("embedding_length")),
        "intermediate_size": int(of("feed_forward_length")),
        "num_hidden_layers": int(of("block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(fields.get("llama.attention.head_count_kv", heads)),
        "rms_norm_eps": float(of("attention.layer_norm_rms_epsilon")),
        "rope_theta": float(fields.get("llama.rope.freq_base", 10_000.0)),
        "max_position_embeddings": int(of("context_length")),
        "vocab_size": len(tensors["token_embd.weight"]),
        "tie_word_embeddings": "output.weight" not in tensors,
        "hidden_act": "silu",
    }


def _named(
    tensors: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
) -> list[tuple[str, NDArray[np.float32]]]:
    """Return tensors by the names of transformers; queries and keys in its order of a head's numbers."""
    found = []
    for name, values in tensors.items():
        array = np.asarray(values, dtype=np.float32)
        if name in _NAMES:
            found.append((_NAMES[name], array))
            continue
        block, layer, part, *rest = name.split(".")
        if block != "blk" or part not in _LAYER_NAMES:
            if name == "rope_freqs.weight":
                continue
            raise ValueError(f"a tensor `{name[:60]}`")
        heads = {"attn_q": "num_attention_heads", "attn_k": "num_key_value_heads"}.get(part)
        if heads is not None:
            array = _in_halves(array, int(config[heads]))
        found.append((f"model.layers.{int(layer)}.{_LAYER_NAMES[part]}.{'.'.join(rest)}", array))
    return found


def _in_halves(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Return rows (heads·d, …) whose pairs of numbers stand d/2 apart; llama.cpp has them side by side."""
    # (heads, d/2, 2, …) → (heads, 2, d/2, …)
    pairs = weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(weight.shape))


def _words(fields: Mapping[str, Any]) -> Sequence[str]:
    found: Sequence[str] = fields["tokenizer.ggml.tokens"]
    return found


def _tokenizer(fields: Mapping[str, Any]) -> bytes:
    """Return tokenizer.json of pairs of bytes; raises ValueError for a tokenizer of another form."""
    if fields["tokenizer.ggml.model"] != "gpt2" or fields.get("tokenizer.ggml.pre", "default") not in _PRE:
        stated = f"{fields['tokenizer.ggml.model']}, {fields.get('tokenizer.ggml.pre')}"
        raise ValueError(f"a tokenizer `{stated[:60]}`: `gpt2` with {', '.join(sorted(_PRE))} is read")
    words = _words(fields)
    merges = [tuple(one.split(" ", 1)) for one in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({word: place for place, word in enumerate(words)}, merges))
    cut: list[pre_tokenizers.PreTokenizer] = [
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    ]
    if fields.get("tokenizer.ggml.pre") in _DIGITS_ALONE:
        cut.insert(0, pre_tokenizers.Digits(individual_digits=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cut)
    tokenizer.decoder = decoders.ByteLevel()
    sorts = fields.get("tokenizer.ggml.token_type") or [0] * len(words)
    tokenizer.add_special_tokens(
        [
            AddedToken(word, special=True, normalized=False)
            for word, sort in zip(words, sorts, strict=True)
            if sort in (_CONTROL, _DEFINED)
        ]
    )
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False).encode()


def _unlike(shown: str, reason: str) -> ProjectError:
    return ProjectError(Problem("generate.gguf", path=shown, reason=reason[:300]).at("model.pretrained"))
