"""House prices from numbers and photos: are both together better than the numbers alone?

    python benchmarks/houses.py [--data FOLDER] [--folds 5] [--budget "1 min"] [--ways numbers,photos,concatenate,...]
                                [--keep FILE --most 1]

535 houses with the number of bedrooms and bathrooms, area, zip code and four photos each (Ahmed and Moustafa 2016).
Each fold is tested once by packaged functions: of the numbers, of the photos (MobileNetV2), of both by concatenation,
by the sum of what each input answers and by stacking on answers out of fold. MobileNetV2 stays as it is: 428 houses are
too few to train it further. Learned is the logarithm of the price.

Bar: late fusion (`sum`, `stacking`) is not worse than the numbers alone. The figure is the mean relative error of the
price, and its difference with a 95 % interval of the paired rows.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import projects

NUMBERS = "beds: number, baths: number, area: number, zip: category"
ROOMS = ("frontal", "kitchen", "bedroom", "bathroom")
PHOTOS = ", ".join(f"{room}: image" for room in ROOMS)
LATE = ("sum", "stacking")
WAYS = {
    "numbers": (NUMBERS, {}),
    "photos": (PHOTOS, {"combiner": "sum"}),
    **{one: (f"{NUMBERS}, {PHOTOS}", {"combiner": one}) for one in ("concatenate", *LATE)},
}
NORMAL = 1.96


def houses(data: Path) -> pl.DataFrame:
    """Return a row for each house: its numbers, its photos, and the natural logarithm of its price."""
    found = []
    folder = data / "houses"
    for number, line in enumerate((folder / "HousesInfo.txt").read_text("utf-8").splitlines(), start=1):
        beds, baths, area, zip_code, price = line.split()
        photos = {room: (folder / f"{number}_{room}.jpg").read_bytes() for room in ROOMS}
        found.append(
            {
                "beds": float(beds),
                "baths": float(baths),
                "area": float(area),
                "zip": zip_code,
                "price": math.log(float(price)),
                **photos,
            }
        )
    return pl.DataFrame(found)


def answers(
    rows: pl.DataFrame, fold: np.ndarray, way: str, budget: str, seed: int
) -> tuple[list[float], float]:
    """Return the logarithms answered to the rows of a fold, bool (n,), and the CPU seconds of the run."""
    inputs, model = WAYS[way]
    names = [one.split(":")[0] for one in inputs.split(", ")]
    asked = rows.select(names).filter(pl.Series(fold))
    with tempfile.TemporaryDirectory(prefix="houses-") as temporary:
        out = Path(temporary) / "answers.jsonl"
        asked.write_parquet(out.with_suffix(".parquet"))
        found = projects.evaluated(
            {
                "function": f"price({inputs}) -> price: number",
                "requirements": {"mae": "<= 10"},
                "data": {"source": "rows.parquet", "split": {"by": "split"}},
                "model": {
                    "learner": "network",
                    **({"pretrained": "mobilenet-v2", "pretrained_rate": 0} if way != "numbers" else {}),
                    **model,
                },
                "learn": {"budget": budget, "seed": seed},
                # what is compared is what is learned; to try every form of four encoders takes longer than that
                "package": {"compress": "none"},
            },
            rows.select(*names, "price", split=pl.Series(splits(fold, seed))),
            out,
        )
        lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    return [float(line["outputs"]["price"]["value"]) for line in lines], found.cpu_s


def splits(fold: np.ndarray, seed: int) -> list[str]:
    """Return the split of every row: the fold is tested, a fifth of the others validates."""
    draw = np.random.default_rng([seed, int(fold.argmax())]).random(len(fold))
    return np.where(fold, "test", np.where(draw < 0.2, "validation", "train")).tolist()


def main() -> None:
    """Print the relative error of each way, and its difference to that of the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=projects.default_data())
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--budget", default="1 min")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seed", type=int, default=0)
    projects.Kept.arguments(parser)
    arguments = parser.parse_args()
    kept = projects.Kept.of_arguments(arguments)
    if not (arguments.data / "houses").is_dir():
        print(f"skipped: houses is not in {arguments.data}")
        return
    rows = houses(arguments.data)
    place = np.random.default_rng(arguments.seed).permutation(len(rows)) % arguments.folds
    errors: dict[str, np.ndarray] = {}

    def answered(way: str, budget: str, seed: int, folds: int, number: int) -> list:
        fold = np.random.default_rng(seed).permutation(len(rows)) % folds == number
        return list(answers(rows, fold, way, budget, seed))

    for way in arguments.ways.split(","):
        errors[way] = np.zeros(len(rows))
        cpu_s = 0.0
        for number in range(arguments.folds):
            fold = place == number
            found, took_s = kept.of(answered, way, arguments.budget, arguments.seed, arguments.folds, number)
            truth = rows["price"].to_numpy()[fold]
            errors[way][fold] = np.abs(np.exp(np.array(found) - truth) - 1.0)
            cpu_s += took_s
        print(f"{way}: relative error {errors[way].mean():.3f} ({cpu_s:.0f} CPU-s)", flush=True)
        if way == "numbers" or "numbers" not in errors:
            continue
        gap = errors[way] - errors["numbers"]
        half = NORMAL * gap.std(ddof=1) / math.sqrt(len(gap))
        held = f" (bar 0: {'held' if gap.mean() <= 0 else 'MISSED'})" if way in LATE else ""
        print(
            f"{way}: {gap.mean():+.3f} [{gap.mean() - half:+.3f}, {gap.mean() + half:+.3f}] to the numbers{held}"
        )


if __name__ == "__main__":
    main()
