"""The tokenizer of a folder of pretrained weights: read from the files that people have; refused where another's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_encoder
import torch
from tokenizers import Tokenizer, models, normalizers

from modelwright import kinds
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.learners import readable_texts
from modelwright.learners.networks.encoders import transformer as pretrained
from modelwright.learners.weights.tokenizer_files import ids_of, tokenizer_in

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["hello", "wor", "##ld", "cafe", "你", "好", "\x85", "?", "x\u2028"]


def words_in(folder: Path, pieces: list[str], **settings: object) -> Path:
    """Write a list of word pieces, without a tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *pieces]) + "\n", "utf-8", newline="\n")
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def tokens(folder: Path, *texts: str) -> list[str]:
    found = tokenizer_in(folder)
    assert found is not None
    given: list[str] = Tokenizer.from_buffer(found).encode(*texts).tokens
    return given


def test_a_list_of_word_pieces_is_read_line_by_line(tmp_path: Path) -> None:
    folder = words_in(tmp_path, PIECES)
    found = tokenizer_in(folder)
    assert found is not None
    assert ids_of(found) == (len(SPECIAL) + len(PIECES), len(SPECIAL) + len(PIECES) - 1)
    assert tokens(folder, "Hello World", "Café 你好?") == [
        *("[CLS]", "hello", "wor", "##ld", "[SEP]"),
        *("cafe", "你", "好", "?", "[SEP]"),
    ]


@pytest.mark.parametrize(
    ("pieces", "settings", "kept"),
    [
        (["Hello", "hello"], {}, "Hello"),  # a list with capitals was made of texts that have some
        (["hello", "<T>", "[unused1]"], {}, "hello"),
        (["hello", "Hello"], {"do_lower_case": True}, "hello"),
        (["hello"], {"do_lower_case": False}, "[UNK]"),
    ],
)
def test_capitals_are_kept_where_settings_or_the_list_say_so(
    tmp_path: Path, pieces: list[str], settings: dict[str, object], kept: str
) -> None:
    assert tokens(words_in(tmp_path, pieces, **settings), "Hello") == ["[CLS]", kept, "[SEP]"]


def test_special_words_may_have_other_names(tmp_path: Path) -> None:
    names = {"cls_token": "<s>", "sep_token": {"content": "</s>"}, "unk_token": "<unk>"}
    folder = words_in(tmp_path, ["<s>", "</s>", "<unk>", "hello"], **names)
    assert tokens(folder, "hello stranger") == ["<s>", "hello", "<unk>", "</s>"]


@pytest.mark.parametrize("content", [b"hello 1\nworld 2\n", b"\xff\xfe\x00", b""])
def test_a_list_of_another_kind_is_left_to_its_own_library(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vocab.txt").write_bytes(content)
    assert tokenizer_in(tmp_path) is None


@pytest.mark.parametrize("model_type", ["albert", "electra", "bert"])
def test_an_encoder_of_any_type_reads_its_list(tmp_path: Path, model_type: str) -> None:
    import transformers

    config = transformers.AutoConfig.for_model(
        model_type,
        vocab_size=len(SPECIAL) + len(PIECES),
        hidden_size=16,
        embedding_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    folder = words_in(tmp_path / "weights", PIECES)
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    assert not (folder / "tokenizer.json").exists()
    read = pretrained.read(folder)
    built = Tokenizer.from_buffer(read.tokenizer)
    assert "[UNK]" not in built.encode("hello 你好").tokens
    features = []
    for text in ("hello", "你好"):
        ids = torch.tensor([built.encode(text).ids])
        with torch.no_grad():
            features.append(read.transformer(input_ids=ids).last_hidden_state.mean(dim=1).numpy())
    assert np.abs(features[0] - features[1]).max() > 1e-3, "different texts are told apart"
    # and `check` knows what it can read, without the weights
    signature = Signature.parse("f(a: text) -> y: category")
    (found,) = readable_texts.of_weights(signature, {"a": ["hello", "你好"]}, {"a": folder}, None)
    assert found.unread == 0.0
    (found,) = readable_texts.of_weights(signature, {"a": ["zzz", "qqq"]}, {"a": folder}, None)
    assert found.unread == 1.0


@pytest.mark.parametrize("pieces", [3, 2_000])
def test_a_tokenizer_of_other_weights_is_refused(tmp_path: Path, pieces: int) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    (folder / "tokenizer.json").unlink()
    words_in(folder, [f"word{number}" for number in range(pieces)])
    with pytest.raises(ProjectError) as raised:
        pretrained.read(folder)
    (found,) = raised.value.problems
    assert found.id == "pretrained.tokenizer"
    assert f"{len(SPECIAL) + pieces:,} tokens" in str(found)


@pytest.mark.parametrize("content", [b"{}", b"", b"[1]", b'{"model": {}}'])
def test_a_tokenizer_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(ProjectError) as raised:
        pretrained.read(folder)
    assert [one.id for one in raised.value.problems] == ["pretrained.tokenizer"]


def test_unknown_pieces_of_any_model_are_counted() -> None:
    built = Tokenizer(models.Unigram([("<unk>", 0.0), ("hello", -1.0)], unk_id=0))  # type: ignore[no-untyped-call]
    built.normalizer = normalizers.Lowercase()  # type: ignore[no-untyped-call]
    kind = kinds.arrays("text")
    state = kind.fit(["hello"], tokenizer=built.to_str().encode(), max_length=8, limit=8)
    assert kind.unknown_share(["hello"], state) == 0.0
    assert kind.unknown_share(["你"], state) == 1.0
