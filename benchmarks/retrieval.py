"""How well passages are found: insuranceqa, 27,413 answers, five minutes of learning, beside BM25.

    python benchmarks/retrieval.py --out /tmp/retrieval [--budget "5 min"] [--questions 500]
    python benchmarks/retrieval.py --vectors 1000000

The project is run to its package, and what the package holds (vectors, words, the weight of words) is asked over four
pools of passages for each of the test questions:

    200 drawn     the right answers and others drawn at random, 200 in all
    1,500         the right answers of all the questions and others drawn at random, 1,500 in all
    all           all 27,413
    200 hard      the right answers and those of the data set's own `negatives`, a search engine's top hits

BM25 is that of the package over the same pools. Equal answers are one passage. Figures are shares of questions whose
first passage is right, with the interval of 95 % (mid-P). With --vectors: so many vectors of 384 numbers in clusters of
a hundred, how long their index takes to build, and top 10 of 200 questions beside exact search.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.evidence.intervals import proportion
from modelwright.learners.indexing import indexed_body
from modelwright.package.packages import Package, read
from modelwright.project import Project
from modelwright.runtime.drivers.index.driver import EitherFound, FoundPlaces, Fusion
from modelwright.runtime.searching import clustered_index
from modelwright.runtime.searching.ranked_places import above_nothing, best
from modelwright.runtime.searching.vector_index import VectorIndex

DATA = "package:insuranceqa_data==1.2"
FILE = """
function: "answer(question: text) -> answer: choice"
data:
  train: {data}/train.json.gz
  validation: {data}/valid.json.gz
  test: {data}/test.json.gz
  columns: {{question: en, answer: answers}}
  corpus: {{source: {data}/answers.json.gz, id: key, passage: en}}
model: {{learner: match}}
learn: {{budget: {budget}}}
package: {{compress: none}}
"""
DEPTH = 100
BARS = {"200 drawn": "≥ 0.90", "1,500": "≥ 0.68", "all": "≥ BM25 + 0.15", "200 hard": "≥ BM25 + 0.15"}


def resource(name: str) -> dict[str, Any]:
    """Return a file of the data set."""
    files = importlib.metadata.distribution("insuranceqa_data").files or []
    place = next(file for file in files if file.name == name).locate()
    found: dict[str, Any] = json.loads(gzip.decompress(Path(str(place)).read_bytes()))
    return found


def packaged(folder: Path, budget: str) -> Package:
    """Run the project to its package, and return that."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modelwright.yaml").write_text(FILE.format(data=DATA, budget=budget), encoding="utf-8")
    began = time.monotonic()
    result = Project(folder).run(to="package")
    assert not result.problems, [str(one) for one in result.problems]
    for stage in result.stages:
        print(f"{stage.name:10} {stage.status:8} {stage.seconds or 0:8.1f} s")
    print(f"in all {time.monotonic() - began:.0f} s by the clock")
    packages = (folder / ".modelwright" / "objects").glob("package/*/package")
    return read(max(packages, key=lambda one: one.stat().st_mtime_ns))


class Pools:
    """What a package holds, asked over some of its passages."""

    def __init__(self, package: Package, questions: Sequence[dict[str, Any]], threads: int) -> None:
        body = package.body
        (question,), (output,) = body.signature.inputs, body.signature.outputs
        self.state = body.states[output.name]
        self.running = indexed_body.opened(body, threads)
        texts = [kinds.value(question.kind).parse(one["en"]) for one in questions]
        found = indexed_body.queries(self.running, body, {question.name: texts})
        assert found is not None
        self.queries, self.texts = found, texts
        damping = body.settings["damping"]
        self.fusion = Fusion(
            float(str(body.settings["lexical_weight"])), None if damping is None else float(str(damping))
        )
        self.right = [
            {self.state.place_of[one] for one in each["answers"] if one in self.state.place_of}
            for each in questions
        ]
        vectors, lexical = self.running._vectors, self.running._lexical
        assert vectors is not None
        self.vectors = vectors.vectors
        self.words = [lexical.weighed(str(text)) for text in texts]

    def hits(self, pool: Callable[[int], NDArray[np.int64]]) -> dict[str, float]:
        """Return the share of questions whose first passage of a pool is right: fused, by vectors, by words."""
        right: dict[str, list[bool]] = {"ours": [], "vectors alone": [], "BM25": []}
        for row, query in enumerate(self.queries):
            places = pool(row)
            cosines = np.round(self.vectors[places] @ query, 5)
            nearest = best(cosines, DEPTH)
            near = places[nearest]
            every, most = self.words[row]
            by_words, scores = above_nothing(every[places], DEPTH)
            by_words = places[by_words]
            some = np.union1d(near, by_words)
            of_some = cosines[np.searchsorted(places, some)]
            both = EitherFound(some, of_some, every[some] / np.float32(most or 1.0))
            found = FoundPlaces(by_words, scores, (near, cosines[nearest]), both)
            first, _ = found.fused(self.fusion, DEPTH)
            right["ours"].append(int(first[0]) in self.right[row])
            right["vectors alone"].append(int(near[0]) in self.right[row])
            right["BM25"].append(len(by_words) > 0 and int(by_words[0]) in self.right[row])
        return {name: float(np.mean(found)) for name, found in right.items()}


