"""Pretrained transformers of texts: read from a folder, and built again from a configuration."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast, final

import torch
import transformers
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, ProjectError
from modelwright.learners.networks.encoders.contract import Encoder, Loaded, Positions, PretrainedType
from modelwright.learners.readable_texts import MOST_TOKENS
from modelwright.learners.weights import conversion
from modelwright.learners.weights.tokenizer_files import ids_of, tokenizer_in

_LEAST_SHARE = 0.5  # of the words that weights know; a tokenizer that has fewer is another's, or empty
_POOLING = Path("1_Pooling/config.json")  # where sentence encoders say how they are pooled


@final
class TextEncoder(Encoder):
    """A pretrained transformer and how its tokens become one vector; inputs of tokens may share it.

    `pooling`: `mean` of the tokens that are there (Reimers and Gurevych 2019, Sentence-BERT, section 3), or
    `first`, the vector of the first token. `separator`: the token behind the first of two texts in one sequence, of
    which the second is another segment; None where all is one segment, or the transformer knows none.
    """

    def __init__(
        self, transformer: nn.Module, width: int, pooling: str, separator: int | None = None
    ) -> None:
        super().__init__()
        assert pooling in {"mean", "first"}
        self.transformer = transformer
        self.width = width
        self.pooling = pooling
        self.separator = separator

    def words(self) -> nn.Module:
        """Return the table of word vectors."""
        return cast("nn.Module", self.transformer.get_input_embeddings())  # type: ignore[operator]

    def layers(self) -> Sequence[nn.Module]:
        """Return the stack of layers: the longest list of modules."""
        stacks = [one for one in self.transformer.modules() if isinstance(one, nn.ModuleList)]
        return list(max(stacks, key=lambda stack: len(list(stack)))) if stacks else ()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return features (batch, width) of ids and mask, int64 (batch, length)."""
        features, _ = self.in_positions(ids, mask)
        return features

    def in_positions(self, *arrays: Tensor) -> tuple[Tensor, Positions]:
        """Return the features, and the vector of each token."""
        ids, mask = arrays
        # (batch, length, width)
        segments = {} if self.separator is None else {"token_type_ids": segments_of(ids, self.separator)}
        tokens: Tensor = self.transformer(input_ids=ids, attention_mask=mask, **segments, return_dict=False)[
            0
        ]
        there = mask.to(tokens.dtype)
        positions = Positions(tokens, there)
        if self.pooling == "first":
            return tokens[:, 0], positions
        # Padding has weight 0, so that a text has the same mean beside a longer one.
        weights = there.unsqueeze(-1)  # (batch, length, 1)
        return (tokens * weights).sum(1) / weights.sum(1), positions


