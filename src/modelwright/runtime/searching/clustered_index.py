"""Many vectors by clusters: those near a question are looked for in the few clusters whose centres are nearest to it.

An inverted file (Jégou et al. 2011, "Product quantization for nearest neighbor search", section IV), with the vectors
as they are. It is built from products of matrices alone, is mapped and not read as a whole, and how many clusters are
looked through is settled by what exact search finds (`settled_probes`).

Shapes: N vectors of d numbers, C clusters, n queries, k places of a ranking.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelwright.runtime.searching.lexical_index import DamagedIndexError
from modelwright.runtime.searching.ranked_places import Places, Scores, best
from modelwright.runtime.searching.vector_index import BLOCK, VectorIndex

CENTRES, STARTS_OF_CLUSTERS, ORDER = "vectors/centres.f32", "vectors/starts.i64", "vectors/order.i32"
CLUSTER_FILES = (CENTRES, STARTS_OF_CLUSTERS, ORDER)
PROBES = (4, 8, 16, 32, 64, 128, 256)
_PER_CLUSTER = 64  # vectors of a cluster from which its centre is learned
_ROUNDS = 8
_SPARE = 16
_TRIED = 200  # questions on which probes are settled
_WANTED = 0.98  # of what exact search finds among the first TOP
TOP = 10

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ClusteredIndex:
    """Vectors in the order of their clusters, the centre of each (C, d), where each begins (C + 1,), and the place of
    each vector (N,); probes: clusters that are looked through."""

    base: VectorIndex
    centres: Floats
    starts: NDArray[np.int64]
    order: NDArray[np.int32]
    probes: int

    def search(self, queries: Floats, k: int) -> tuple[Places, Scores]:
        """Return the places of about the k nearest of each query (n, d), and their cosines: (n, k) each."""
        k = min(k, len(self.order))
        found = [self._nearest(query, k) for query in queries]
        if not found:
            return np.zeros((0, k), np.int64), np.zeros((0, k), np.float32)
        return np.stack([places for places, _ in found]), np.stack([cosines for _, cosines in found])

    def _nearest(self, query: Floats, k: int) -> tuple[Places, Scores]:
        # (C,): a query alone is one product, whatever is asked beside it
        near = self.centres @ query
        probes = self.probes
        while True:
            clusters = best(near, probes)
            slices = [slice(int(self.starts[one]), int(self.starts[one + 1])) for one in clusters.tolist()]
            if sum(one.stop - one.start for one in slices) >= k or probes >= len(near):
                break
            probes *= 2  # so few vectors lie in these
        places = np.concatenate([np.arange(one.start, one.stop) for one in slices])
        scores = np.concatenate([self.base.exact(one) @ query for one in slices])
        return self.base.ordered(query, places[best(scores, k + _SPARE)], k, self.order)

    def cosines(self, query: Floats, places: Places) -> Scores:
        """Return the cosines of some passages with a query (d,): (m,)."""
        return self.base.cosines(query, self._standing[places])

    @cached_property
    def _standing(self) -> NDArray[np.int64]:
        """Return where the vector of each passage stands, (N,)."""
        standing = np.empty(len(self.order), dtype=np.int64)
        standing[self.order] = np.arange(len(self.order))
        return standing

    @classmethod
    def of_files(
        cls, base: VectorIndex, files: Mapping[str, bytes | memoryview], clusters: int, probes: int
    ) -> ClusteredIndex:
        """Read what `files` gave; raises DamagedIndexError."""
        try:
            centres = np.frombuffer(files[CENTRES], dtype="<f4")
            starts = np.frombuffer(files[STARTS_OF_CLUSTERS], dtype="<i8")
            order = np.frombuffer(files[ORDER], dtype="<i4")
        except (KeyError, ValueError) as error:
            raise DamagedIndexError(str(error)) from None
        count, width = base.vectors.shape
        sound = (
            len(centres) == clusters * width
            and len(starts) == clusters + 1
            and starts[0] == 0
            and starts[-1] == count == len(order)
            and bool((np.diff(starts) >= 0).all())
            and int(order.min()) >= 0
            and int(order.max()) < count
        )
        if not sound:
            raise DamagedIndexError("the clusters are not those of the vectors")
        return cls(base, centres.reshape(clusters, width), starts, order, probes)

    def files(self) -> dict[str, bytes]:
        """Return the files of the clusters; the vectors themselves are the base's."""
        return {
            CENTRES: self.centres.astype("<f4").tobytes(),
            STARTS_OF_CLUSTERS: self.starts.astype("<i8").tobytes(),
            ORDER: self.order.astype("<i4").tobytes(),
        }


