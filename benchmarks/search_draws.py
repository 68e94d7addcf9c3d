"""How a search draws, beside plain Optuna and Hyperopt: the least value of two known functions after 40 trials of TPE.

    python benchmarks/search_draws.py [--seeds 24] [--trials 40] [--peer-path FOLDER]

No learning, so that many seeds cost little: `search.py` compares whole searches. Ours draws each trial anew from a
study in memory, with a stream of its own, so that a killed search draws the same again; here is seen that this costs
nothing. Functions: Branin (2 dimensions, least 0.398) and Hartmann (6, least -3.322), both on the unit cube.
--peer-path: as there.

Bar: not behind either (the 95 % interval of the difference of the means does not lie above 0).
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import statistics
import sys
from collections.abc import Callable, Sequence

import numpy as np
import optuna

from modelwright.stages.tune.axes import Axis, Space
from modelwright.stages.tune.draws import Known, draw

Function = Callable[[Sequence[float]], float]

# Surjanovic and Bingham, Virtual Library of Simulation Experiments: hart6, branin
_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(point: Sequence[float]) -> float:
    """Return Hartmann's function of six numbers."""
    return -float((_ALPHA * np.exp(-(_A * (np.array(point) - _P) ** 2).sum(axis=1))).sum())


def branin(point: Sequence[float]) -> float:
    """Return Branin's function of two numbers."""
    a, b = point[0] * 15 - 5, point[1] * 15
    curve = b - 5.1 * a * a / (4 * math.pi**2) + 5 * a / math.pi - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10


FUNCTIONS: dict[str, tuple[Function, int]] = {"branin": (branin, 2), "hartmann": (hartmann, 6)}


def ours(function: Function, width: int, seed: int, trials: int) -> float:
    """Return the least value that our draws find."""
    space = Space(tuple(Axis(f"x.{at}", low=0.0, high=1.0) for at in range(width)))
    known: list[Known] = []
    for number in range(trials):
        values = draw(space, "tpe", seed, number, known, [one.values for one in known])
        assert values is not None
        known.append(Known(values, function([float(values[f"x.{at}"]) for at in range(width)]), {}))
    return min(one.aimed for one in known if one.aimed is not None)


def with_optuna(function: Function, width: int, seed: int, trials: int) -> float:
    """Return the least value that plain Optuna finds."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(
        lambda trial: function([trial.suggest_float(f"x{at}", 0, 1) for at in range(width)]), n_trials=trials
    )
    return float(study.best_value)


def with_hyperopt(function: Function, width: int, seed: int, trials: int) -> float:
    """Return the least value that Hyperopt finds."""
    from hyperopt import Trials, fmin, hp, tpe

    found = Trials()
    fmin(
        lambda values: function([values[f"x{at}"] for at in range(width)]),
        {f"x{at}": hp.uniform(f"x{at}", 0, 1) for at in range(width)},
        algo=tpe.suggest,
        max_evals=trials,
        trials=found,
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
        verbose=False,
    )
    return float(min(found.losses()))


def main() -> int:
    """Print the means, and return 1 where ours is behind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--peer-path", default="")
    arguments = parser.parse_args()
    if arguments.peer_path:
        sys.path.insert(0, arguments.peer_path)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    methods = {"modelwright": ours, "optuna": with_optuna}
    if importlib.util.find_spec("hyperopt") is not None:
        methods["hyperopt"] = with_hyperopt
    else:
        print("hyperopt: not installed, left out")
    behind = False
    for name, (function, width) in FUNCTIONS.items():
        found = {
            method: [search(function, width, seed, arguments.trials) for seed in range(arguments.seeds)]
            for method, search in methods.items()
        }
        for method, values in found.items():
            spread = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
            print(f"{name}: {method:12} {statistics.mean(values):8.3f} ± {spread:.3f} (standard error)")
        for method in list(methods)[1:]:
            low, high = interval(found["modelwright"], found[method])
            behind = behind or low > 0
            print(f"{name}: modelwright - {method}: [{low:+.3f}, {high:+.3f}]{'  BEHIND' if low > 0 else ''}")
    return int(behind)


def interval(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two means."""
    if len(one) < 2:
        return -math.inf, math.inf
    half = 1.96 * math.sqrt(statistics.variance(one) / len(one) + statistics.variance(other) / len(other))
    middle = statistics.mean(one) - statistics.mean(other)
    return middle - half, middle + half


if __name__ == "__main__":
    sys.exit(main())
