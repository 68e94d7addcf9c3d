"""Answers read out of texts: SQuAD by article, and Chinese, beside the same loop written with transformers.

    python benchmarks/reading.py [--set squad|xquad-zh] [--budget "10 min"] [--encoder FOLDER] [--keep FILE --most 1]
                                 [--parts ours,transformers,tuned]

squad_dev: the questions of 8 of its 48 articles are tested, those of 4 others validate. A project with
`answer(question: text, context: text) -> answer: span` is run to its package. Beside it, with the same encoder, threads
and rows (those that validate among its training rows): `transformers`, the library's own recipe for SQuAD (run_qa.py:
windows of 384 tokens that share 128, padded to 384, 12 a step, AdamW at 3e-5 falling linearly, all weights, dropout as
pretrained), whose steps are those that fit the CPU seconds that our plan and learning took; and `tuned`, as quick a
loop as that recipe can become without leaving the library: windows of 256 tokens padded to the longest of a step, 16 a
step, at 2e-4. F1 and exact match of all are those of SQuAD's own script (Chinese by characters); the interval is that
of a mean (normal, by article). Questions are counted by CPU second, so that others on the machine cost neither side.
Bars: as many questions learned and answered a second as `transformers`, and 10 points of F1 above it.

xquad-zh: 1,190 questions of 48 articles, split in the same way; --encoder names a folder of a Chinese encoder
(config.json, weights, tokenizer.json or vocab.txt).
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import shutil
import string
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import BertWordPieceTokenizer

import modelwright
from modelwright.learners.weights.catalogue import MINILM
from modelwright.learners.weights.resolving import resolve
from modelwright.project import Project
from projects import Kept, default_data

FILES = {"squad": "squad_dev/dev-v1.1.json", "xquad-zh": "xquad/xquad.zh.json"}
TESTED, VALIDATED = 6, 12  # every so many articles: tested, and of the others validating
LONGEST = 30  # words of an answer, as run_qa.py has it
Rows = Sequence[Mapping[str, Any]]
RECIPES = {
    "transformers": {"window": 384, "stride": 128, "batch": 12, "rate": 3e-5, "pad": "max_length"},
    "tuned": {"window": 256, "stride": 64, "batch": 16, "rate": 2e-4, "pad": "longest"},
}


def rows_of(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the questions of the articles that train, validate and test."""
    found: dict[str, list[dict[str, Any]]] = {"train": [], "validation": [], "test": []}
    for number, article in enumerate(json.loads(file.read_text("utf-8"))["data"]):
        split = "test" if number % TESTED == 0 else "validation" if number % VALIDATED == 1 else "train"
        for paragraph in article["paragraphs"]:
            for one in paragraph["qas"]:
                answers = {key: [each[key] for each in one["answers"]] for key in ("text", "answer_start")}
                row = {"question": one["question"], "context": paragraph["context"], "answer": answers}
                found[split].append({**row, "article": number})
    return found


