"""A search by `tune:` beside plain Optuna and Hyperopt, TPE each: the best trial on validation after equal time.

    python benchmarks/search.py [--problems trees,network] [--seeds 0,1,2,3,4] [--seconds 40,80] [--out FOLDER]
                                [--peer-path FOLDER] [--at-once 2] [--keep FILE]

Two problems, from data that scikit-learn carries: boosted trees on `diabetes` (root mean squared error), and a small
network on `digits` (share of wrong answers), four and five keys each. A trial is the same for all three: settings →
plan, learn, package, measured on validation, by the same function; its seconds are those that it took of the processor
or of the clock, whichever is less. Each method goes on until its trials took --seconds together. The peers call the
function themselves (`study.optimize`, `fmin`), with the defaults of their TPE. --peer-path: where Hyperopt is installed
(`pip install --no-deps --target FOLDER hyperopt future`); without it, it is left out by name. Curves of the best so
far, the mean over the seeds, are drawn into --out as SVG.

Bar: not behind either (the 95 % interval of the paired difference over the seeds does not lie above 0).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from scipy import stats
from sklearn import datasets

from projects import Kept

METHODS = ("modelwright", "optuna", "hyperopt")
SECONDS = {"trees": 40.0, "network": 80.0}
Range = tuple[float, float, bool, bool]  # low, high, logarithmic, whole
SPACES: Mapping[str, Mapping[str, Range | list[Any]]] = {
    "trees": {
        "learn.learning_rate": (0.01, 0.5, True, False),
        "model.leaves": (2, 64, True, True),
        "model.min_rows": (1, 60, True, True),
        "learn.weight_decay": (1e-3, 100.0, True, False),
    },
    "network": {
        "learn.learning_rate": (1e-4, 1e-1, True, False),
        "learn.weight_decay": (1e-4, 1.0, True, False),
        "model.dropout": (0.0, 0.5, False, False),
        "model.columns_width": (8, 128, True, True),
        "learn.batch": [16, 32, 64, 128],
    },
}


def project(problem: str) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return what a problem declares, and its rows."""
    if problem == "trees":
        found = datasets.load_diabetes()
        names = [str(name) for name in found.feature_names]
        rows = pl.DataFrame(
            {name: found.data[:, at] for at, name in enumerate(names)} | {"target": found.target}
        )
        inputs = ", ".join(f"{name}: number" for name in names)
        declared = {
            "function": f"predict({inputs}) -> target: number",
            "model": {"learner": "trees"},
            "learn": {"epochs": 200, "budget": "5 min"},
        }
    else:
        found = datasets.load_digits()
        rows = pl.DataFrame(
            {
                "pixels": [json.dumps(row.tolist()) for row in found.data],
                "digit": [f"d{one}" for one in found.target],
            }
        )
        declared = {
            "function": "read(pixels: vector) -> digit: category",
            "model": {"learner": "network"},
            "learn": {"epochs": 4, "budget": "10 min"},
        }
    split = {"train": 60, "validation": 30, "test": 10}
    return {**declared, "data": {"source": "rows.parquet", "split": split}}, rows


def one_run(problem: str, method: str, seed: int, seconds: float, peer_path: str | None) -> list[list[float]]:
    """Run one method in a process of its own; return seconds and value of every trial, in their order."""
    with tempfile.TemporaryDirectory(prefix="search-") as folder:
        words = [sys.executable, __file__, "--child", problem, method, str(seed), str(seconds), folder]
        done = subprocess.run(
            [*words, "--peer-path", peer_path or ""], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{method} on {problem} failed:\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])


def child(problem: str, method: str, seed: int, seconds: float, folder: Path) -> list[list[float]]:
    """Run one method here."""
    declared, rows = project(problem)
    rows.write_parquet(folder / "rows.parquet")
    if method == "modelwright":
        return ours(problem, declared, seed, seconds, folder)
    found: list[list[float]] = []
    objective = counted(declared, folder, found)
    (with_optuna if method == "optuna" else with_hyperopt)(problem, seed, seconds, objective, found)
    return found


