"""Texts from scratch: a tokenizer fitted on the training texts, vectors of its tokens, convolutions or a transformer.

Nothing is downloaded, and no language is preferred: pieces of words fall back to characters, a Chinese character is
a piece of its own, and bytes know every text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, cast, final

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.encoder_options import AttentionOptions, WordsOptions
from modelwright.learners.networks.encoders.contract import Encoder, Positions, ScratchType
from modelwright.learners.networks.encoders.layers import AttentionLayer, masked_mean, masked_most

PAD, UNKNOWN = "[PAD]", "[UNK]"
MOST_TOKENS = 512  # a longer text is cut, unless model.max_length asks for more
_LEAST = 1e-6  # of a sum of squared weights: a text of no tokens has none
_MOST_POSITIONS = 4096  # of the transformer's table of places


@final
class WordsEncoder(Encoder):
    """The mean of the tokens' vectors, and the largest answer of each convolution over them (Kim 2014).

    Where the mean is weighted, `importance` (tokens, 1) holds the logarithm of each token's weight.
    """

    def __init__(self, tokens: int, options: WordsOptions) -> None:
        super().__init__()
        self.table = nn.Embedding(tokens, options.width)
        nn.init.normal_(self.table.weight, std=0.1)  # of PyTorch's 1, a mean of few tokens would be all noise
        weighted = options.pooling == "weighted"
        self.importance = nn.Embedding(tokens, 1) if weighted else None
        if self.importance is not None:
            nn.init.zeros_(self.importance.weight)  # each counts alike
        self.convolutions = nn.ModuleList(
            [nn.Conv1d(options.width, options.width, kernel) for kernel in options.kernels]
        )
        self.act = nn.ReLU()
        self.dropout = nn.Dropout(options.dropout)
        self.width = options.width * (1 + len(options.kernels))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (batch, width) of ids and mask, int64 (batch, length)."""
        features, _ = self.in_positions(ids, mask)
        return features

    def in_positions(self, *arrays: Tensor) -> tuple[Tensor, Positions]:
        """Return the features, and for each token its vector beside the convolutions that begin with it."""
        ids, mask = arrays
        there = mask.to(torch.float32)
        x = self.table(ids) * there.unsqueeze(-1)  # (batch, length, width), 0 where a row is filled up
        found, tokens = [self._pooled(ids, x, there)], [x]
        for convolve in self.convolutions:
            assert isinstance(convolve, nn.Conv1d)
            # zeros after the last token, as padding is, so that a text answers alike beside a longer one
            wide = functional.pad(x.transpose(1, 2), (0, convolve.kernel_size[0] - 1))
            tokens.append(self.act(convolve(wide)).transpose(1, 2))
            found.append(masked_most(tokens[-1], there))
        features: Tensor = self.dropout(torch.cat(found, dim=-1))
        return features, Positions(torch.cat(tokens, dim=-1), there)

    def _pooled(self, ids: Tensor, x: Tensor, there: Tensor) -> Tensor:
        """Return one vector of a text's vectors x (batch, length, width), (batch, width)."""
        if self.importance is None:
            return masked_mean(x, there)
        weights = torch.exp(self.importance(ids)) * there.unsqueeze(-1)  # (batch, length, 1)
        # by the root of the sum of squares: the vector of a long text then is about as long as that of a short one
        size = (weights**2).sum(1).clamp(min=_LEAST).sqrt()
        return (x * weights).sum(1) / size


