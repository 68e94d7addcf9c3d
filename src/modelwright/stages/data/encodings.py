"""Bytes to text: the encoding that was stated, or one that is found and then stated in the summary."""

from __future__ import annotations

import codecs
import re

from modelwright.core.messages import DataError, Problem

_WORD = re.compile(r"\w{1,20}")
MARKS = (  # byte order marks, longest first (Unicode Standard, section 23.8)
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE_BYTES = 200_000  # enough for statistics of characters; more only takes time
# Chinese text is almost all of the 6,763 characters and the punctuation of GB 2312. Bytes of a Western
# encoding that happen to pass as GB 18030 fall on rare characters instead.
COMMON = 0.9
# What tables are written in that are not Unicode. Left to guess among all that Python knows, a few accents are
# taken for an encoding of one old Macintosh.
KNOWN = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "mac_roman"),
    *("shift_jis", "euc_jp", "euc_kr", "big5", "cp437", "cp850"),
)
WESTERN, CENTRAL = "cp1252", "cp1250"  # one byte means é in both, but ñ or ń
LETTERS = 0.95  # of the characters beyond ASCII, where the bytes are words of Western Europe


def decode(data: bytes, *, name: str, stated: str | None) -> tuple[str, str]:
    """Return the text of a file and the encoding that was used; raises DataError when no encoding fits.

    Tried in order: the stated one alone; a byte order mark; UTF-8; GB 18030 where what it gives looks like
    Chinese; what charset-normalizer finds among `KNOWN`, with Western for Central Europe where that gives words.
    """
    if stated is not None:
        # A mark is no part of the text, whether or not the encoding was stated.
        encoding = "utf-8-sig" if codecs.lookup(stated).name == "utf-8" else stated
        return _decode(data, encoding, name), codecs.lookup(stated).name
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _decode(data, encoding, name), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("gb18030")
        if _looks_chinese(text[:SAMPLE_BYTES]):
            return text, "gb18030"
    except UnicodeDecodeError:
        pass
    import charset_normalizer  # only the extra `learn` has it, and `predict --file` reads text without

    sample = data[:SAMPLE_BYTES].rpartition(b"\n")[0] or data  # whole lines: no character is cut in two
    best = charset_normalizer.from_bytes(sample, cp_isolation=list(KNOWN)).best()
    if best is None:
        raise _undecodable(name, "bytes that no known encoding reads as text")
    encoding = WESTERN if best.encoding == CENTRAL and _is_western(sample) else best.encoding
    return _decode(data, encoding, name), encoding


def _is_western(sample: bytes) -> bool:
    try:
        text = sample.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text if not character.isascii()]
    return sum(map(str.isalpha, foreign)) >= LETTERS * len(foreign)


def foreign_words(text: str, most: int) -> list[str]:
    """Return the first words with characters beyond ASCII, which show whether an encoding was the right one."""
    found = dict.fromkeys(word for word in _WORD.findall(text[:SAMPLE_BYTES]) if not word.isascii())
    return list(found)[:most]


def _looks_chinese(text: str) -> bool:
    foreign = [character for character in text if not character.isascii()]
    common = len("".join(foreign).encode("gb2312", errors="ignore")) / 2
    return common >= COMMON * len(foreign)


def _decode(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, UnicodeError) as error:
        where = f" at byte {error.start:,}" if isinstance(error, UnicodeDecodeError) else ""
        raise _undecodable(name, f"bytes that are not {encoding}{where}") from None


def _undecodable(name: str, found: str) -> DataError:
    return DataError(
        Problem(
            "data.encoding",
            "a text file is in one encoding",
            found,
            "save the file as UTF-8, or state its encoding with `data.encoding` (`gb18030`, `cp1252`)",
            name,
        )
    )