@final
class Transformer(PretrainedType):
    """A transformer in the form of the `transformers` library, with its tokenizer."""

    name: ClassVar[str] = "transformer"

    def load(self, folder: Path, options: Mapping[str, object]) -> Loaded:
        """Return the encoder; options: `pooling`, `max_length`, and `segments`: whether it reads texts in pairs."""
        pooling, max_length = options.get("pooling"), options.get("max_length")
        assert pooling is None or isinstance(pooling, str)
        found = read(folder, pooling)
        limit = min(found.positions, MOST_TOKENS) if max_length is None else found.positions
        separator = found.separator() if options.get("segments") else None
        config: JsonObject = {"transformer": cast("JsonObject", found.config), "pooling": found.pooling}
        return Loaded(
            encoder=text_encoder(found.transformer, found.pooling, separator),
            config=config if separator is None else config | {"separator": separator},
            fit={"tokenizer": found.tokenizer, "max_length": max_length, "limit": limit},
            most=found.positions,
        )

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder with weights yet to be loaded."""
        transformer = build(cast("dict[str, object]", config["transformer"]))
        separator = cast("int | None", config.get("separator"))
        return text_encoder(transformer, str(config["pooling"]), separator)


@dataclass(frozen=True)
class Pretrained:
    """A transformer with its weights, its configuration (JSON), tokenizer, pooling, and most tokens of a text."""

    transformer: nn.Module
    config: dict[str, object]
    tokenizer: bytes
    pooling: str
    positions: int

    def separator(self) -> int | None:
        """Return the token behind the first of two texts; None where the second is no segment of its own."""
        known = self.config.get("type_vocab_size")
        if not isinstance(known, int) or known < 2:
            return None
        tokenizer = Tokenizer.from_str(self.tokenizer.decode())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        pair = tokenizer.encode("a", "a")
        behind = pair.sequence_ids.index(0) + pair.sequence_ids.count(0)
        if pair.sequence_ids[behind] is not None or 1 not in pair.type_ids:
            return None
        return pair.ids[behind]


def text_encoder(transformer: nn.Module, pooling: str, separator: int | None = None) -> TextEncoder:
    """Return the text encoder of a transformer; its width stands in its configuration."""
    config: Any = transformer.config
    return TextEncoder(transformer, int(config.hidden_size), pooling, separator)


def segments_of(ids: Tensor, separator: int) -> Tensor:
    """Return 0 of each token up to the first separator and 1 behind it, of ids, both int64 (batch, length).

    As BERT was pretrained on pairs (Devlin et al. 2019, section 3); it is told by the ids, so that graphs take no
    array more.
    """
    ends = (ids == separator).to(ids.dtype)
    return (ends.cumsum(dim=1) - ends).clamp(max=1)


def read(folder: Path, pooling: str | None = None) -> Pretrained:
    """Read a folder that `resolve` found; `pooling` None: as the folder says, else `mean`.

    Raises ProjectError for weights that do not fit the configuration, or a model that is no encoder.
    """
    with quiet(), torch.random.fork_rng(devices=[]):  # what is missing (a pooler) is drawn at random
        config = _config(folder)
        transformer = _weights(folder)
        tokenizer = _tokenizer(folder)
    _require_of_one(tokenizer, transformer, folder)
    return Pretrained(
        transformer=prepare(transformer),
        config=json.loads(json.dumps(config)),  # as it will be read again: class numbers become text
        tokenizer=tokenizer,
        pooling=pooling or _pooling(folder),
        positions=_positions(transformer),
    )


def build(config: dict[str, object]) -> nn.Module:
    """Return a transformer of a configuration, with weights yet to be loaded."""
    with quiet(), torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        parsed = transformers.AutoConfig.from_pretrained(folder)
        transformer = transformers.AutoModel.from_config(  # type: ignore[no-untyped-call]
            parsed, attn_implementation="eager", dtype=torch.float32
        )
    return prepare(transformer)


def prepare(transformer: nn.Module) -> nn.Module:
    """Drop what the features do not need (the pooler of BERT), so that no weight is kept or exported unused."""
    if getattr(transformer, "pooler", None) is not None:
        transformer.pooler = None  # type: ignore[assignment]
    return transformer


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing, and leave its settings as they were."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _config(folder: Path) -> dict[str, object]:
    config = transformers.AutoConfig.from_pretrained(folder)
    if config.is_encoder_decoder or not isinstance(getattr(config, "hidden_size", None), int):
        raise ProjectError(Problem("pretrained.no-encoder", model=config.model_type, folder=str(folder)))
    kept: dict[str, object] = {
        key: value
        for key, value in config.to_dict().items()
        # A path of this machine, and what another version of the library would write differently.
        if key not in {"_name_or_path", "transformers_version"} and not key.startswith("_")
    }
    kept["dtype"] = "float32"
    return kept


def _weights(folder: Path) -> nn.Module:
    if any(folder.glob("*.safetensors")):
        return _loaded(folder, folder)
    with tempfile.TemporaryDirectory() as converted:
        place = Path(converted)
        (place / "config.json").write_bytes((folder / "config.json").read_bytes())
        pickles = sorted(folder.glob("pytorch_model*.bin"))
        conversion.to_safetensors(pickles, place / "model.safetensors", place / "sizes.json", str(folder))
        return _loaded(place, folder)


def _loaded(place: Path, folder: Path) -> nn.Module:
    """Return the model of the files in `place`; `folder` is what a message names."""
    transformer, info = transformers.AutoModel.from_pretrained(
        place,
        attn_implementation="eager",
        dtype=torch.float32,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
    )
    lacking = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if lacking:
        raise ProjectError(
            Problem("pretrained.missing-weights", count=len(lacking), first=lacking[0], folder=str(folder))
        )
    # A copy: weights mapped from a file may lie unaligned, and bits of a sum can depend on that.
    with torch.no_grad():
        for weight in transformer.parameters():
            weight.data = weight.detach().clone()
    module: nn.Module = transformer
    return module


def _tokenizer(folder: Path) -> bytes:
    if (found := tokenizer_in(folder)) is not None:
        return found
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
    text: str = tokenizer.backend_tokenizer.to_str()
    return text.encode()


def _require_of_one(tokenizer: bytes, transformer: nn.Module, folder: Path) -> None:
    """Raise ProjectError for a tokenizer whose tokens the weights do not know, or know far more than it has."""
    words = len(cast("nn.Embedding", cast("Any", transformer).get_input_embeddings()).weight)
    try:
        count, highest = ids_of(tokenizer)
    except ValueError as error:
        fault = Problem("pretrained.tokenizer", path=str(folder), reason=str(error)[:200])
        raise ProjectError(fault) from None
    if highest >= words or count < _LEAST_SHARE * words:
        tokens = highest + 1 if highest >= words else count
        raise ProjectError(Problem("pretrained.tokenizer", path=str(folder), tokens=tokens, words=words))


def _pooling(folder: Path) -> str:
    if not (folder / _POOLING).is_file():
        return "mean"
    pooling = json.loads((folder / _POOLING).read_text(encoding="utf-8"))
    return "first" if pooling.get("pooling_mode_cls_token") else "mean"


def _positions(transformer: nn.Module) -> int:
    config: Any = transformer.config
    known = getattr(config, "max_position_embeddings", None)
    if not isinstance(known, int) or known <= 0:
        return MOST_TOKENS
    # RoBERTa and its kin number positions from the padding id + 1.
    embeddings = getattr(transformer, "embeddings", None)
    offset = (config.pad_token_id or 0) + 1 if hasattr(embeddings, "padding_idx") else 0
    return known - offset
