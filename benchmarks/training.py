"""Examples a second of fine-tuning, beside the `Trainer` of transformers.

    python benchmarks/training.py [--data FOLDER] [--peer-python PYTHON] [--steps 200] [--rounds 3] [--batch 32]
                                  [--threads 2] [--passes 3]

Both train the same encoder (all-MiniLM-L6-v2) with a new head on the same real questions (Banking77's where they are,
else those of the example), in batches of as many rows, with AdamW, on as many threads, from the same installed torch
and transformers. Each contender is a process of its own; they take turns, and the time is that of the steps alone,
after some that warm up. Ours is shown as the learner does it by default (word vectors frozen, no dropout inside the
encoder) and with every weight trained, in float32, and in bfloat16 where the processor multiplies in it (`plan` takes
what it times as quicker); the Trainer as it comes and with rows of like length in a batch. Bars, with every weight
trained: 2.5 times the Trainer as it comes, 1.2 times the one with rows of like length, 1.8 times that in bfloat16.
The Trainer needs the package accelerate: it is left out, by name, where `--peer-python` (by default this interpreter)
cannot import it.

--passes: instead, those with every weight trained learn for so many passes over nine tenths of the training rows (ours
keeps the weights that do best on the other tenth, of which the Trainer as it comes makes nothing), and are asked the
dataset's own test rows. Bar: at most half a point less accuracy than the better Trainer.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import random
import statistics
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from modelwright.learners.training.precision import has_bfloat16
from modelwright.learners.weights.resolving import resolve
from projects import default_data

WARM_STEPS = 6

OURS = """
import json, sys, tempfile, time
from dataclasses import replace
from pathlib import Path
import torch
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.finetune import learn
from modelwright.learners.finetune.spec import FinetuneOptions, FinetuneTraining
from modelwright.learners.descent import trainer
from modelwright.learners.training import frozen_features
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import starting_point
from modelwright.storage.formats.examples import Examples

given = json.loads(Path(sys.argv[1]).read_text())
signature = Signature.parse("route(question: text) -> domain: category")

def examples(rows):
    return Examples([str(n) for n in range(len(rows))],
                    {"question": [q for q, _ in rows], "domain": [d for _, d in rows]})

words, precision = given["contender"].split()
options = FinetuneOptions(freeze_words=words == "frozen")

train = examples(given["rows"])
with deterministic(given["threads"], 0):
    begin = starting_point(signature, train, {"question": Path(given["pretrained"])}, {})
    learn._freeze(begin.network, options)
    rows = EncodedRows(signature, begin.states, train.columns)
    held = EncodedRows(signature, begin.states, examples(given["held"] or given["rows"][:32]).columns)
    recipe = replace(learn._recipe(options, FinetuneTraining(), rows), precision=precision)
    rows.lengths  # both have their texts measured or tokenized before the clock starts
    warm = [] if given["test"] else [given["warm"]]
    for steps in (*warm, given["steps"]):
        with tempfile.TemporaryDirectory() as scratch:
            started = time.perf_counter()
            trainer.train(begin.network, rows, held, recipe, steps=steps, batch=given["batch"], seed=0,
                          scratch=Path(scratch), progress=Silent())
            took = time.perf_counter() - started
    right = None
    if given["test"]:
        asked = EncodedRows(signature, begin.states, examples(given["test"]).columns)
        answers = frozen_features.answers(begin.network, asked)["domain"]
        right = float((answers.argmax(-1) == asked.truths["domain"]["index"]).float().mean())
print(json.dumps([given["batch"] * given["steps"] / took, right]))
"""

PEER = """
import json, sys, tempfile, time
from pathlib import Path
import torch, transformers
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer,
                          TrainingArguments)

given = json.loads(Path(sys.argv[1]).read_text())
torch.set_num_threads(given["threads"])
transformers.logging.set_verbosity_error()
names = sorted({d for _, d in given["rows"]})
tokenizer = AutoTokenizer.from_pretrained(given["pretrained"])
model = AutoModelForSequenceClassification.from_pretrained(given["pretrained"], num_labels=len(names))
texts = tokenizer([q for q, _ in given["rows"]], truncation=True)
rows = [{"input_ids": ids, "attention_mask": mask, "labels": names.index(d)}
        for ids, mask, (_, d) in zip(texts["input_ids"], texts["attention_mask"], given["rows"])]
known = TrainingArguments.__dataclass_fields__
grouped = {}
if given["contender"] == "grouped":
    grouped = ({"train_sampling_strategy": "group_by_length"} if "train_sampling_strategy" in known
               else {"group_by_length": True})
warm = [] if given["test"] else [given["warm"]]
for steps in (*warm, given["steps"]):
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            out, per_device_train_batch_size=given["batch"], max_steps=steps, learning_rate=2e-4, use_cpu=True,
            report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, seed=0, **grouped)
        trainer = Trainer(model, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer))
        started = time.perf_counter()
        trainer.train()
        took = time.perf_counter() - started
right = None
if given["test"]:
    model.eval()
    asked, hits = tokenizer([q for q, _ in given["test"]], truncation=True), 0
    for begin in range(0, len(given["test"]), 64):
        some = tokenizer.pad({name: asked[name][begin:begin + 64] for name in ("input_ids", "attention_mask")},
                             return_tensors="pt")
        with torch.no_grad():
            answers = model(**some).logits.argmax(-1).tolist()
        hits += sum(names[one] == d for one, (_, d) in zip(answers, given["test"][begin:begin + 64]))
    right = hits / len(given["test"])
