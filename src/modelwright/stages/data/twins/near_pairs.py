"""All pairs of prints that are near, found by bands: two hashes that differ in few bits agree in some band of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modelwright.kinds.contract.twins import Prints

BLOCK = 1 << 18  # pairs that are compared at once


def near_pairs(prints: Prints, most_bits: int, most_difference: float) -> NDArray[np.int64]:
    """Return the pairs (m, 2) of rows that are near twins, the earlier first, sorted by the later one.

    Of rows with equal prints each is paired with the first of them alone.
    """
    rows = np.flatnonzero(prints.telling)
    hashes, details = prints.hashes[rows], prints.details[rows]
    first, same = _equal(hashes, details)
    found = [np.stack([rows[first[same]], rows[same]], axis=1)]
    single = np.flatnonzero(first == np.arange(len(rows)))
    near = _near(hashes[single], details[single], most_bits, most_difference)
    found.append(rows[single][near])
    pairs = np.concatenate(found).astype(np.int64)
    pairs.sort(axis=1)
    return pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]


def _equal(
    hashes: NDArray[np.uint64], details: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each row (n,) the first that is equal, and the rows that are not the first."""
    if not len(hashes):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    whole = np.ascontiguousarray(
        np.concatenate([hashes.view(np.uint8).reshape(len(hashes), -1), details], axis=1)
    )
    keys = whole.view([("", np.void, whole.shape[1])]).ravel() if whole.shape[1] else np.zeros(len(hashes))
    _, begins, inverse = np.unique(keys, return_index=True, return_inverse=True)
    first = begins[inverse.ravel()]
    return first, np.flatnonzero(first != np.arange(len(hashes)))


def _near(
    hashes: NDArray[np.uint64], details: NDArray[np.uint8], most_bits: int, most_difference: float
) -> NDArray[np.int64]:
    """Return the pairs (m, 2) of places of different prints that are near."""
    if len(hashes) < 2:
        return np.empty((0, 2), np.int64)
    found: list[NDArray[np.int64]] = []
    for band in _bands(hashes, most_bits + 1):
        for one, other in _agreeing(_keys(hashes, band)):
            bits = np.bitwise_count(hashes[one] ^ hashes[other]).sum(axis=1, dtype=np.int64)
            few = bits <= most_bits
            one, other = one[few], other[few]  # noqa: PLW2901
            difference = np.abs(details[one].astype(np.int16) - details[other]).mean(axis=1)
            alike = difference <= most_difference
            pairs = np.stack([one[alike], other[alike]], axis=1)
            pairs.sort(axis=1)
            found.append(pairs)
    return np.unique(np.concatenate(found), axis=0) if found else np.empty((0, 2), np.int64)


def _bands(hashes: NDArray[np.uint64], count: int) -> list[list[int]]:
    """Return the bits of each band. With one band more than bits that differ, one band is the same in both.

    Bits are dealt out by how often they are set: those that are always or never set tell rows apart nowhere.
    """
    words = hashes.shape[1]
    shares = np.array(
        [
            ((hashes[:, word] >> np.uint64(bit)) & np.uint64(1)).mean()
            for word in range(words)
            for bit in range(64)
        ]
    )
    ranked = np.argsort(np.abs(shares - 0.5), kind="stable")
    return [ranked[band::count].tolist() for band in range(count)]


def _keys(hashes: NDArray[np.uint64], band: list[int]) -> NDArray[np.uint64]:
    """Return the bits of a band of each row as a number (n,)."""
    keys = np.zeros(len(hashes), np.uint64)
    for bit in band:
        keys = (keys * np.uint64(0x9E3779B97F4A7C15)) ^ (
            (hashes[:, bit // 64] >> np.uint64(bit % 64)) & np.uint64(1)
        )
    return keys


def _agreeing(keys: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the pairs of rows with equal keys, in blocks."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    active = np.arange(len(keys))
    for step in range(1, len(keys)):
        active = active[active + step < len(keys)]
        active = active[ordered[active] == ordered[active + step]]
        if not active.size:
            return
        for begin in range(0, active.size, BLOCK):
            some = active[begin : begin + BLOCK]
            yield order[some], order[some + step]