def clusters_for(vectors: int) -> int:
    """Return how many clusters so many vectors are put into: 4 √N, so that centres and members cost about as much."""
    return max(1, round(4 * math.sqrt(vectors)))


def clustered(vectors: Floats, clusters: int, probes: int, seed: int = 0) -> ClusteredIndex:
    """Return the index of vectors of length 1, (N, d); the same vectors give the same index."""
    generator = np.random.default_rng(seed)
    count = len(vectors)
    some = generator.choice(count, min(count, clusters * _PER_CLUSTER), replace=False)
    sample = vectors[np.sort(some)]
    centres = sample[generator.choice(len(sample), clusters, replace=False)]
    for _ in range(_ROUNDS):
        # spherical k-means (Dhillon and Modha 2001, section 3): the mean of a cluster, brought back to length 1
        own = _assigned(sample, centres)
        rows = np.argsort(own, kind="stable")
        begins = np.searchsorted(own[rows], np.arange(clusters))
        sizes = np.bincount(own, minlength=clusters)
        sums = np.add.reduceat(
            np.vstack([sample[rows], np.zeros((1, sample.shape[1]), np.float32)]), begins, axis=0
        )
        empty = sizes == 0
        # reduceat gives the next row where a cluster is empty: such a one begins anew at a vector
        sums[empty] = sample[generator.choice(len(sample), int(empty.sum()))]
        centres = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    own = _assigned(vectors, centres)
    order: NDArray[np.int32] = np.argsort(own, kind="stable").astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=clusters))]).astype(np.int64)
    return ClusteredIndex(VectorIndex(vectors[order]), centres, starts, order, probes)


def built(vectors: Floats) -> ClusteredIndex:
    """Return the index of vectors of length 1 (N, d), with as many probes as find what is near to some of them."""
    index = clustered(vectors, min(len(vectors), clusters_for(len(vectors))), 1)
    generator = np.random.default_rng(1)
    some = vectors[generator.choice(len(vectors), min(len(vectors), _TRIED), replace=False)]
    # questions lie beside passages, not on them: a random step away, as long as half of the vector
    steps = generator.normal(size=some.shape) * (0.5 / math.sqrt(some.shape[1]))
    queries = (some + steps).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return replace(index, probes=settled_probes(index, vectors, queries))


def settled_probes(index: ClusteredIndex, vectors: Floats, queries: Floats) -> int:
    """Return the fewest probes that find what exact search finds of some queries (n, d); all clusters where none do."""
    exact, _ = VectorIndex(vectors).search(queries, TOP)
    for probes in PROBES:
        tried = ClusteredIndex(index.base, index.centres, index.starts, index.order, probes)
        found, _ = tried.search(queries, TOP)
        shared = [len(np.intersect1d(one, other)) for one, other in zip(exact, found, strict=True)]
        if float(np.mean(shared)) >= _WANTED * exact.shape[1]:
            return probes
    return len(index.centres)


def _assigned(vectors: Floats, centres: Floats) -> NDArray[np.int64]:
    """Return the nearest centre of each vector, (N,)."""
    found = np.empty(len(vectors), dtype=np.int64)
    for begin in range(0, len(vectors), BLOCK):
        found[begin : begin + BLOCK] = (vectors[begin : begin + BLOCK] @ centres.T).argmax(axis=1)
    return found
