"""Where to answer when errors have costs: four rules on German credit, by what their answers cost on unseen rows.

    python benchmarks/costs.py [--draws 60]

Of each draw 500 rows are learned from (logistic regression, calibrated by one temperature on validation), 200 validate
and 300 are tested. Rules: the likeliest class; the threshold of least cost on the validation rows; the threshold that
the costs alone give; and ours, the latter unless another costs less by more than a standard error. The same four with
probabilities that are wrong: learned from rows in which half of the bad ones were left out.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelwright import kinds
from modelwright.core.requirements import error_costs
from modelwright.core.signature import Signature
from modelwright.kinds.boolean.arrays import BooleanState
from modelwright.package.body import Body
from modelwright.project.declaration import project_file
from modelwright.stages.package import operating
from modelwright.tables.sources import resolve

EXAMPLE = Path(__file__).parents[1] / "examples" / "credit-risk"
BOOLEAN = kinds.arrays("boolean")
SIGNATURE = Signature.parse("assess(x: number) -> default: boolean")
RULES = ("likeliest class", "least cost on validation", "threshold of the costs", "ours")


def table() -> tuple[list[dict[str, str | float]], np.ndarray]:
    """Return the inputs of the example as rows, and who defaulted."""
    opened = project_file.read(EXAMPLE)
    (file,) = resolve(opened.file.data.splits, EXAMPLE)["source"]
    columns = opened.file.data.columns
    inputs = {field.name: field.kind for field in opened.signature.inputs}
    with file.path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    cells = [{name: row[columns.get(name, name)] for name in inputs} for row in rows]
    made = [
        {name: float(cell) if inputs[name] == "number" else cell for name, cell in row.items()}
        for row in cells
    ]
    return made, np.array([row[columns["default"]] == "1" for row in rows])


def paid(state: BooleanState, logit: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean cost of the answers."""
    return float(BOOLEAN.outcomes(truth.tolist(), {"logit": logit}, state, {}).row_costs().mean())


def one_draw(rows: list, truth: np.ndarray, seed: int, *, skewed: bool) -> list[float]:
    """Return the cost of each rule on the test rows, and those of both constant answers."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(rows))
    learned, held, tested = order[:500], order[500:700], order[700:]
    if skewed:
        learned = learned[~truth[learned] | (draw.random(500) < 0.5)]
    model = make_pipeline(
        DictVectorizer(sparse=False), StandardScaler(), LogisticRegression(C=0.1, max_iter=500)
    )
    model.fit([rows[place] for place in learned], truth[learned])
    logits = {
        name: model.decision_function([rows[place] for place in places]).astype(np.float32)
        for name, places in (("held", held), ("tested", tested))
    }
    costs = project_file.read(EXAMPLE).costs[0]
    assert isinstance(costs, error_costs.ErrorCosts)
    known = truth[held].tolist()
    start = BooleanState()
    if not skewed:
        start = BOOLEAN.calibrate({"logit": logits["held"]}, known, start)
    start = BOOLEAN.priced(start, costs)
    by_costs = BOOLEAN.by_costs(start)
    (move,) = BOOLEAN.moves({"logit": logits["held"]}, start, labels=(), optional=False)
    least = min(move.states(start), key=lambda state: paid(state, logits["held"], truth[held]))
    body = Body(SIGNATURE, "once", {}, {"x": None, "default": start})
    columns = {"x": [0.0] * len(known), "default": known}
    field = SIGNATURE.outputs[0]
    ours, _ = operating._Search(body, field, columns, {"logit": logits["held"]}, [], costs).best()
    found = [paid(state, logits["tested"], truth[tested]) for state in (start, least, by_costs, ours)]
    share = float(truth[tested].mean())
    return [*found, 5 * share, 1 - share]


def main() -> None:
    """Print the mean cost of each rule, and how much dearer than ours it is, with the standard error over draws."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=60)
    given = parser.parse_args()
    rows, truth = table()
    for skewed in (False, True):
        found = np.array([one_draw(rows, truth, seed, skewed=skewed) for seed in range(given.draws)])
        print(f"\n{'wrong probabilities' if skewed else 'calibrated'}: {given.draws} draws")
        print(f"{'rule':<28}{'cost a row':>12}{'more than ours':>18}")
        for place, name in enumerate((*RULES, "always granted", "always refused")):
            dearer = found[:, place] - found[:, RULES.index("ours")]
            error = dearer.std(ddof=1) / math.sqrt(len(dearer))
            print(f"{name:<28}{found[:, place].mean():>12.3f}{dearer.mean():>+12.3f} ± {error:.3f}")


if __name__ == "__main__":
    main()