print(json.dumps([given["batch"] * given["steps"] / took, right]))
"""

CONTENDERS = {
    "ours, word vectors frozen": (OURS, "frozen float32"),
    "ours, every weight": (OURS, "learned float32"),
    "ours, word vectors frozen, bfloat16": (OURS, "frozen bfloat16"),
    "ours, every weight, bfloat16": (OURS, "learned bfloat16"),
    "Trainer, as it comes": (PEER, "default"),
    "Trainer, rows of like length": (PEER, "grouped"),
}


BARS = {
    ("ours, every weight", "Trainer, as it comes"): 2.5,
    ("ours, every weight", "Trainer, rows of like length"): 1.2,
    ("ours, every weight, bfloat16", "Trainer, as it comes"): 2.5,
    ("ours, every weight, bfloat16", "Trainer, rows of like length"): 1.8,
}
MOST_LOST = 0.005  # of accuracy
HELD = 10  # one row in so many chooses which weights ours keeps


def questions(data: Path, split: str = "train") -> list[tuple[str, str]]:
    """Return real questions with their classes: Banking77's, or those of the package that the example learns from."""
    import csv
    import gzip

    if (banking := data / "banking77" / f"{split}.csv").is_file():
        with banking.open(encoding="utf-8", newline="") as lines:
            return [(row["text"], row["category"]) for row in csv.DictReader(lines)]

    file = next(
        entry
        for entry in importlib.metadata.files("insuranceqa_data") or ()
        if entry.as_posix().endswith(f"{split}.json.gz")
    )
    rows = json.loads(gzip.decompress(Path(str(file.locate())).read_bytes()))
    records = rows.values() if isinstance(rows, dict) else rows
    return [(row["en"], row["domain"]) for row in records]


def learned(python: str, script: str, given: dict[str, object]) -> tuple[float, float | None]:
    """Return the examples a second of one contender, in a process of its own, and its accuracy where that is asked."""
    with tempfile.TemporaryDirectory() as folder:
        setting = Path(folder) / "given.json"
        setting.write_text(json.dumps(given), "utf-8")
        done = subprocess.run(
            [python, "-c", textwrap.dedent(script), str(setting)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"a contender ended with {done.returncode}:\n{done.stderr[-2000:]}")
    rate, right = json.loads(done.stdout.strip().splitlines()[-1])
    return rate, right


def compare_accuracy(
    contenders: dict[str, tuple[str, str]], given: dict[str, object], passes: float, peer: str
) -> None:
    """Let those that train every weight learn as long, and print how many test rows each answers rightly."""
    right: dict[str, float] = {}
    for name, (script, contender) in contenders.items():
        if "frozen" in contender:
            continue
        python = sys.executable if script is OURS else peer
        found, accuracy = learned(python, script, {**given, "contender": contender})
        assert accuracy is not None
        right[name] = accuracy
        print(
            f"{name:<36} accuracy {accuracy:.4f} after {passes:g} passes, {found:.1f} examples/s", flush=True
        )
    theirs = [accuracy for name, accuracy in right.items() if name.startswith("Trainer")]
    for name in (name for name in right if theirs and not name.startswith("Trainer")):
        lost = max(theirs) - right[name]
        held = "held" if lost <= MOST_LOST else "MISSED"
        print(f"{name}: {-100 * lost:+.2f} points beside the better Trainer (bar -0.5: {held})")


def main() -> None:
    """Let the contenders take turns and print the medians and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passes", type=float)
    arguments = parser.parse_args()
    found = subprocess.run(
        [arguments.peer_python, "-c", "import accelerate"], capture_output=True, check=False
    )
    contenders = dict(CONTENDERS)
    if found.returncode:
        print(f"Trainer: skipped, {arguments.peer_python} cannot import accelerate")
        contenders = {name: one for name, one in contenders.items() if one[0] is OURS}
    if not has_bfloat16():
        print("bfloat16: skipped, the processor does not multiply in it")
        contenders = {name: one for name, one in contenders.items() if not one[1].endswith("bfloat16")}
    given = {
        "rows": questions(arguments.data),
        "pretrained": str(resolve(None, Path.cwd())),
        "steps": arguments.steps,
        "warm": WARM_STEPS,
        "batch": arguments.batch,
        "threads": arguments.threads,
        "held": [],
        "test": [],
    }
    if arguments.passes is not None:
        rows = questions(arguments.data)
        random.Random(0).shuffle(rows)
        given["held"], given["rows"] = rows[: len(rows) // HELD], rows[len(rows) // HELD :]
        given["test"] = questions(arguments.data, "test")
        given["steps"] = round(arguments.passes * len(rows) * (1 - 1 / HELD) / arguments.batch)
        compare_accuracy(contenders, given, arguments.passes, arguments.peer_python)
        return
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(arguments.rounds):
        for name, (script, contender) in contenders.items():
            python = sys.executable if script is OURS else arguments.peer_python
            found_rate, _ = learned(python, script, {**given, "contender": contender})
            rates[name].append(found_rate)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, found in rates.items():
        print(f"{name:<36} {medians[name]:7.1f} examples/s (from {min(found):.1f} to {max(found):.1f})")
    for peer in (name for name in medians if name.startswith("Trainer")):
        for name in (name for name in medians if not name.startswith("Trainer")):
            ratios = [ours / theirs for ours, theirs in zip(rates[name], rates[peer], strict=True)]
            ratio, bar = statistics.median(ratios), BARS.get((name, peer))
            held = "" if bar is None else f" (bar {bar}: {'held' if ratio >= bar else 'MISSED'})"
            print(f"{name} to {peer}: {ratio:.2f} times the examples a second{held}")


if __name__ == "__main__":
    main()
