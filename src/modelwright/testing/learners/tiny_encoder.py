"""Tiny encoders, as folders that `model.pretrained` may name: of texts, of pictures, of sounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_POSITIONS = 32


def save(folder: Path, words: Sequence[str], *, layers: int = 2, width: int = 16) -> Path:
    """Write config.json, model.safetensors and tokenizer.json into a folder, and return it.

    The tokenizer knows these words, in lower case; every other is one and the same token.
    """
    import torch
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys([*_SPECIAL, *words]))}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = transformers.BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=2 * width,
            max_position_embeddings=_POSITIONS,
        )
        transformers.BertModel(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a token of a text
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def save_of_pictures(folder: Path, *, multiplier: float = 0.1) -> Path:
    """Write config.json and model.safetensors of a narrow MobileNetV2, drawn at random, and return the folder."""
    import torch
    from safetensors.torch import save_file

    from modelwright.learners.networks.encoders.mobilenet import MobileNetEncoder

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = MobileNetEncoder(multiplier)
        # Statistics of random pictures: with none, values fade from layer to layer until rounding is all that is left.
        for module in encoder.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
                module.training = True
        with torch.no_grad():
            encoder(torch.randint(0, 256, (16, 64, 64, 3), dtype=torch.uint8), torch.zeros(16))
        weights = encoder.state_dict()
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "model.safetensors")
    config = {"model_type": "mobilenet-v2", "multiplier": multiplier}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def save_of_sounds(folder: Path) -> Path:
    """Write config.json and model.safetensors of a tiny Whisper encoder, drawn at random, and return the folder."""
    import torch
    from safetensors.torch import save_file

    from modelwright.learners.networks.encoders.whisper import Whisper

    sizes = {"n_mels": 80, "n_audio_ctx": 64, "n_audio_state": 16, "n_audio_head": 2, "n_audio_layer": 2}
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = Whisper().build({**sizes}).state_dict()
    named = {f"encoder.{name}": value.contiguous() for name, value in weights.items()}
    save_file(named, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", **sizes}), encoding="utf-8")
    return folder
