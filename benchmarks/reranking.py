"""What reading question and passage together adds to finding: insuranceqa, the same pool with and without it.

    python benchmarks/reranking.py --out /tmp/reranking [--budget "3 min"] [--questions 200] [--candidates 10]

The pool is that of the example `assistant`: all answers to 260 questions of the test file. `find` is the example's.
`same` is a cross-encoder, fine-tuned on questions of the training file: each with a right answer, and with one of
another question that shares most words with it (BM25). `rerank` calls both. Held-out questions are asked one at a
time; figures are shares whose first passage is right, with the interval of 95 % (mid-P), and the time of a request.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import modelwright
from modelwright import kinds
from modelwright.core.evidence.intervals import proportion
from modelwright.project import Project
from modelwright.runtime.function import Function
from modelwright.runtime.searching import lexical_index

EXAMPLE = Path(__file__).parents[1] / "examples" / "assistant"
SAME = """
function: "same(question: text, passage: text) -> same: boolean"
data: {{source: pairs.jsonl}}
model: {{learner: finetune, together: true, max_length: {length}}}
learn: {{budget: {budget}}}
package: {{compress: none}}
"""
RERANK = """
function: "answer(question: text) -> answer: choice"
data:
  train: ../find/train.jsonl
  validation: ../find/validation.jsonl
  test: ../find/test.jsonl
  corpus: ../find/passages.csv
use: {{find: {find}, same: {same}}}
model: {{learner: rerank, candidates: {candidates}}}
"""


def example_rows() -> ModuleType:
    """Return the script that writes the example's rows."""
    spec = importlib.util.spec_from_file_location("make_rows", EXAMPLE / "make_rows.py")
    assert spec is not None, "a file of this repository"
    assert spec.loader is not None, "a file of this repository"
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def packaged(folder: Path, content: str) -> Path:
    """Run a project to its package, and return the package's folder."""
    (folder / "modelwright.yaml").write_text(content, encoding="utf-8")
    began = time.monotonic()
    result = Project(folder).run(to="package")
    assert not result.problems, [str(one) for one in result.problems]
    print(f"{folder.name}: {time.monotonic() - began:.0f} s by the clock", flush=True)
    places = (folder / ".modelwright" / "objects" / "package").glob("*/package")
    return max(places, key=lambda one: one.stat().st_mtime_ns)


def write_pairs(path: Path, rows: ModuleType, questions: int) -> None:
    """Write pairs of the training file: a right answer, and a wrong one that looks like it."""
    asked = list(rows.resource("train.json.gz").values())
    random.Random(0).shuffle(asked)
    asked, answers = asked[:questions], rows.resource("answers.json.gz")
    ids = sorted({one for row in asked for one in row["answers"]})
    texts = [" ".join(answers[one]["en"].split()) for one in ids]
    place_of = {one: place for place, one in enumerate(ids)}
    index = lexical_index.build(texts)
    with path.open("w", encoding="utf-8") as file:
        for row in asked:
            right = {place_of[one] for one in row["answers"]}
            near, _ = index.search(row["en"], 10)
            wrong = [one for one in near.tolist() if one not in right][:1]
            for place, is_right in ((min(right), True), *((one, False) for one in wrong)):
                pair = {"question": row["en"], "passage": texts[place], "same": is_right}
                file.write(f"{json.dumps(pair)}\n")


def asked(function: Function, rows: Sequence[dict[str, Any]]) -> tuple[list[bool], list[float]]:
    """Return of which questions the first passage is right, and the milliseconds of each request."""
    parse: Callable[[str], object] = kinds.value("text").parse
    hits, took_ms = [], []
    for row in rows:
        began = time.perf_counter()
        (answer,) = function.answer({"question": [parse(row["question"])]})
        took_ms.append(1e3 * (time.perf_counter() - began))
        hits.append(bool(set(row["answer"]) & (answer["answer"].value or frozenset())))
    return hits, took_ms


def main() -> None:
    """Run the three projects and print what each finds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", default="3 min", help="of learning `same`")
    parser.add_argument("--pairs", type=int, default=4000, help="questions that pairs are made of")
    parser.add_argument("--length", type=int, default=128, help="tokens of a question and a passage together")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--candidates", type=int, default=10)
    given = parser.parse_args()
    rows = example_rows()
    for name in ("find", "same", "rerank"):
        (given.out / name).mkdir(parents=True, exist_ok=True)
    rows.write(given.out)
    find = packaged(given.out / "find", (EXAMPLE / "find" / "modelwright.yaml").read_text("utf-8"))
    write_pairs(given.out / "same" / "pairs.jsonl", rows, given.pairs)
    same = packaged(given.out / "same", SAME.format(budget=given.budget, length=given.length))
    called = {"find": find.absolute(), "same": same.absolute(), "candidates": given.candidates}
    rerank = packaged(given.out / "rerank", RERANK.format(**called))
    weight = json.loads((rerank / "manifest.json").read_text("utf-8"))["settings"]["weight"]
    lines = (given.out / "find" / "test.jsonl").read_text("utf-8").splitlines()[: given.questions]
    questions = [json.loads(line) for line in lines]
    with (given.out / "find" / "passages.csv").open(encoding="utf-8") as file:
        passages = len(list(csv.DictReader(file)))
    print(
        f"\n{len(questions)} questions, {passages} passages, {given.candidates} candidates, weight {weight}"
    )
    found = {
        name: asked(modelwright.load(place), questions) for name, place in (("found", find), ("read", rerank))
    }
    for name, (hits, took_ms) in found.items():
        low, high = proportion(sum(hits), len(hits), 0.95)
        times = f"p50 {np.median(took_ms):.0f} ms, p95 {np.quantile(took_ms, 0.95):.0f} ms"
        print(f"{name:6} first is right {np.mean(hits):.3f} [{low:.3f}, {high:.3f}]; a request {times}")
    better, worse = (
        sum(one and not other for one, other in zip(*pair, strict=True))
        for pair in ((found["read"][0], found["found"][0]), (found["found"][0], found["read"][0]))
    )
    print(f"right by reading alone {better}, by finding alone {worse}")


if __name__ == "__main__":
    main()