def search_many(count: int, width: int = 384) -> None:
    """Print what the clustered index takes to build and to search, and what it finds of what exact search finds."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(max(1, count // 100), width)).astype(np.float32)

    def near(rows: int) -> NDArray[np.float32]:
        found = centres[generator.integers(0, len(centres), rows)]
        found = found + 0.8 * generator.normal(size=found.shape).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    vectors = np.empty((count, width), np.float32)
    for begin in range(0, count, 50_000):
        vectors[begin : begin + 50_000] = near(len(vectors[begin : begin + 50_000]))
    began = time.monotonic()
    index = clustered_index.built(vectors)
    print(f"{count:,} vectors: built in {time.monotonic() - began:.0f} s, probes {index.probes}")
    questions = near(200)
    exact, _ = VectorIndex(vectors).search(questions, 10)
    seconds, shared = [], []
    for row, question in enumerate(questions):
        began = time.perf_counter()
        found, _ = index.search(question[None], 10)
        seconds.append(time.perf_counter() - began)
        shared.append(len(np.intersect1d(found[0], exact[row])) / 10)
    print(
        f"top 10: p50 {np.median(seconds) * 1e3:.2f} ms, p95 {np.quantile(seconds, 0.95) * 1e3:.2f} ms (bar 20), "
        f"recall {np.mean(shared):.3f} of exact search (bar 0.95)"
    )


def main() -> None:
    """Print the four figures beside their bars."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("retrieval"))
    parser.add_argument("--vectors", type=int, help="search so many vectors instead")
    parser.add_argument("--budget", default="5 min")
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.vectors:
        search_many(given.vectors)
        return
    package = packaged(given.out, given.budget)
    questions = list(resource("test.json.gz").values())[: given.questions]
    pools = Pools(package, questions, given.threads)
    everything = np.arange(pools.state.passages)
    generator = np.random.default_rng(0)
    all_right = sorted(set().union(*pools.right))

    def filled(places: Sequence[int], size: int) -> NDArray[np.int64]:
        others = generator.permutation(np.setdiff1d(everything, places))
        return np.sort(np.concatenate([np.array(places, np.int64), others[: size - len(places)]]))

    large = filled(all_right, 1500)

    def hard(row: int) -> NDArray[np.int64]:
        known = pools.state.place_of
        wrong = [known[one] for one in questions[row]["negatives"] if one in known]
        return np.unique(np.array([*sorted(pools.right[row]), *wrong], np.int64))

    asked: dict[str, Callable[[int], NDArray[np.int64]]] = {
        "200 drawn": lambda row: filled(sorted(pools.right[row]), 200),
        "1,500": lambda row: large,
        "all": lambda row: everything,
        "200 hard": hard,
    }
    print(f"\n{len(questions)} questions, {len(everything):,} passages")
    how = "added" if pools.fusion.damping is None else f"as ranks, damping {pools.fusion.damping:g}"
    print(f"weight of words {pools.fusion.lexical_weight:g}, {how}")
    print(f"{'first is right':14} {'ours':>22} {'vectors alone':>14} {'BM25':>7}   bar")
    for name, pool in asked.items():
        found = pools.hits(pool)
        low, high = proportion(round(found["ours"] * len(questions)), len(questions), 0.95)
        ours = f"{found['ours']:.3f} [{low:.3f}, {high:.3f}]"
        print(f"{name:14} {ours:>22} {found['vectors alone']:>14.3f} {found['BM25']:>7.3f}   {BARS[name]}")


if __name__ == "__main__":
    main()
