"""The known word that somebody most likely meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

_PARTS = re.compile(r"[_\-. ]+")


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """Return the known word nearest to `word`, or None when none is near.

    What is written out may be known by its initials (`mean_absolute_error`: `mae`), and what libraries name at length
    by a part of it (`roc_auc_score`: `auc`).
    """
    parts = [part for part in _PARTS.split(word.lower()) if part]
    initials = "".join(part[0] for part in parts)
    if len(initials) > 2 and initials in known:
        return initials
    named = [part for part in parts if part in known]
    for cutoff, other in ((0.8, named), (0.6, [])):
        if near := difflib.get_close_matches(word, known, n=1, cutoff=cutoff):
            return near[0]
        if other:
            return other[0]
    return None
