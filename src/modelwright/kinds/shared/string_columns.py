"""Columns of canonical strings, read by the expressions of Polars."""

from __future__ import annotations

from collections import Counter
from functools import cache

import polars as pl

from modelwright.kinds.shared.spellings import known_spelling

# Characters that the canonical form (`shared.strings.canonical`) leaves as they are, whatever stands beside them:
# each is in Unicode NFC, combines with nothing before it and is no white space. By block, and far from all of
# them: a cell with any other character is read by `canonical` itself.
PLAIN = (
    (0x20, 0x7E),  # ASCII; runs of spaces are looked for apart
    (0xA1, 0x2FF),  # Latin with accents
    (0x388, 0x3FF),  # Greek
    (0x400, 0x482),  # Cyrillic
    (0x48A, 0x52F),
    (0x5D0, 0x5EA),  # Hebrew
    (0x621, 0x63A),  # Arabic
    (0x641, 0x64A),
    (0x904, 0x939),  # Devanagari
    (0xE01, 0xE37),  # Thai
    (0x2010, 0x2027),  # punctuation
    (0x2030, 0x205E),
    (0x20A0, 0x20BF),  # currencies
    (0x2190, 0x2328),  # arrows, mathematics
    (0x232B, 0x2ADB),
    (0x3001, 0x3029),  # Chinese, Japanese, Korean
    (0x3041, 0x3096),
    (0x30A1, 0x30FF),
    (0x3400, 0x4DB5),
    (0x4E00, 0x9FA5),
    (0xAC00, 0xD7A3),
    (0xFF01, 0xFFEE),
    (0x1F300, 0x1F64F),  # emoji
    (0x1F680, 0x1F6FF),
    (0x1F900, 0x1F9FF),
)
# What `str.split` takes for white space; some of it (0x1C to 0x1F) Unicode does not.
WHITE_SPACE = (
    (0x09, 0x0D),
    (0x1C, 0x20),
    (0x85, 0x85),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
)


def canonical_strings(cells: pl.Series, *, most_characters: int) -> tuple[pl.Series, pl.Series]:
    """Return texts (n,) in their canonical form, blanks null, and where (n,) that is sure.

    cells: (n,) strings. Not sure are combining characters, rare scripts, and texts that may be too long.
    """
    odd = _odd(cells, most_characters)
    values = cells.set(cells == "", None)
    places = odd.arg_true()
    if places.is_empty():
        return values, ~odd
    # What is odd in white space alone is made plain, as `" ".join(text.split())` makes it.
    squeezed = (
        cells.gather(places).str.replace_all(f"[{_characters(WHITE_SPACE)}]+", " ").str.strip_chars(" ")
    )
    still_odd = _odd(squeezed, most_characters)
    return (
        values.scatter(places, squeezed.set(squeezed == "", None)),
        ~odd.scatter(places, still_odd),
    )


def respelled(names: pl.Series, shown: pl.Series) -> tuple[pl.Series, Counter[tuple[str, str]]]:
    """Return names (n,) as `shown` spells them where it has them in another spelling, and how often which were.

    See `shared.spellings`; shown: (m,) distinct names.
    """
    known = frozenset(shown.to_list())
    new = names.drop_nulls().value_counts(name="rows")
    counts = {name: rows for name, rows in new.iter_rows() if name not in known}
    taken = {name: other for name in sorted(counts) if (other := known_spelling(name, known)) is not None}
    if not taken:
        return names, Counter()
    changed = Counter({(name, other): counts[name] for name, other in taken.items()})
    return names.replace(list(taken), list(taken.values())), changed


def _odd(cells: pl.Series, most_characters: int) -> pl.Series:
    """Return where (n,) a cell may be other than its canonical form; a missing one is not."""
    # UTF-8 has at least one byte a character, so that few bytes are few characters.
    odd = cells.str.contains(f"[^{_characters(PLAIN)}]|^ | $|  ") | (cells.str.len_bytes() > most_characters)
    return odd.fill_null(value=False)


@cache
def _characters(ranges: tuple[tuple[int, int], ...]) -> str:
    """Return ranges of characters as they stand between the brackets of a regular expression."""
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges)
