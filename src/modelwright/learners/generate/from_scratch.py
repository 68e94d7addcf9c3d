"""A decoder before anything was learned: a tokenizer fitted on the training texts, and weights drawn at random."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.learners.generate.prompt_pieces import PLAIN
from modelwright.learners.generate.spec import ChatTemplate, ScratchKeys, TurnTexts
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.learners.networks.decoders.decoder_shape import DecoderShape
from modelwright.storage.formats.examples import Examples

CONTEXT = 512  # positions, where nobody says more
_END = "<|end|>"  # before the first token, and behind the last one of an answer
_SPREAD = 0.02  # of weights as they are drawn (Radford et al. 2019)
_HIDDEN_STEP = 32

# What the roles of a dialogue say stands behind their names; a text alone goes on as it stands.
TEMPLATE: ChatTemplate = PLAIN.model_copy(
    update={
        "opening": _END,
        "assistant": TurnTexts(before=PLAIN.assistant.before, after=f"{_END}\n"),
        "goes_on": True,
    }
)


def drawn(
    signature: Signature,
    train: Examples,
    keys: ScratchKeys,
    context: int | None,
    template: ChatTemplate | None,
) -> DecoderWeights:
    """Return a decoder of a stated size; its weights are drawn by torch's generator."""
    tokenizer = fitted(texts_of(signature, train), keys)
    built = Tokenizer.from_str(tokenizer.decode())
    end = built.get_vocab()[_END]
    config = _config(keys, built.get_vocab_size(), CONTEXT if context is None else context, end)
    decoder = llama.Decoder(DecoderShape.of(config))
    _draw(decoder, keys.layers)
    tensors = {name: one.detach().numpy() for name, one in decoder.state_dict().items()}
    source = f"learned from nothing on the rows of {signature.name}"
    return DecoderWeights(tensors, config, tokenizer, template or TEMPLATE, (end,), "not stated", source)


def texts_of(signature: Signature, train: Examples) -> Iterator[str]:
    """Yield all texts of the training rows, those of turns too."""
    for field in (*signature.inputs, *signature.outputs):
        kind = kinds.value(field.kind)
        for value in train.columns[field.name]:
            if value is not None:
                yield from _texts(kind.to_json(value))


def _texts(plain: Any) -> Iterator[str]:
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, list):
        for turn in plain:
            yield str(turn.get("content", "")) if isinstance(turn, dict) else str(turn)


def fitted(texts: Iterable[str], keys: ScratchKeys) -> bytes:
    """Return a `tokenizer.json`; any text comes back as it was, for what no token has is written in bytes.

    bytes: pairs are merged by how often they stand beside each other (Sennrich et al. 2016), up to `keys.words` tokens;
    characters: each character of the texts is a token.
    """
    if keys.tokenizer == "characters":
        # the special token goes first, then 256 bytes of characters that are not among the training texts
        letters = [f"<0x{byte:02X}>" for byte in range(256)]
        letters += sorted({letter for text in texts for letter in text})
        built = Tokenizer(
            models.BPE({_END: 0, **{one: at for at, one in enumerate(letters, 1)}}, [], byte_fallback=True)
        )
        built.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    else:
        built = Tokenizer(models.BPE())
        built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        built.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=keys.words,
            special_tokens=[_END],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        built.train_from_iterator(texts, trainer)
    built.add_special_tokens([AddedToken(_END, special=True, normalized=False)])
    text: str = built.to_str()
    return text.encode()


def _config(keys: ScratchKeys, words: int, context: int, end: int) -> dict[str, Any]:
    """Return the configuration, as transformers has it."""
    # three matrices of ⅔ · 4 · width hold as many numbers as two of 4 · width (Shazeer 2020)
    hidden = math.ceil(keys.width * 8 / 3 / _HIDDEN_STEP) * _HIDDEN_STEP
    return {
        "model_type": "llama",
        "hidden_size": keys.width,
        "intermediate_size": hidden,
        "num_hidden_layers": keys.layers,
        "num_attention_heads": keys.heads,
        "num_key_value_heads": keys.heads,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": context,
        "vocab_size": words,
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "eos_token_id": end,
    }


def _draw(decoder: llama.Decoder, layers: int) -> None:
    """Draw the weights; what adds to the stream of states is drawn smaller, as 2 · layers of them add up."""
    for name, weight in decoder.named_parameters():
        if weight.ndim > 1:
            adds = name.endswith(("o_proj.weight", "down_proj.weight"))
            nn.init.normal_(weight, std=_SPREAD / math.sqrt(2 * layers) if adds else _SPREAD)
