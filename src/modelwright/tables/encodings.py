"""Bytes to text: the encoding that was stated, or one that is found and then stated in the summary.

A file is read in blocks, so that a large one is never held as a whole.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelwright.core.messages import DataError, Problem

Blocks = Callable[[], Iterator[bytes]]
"""Reads a file from its start, block by block, each time it is called."""

_WORD = re.compile(r"\w{1,20}")
_LETTERS_ALONE = re.compile(r"[^\W\d_²³¹½¼¾]+")
MARKS = (  # byte order marks, longest first (Unicode Standard, section 23.8)
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 200_000  # bytes or characters: enough for statistics; more only takes time
# Chinese text is almost all of the 6,763 characters and the punctuation of GB 2312. Bytes of a Western
# encoding that happen to pass as GB 18030 fall on rare characters instead.
COMMON = 0.9
ENOUGH = 20  # characters: as many of one half of the alphabet are no chance
# What tables are written in that are not Unicode. Left to guess among all that Python knows, a few accents are
# taken for an encoding of one old Macintosh.
KNOWN = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "mac_roman"),
    *("shift_jis", "euc_jp", "euc_kr", "big5", "cp437", "cp850"),
)
WESTERN, CENTRAL = "cp1252", "cp1250"  # one byte means é in both, but ñ or ń
# The letters beyond ASCII with which tables are written in Western Europe, and from Poland to Hungary. Those whose
# bytes are frequent letters elsewhere are not among them: ð, þ, ý, š, ž in Western (Turkish, Czech), đ, ţ, ŕ, â in
# Central (Turkish, the Baltic languages). Such a text is left to statistics.
WESTERN_LETTERS = frozenset("µºªäöüßàâçèéêëîïôùûáíóúñåæøãõìòœÄÖÜÀÂÇÈÉÊËÎÏÔÙÛÁÍÓÚÑÅÆØÃÕÌÒŒ")
CENTRAL_LETTERS = frozenset("ąćęłńóśźżáčďéěíňřšťúůýžľĺôäöüőűßĄĆĘŁŃÓŚŹŻÁČĎÉĚÍŇŘŠŤÚŮÝŽĽĹÔÄÖÜŐŰ")
SIGNS = frozenset("€§©®°²³¹½¼¾±×™‰•†£¥")
POINTS = frozenset("«»‹›„“”‚‘’–—…´·¿¡\u00a0\u00ad")
NULS = 0.01  # share of bytes: in UTF-16 a Chinese text, too, has that many in separators and line ends
LETTERS = 0.95  # of the characters beyond ASCII, where the bytes are words of Western Europe


@dataclass(frozen=True)
class Encoding:
    """How a file is decoded: `codec` reads it, `name` is what a summary calls it, `start` its first characters."""

    codec: str
    name: str
    start: str


def find_encoding(blocks: Blocks, *, name: str, stated: str | None) -> Encoding:
    """Return an encoding in which the whole file is text; raises DataError when there is none.

    Tried in order: the stated one alone; a byte order mark; UTF-16 without one; UTF-8; GB 18030 where what it gives
    looks like Chinese; Western and Central European where they give words, prices and units; what charset-normalizer
    finds among `KNOWN`, with Western for Central Europe where that gives words. `name` is what messages call the file.
    """
    if stated is not None:
        # A mark is no part of the text, whether or not the encoding was stated.
        canonical = codecs.lookup(stated).name
        codec = "utf-8-sig" if canonical == "utf-8" else stated
        return Encoding(codec, canonical, _checked(blocks, codec, name, shown=canonical))
    data = next(blocks(), b"")
    for mark, codec in MARKS:
        if data.startswith(mark):
            return Encoding(codec, codec, _checked(blocks, codec, name))
    if (wide := _without_mark(data)) is not None:
        try:
            return Encoding(wide, wide, _decoded(blocks, wide))
        except UnicodeError:
            pass
    try:
        return Encoding("utf-8", "utf-8", _decoded(blocks, "utf-8"))
    except UnicodeDecodeError:
        pass
    try:
        if _looks_chinese(start := _decoded(blocks, "gb18030")):
            return Encoding("gb18030", "gb18030", start)
    except UnicodeDecodeError:
        pass
    return _latin(blocks) or _by_statistics(blocks, data, name)


def _without_mark(data: bytes) -> str | None:
    """Return which UTF-16 bytes without a mark are; None for text of another encoding.

    Text has no NUL. In UTF-16 separators, digits and line ends have one each: before the other byte in big endian,
    behind it in little endian.
    """
    sample = data[:SAMPLE]
    before, behind = sample[::2].count(0), sample[1::2].count(0)
    if max(before, behind) < NULS * len(sample) or min(before, behind) > max(before, behind) / 10:
        return None
    return "utf-16-be" if before > behind else "utf-16-le"


def foreign_words(text: str, most: int) -> tuple[str, ...]:
    """Return the first words with characters beyond ASCII, which show whether an encoding was the right one."""
    found = dict.fromkeys(word for word in _WORD.findall(text[:SAMPLE]) if not word.isascii())
    return tuple(found)[:most]


def _latin(blocks: Blocks) -> Encoding | None:
    for codec, letters in ((WESTERN, WESTERN_LETTERS), (CENTRAL, CENTRAL_LETTERS)):
        try:
            if _reads_as_words(start := _decoded(blocks, codec), letters):
                return Encoding(codec, codec, start)
        except UnicodeDecodeError:
            continue
    return None


def _by_statistics(blocks: Blocks, data: bytes, name: str) -> Encoding:
    import charset_normalizer  # only the extra `learn` has it, and `predict --file` reads text without

    sample = data[:SAMPLE].rpartition(b"\n")[0] or data  # whole lines: no character is cut in two
    best = charset_normalizer.from_bytes(sample, cp_isolation=list(KNOWN)).best()
    if best is None:
        raise _undecodable(name, None, None)
    codec = WESTERN if best.encoding == CENTRAL and _is_western(sample) else best.encoding
    return Encoding(codec, codec, _checked(blocks, codec, name))


def _is_western(sample: bytes) -> bool:
    try:
        text = sample.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text if not character.isascii()]
    return sum(map(str.isalpha, foreign)) >= LETTERS * len(foreign)


def _reads_as_words(text: str, letters: frozenset[str]) -> bool:
    """Say whether text that was decoded is written in a Latin alphabet with these `letters` beyond ASCII.

    Statistics of letters alone take the euro signs of a price list for letters of an old Macintosh, and degrees for
    Japanese. What bytes of other alphabets give is told by where it stands: whole words of accents (Cyrillic, Greek),
    signs within words (Polish read as Western), signs beside each other (Korean).
    """
    foreign = fitting = 0
    for word in _LETTERS_ALONE.findall(text):
        accents = [letter for letter in word if not letter.isascii()]
        foreign += len(accents)
        # à, é and ó are words; a longer one without a letter of ASCII is of another alphabet.
        if len(word) == 1 or len(accents) < len(word):
            fitting += sum(letter in letters for letter in accents)
    for place, character in enumerate(text):
        if character.isascii() or character.isalpha():
            continue
        foreign += 1
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        beside = [other for other in (before, after) if other and not other.isascii()]
        within = (before.isalpha() and after.isalpha()) or (character in "£¥" and after.isalpha())
        fitting += character in POINTS or (character in SIGNS and not within and POINTS.issuperset(beside))
    return fitting >= LETTERS * foreign


def _looks_chinese(text: str) -> bool:
    foreign = [character for character in text if not character.isascii()]
    written = "".join(foreign).encode("gb2312", errors="ignore")
    # All of Korean's syllables lie in rows 16 to 40 of EUC-KR, where GB 2312 has the characters that are spoken a to l:
    # about half of those in use, so that no Chinese text of some length keeps to them.
    rows = {first for first in written[::2] if first >= 0xB0}  # without the signs
    if len(foreign) >= ENOUGH and rows and max(rows) <= 0xC8:
        return False
    return len(written) / 2 >= COMMON * len(foreign)


def _checked(blocks: Blocks, codec: str, name: str, *, shown: str | None = None) -> str:
    try:
        return _decoded(blocks, codec)
    except UnicodeDecodeError as error:
        raise _undecodable(name, shown or codec, error.start) from None
    except UnicodeError:
        raise _undecodable(name, shown or codec, None) from None


def _decoded(blocks: Blocks, codec: str) -> str:
    """Decode the whole file and return its first characters; an error's `start` counts from the file's first byte."""
    decoder = codecs.getincrementaldecoder(codec)()
    start, before = "", 0

    def decode(block: bytes, *, final: bool) -> str:
        kept = decoder.getstate()[0]  # the first bytes of a character that the last block cut in two
        try:
            return decoder.decode(block, final)
        except UnicodeDecodeError as error:
            error.start += before - len(kept)
            raise

    for block in blocks():
        text = decode(block, final=False)
        before += len(block)
        if len(start) < SAMPLE:
            start += text
    return (start + decode(b"", final=True))[:SAMPLE]


def _undecodable(name: str, codec: str | None, byte: int | None) -> DataError:
    return DataError(Problem("data.encoding", where=name, codec=codec, byte=byte))
