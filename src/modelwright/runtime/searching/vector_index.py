"""Passages by their vectors: all of them are compared, so that none is missed.

Shapes: n queries, N passages, d numbers of a vector, k places of a ranking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.runtime.searching.lexical_index import DamagedIndexError
from modelwright.runtime.searching.ranked_places import Places, Scores, best

VECTORS, SCALES = "vectors/vectors.bin", "vectors/scales.f32"
BLOCK = 16_384  # vectors that are compared at once: they and their scores stay in the cache of a core
_SPARE = 16  # candidates beyond k: what is compared quickly is ordered exactly afterwards
_DIGITS = 5  # of a cosine: beyond them is what another batch or another order of a sum changes


@dataclass(frozen=True)
class VectorIndex:
    """The vectors of all passages, (N, d), float32 of length 1, or int8 with a scale (N,) for each."""

    vectors: NDArray[np.float32] | NDArray[np.int8]
    scales: NDArray[np.float32] | None = None

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[Places, Scores]:
        """Return the places of the k nearest passages of each query (n, d), and their cosines: (n, k) each.

        The answer to a query is the same among others as alone.
        """
        k = min(k, len(self.vectors))
        kept: list[list[NDArray[np.int64]]] = [[] for _ in queries]
        scores: list[list[Scores]] = [[] for _ in queries]
        for begin in range(0, len(self.vectors), BLOCK):
            # (n, block)
            block = queries @ self.exact(slice(begin, begin + BLOCK)).T
            for row, found in enumerate(block):
                places = best(found, k + _SPARE)
                kept[row].append(places + begin)
                scores[row].append(found[places])
        ranked = [
            self.ordered(query, np.concatenate(places)[best(np.concatenate(of), k + _SPARE)], k)
            for query, places, of in zip(queries, kept, scores, strict=True)
        ]
        empty = np.zeros((0, k))
        return (
            np.stack([places for places, _ in ranked]) if ranked else empty.astype(np.int64),
            np.stack([found for _, found in ranked]) if ranked else empty.astype(np.float32),
        )

    def ordered(
        self,
        query: NDArray[np.float32],
        candidates: Places,
        k: int,
        place_of: NDArray[np.int32] | None = None,
    ) -> tuple[Places, Scores]:
        """Return the best of some candidates (m,) by cosines that no batch changes; equal ones by their place.

        place_of: the place of each vector, (N,), where they stand in another order.
        """
        candidates = np.sort(candidates) if place_of is None else candidates[np.argsort(place_of[candidates])]
        cosines = self.cosines(query, candidates)
        order = best(cosines, k)
        found = candidates[order]
        return found if place_of is None else place_of[found].astype(np.int64), cosines[order]

    def cosines(self, query: NDArray[np.float32], places: Places) -> Scores:
        """Return the cosines of some vectors with a query (d,): (m,)."""
        near = self.exact(places).astype(np.float64)  # (m, d)
        # one product and one sum a vector, whatever is compared beside it
        found: Scores = np.round((near * query.astype(np.float64)).sum(axis=1), _DIGITS).astype(np.float32)
        return found

    def exact(self, which: slice | Places) -> NDArray[np.float32]:
        """Return some vectors, (m, d), as float32."""
        vectors = self.vectors[which]
        if self.scales is None:
            return np.asarray(vectors, dtype=np.float32)
        return vectors.astype(np.float32) * self.scales[which][:, None]

    @classmethod
    def of_files(
        cls, files: Mapping[str, bytes | memoryview], passages: int, width: int, *, eight_bits: bool
    ) -> VectorIndex:
        """Read vectors of N passages from mapped bytes; raises DamagedIndexError."""
        try:
            vectors = np.frombuffer(files[VECTORS], dtype="<i1" if eight_bits else "<f4")
            scales = np.frombuffer(files[SCALES], dtype="<f4") if eight_bits else None
        except (KeyError, ValueError) as error:
            raise DamagedIndexError(str(error)) from None
        if len(vectors) != passages * width or (scales is not None and len(scales) != passages):
            raise DamagedIndexError("there are not as many vectors as passages")
        return cls(vectors.reshape(passages, width), scales)


def in_eight_bits(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return vectors (m, d) as int8, and the scale of each (m,): its largest number becomes 127."""
    scales = (np.abs(vectors).max(axis=1) / 127.0).astype(np.float32)
    whole = np.rint(vectors / np.maximum(scales, np.float32(1e-30))[:, None])
    return whole.astype(np.int8), scales
