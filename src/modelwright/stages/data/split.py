"""Which row is which, and where it goes: both by a hash of its raw inputs.

* Before cleaning, so that a better `parse` moves no row; without the label, so that a corrected one moves
  none.
* By the row alone, so that new rows never move old ones.
* Equal inputs have one hash, so they never straddle train and test. (With shares of their own for some
  classes, the label takes part: a corrected label may move its row, and equal inputs with different labels
  may part; `overlap.py` then sets the training copy aside.)
* The shares lie in the order test, validation, train from 0 upwards: a larger test share takes the rows that
  it adds from validation, and gives none back.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.digests import canonical_json, of_bytes
from modelwright.core.json_types import JsonLike
from modelwright.stages.data.config import Shares

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
CODES: Final = {split: code for code, split in enumerate(SPLITS)}  # in arrays of splits
ID_KEY: Final = b"modelwright row"
ID_BYTES = 8  # 16 hex digits: among a million rows, two different ones share an id once in 37 million
POSITION_BYTES = 8
POSITION_PERSON: Final = b"split"
HEX_BYTES = 64  # bytes that stand for themselves in the text of a row; more (a picture) by their digest


def as_text(raw: object) -> str | None:  # noqa: PLR0911 - one line a type
    """Return a raw cell as text, so that a table keeps its split when it moves from CSV to JSON or Parquet.

    3 is "3", true is "true", a blank is None (missing); a float is the shortest text that reads back; more than
    a few bytes are their digest.
    """
    match raw:
        case None | "":
            return None
        case str():
            return raw
        case bool():
            return str(raw).lower()
        case float():
            return repr(raw)
        case bytes():
            return raw.hex() if len(raw) <= HEX_BYTES else f"sha256:{of_bytes(raw)}"
        case date() | datetime() | time():
            return raw.isoformat()
        case int() | Decimal():
            return str(raw)
        case _:
            return canonical_json(_plain(raw))


def canonical_inputs(raw: Mapping[str, object]) -> str:
    """Return one text for the inputs of a row (field name → raw cell), whatever the order of the fields."""
    return canonical_json({name: as_text(cell) for name, cell in raw.items()})


def row_id(inputs: str) -> str:
    """Return 16 hex digits of a keyed BLAKE2b (RFC 7693) over `canonical_inputs`."""
    return hashlib.blake2b(_bytes(inputs), digest_size=ID_BYTES, key=ID_KEY).hexdigest()


def numbered(ids: Sequence[str]) -> list[str]:
    """Return the ids with `-1`, `-2`, … for those that repeat an earlier one, in their order."""
    seen: Counter[str] = Counter()
    unique = []
    for one in ids:
        unique.append(f"{one}-{seen[one]}" if seen[one] else one)
        seen[one] += 1
    return unique


def position(inputs: str, key: str) -> float:
    """Return where in [0, 1) a row lies: a hash of `canonical_inputs`, keyed with `split.key`."""
    digest = hashlib.blake2b(
        _bytes(inputs), digest_size=POSITION_BYTES, key=key.encode(), person=POSITION_PERSON
    ).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53  # 53 bits: no rounding up to 1.0


def place(where: float, shares: Shares) -> str:
    """Return the split of a position."""
    if where < shares.test / 100:
        return TEST
    return VALIDATION if where < (shares.test + shares.validation) / 100 else TRAIN


def places(where: NDArray[np.float64], shares: Shares) -> NDArray[np.uint8]:
    """Return `place` of each position (n,), as codes of splits (n,)."""
    codes = np.full(where.shape, CODES[TRAIN], dtype=np.uint8)
    codes[where < (shares.test + shares.validation) / 100] = CODES[VALIDATION]
    codes[where < shares.test / 100] = CODES[TEST]
    return codes


def percent_reaching(nearest: float) -> int:
    """Return the least whole percent of test that takes in a position."""
    return min(100, math.floor(nearest * 100) + 1)


def _bytes(text: str) -> bytes:
    return text.encode(
        "utf-8", "surrogatepass"
    )  # half a character is refused later, by the kind that reads it


def _plain(raw: object) -> JsonLike:
    match raw:
        case dict():
            return {str(name): _plain(value) for name, value in raw.items()}
        case list() | tuple():
            return [_plain(value) for value in raw]
        case None | bool() | int() | str():
            return raw
        case float() if math.isfinite(raw):
            return raw
        case float() | bytes() | date() | datetime() | time() | Decimal():
            return as_text(raw)
        case _:
            return str(raw)
