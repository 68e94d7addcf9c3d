"""How well the example `assistant` answers: 200 held-out questions, and 200 whose answers its help page does not have.

    python benchmarks/assistant.py [--project FOLDER]

The project is run round both loops (a folder with what was run before is taken as it is), and its package is asked.
Figures are shares with the interval of 95 % (mid-P):

    answered rightly      the reply says what a right answer says, word by word
    right source          the passage that it names is a right one
    refused               of the held-out questions
    refused, unanswerable of those to which the page has no answer: the more, the better

Below it the last two for other values of `model.answer_from`, and the time of a reply, one at a time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import modelwright
from modelwright import kinds
from modelwright.core.evidence.intervals import proportion
from modelwright.outcomes.texts.similarity import says_the_same
from modelwright.project import Project
from modelwright.runtime.function import Function

EXAMPLE = Path(__file__).parents[1] / "examples" / "assistant"
THRESHOLDS = (0.0, 0.2, 0.4, 0.6)


def copied(into: Path) -> Path:
    """Copy the example into a folder, and write its rows there."""
    project = into / "assistant"
    shutil.copytree(
        EXAMPLE, project, ignore=shutil.ignore_patterns(".modelwright", "*.jsonl", "passages.csv")
    )
    subprocess.run([sys.executable, str(project / "make_rows.py"), "--into", str(project)], check=True)
    return project


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def replies(function: Function, rows: Sequence[dict[str, Any]]) -> tuple[list[Any], float]:
    """Return the answers to rows, asked one at a time, and the median milliseconds of one."""
    parse, found, took = kinds.value("dialogue").parse, [], []
    for row in rows:
        began = time.perf_counter()
        (answer,) = function.answer({"messages": [parse(row["messages"])]})
        took.append(1e3 * (time.perf_counter() - began))
        found.append(answer["reply"])
    return found, sorted(took)[len(took) // 2]


def show(name: str, hits: Sequence[bool]) -> None:
    """Print a share with its interval."""
    low, high = proportion(sum(hits), len(hits), 0.95)
    print(f"{name:24} {sum(hits) / len(hits):.3f} [{low:.3f}, {high:.3f}], n = {len(hits)}")


def main() -> None:
    """Run the example where it was not, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path, help="a folder in which the example was run")
    project = parser.parse_args().project or copied(Path(tempfile.mkdtemp()))
    for folder in (project / "find", project):
        began = time.monotonic()
        result = Project(folder).run()
        assert not result.problems, [str(one) for one in result.problems]
        print(f"{result.function}: version {result.version}, {time.monotonic() - began:.0f} s by the clock")
    places = (project / ".modelwright" / "objects" / "package").glob("*/package")
    function = modelwright.load(max(places, key=lambda one: one.stat().st_mtime_ns))
    held, beyond = rows_of(project / "test.jsonl"), rows_of(project / "unanswered.jsonl")
    questions = rows_of(project / "find" / "test.jsonl")
    found, took_ms = replies(function, held)
    show(
        "answered rightly",
        [
            one.details["act"] == "answer" and says_the_same(row["reply"], one.value)
            for row, one in zip(held, found, strict=True)
        ],
    )
    show(
        "right source",
        [
            any(source["id"] in row["answer"] for source in one.details["sources"])
            for row, one in zip(questions, found, strict=True)
        ],
    )
    show("refused", [one.details["act"] == "refuse" for one in found])
    unanswerable, _ = replies(function, beyond)
    show("refused, unanswerable", [one.details["act"] == "refuse" for one in unanswerable])
    print(f"a reply takes {took_ms:.1f} ms (median, one at a time)")
    for least in THRESHOLDS:
        shares = [
            sum((one.confidence or 0.0) < least for one in of) / len(of) for of in (found, unanswerable)
        ]
        print(f"answer_from {least}: refused {shares[0]:.3f}, of the unanswerable {shares[1]:.3f}")


if __name__ == "__main__":
    main()
