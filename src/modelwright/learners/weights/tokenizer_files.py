"""The tokenizer that a folder of pretrained weights holds, as the text of a `tokenizer.json`. Light: no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import BertWordPieceTokenizer

from modelwright.kinds.shared.files.tokenizer_opening import opened

_USUAL = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "cls_token": "[CLS]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
}
_TELLING = ("unk_token", "sep_token", "cls_token")  # words that a list of WordPiece cannot do without


def tokenizer_in(folder: Path) -> bytes | None:
    """Return the tokenizer of a folder; None where it holds none that can be read without its own library.

    A `vocab.txt` is a list of WordPiece whatever the encoder's type is: Chinese ALBERT and ELECTRA have one too, whose
    types otherwise read texts in another way.
    """
    file, words = folder / "tokenizer.json", folder / "vocab.txt"
    if file.is_file():
        return file.read_bytes()
    return _of_pieces(words, _settings(folder)) if words.is_file() else None


def ids_of(tokenizer: bytes) -> tuple[int, int]:
    """Return how many tokens a tokenizer knows, and the highest number that one has, -1 where there is none.

    Raises ValueError for what the library cannot read.
    """
    known = opened(tokenizer).get_vocab(with_added_tokens=True)
    return len(known), max(known.values(), default=-1)


def _of_pieces(file: Path, settings: Mapping[str, Any]) -> bytes | None:
    """Return the tokenizer of a list of word pieces, one a line; None where it is no such list."""
    try:
        pieces = file.read_text("utf-8-sig").split("\n")  # other ends of lines are pieces, too
    except UnicodeDecodeError:
        return None
    special = {name: _word(settings.get(name), usual) for name, usual in _USUAL.items()}
    place = {piece.rstrip("\r"): number for number, piece in enumerate(pieces) if piece.rstrip("\r")}
    if any(special[name] not in place for name in _TELLING):
        return None
    lower = settings.get("do_lower_case")
    if not isinstance(lower, bool):
        # a list without a capital letter was made of texts in lower case
        words = (piece.removeprefix("##") for piece in place)
        lower = not any(word[:1].isalpha() and word != word.lower() for word in words)
    accents = settings.get("strip_accents")
    named: dict[str, Any] = {name: word for name, word in special.items() if word in place}
    built = BertWordPieceTokenizer(
        place,
        lowercase=lower,
        strip_accents=accents if isinstance(accents, bool) else None,
        handle_chinese_chars=settings.get("tokenize_chinese_chars") is not False,
        **named,
    )
    text: str = built.to_str()
    return text.encode()


def _settings(folder: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _word(given: object, usual: str) -> str:
    """Return a special word as settings have it: a text, or an object that holds it."""
    if isinstance(given, dict):
        given = given.get("content")
    return given if isinstance(given, str) else usual
