"""A search under bars: finds a trial that meets them where the grid has one, and says so where it has none.

    python benchmarks/search_bars.py [--samplers grid,tpe] [--quick]

Boosted trees on `breast_cancer` of scikit-learn: a grid of leaves, rounds and learning rates is tried without bars
first, so that every point is known. Then bars on size, latency and accuracy are laid where that table shows that some
point meets them, or none does, and each search is run under them: the trial that is taken has to meet all where one
does, and to miss some where none does. Latency is timed again for every search, so its bars lie far from what the
trials need.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from sklearn import datasets

SPACE = {"model.leaves": [3, 31], "learn.epochs": [5, 40, 200], "learn.learning_rate": [0.05, 0.3]}
QUICK = {"model.leaves": [3, 31], "learn.epochs": [5, 60]}


def declared(space: Mapping[str, Any], bars: Mapping[str, str], sampler: str) -> dict[str, Any]:
    """Return the project."""
    count = 1
    for values in space.values():
        count *= len(values)
    inputs = {f"x{place}": "number" for place in range(30)}
    return {
        "function": {"name": "diagnose", "inputs": inputs, "outputs": {"finding": "category"}},
        "requirements": dict(bars),
        "data": {"source": "rows.parquet", "split": {"train": 50, "validation": 40, "test": 10}},
        "model": {"learner": "trees"},
        "learn": {"budget": "1 min"},
        "tune": {"space": dict(space), "sampler": sampler, "trials": count},
    }


def main() -> int:
    """Print a line for each search, and return 1 where one says otherwise than the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samplers", default="grid,tpe")
    parser.add_argument("--quick", action="store_true", help="a grid of four points, and two cases")
    arguments = parser.parse_args()
    from modelwright import Project

    space = QUICK if arguments.quick else SPACE
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="bars-") as name:
        folder = Path(name)
        found = datasets.load_breast_cancer()
        columns = {f"x{place}": found.data[:, place] for place in range(30)}
        words = ["malignant" if not one else "benign" for one in found.target]
        pl.DataFrame({**columns, "finding": words}).write_parquet(folder / "rows.parquet")
        table = Project(declared(space, {}, "grid"), folder=folder).run(to="tune").search
        assert table is not None
        for row in table.trials:
            print(f"  {row.settings}: accuracy {row.figures['accuracy']:.4f}, {row.size_bytes:,.0f} B")
        for title, bars, exists in cases(table.trials, quick=arguments.quick):
            for sampler in arguments.samplers.split(","):
                result = Project(declared(space, bars, sampler), folder=folder).run(to="tune")
                search = result.search
                assert search is not None, [str(one) for one in result.problems]
                taken = next(row for row in search.trials if row.taken)
                met = not taken.misses
                first = min((row.number for row in search.trials if not row.misses), default=None)
                wrong += met is not exists
                print(
                    f"{'ok   ' if met is exists else 'WRONG'} {title} {bars} by {sampler}: {search.standing}, "
                    f"trial {taken.number} of {len(search.trials)}, misses {list(taken.misses)}; "
                    f"first that meets all: {first}; binds: {[one.requirement for one in search.binding]}"
                )
    return int(wrong > 0)


def cases(trials: Any, *, quick: bool) -> list[tuple[str, dict[str, str], bool]]:
    """Return bars by what the table shows: a title, the bars, and whether some point meets them."""
    sizes = sorted(row.size_bytes for row in trials)
    best = max(row.figures["accuracy"] for row in trials)
    smallest_best = min(row.size_bytes for row in trials if row.figures["accuracy"] == best)
    easy, none = "<= 1 min", "<= 1 us"
    found = [
        ("one exists", {"size": f"<= {sizes[0] * 1.2:.0f} B", "latency_p95": easy}, True),
        ("none exists", {"size": f"<= {sizes[0] * 0.5:.0f} B", "latency_p95": easy}, False),
        ("half exist", {"size": f"<= {sizes[len(sizes) // 2]:.0f} B"}, True),
        (
            "the best is small enough",
            {"accuracy": f">= {best - 1e-6}", "size": f"<= {smallest_best * 1.2:.0f} B"},
            True,
        ),
        (
            "the best is too large",
            {"accuracy": f">= {best - 1e-6}", "size": f"<= {smallest_best * 0.5:.0f} B"},
            False,
        ),
        ("none is quick enough", {"latency_p95": none, "accuracy": ">= 0.5"}, False),
        ("none is accurate enough", {"accuracy": ">= 0.99999", "latency_p95": easy}, best > 0.99999),
    ]
    return found[:2] if quick else found


if __name__ == "__main__":
    sys.exit(main())
