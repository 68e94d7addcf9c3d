"""Chinese from scratch: do two questions ask the same? The packaged network beside TF-IDF and linear models.

    python benchmarks/chinese.py [--data FOLDER] [--learners matching,concatenate,linear] [--budget "3 min"] [--seeds 0]

lcqmc: 8,802 pairs of questions with a verdict each. Pairs that share a question, directly or by others, stay in one
split (70/15/15, by hash). The network starts from nothing, with a tokenizer fitted on the training questions: by
`matching` and, to see what that is worth, by `concatenate`; `linear` is the shipped line. Bar: matching answers more
test pairs rightly than TF-IDF of characters (1 to 3) of both questions side by side, in scikit-learn's logistic
regression with its C chosen on validation. Printed beside it, as no part of the bar, is the same line over features
made by hand for pairs: |u - v|, u · v and the cosines of both questions' TF-IDF, and their lengths.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from projects import default_data, evaluated_in

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
MODELS: dict[str, dict[str, object]] = {
    "matching": {"learner": "network", "combiner": "matching"},
    "concatenate": {"learner": "network"},
    "linear": {"learner": "linear"},
}
Splits = dict[str, pl.DataFrame]


def pairs(data: Path) -> pl.DataFrame:
    """Return the pairs, and which of them share a question: columns one, other, same, family."""
    rows = [line.split("\t") for line in (data / "lcqmc" / "dev.tsv").read_text("utf-8").splitlines()]
    before: dict[str, str] = {}

    def first(question: str) -> str:
        while before.setdefault(question, question) != question:
            question = before[question]
        return question

    for one, other, _ in rows:
        before[first(one)] = first(other)
    return pl.DataFrame(
        [(one, other, same == "1", first(one)) for one, other, same in rows],
        schema=["one", "other", "same", "family"],
        orient="row",
    )


def splits(folder: Path) -> Splits:
    """Return the splits as `data` made them."""
    (made,) = (folder / ".modelwright/objects/data").glob("*/")
    return {name: pl.read_parquet(made / name / "rows.parquet") for name in ("train", "validation", "test")}


def peers(rows: Splits) -> dict[str, float]:
    """Return the share of right answers on test: TF-IDF side by side, and features made by hand for pairs."""
    texts = [*rows["train"]["one"], *rows["train"]["other"]]
    whole = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True).fit(texts)
    each = [TfidfVectorizer(analyzer="char", ngram_range=(size, size)).fit(texts) for size in (1, 2, 3)]

    def beside(of: pl.DataFrame) -> sparse.csr_matrix:
        return sparse.hstack([whole.transform(of["one"]), whole.transform(of["other"])]).tocsr()

    def by_hand(of: pl.DataFrame) -> sparse.csr_matrix:
        one, other = whole.transform(of["one"]), whole.transform(of["other"])
        cosines = [
            np.asarray(by.transform(of["one"]).multiply(by.transform(of["other"])).sum(1)) for by in each
        ]
        lengths = np.array([of["one"].str.len_chars(), of["other"].str.len_chars()]).T / 20  # (n, 2)
        dense = np.hstack([*cosines, lengths, np.abs(lengths[:, :1] - lengths[:, 1:])])
        return sparse.hstack([abs(one - other), one.multiply(other), dense]).tocsr()

    found = {}
    for name, features in (("TF-IDF and a line", beside), ("features by hand and a line", by_hand)):
        made = {split: (features(of), of["same"].to_numpy()) for split, of in rows.items()}
        lines = [LogisticRegression(C=strength, max_iter=5000).fit(*made["train"]) for strength in STRENGTHS]
        best = max(lines, key=lambda line: line.score(*made["validation"]))
        found[name] = float(best.score(*made["test"]))
    return found


def project(model: dict[str, object], budget: str, seed: int) -> dict[str, object]:
    """Return the project of a learner."""
    return {
        "function": "same(one: text, other: text) -> same: boolean",
        "requirements": {"accuracy": ">= 0.5"},
        "data": {
            "source": "rows.parquet",
            "split": {"by": "group", "train": 70, "validation": 15, "test": 15},
            "group": "family",
        },
        "model": model,
        "learn": {"budget": budget, "seed": seed},
    }


def show(name: str, found: Sequence[float], peer: float) -> str:
    """Return a line: the mean of the seeds, each, and how far from the peer."""
    each = ", ".join(f"{one:.4f}" for one in found)
    held = "" if name != "matching" else f": {'held' if np.mean(found) > peer else 'MISSED'}"
    return (
        f"{name}: accuracy {np.mean(found):.4f} ({each}), {100 * (np.mean(found) - peer):+.1f} points{held}"
    )


def main() -> None:
    """Print a line for each peer and each learner."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--learners", default="matching,concatenate,linear")
    parser.add_argument("--budget", default="3 min")
    parser.add_argument("--seeds", default="0")
    arguments = parser.parse_args()
    if not (arguments.data / "lcqmc").is_dir():
        print(f"skipped: {arguments.data / 'lcqmc'} is not there")
        return
    rows, of_peers = pairs(arguments.data), dict[str, float]()
    for name in arguments.learners.split(","):
        found = []
        for seed in map(int, arguments.seeds.split(",")):
            with tempfile.TemporaryDirectory(prefix="chinese-") as temporary:
                folder = Path(temporary)
                figures = evaluated_in(folder, project(MODELS[name], arguments.budget, seed), rows)
                found.append(figures.values["accuracy"])
                print(f"{name}, seed {seed}: {found[-1]:.4f}, {figures.cpu_s:.0f} CPU-s", flush=True)
                if not of_peers:
                    made = splits(folder)
                    print(", ".join(f"{len(of):,} pairs of {split}" for split, of in made.items()))
                    of_peers = peers(made)
                    for title, accuracy in of_peers.items():
                        print(f"scikit-learn, {title}: accuracy {accuracy:.4f}", flush=True)
        print(show(name, found, of_peers["TF-IDF and a line"]), flush=True)


if __name__ == "__main__":
    main()
