"""Write the rows and the passages of this example, from the PyPI package insuranceqa_data 1.2.

A help page as an insurer has one: all answers to 260 questions that customers asked, drawn at random with a fixed seed.
Of these questions 30 are learned from, 30 choose, and 200 are held out. Of others, whose answers are not on the page,
30 show when to say that nothing was found, and 200 how often it says so.

    python examples/assistant/make_rows.py [--into FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import importlib.metadata
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SIZES = {"train": 30, "validation": 30, "test": 200}
UNANSWERED = {"validation": 30, "unanswered": 200}


def resource(name: str) -> Mapping[str, Any]:
    """Return a file of the data set."""
    files = importlib.metadata.distribution("insuranceqa_data").files or []
    place = next(file for file in files if file.name == name).locate()
    found: dict[str, Any] = json.loads(gzip.decompress(Path(str(place)).read_bytes()))
    return found


def drawn(seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Return test questions of the data set by split; those that are `unanswered` share no answer with the others.

    So do those of `without`, which show on validation when nothing is answered.
    """
    questions = list(resource("test.json.gz").values())
    random.Random(seed).shuffle(questions)
    found: dict[str, list[dict[str, Any]]] = {}
    for split, size in SIZES.items():
        found[split], questions = questions[:size], questions[size:]
    known = {one for rows in found.values() for row in rows for one in row["answers"]}
    beyond = [row for row in questions if known.isdisjoint(row["answers"])]
    held, chosen = UNANSWERED["unanswered"], UNANSWERED["validation"]
    return {**found, "unanswered": beyond[:held], "without": beyond[held : held + chosen]}


def write(into: Path) -> int:
    """Write the files below a folder, and return how many passages the page has."""
    splits, answers = drawn(), resource("answers.json.gz")
    ids = sorted({one for split in SIZES for row in splits[split] for one in row["answers"]})
    texts = {one: " ".join(answers[one]["en"].split()) for one in ids}
    (into / "find").mkdir(parents=True, exist_ok=True)
    with (into / "find" / "passages.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "passage"])
        writer.writerows(texts.items())
    for split in SIZES:
        rows = [{"question": row["en"], "answer": row["answers"]} for row in splits[split]]
        _write(into / "find" / f"{split}.jsonl", rows)
        without = splits["without"] if split == "validation" else []
        messages = [_message(row, texts) for row in splits[split]] + [_message(row, {}) for row in without]
        _write(into / f"{split}.jsonl", messages)
    _write(into / "unanswered.jsonl", [_message(row, {}) for row in splits["unanswered"]])
    return len(texts)


def _message(row: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return a message and its reply: all right answers, a blank line between them; None where none is known."""
    reply = "\n\n".join(texts[one] for one in row["answers"] if one in texts)
    return {"messages": [{"role": "user", "content": row["en"]}], "reply": reply or None}


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Write what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, default=HERE)
    print(f"{write(parser.parse_args().into):,} passages")


if __name__ == "__main__":
    main()
