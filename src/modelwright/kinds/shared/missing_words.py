"""Words that stand for a missing value in tables."""

from __future__ import annotations

from typing import Final

# In any case. What R, Python, SQL, spreadsheets and statistical packages write where nothing is. None of them is a
# number, a truth value or a date, so there they are missing by default. Elsewhere each may be a name (NA is
# Namibia, `none` a class), and is one until the project says otherwise.
MISSING_WORDS: Final = frozenset(
    {
        *(
            "na",
            "n/a",
            "n.a.",
            "#n/a",
            "#na",
            "<na>",
            "nan",
            "-nan",
            "nat",
            "null",
            "(null)",
            "<null>",
            "none",
            "nil",
        ),
        *("\\n", "missing", "-", "--", "\u2013", "\u2014", "?", ".", "..", "..."),
    }
)
LONGEST_WORD: Final = max(len(word.encode()) for word in MISSING_WORDS)  # bytes in UTF-8


def is_missing_word(text: str) -> bool:
    """Tell whether a text, white space around it aside, is one of them."""
    return len(text) <= 40 and text.strip().lower() in MISSING_WORDS
