"""Few labels: what pretraining on all texts is worth where 100 of them are labelled.

    python benchmarks/few_labels.py [--data FOLDER] [--seeds 0,1,2] [--pretrain "90 s"] [--learn "30 s"] [--quick]

Banking77: of each seed 20 intents are drawn, and of the training file 5 rows of each; 75 of the 100 are learned from
and 25 choose the checkpoint. The packaged function is measured on the dataset's own test file, its rows of these
intents (800). All 10,003 training texts, without their intents, are what is pretrained on.

    scratch      `network` from scratch, with its default encoder: from scratch it does better than the one pretrained
    pretrained   `finetune`, which begins from what was pretrained (`model: {pretrained: ../texts}`)

Bar: pretrained at least 5 points above scratch, the mean over the seeds. Beside them, without a bar: `linear` (words
and characters, from scratch), and `probe` and `network` from what was pretrained. Budgets are CPU time, alike for all.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path

import banking77

BAR, INTENTS, LABELS_EACH = 0.05, 20, 5
HELD_EACH = 1  # and one more of every fourth intent
FORMS = {
    "scratch": {"learner": "network"},
    "pretrained": {"learner": "finetune", "pretrained": "../texts"},
    "network": {"learner": "network", "pretrained": "../texts"},
    "probe": {"learner": "probe", "pretrained": "../texts"},
    "linear": {"learner": "linear"},
}


def rows(path: Path) -> list[tuple[str, str]]:
    """Return text and intent of every row of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def write(path: Path, header: list[str], content: list[list[str]]) -> None:
    """Write a file of rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *content])


def project(folder: Path, declared: dict) -> Path:
    """Write a project file."""
    folder.mkdir(exist_ok=True)
    (folder / "modelwright.yaml").write_text(json.dumps(declared))
    return folder


def drawn(train: list[tuple[str, str]], seed: int) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """Return the intents of a seed, and its rows to learn from and to choose by."""
    chance = random.Random(seed)
    intents = sorted(chance.sample(sorted({intent for _, intent in train}), INTENTS))
    learned, held = [], []
    for place, intent in enumerate(intents):
        of_intent = chance.sample([text for text, one in train if one == intent], LABELS_EACH)
        chosen = HELD_EACH + (place % 4 == 0)
        held += [[text, intent] for text in of_intent[:chosen]]
        learned += [[text, intent] for text in of_intent[chosen:]]
    return intents, learned, held


def measured(data: Path, place: Path, seed: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Return form → accuracy on the test file, for one seed."""
    train, test = rows(data / "train.csv"), rows(data / "test.csv")
    intents, learned, held = drawn(train, seed)
    texts = project(
        place / "texts",
        {
            "function": "read(text: text)",
            "data": {"source": "rows.csv", "split": {"train": 95, "validation": 4, "test": 1}},
            "model": {"learner": "pretrain"},
            "learn": {"budget": arguments.pretrain, "seed": seed},
        },
    )
    write(texts / "rows.csv", ["text"], [[text] for text, _ in train][: 400 if arguments.quick else None])
    result = banking77.run(texts, to="learn")
    print(f"  seed {seed}: pretrained in {banking77.seconds(result, 'learn'):.0f} s by the clock", flush=True)
    found = {}
    for form in arguments.forms.split(","):
        folder = project(
            place / form,
            {
                "function": "route(text: text) -> category: category",
                "requirements": {"accuracy": ">= 0.1"},
                "data": {"train": "train.csv", "validation": "validation.csv", "test": "test.csv"},
                "model": FORMS[form],
                "learn": {"budget": arguments.learn, "seed": seed},
                "package": {"compress": "none"},
                "evaluate": {"latency_requests": 100, "baselines": False},
            },
        )
        for name, content in (("train", learned), ("validation", held)):
            write(folder / f"{name}.csv", ["text", "category"], content)
        of_intents = [[text, intent] for text, intent in test if intent in intents]
        write(folder / "test.csv", ["text", "category"], of_intents[:: 8 if arguments.quick else 1])
        found[form], low, high = banking77.accuracy(banking77.run(folder))
        print(f"  seed {seed}, {form:10}: {found[form]:.3f} [{low:.3f}, {high:.3f}]", flush=True)
    return found


def main() -> None:
    """Print every form's accuracy, and whether the bar holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=banking77.default_data())
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--pretrain", default="90 s")
    parser.add_argument("--learn", default="30 s")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--quick", action="store_true", help="a few texts and no bar: whether it runs")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: Banking77 is not in {arguments.data}")
        return
    every: dict[str, list[float]] = {}
    for seed in map(int, arguments.seeds.split(",")):
        with tempfile.TemporaryDirectory(prefix="few-labels-") as place:
            for form, value in measured(arguments.data, Path(place), seed, arguments).items():
                every.setdefault(form, []).append(value)
    for form, values in every.items():
        print(f"{form:10} {statistics.mean(values):.3f}   ({', '.join(f'{one:.3f}' for one in values)})")
    if arguments.quick or not {"scratch", "pretrained"} <= set(every):
        return
    gain = statistics.mean(every["pretrained"]) - statistics.mean(every["scratch"])
    print(f"gain {100 * gain:+.1f} points, bar {100 * BAR:+.0f}: {'held' if gain >= BAR else 'missed'}")
    sys.exit(0 if gain >= BAR else 1)


if __name__ == "__main__":
    main()
