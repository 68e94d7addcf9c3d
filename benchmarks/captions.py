"""Which of 200 photos does a caption tell of? By two encoders, and by functions of photo and caption.

    python benchmarks/captions.py [--data FOLDER] [--ways vectors,attention,concatenate] [--budget "1 min"]
                                  [--queries 40] [--seed 0]

1,000 photos of Flickr8k with five captions each (Hodosh et al. 2013): 200 are tested, 100 validate, 700 train.

* `vectors`: two encoders. all-MiniLM-L6-v2 maps a caption to a vector; `point(photo: image) -> meaning: vector` learns
  (`probe` on MobileNetV2) to map a photo to the mean vector of its captions. Photos are ranked by cosine.
* `attention`, `concatenate`: `match(photo: image, caption: text) -> fits: boolean` learns from every caption with its
  photo and with others drawn at random, by the combiner of that name on the same two encoders, which stay as they are
  (`pretrained_rate: 0`). Photos are ranked by the confidence of `fits`.

Bar: recall@10, the share of captions whose own photo is among the ten first of 200, at least 5 times chance (0.05),
by the packaged functions; a 95 % interval (Wilson) is beside it. A query of a function of both is 200 answers, so fewer
captions are asked there (`--queries`); `vectors` is shown for these captions, too.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import torch
from transformers import AutoModel, AutoTokenizer

import projects
from modelwright.learners.weights import resolving

TESTED, VALIDATED, FIRST = 200, 100, 10
CHANCE = FIRST / TESTED
TIMES = 5  # chance
OTHERS = 4  # photos that a caption does not tell of, for each that it does
NORMAL = 1.96


def photos(data: Path, seed: int) -> pl.DataFrame:
    """Return a row for each photo: its bytes, its captions and its split."""
    folder = data / "flickr8k_1000"
    captions = defaultdict(list)
    with (folder / "captions.txt").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            captions[row["image"]].append(row["caption"].strip())
    found = sorted(path for path in (folder / "images").iterdir() if captions[path.name])
    order = np.random.default_rng(seed).permutation(len(found))
    splits = np.where(order < TESTED, "test", np.where(order < TESTED + VALIDATED, "validation", "train"))
    return pl.DataFrame(
        {
            "photo": [path.read_bytes() for path in found],
            "captions": [captions[path.name] for path in found],
            "split": splits.tolist(),
        }
    )


def meanings(texts: list[str]) -> np.ndarray:
    """Return what all-MiniLM-L6-v2 makes of texts: (n, 384), of length 1."""
    folder = resolving.resolve("all-MiniLM-L6-v2", Path())
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    found = []
    with torch.no_grad():
        for begin in range(0, len(texts), 64):
            batch = tokenizer(texts[begin : begin + 64], padding=True, truncation=True, return_tensors="pt")
            tokens = encoder(**batch)[0]  # (batch, length, 384)
            weights = batch["attention_mask"].unsqueeze(-1)
            found.append(torch.nn.functional.normalize((tokens * weights).sum(1) / weights.sum(1), dim=-1))
    return torch.cat(found).numpy()


def by_vectors(rows: pl.DataFrame, asked: list[str], budget: str, seed: int) -> tuple[np.ndarray, float]:
    """Return the scores of the tested photos for captions, (queries, photos), and the CPU seconds of learning."""
    flat = rows.explode("captions")
    vectors = pl.DataFrame(
        {"photo": flat["photo"], "split": flat["split"], "vector": meanings(flat["captions"].to_list())}
    )
    targets = [
        (photo, split, np.stack(own["vector"].to_list()).mean(0).tolist())
        for (photo, split), own in vectors.group_by(["photo", "split"], maintain_order=True)
    ]
    frame = pl.DataFrame(targets, schema=["photo", "split", "meaning"], orient="row")
    project = {
        "function": "point(photo: image) -> meaning: vector",
        "requirements": {"cosine": ">= 0.1"},
        "data": {"source": "rows.parquet", "split": {"by": "split"}},
        "model": {"learner": "probe"},
        "learn": {"budget": budget, "seed": seed},
    }
    answers, cpu_s = _answers(project, frame, rows.filter(split="test").select("photo"))
    pointed = np.array([answer["outputs"]["meaning"]["value"] for answer in answers])
    pointed /= np.linalg.norm(pointed, axis=1, keepdims=True)
    return meanings(asked) @ pointed.T, cpu_s


def by_both(
    rows: pl.DataFrame, asked: list[str], combiner: str, budget: str, seed: int
) -> tuple[np.ndarray, float]:
    """Return the scores of the tested photos for captions, (queries, photos), and the CPU seconds of learning."""
    draw, found = np.random.default_rng([seed, 1]), []
    for split in ("train", "validation", "test"):
        own = rows.filter(split=split)
        photo, captions = own["photo"].to_list(), own["captions"].to_list()
        for place, texts in enumerate(captions):
            for text in texts:
                # any photo of the split but its own
                others = (place + draw.integers(1, len(photo), OTHERS)) % len(photo)
                found += [(photo[one], text, one == place, split) for one in (place, *others.tolist())]
    frame = pl.DataFrame(found, schema=["photo", "caption", "fits", "split"], orient="row")
    project = {
        "function": "match(photo: image, caption: text) -> fits: boolean",
        "requirements": {"auc": ">= 0.5"},
        "data": {"source": "rows.parquet", "split": {"by": "split"}, "twins": "ignore"},
        "model": {
            "learner": "network",
            "combiner": combiner,
            "width": 256,
            "pretrained": {"photo": "mobilenet-v2", "caption": "all-MiniLM-L6-v2"},
            "pretrained_rate": 0,
            "auxiliary": 0,  # a photo alone, or a caption alone, says nothing
        },
        "learn": {"budget": budget, "seed": seed},
    }
    tested = rows.filter(split="test")["photo"].to_list()
    pairs = pl.DataFrame({"photo": tested * len(asked), "caption": np.repeat(asked, len(tested)).tolist()})
    answers, cpu_s = _answers(project, frame, pairs)
    fits = [answer["outputs"]["fits"] for answer in answers]
    sure = [one["confidence"] if one["value"] else 1.0 - one["confidence"] for one in fits]
    return np.array(sure).reshape(len(asked), len(tested)), cpu_s


def recall(scores: np.ndarray, own: np.ndarray) -> tuple[float, float, float]:
    """Return the share of queries whose own photo, (n,), is among the first, and its 95 % interval (Wilson 1927)."""
    better = (scores > scores[np.arange(len(own)), own][:, None]).sum(1)
    share, n = float((better < FIRST).mean()), len(own)
    middle = (share + NORMAL**2 / (2 * n)) / (1 + NORMAL**2 / n)
    half = NORMAL * math.sqrt(share * (1 - share) / n + NORMAL**2 / (4 * n * n)) / (1 + NORMAL**2 / n)
    return share, middle - half, middle + half


def _answers(project: dict, frame: pl.DataFrame, asked: pl.DataFrame) -> tuple[list[dict], float]:
    with tempfile.TemporaryDirectory(prefix="captions-") as temporary:
        out = Path(temporary) / "answers.jsonl"
        asked.write_parquet(out.with_suffix(".parquet"))
        found = projects.evaluated(project, frame, out)
        print(f"  {found.values}", flush=True)
        return [json.loads(line) for line in out.read_text("utf-8").splitlines()], found.cpu_s


def _shown(scores: np.ndarray, own: np.ndarray) -> str:
    share, low, high = recall(scores, own)
    held = "held" if share >= TIMES * CHANCE else "MISSED"
    return f"recall@{FIRST} {share:.3f} [{low:.3f}, {high:.3f}], n = {len(own)} (bar {TIMES * CHANCE:.2f}: {held})"


def main() -> None:
    """Print the recall of each way, and the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=projects.default_data())
    parser.add_argument("--ways", default="vectors,attention,concatenate")
    parser.add_argument("--budget", default="1 min")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not (arguments.data / "flickr8k_1000").is_dir():
        print(f"skipped: flickr8k_1000 is not in {arguments.data}")
        return
    rows = photos(arguments.data, arguments.seed)
    # a caption of each tested photo; of the first ones where a query is dear
    captions = [texts[0] for texts in rows.filter(split="test")["captions"].to_list()]
    for way in arguments.ways.split(","):
        if way == "vectors":
            scores, cpu_s = by_vectors(rows, captions, arguments.budget, arguments.seed)
            few = slice(0, arguments.queries)
            print(f"{way}: {_shown(scores, np.arange(len(captions)))} ({cpu_s:.0f} CPU-s)", flush=True)
            print(f"{way}, the same captions as below: {_shown(scores[few], np.arange(arguments.queries))}")
        else:
            asked = captions[: arguments.queries]
            scores, cpu_s = by_both(rows, asked, way, arguments.budget, arguments.seed)
            print(f"{way}: {_shown(scores, np.arange(len(asked)))} ({cpu_s:.0f} CPU-s)", flush=True)


if __name__ == "__main__":
    main()