@final
class AttentionOverTokens(Encoder):
    """A transformer over tokens; the mean of those that are there."""

    def __init__(self, tokens: int, options: AttentionOptions) -> None:
        super().__init__()
        self.table = nn.Embedding(tokens, options.width)
        self.places = nn.Embedding(_MOST_POSITIONS, options.width)
        for table in (self.table, self.places):
            nn.init.normal_(table.weight, std=0.02)
        self.blocks = nn.ModuleList(
            [AttentionLayer(options.width, options.heads, options.dropout) for _ in range(options.layers)]
        )
        self.norm = nn.LayerNorm(options.width)
        self.width = options.width

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (batch, width) of ids and mask, int64 (batch, length)."""
        features, _ = self.in_positions(ids, mask)
        return features

    def in_positions(self, *arrays: Tensor) -> tuple[Tensor, Positions]:
        """Return the features, and the vector of each token."""
        ids, mask = arrays
        there = mask.to(torch.float32)
        x = self.table(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x, there)
        x = self.norm(x)
        return masked_mean(x, there), Positions(x, there)


class _FromTokens(ScratchType):
    """Texts by a tokenizer of their own. Abstract."""

    forms: ClassVar[frozenset[Form]] = frozenset({Form.TOKENS})

    def fit(self, values: Sequence[object], options: Mapping[str, object]) -> Mapping[str, object]:
        """Return the tokenizer, fitted on training texts, as the kind's `fit` takes it."""
        given = self.options(options)
        longest = options.get("max_length")
        return {
            "tokenizer": tokenizer(values, given.tokenizer, given.vocabulary),
            "max_length": longest,
            "limit": MOST_TOKENS if longest is None else _MOST_POSITIONS,
        }

    def config(
        self,
        form: Form,
        specs: Mapping[str, ArraySpec],
        options: Mapping[str, object],
        fitted: Mapping[str, object],
    ) -> JsonObject:
        """Return the options, and how many tokens the fitted tokenizer has."""
        built = Tokenizer.from_str(cast("bytes", fitted["tokenizer"]).decode())
        return {"tokens": built.get_vocab_size(), "options": self.options(options).model_dump(mode="json")}

    def options(self, options: Mapping[str, object]) -> WordsOptions | AttentionOptions:
        """Return the options of this type, without those of the learner."""
        own = {key: value for key, value in options.items() if key != "max_length"}
        found = WordsOptions if self.name == "words" else AttentionOptions
        return found.model_validate(own)


@final
class Words(_FromTokens):
    """Convolutions over tokens."""

    name: ClassVar[str] = "words"

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        return WordsEncoder(cast("int", config["tokens"]), WordsOptions.model_validate(config["options"]))


@final
class TokenAttention(_FromTokens):
    """A transformer over tokens."""

    name: ClassVar[str] = "token-attention"
    option: ClassVar[str | None] = "attention"

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        options = AttentionOptions.model_validate(config["options"])
        return AttentionOverTokens(cast("int", config["tokens"]), options)


def tokenizer(values: Sequence[object], of: Literal["pieces", "bytes"], vocabulary: int) -> bytes:
    """Return the `tokenizer.json` of a tokenizer fitted on texts, of at most so many tokens; id 0 pads.

    Pairs are merged by how often they stand beside each other (Sennrich et al. 2016). Equal texts give equal bytes: the
    trainer of word pieces numbers tokens by the order of a hash table, so it is not used.
    """
    texts = [value for value in values if isinstance(value, str)]
    if of == "bytes":
        built = Tokenizer(models.BPE())
        built.normalizer = normalizers.NFKC()
        built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        built.decoder = decoders.ByteLevel()
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    else:
        built = Tokenizer(models.BPE(unk_token=UNKNOWN))
        # NFKC brings full-width letters and digits to the usual ones; a Chinese character stands alone
        built.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.BertNormalizer(strip_accents=False, lowercase=True)]
        )
        built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        alphabet = _alphabet([built.normalizer.normalize_str(text) for text in texts], vocabulary // 2)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD] if of == "bytes" else [PAD, UNKNOWN],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    built.train_from_iterator(texts, trainer)
    text: str = built.to_str()
    return text.encode()


def _alphabet(texts: Sequence[str], most: int) -> list[str]:
    """Return the most frequent characters; of equally frequent ones those that come first in Unicode."""
    counts = Counter(character for text in texts for character in text if not character.isspace())
    return sorted(sorted(counts, key=lambda one: (-counts[one], one))[:most])
