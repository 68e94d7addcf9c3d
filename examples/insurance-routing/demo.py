"""Take the example round the loop: check, run, serve, three real questions over HTTP, the live table.

Run it with `make demo`. Everything it does is a `modelwright` command that you can type yourself; each is
printed before it runs.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
sys.path.insert(0, str(PROJECT.parent))

from walkthrough import Walkthrough, asked  # noqa: E402 - a module beside the examples

# Asked by customers of an insurance library; none of them stands in the training split.
QUESTIONS = (
    "What Is Medigap Supplemental Insurance?",
    "Is Blepharoplasty Covered By Medicare?",
    "What Do I Do About Insurance When I Buy A New Car?",
)


def ask(base: str, question: str) -> str:
    """Ask one question over HTTP and return a line that shows the answer."""
    answer = asked(f"{base}/route", {"question": question})
    domain = answer["outputs"]["domain"]
    return (
        f"{question:<50} → {domain['value']:<22} {domain['confidence']:.3f}   (version {answer['version']})"
    )


def main() -> None:
    """Go round the loop once."""
    begun, walk = time.monotonic(), Walkthrough(PROJECT)
    walk.step(
        "What can the test set prove? (one bar added that it cannot: 17 rows of that class)",
        *("check", "--set", "requirements.recall[critical-illness-insurance]=>= 0.90"),
    )
    walk.step("Round the loop: data, plan, learn, package, evaluate, release", "run")
    with walk.serving("Serve the released version") as base:
        for question in QUESTIONS:
            print(ask(base, question), flush=True)
        walk.step("Every requirement, on test data, on the package and in live traffic", "status")
    print(f"""
The whole loop took {time.monotonic() - begun:.0f} s. What to do next, in examples/{PROJECT.name}/ (the command
lies in .venv/bin; `source .venv/bin/activate` finds it):
  modelwright serve              answers POST /route; try it at /docs
  modelwright predict question="Does Medicare cover dental?"
  modelwright show report        the report of what was measured
  edit modelwright.yaml          raise a bar, then `modelwright run`: only what it touches runs again
  modelwright new my-project     start with your own data""")


if __name__ == "__main__":
    main()