def words_of(text: str, *, by_characters: bool) -> list[str]:
    """Return the words that SQuAD's script compares: lower case, no punctuation, no articles; or characters."""
    if by_characters:
        return [one for one in text.lower() if one.isalnum()]
    plain = "".join(one for one in text.lower() if one not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def f1(given: Sequence[str], right: Sequence[str]) -> float:
    """Return the F1 of the words of two answers."""
    same = sum((collections.Counter(given) & collections.Counter(right)).values())
    return 2 * same / (len(given) + len(right)) if same else float(given == right)


def scored(rows: Rows, answers: Sequence[str], *, by_characters: bool) -> dict[str, Any]:
    """Return F1 with its deviation by article, and exact match, of the best of the right answers."""
    overlap, exact = [], []
    for row, answer in zip(rows, answers, strict=True):
        given = words_of(answer, by_characters=by_characters)
        right = [words_of(one, by_characters=by_characters) for one in row["answer"]["text"]]
        overlap.append(max(f1(given, one) for one in right))
        exact.append(float(given in right))
    residuals = np.array(overlap) - np.mean(overlap)
    articles = np.unique([row["article"] for row in rows], return_inverse=True)[1]
    error = float(np.sqrt((np.bincount(articles, residuals) ** 2).sum())) / len(rows)
    return {"f1": float(np.mean(overlap)), "error": error, "exact": float(np.mean(exact))}


def cpu_s() -> float:
    """Return the CPU seconds of this process and its children, on all threads: a machine that others use costs none."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def ours(folder: Path, rows: Mapping[str, Rows], budget: str, encoder: Path):
    """Return what a project came to, and how long it took."""
    for split, some in rows.items():
        lines = [json.dumps({key: row[key] for key in ("question", "context", "answer")}) for row in some]
        (folder / f"{split}.jsonl").write_text("\n".join(lines), "utf-8")
    project = {
        "function": "answer(question: text, context: text) -> answer: span",
        "data": {**{split: f"{split}.jsonl" for split in rows}, "repeated": "keep"},
        "model": {"learner": "extract", "pretrained": str(encoder)},
        "learn": {"budget": budget},
        "package": {"compress": "none"},
    }
    (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
    took: dict[str, float] = {}
    for stage in ("data", "plan", "learn", "package"):
        before = cpu_s()
        result = Project(folder).run(to=stage)
        assert not result.problems, [str(one) for one in result.problems]
        took[stage] = cpu_s() - before
    (package,) = (folder / ".modelwright" / "objects").glob("package/*/package")
    # a learning that the clock ends has a plan of its own
    plan = max((folder / ".modelwright" / "objects").glob("plan/*/"), key=lambda one: one.stat().st_mtime_ns)
    choice = json.loads((plan / "choice" / "choice.json").read_text("utf-8"))
    forecast = json.loads((plan / "forecast" / "forecast.json").read_text("utf-8"))
    written = (folder / ".modelwright" / "objects").glob("learn/*/curves/curves.json")
    curves = max(written, key=lambda one: one.stat().st_mtime_ns)
    learned = json.loads(curves.read_text("utf-8"))["learned"]
    steps = max(curve["steps"][-1] for one in learned if one["unit"] == "step" for curve in one["curves"])
    function = modelwright.load(package, threads=torch.get_num_threads())
    windows = int(forecast["ranking"][0]["why"]["values"]["windows"])
    asked = [{key: row[key] for key in ("question", "context")} for row in rows["test"]]
    before = cpu_s()
    found = function.predict(asked)
    answering_s = cpu_s() - before
    return {
        "answers": [
            row["context"][one.answer[0].start : one.answer[0].end] if one.answer else ""
            for row, one in zip(rows["test"], found, strict=True)
        ],
        "seconds": took["plan"] + took["learn"],
        "stages": took,
        "learned a second": steps * choice["batch"] / windows * len(rows["train"]) / took["learn"],
        "steps": steps,
        "precision": choice["precision"],
        "answered a second": len(asked) / answering_s,
    }


class Peer:
    """The loop written with transformers: AutoModelForQuestionAnswering on windows over the contexts."""

    def __init__(self, encoder: Path, recipe: Mapping[str, Any]) -> None:
        self.recipe = recipe
        self.tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(encoder / "tokenizer.json"),
            pad_token="[PAD]",
            cls_token="[CLS]",
            sep_token="[SEP]",
        )
        torch.manual_seed(0)
        self.model = transformers.AutoModelForQuestionAnswering.from_pretrained(encoder)

    def features(self, rows: Rows) -> Any:
        """Return the windows of rows as run_qa.py makes them."""
        return self.tokenizer(
            [row["question"].lstrip() for row in rows],
            [row["context"] for row in rows],
            truncation="only_second",
            max_length=self.recipe["window"],
            stride=self.recipe["stride"],
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_token_type_ids=True,
            padding="max_length" if self.recipe["pad"] == "max_length" else False,
        )

    def batch(self, features: Any, some: Sequence[int]) -> dict[str, torch.Tensor]:
        """Return some windows as the model reads them, padded where they are not yet."""
        names = ("input_ids", "attention_mask", "token_type_ids")
        return dict(
            self.tokenizer.pad(
                {name: [features[name][one] for one in some] for name in names}, return_tensors="pt"
            )
        )

    def learned(self, rows: Rows, seconds: float) -> dict[str, Any]:
        """Train for so many seconds: as many steps as the first ten say, over which the rate falls to 0."""
        began = cpu_s()
        features = self.features(rows)
        ends = [self._ends(features, place, rows) for place in range(len(features["input_ids"]))]
        optimiser = torch.optim.AdamW(self.model.parameters(), lr=self.recipe["rate"], weight_decay=0.0)
        draw, size = np.random.default_rng(0), self.recipe["batch"]
        order, steps, step = list[int](), 10, 0
        self.model.train()
        started = cpu_s()
        while step < steps:
            while len(order) < size:
                order += draw.permutation(len(ends)).tolist()
            some, order = order[:size], order[size:]
            for group in optimiser.param_groups:
                group["lr"] = self.recipe["rate"] * (1 - step / max(steps, 11))
            truths = torch.tensor([ends[one] for one in some])
            loss = self.model(
                **self.batch(features, some), start_positions=truths[:, 0], end_positions=truths[:, 1]
            ).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            step += 1
            if step == 10:  # the first steps say how many there are time for
                now = cpu_s()
                steps = max(step, int((seconds - (started - began)) / ((now - started) / step)))
        taken = cpu_s() - started
        print(f"{step} steps in {taken:.0f} s", flush=True)
        return {
            "learned a second": step * size / len(ends) * len(rows) / taken,
            "steps": step,
            "seconds": taken + started - began,
        }

    def answers(self, rows: Rows) -> dict[str, Any]:
        """Answer rows: of the 20 likeliest beginnings and ends of a window, those of one answer, by their sum."""
        began = cpu_s()
        features = self.features(rows)
        best: list[tuple[float, str]] = [(-np.inf, "")] * len(rows)
        self.model.eval()
        for begin in range(0, len(features["input_ids"]), 16):
            some = list(range(begin, min(begin + 16, len(features["input_ids"]))))
            with torch.no_grad():
                found = self.model(**self.batch(features, some))
            for place, starts, ends in zip(
                some, found.start_logits.numpy(), found.end_logits.numpy(), strict=True
            ):
                row, offsets = (
                    features["overflow_to_sample_mapping"][place],
                    features["offset_mapping"][place],
                )
                inside = [one == 1 for one in features.encodings[place].sequence_ids]
                inside += [False] * (len(starts) - len(inside))
                for one in np.argsort(-starts)[:20]:
                    for other in np.argsort(-ends)[:20]:
                        if inside[one] and inside[other] and one <= other < one + LONGEST:
                            score = float(starts[one] + ends[other])
                            if score > best[row][0]:
                                text = rows[row]["context"][offsets[one][0] : offsets[other][1]]
                                best[row] = (score, text)
        taken = cpu_s() - began
        return {"answers": [text for _, text in best], "answered a second": len(rows) / taken}

    def _ends(self, features: Any, place: int, rows: Rows) -> tuple[int, int]:
        """Return the tokens at which the first answer of a window begins and ends; those of [CLS] where it has none."""
        answer = rows[features["overflow_to_sample_mapping"][place]]["answer"]
        begin = answer["answer_start"][0]
        end = begin + len(answer["text"][0])
        encoding = features.encodings[place]
        inside = [one for one, of in enumerate(encoding.sequence_ids) if of == 1]
        offsets = encoding.offsets
        if not inside or offsets[inside[0]][0] > begin or offsets[inside[-1]][1] < end:
            return 0, 0
        first = max(one for one in inside if offsets[one][0] <= begin)
        last = min(one for one in inside if offsets[one][1] >= end)
        return first, last


def prepared(encoder: Path, into: Path) -> Path:
    """Return a folder of the encoder that has a tokenizer.json, made of vocab.txt where it has none."""
    shutil.copytree(encoder, into)
    if not (into / "tokenizer.json").is_file():
        BertWordPieceTokenizer(str(into / "vocab.txt")).save(str(into / "tokenizer.json"))
    return into


def main() -> None:
    """Print the figures side by side."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--set", choices=FILES, default="squad")
    parser.add_argument("--budget", default="10 min")
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--parts", default="ours,transformers,tuned")
    parser.add_argument("--threads", type=int, default=2)
    Kept.arguments(parser)
    given = parser.parse_args()
    kept = Kept.of_arguments(given)
    torch.set_num_threads(given.threads)
    rows = rows_of(given.data / FILES[given.set])
    print({split: len(some) for split, some in rows.items()}, flush=True)

    def part(name: str, *_: Any) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="reading-") as temporary:
            place = Path(temporary)
            encoder = prepared(given.encoder or resolve(MINILM.name, place), place / "encoder")
            if name == "ours":
                (place / "project").mkdir()
                found = ours(place / "project", rows, given.budget, encoder)
            else:
                peer = Peer(encoder, RECIPES[name])
                learned = peer.learned([*rows["train"], *rows["validation"]], own()["seconds"])
                found = learned | peer.answers(rows["test"])
        answers = found.pop("answers")
        return found | scored(rows["test"], answers, by_characters=given.set != "squad")

    def own() -> dict[str, Any]:
        return dict(kept.of(part, "ours", given.set, given.budget))

    print(f"{'':14} {'F1':>20} {'exact':>6} {'learned/s':>10} {'answered/s':>11} {'CPU-s':>8}")
    for name in given.parts.split(","):
        found = kept.of(part, name, given.set, given.budget)
        low, high = found["f1"] - 1.96 * found["error"], found["f1"] + 1.96 * found["error"]
        print(
            f"{name:14} {found['f1']:.3f} [{low:.3f}, {high:.3f}] {found['exact']:6.3f}"
            f" {found['learned a second']:10.1f} {found['answered a second']:11.1f} {found['seconds']:8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
