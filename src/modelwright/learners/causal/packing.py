"""Documents packed into rows of one length, so that nothing is filled up; none reads another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modelwright.learners.causal.token_rows import TokenRow

_FEWEST = 2  # tokens of a piece: the first foresees nothing by itself


def is_document(row: TokenRow) -> bool:
    """Tell whether all of a row is learned but its first token."""
    return bool(row.learned[1:].all())


def packed(documents: Sequence[TokenRow], tokens: int) -> list[TokenRow]:
    """Return documents one behind the other in rows of so many tokens, the last of which may be shorter.

    A document that goes on in the next row is read there from its cut on, as one of its own.
    """
    found: list[TokenRow] = []
    row: list[TokenRow] = []
    left = tokens
    for document in documents:
        rest = document
        while len(rest.ids) >= _FEWEST:
            here, rest = _cut(rest, left)
            row.append(here)
            left -= len(here.ids)
            if left < _FEWEST:
                found.append(_joined(row))
                row, left = [], tokens
    return [*found, _joined(row)] if row else found


def cut(documents: Sequence[TokenRow], tokens: int) -> Iterator[TokenRow]:
    """Yield documents, the longer ones in several rows of at most so many tokens."""
    for document in documents:
        rest = document
        while len(rest.ids) >= _FEWEST:
            here, rest = _cut(rest, tokens)
            yield here


def _cut(row: TokenRow, tokens: int) -> tuple[TokenRow, TokenRow]:
    """Return the first tokens of a row, and the rest with the last of them as its first: it is learned here alone."""
    if len(row.ids) <= tokens:
        return row, TokenRow.of([], [])
    return (
        TokenRow(row.ids[:tokens], row.learned[:tokens]),
        # what stands at t foresees t + 1, so the next piece begins with the token that this one ends with
        TokenRow.of(row.ids[tokens - 1 :].tolist(), row.learned[tokens - 1 :].tolist()),
    )


def _joined(pieces: Sequence[TokenRow]) -> TokenRow:
    """Return pieces in one row, (t,), each token with the place at which its piece begins."""
    sizes = [len(one.ids) for one in pieces]
    begins = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    return TokenRow(
        np.concatenate([one.ids for one in pieces]),
        np.concatenate([one.learned for one in pieces]),
        begins.astype(np.int32) if len(pieces) > 1 else None,
    )
