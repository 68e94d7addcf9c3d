"""Which scripts a tokenizer has been made for, so that texts in another can be told before anything is learned.

A vocabulary that was made from English texts holds the letters of most scripts, one by one, for the few words of
others that English texts quote; a text in such a script falls into letters that say nothing. So a script counts as
read when the vocabulary has many pieces in it: whole syllables and words of a script with letters, or, of a script
in which a character is a word, many characters. bert-base-uncased has 24,000 pieces of Latin letters and none of
three Greek or Cyrillic ones; of Chinese characters it has 500, and bert-base-chinese 7,000.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

from tokenizers import Tokenizer

_PIECE = 3  # letters that make a piece more than a letter of the alphabet
_FEWEST_PIECES = 100
_FEWEST_CHARACTERS = (
    2000  # of a script in which a character is a word; the most frequent 2,000 are 97 % of Chinese
)
_CHARACTER_IS_WORD = frozenset({"CJK"})
# Written together with others, as one script.
_TOGETHER = {"HIRAGANA": "KANA", "KATAKANA": "KANA", "KATAKANA-HIRAGANA": "KANA", "FULLWIDTH": "LATIN"}


def scripts(tokenizer: Tokenizer) -> frozenset[str]:
    """Return the scripts that a vocabulary was made for; none of one that has few pieces at all."""
    ids = sorted(tokenizer.get_vocab(with_added_tokens=False).values())
    # a piece as text: without the marks of words' ends, and bytes put together again
    pieces = tokenizer.decode_batch([[one] for one in ids], skip_special_tokens=False)
    counts: Counter[str] = Counter()
    for piece in pieces:
        letters = [name for character in piece if (name := script(character)) is not None]
        for name in set(letters):
            counts[name] += name in _CHARACTER_IS_WORD or len(letters) >= _PIECE
    return frozenset(
        name
        for name, count in counts.items()
        if count >= (_FEWEST_CHARACTERS if name in _CHARACTER_IS_WORD else _FEWEST_PIECES)
    )


def foreign_share(texts: Iterable[str], known: frozenset[str]) -> float:
    """Return which share of the letters is of no known script; 0 where none is known, or without letters."""
    if not known:
        return 0.0
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    letters = foreign = 0
    for character, count in counts.items():
        name = script(character)
        if name is not None:
            letters += count
            foreign += count * (name not in known)
    return foreign / letters if letters else 0.0


@cache
def script(character: str) -> str | None:
    """Return the script of a letter as its Unicode name begins (`LATIN`, `CYRILLIC`, `CJK`); None of what is none."""
    if not character.isalpha():
        return None
    name = unicodedata.name(character, "").partition(" ")[0]
    return _TOGETHER.get(name, name) or None