def ours(
    problem: str, declared: dict[str, Any], seed: int, seconds: float, folder: Path
) -> list[list[float]]:
    """Search by `tune:`."""
    from modelwright import Project

    space = {
        key: one if isinstance(one, list) else {"low": one[0], "high": one[1], "log": one[2]}
        for key, one in SPACES[problem].items()
    }
    tune = {
        "space": space,
        "sampler": "tpe",
        "seed": seed,
        "trials": 500,
        "budget": f"{seconds} s",
        "aim": "best",
    }
    result = Project({**declared, "tune": tune}, folder=folder).run(to="tune")
    assert result.search is not None, [str(one) for one in result.problems]
    trials = sorted(result.search.trials, key=lambda row: row.number)
    return [[row.seconds, wrong(row.figures.get(result.search.main[0]), problem)] for row in trials]


def wrong(value: float | None, problem: str) -> float:
    """Return what is made small."""
    if value is None:
        return math.inf
    return 1 - value if problem == "network" else value


def counted(
    declared: dict[str, Any], folder: Path, found: list[list[float]]
) -> Callable[[Mapping[str, Any]], float]:
    """Return the function that peers make small, which writes down every call."""
    from modelwright.engine.fingerprint import Fingerprint
    from modelwright.project.tuning.trial_process import run_task
    from modelwright.stages.tune.axes import settings_of
    from modelwright.storage import user_cache

    fingerprint = Fingerprint(cache=user_cache.folder() / "code.json")
    problem = declared["model"]["learner"]

    def objective(values: Mapping[str, Any]) -> float:
        task = {
            "content": declared,
            "folder": str(folder),
            "root": str(folder / ".modelwright"),
            "reports": False,
            "settings": settings_of(values),
        }
        end = run_task(task, fingerprint, lambda *_: False)
        main = {"trees": "rmse", "network": "accuracy"}[problem]
        shown = [one for one in end.get("measurements", ()) if one["subject"]["metric"] == main]
        value = wrong(shown[0]["value"] if shown else None, problem)
        found.append([end["seconds"], value])
        return value

    return objective


def with_optuna(problem, seed, seconds, objective, found) -> None:
    """Search by plain Optuna."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def trial(one: optuna.Trial) -> float:
        values = {}
        for key, among in SPACES[problem].items():
            if isinstance(among, list):
                values[key] = one.suggest_categorical(key, among)
            elif among[3]:
                values[key] = one.suggest_int(key, int(among[0]), int(among[1]), log=among[2])
            else:
                values[key] = one.suggest_float(key, among[0], among[1], log=among[2])
        return objective(values)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    while over(found, seconds):
        study.optimize(trial, n_trials=1)


def with_hyperopt(problem, seed, seconds, objective, found) -> None:
    """Search by Hyperopt."""
    import numpy as np
    from hyperopt import Trials, fmin, hp, tpe

    space = {}
    for key, among in SPACES[problem].items():
        if isinstance(among, list):
            space[key] = hp.choice(key, among)
        elif among[2]:
            space[key] = hp.loguniform(key, math.log(among[0]), math.log(among[1]))
        else:
            space[key] = hp.uniform(key, among[0], among[1])

    def trial(drawn: Mapping[str, Any]) -> float:
        values = {
            key: among
            if isinstance(SPACES[problem][key], list)
            else round(among)
            if SPACES[problem][key][3]
            else float(among)
            for key, among in drawn.items()
        }
        return objective(
            {key: int(one) if isinstance(one, np.integer) else one for key, one in values.items()}
        )

    trials, generator = Trials(), np.random.default_rng(seed)
    while over(found, seconds):
        fmin(
            trial, space, algo=tpe.suggest, max_evals=len(trials.trials) + 1, trials=trials, rstate=generator,
            show_progressbar=False, verbose=False,
        )  # fmt: skip


def over(found: Sequence[Sequence[float]], seconds: float) -> bool:
    """Tell whether one more trial is begun: where more than half of it is likely to fit, as `tune.budget` does."""
    took = sum(one[0] for one in found)
    return not found or took + took / len(found) / 2 <= seconds


def best_by(trials: Sequence[Sequence[float]], at: float) -> float:
    """Return the best value of the trials that had ended at a time."""
    best, took = math.inf, 0.0
    for seconds, value in trials:
        took += seconds
        if took > at:
            break
        best = min(best, value)
    return best


def curves(runs: Mapping[str, Sequence[Sequence[Sequence[float]]]], seconds: float, title: str) -> str:
    """Return the best so far by time, the mean over the seeds, as SVG."""
    wide, high, left, low = 640, 360, 70, 40
    times = [seconds * at / 60 for at in range(6, 67)]
    lines = {
        name: [statistics.mean(best_by(one, at) for one in every) for at in times]
        for name, every in runs.items()
    }
    shown = [value for line in lines.values() for value in line if math.isfinite(value)]
    least, most = min(shown), max(shown)
    span = (most - least) or 1.0
    colours = dict(zip(METHODS, ("#0b62a4", "#c3581b", "#4d7f3a"), strict=True))

    def place(at: float, value: float) -> str:
        return f"{left + (wide - left - 20) * at / times[-1]:.1f},{20 + (high - low - 20) * (most - value) / span:.1f}"

    parts = [f'<text x="{left}" y="14" font-size="13">{title}</text>']
    for number, (name, line) in enumerate(lines.items()):
        points = " ".join(
            place(at, value) for at, value in zip(times, line, strict=True) if math.isfinite(value)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
        parts.append(
            f'<text x="{wide - 120}" y="{40 + 16 * number}" font-size="12" fill="{colours[name]}">{name}</text>'
        )
    for value in (least, (least + most) / 2, most):
        y = 24 + (high - low - 20) * (most - value) / span
        parts.append(f'<text x="{left - 8}" y="{y:.1f}" font-size="11" text-anchor="end">{value:.4g}</text>')
    for share in (0, 0.5, 1):
        x = left + (wide - left - 20) * share
        parts.append(f'<text x="{x:.1f}" y="{high - 14}" font-size="11">{times[-1] * share:.0f} s</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" font-family="sans-serif">'
    return head + "".join(parts) + "</svg>\n"


def main() -> int:
    """Print the figures, and return 1 where ours is behind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", default="trees,network")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--seconds", help="of each problem, in their order")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peer-path", default="")
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    Kept.arguments(parser)
    arguments = parser.parse_args()
    if arguments.peer_path:
        sys.path.insert(0, arguments.peer_path)
    if arguments.child:
        problem, method, seed, seconds, folder = arguments.child
        print(json.dumps(child(problem, method, int(seed), float(seconds), Path(folder))))
        return 0
    methods = [name for name in METHODS if name != "hyperopt" or hyperopt_is_there()]
    if "hyperopt" not in methods:
        print("hyperopt: not installed, left out")
    problems = arguments.problems.split(",")
    limits = (
        SECONDS
        if arguments.seconds is None
        else dict(zip(problems, map(float, arguments.seconds.split(",")), strict=True))
    )
    seeds, kept, behind = (
        [int(one) for one in arguments.seeds.split(",")],
        Kept.of_arguments(arguments),
        False,
    )
    for problem in problems:
        limit = limits[problem]
        keys = [(problem, method, seed, limit) for seed in seeds for method in methods]
        run = partial(kept.of, partial(one_run, peer_path=arguments.peer_path))
        with ThreadPoolExecutor(arguments.at_once) as pool:
            found = dict(zip(keys, pool.map(run, *zip(*keys, strict=True)), strict=True))
        runs = {method: [found[problem, method, seed, limit] for seed in seeds] for method in methods}
        best = {method: [min(value for _, value in one) for one in every] for method, every in runs.items()}
        print(f"{problem}: best on validation after {limit:.0f} s of trials, {len(seeds)} seeds")
        for method in methods:
            count = statistics.mean(len(one) for one in runs[method])
            print(
                f"  {method:12} {statistics.mean(best[method]):.4f}  ({count:.0f} trials)  "
                + " ".join(f"{one:.4f}" for one in best[method])
            )
        for method in methods[1:]:
            difference = [one - other for one, other in zip(best["modelwright"], best[method], strict=True)]
            low, high = interval(difference)
            behind = behind or low > 0
            verdict = "  BEHIND" if low > 0 else ""
            print(
                f"  modelwright - {method}: {statistics.mean(difference):+.4f} [{low:+.4f}, {high:+.4f}]{verdict}"
            )
        if arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
            (arguments.out / f"search-{problem}.svg").write_text(
                curves(runs, limit, f"{problem}: best so far"), "utf-8"
            )
    return int(behind)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean (Student)."""
    if len(values) < 2 or statistics.stdev(values) == 0:
        return statistics.mean(values), statistics.mean(values)
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half


def hyperopt_is_there() -> bool:
    """Tell whether Hyperopt can be loaded."""
    import importlib.util

    return importlib.util.find_spec("hyperopt") is not None


if __name__ == "__main__":
    sys.exit(main())
