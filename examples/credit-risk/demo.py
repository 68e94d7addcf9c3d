"""Take credit risk round the loop: what errors cost decides, and every refusal has its reasons.

Run it with `make demo-credit`. Everything it does is a `modelwright` command that you can type yourself; each is
printed before it runs.
"""

from __future__ import annotations

import csv
import html
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
sys.path.insert(0, str(PROJECT.parent))

from walkthrough import Walkthrough, asked  # noqa: E402 - a module beside the examples

REASONS = 3
# Two applicants of our own making, by the words that the bank's form has.
COMMON = {
    "installment_rate": 4,
    "debtors": "none",
    "residence_years": 2,
    "credits_here": 1,
    "job": "skilled employee / official",
    "dependants": 1,
    "telephone": "none",
}
APPLICANTS = {
    "a long credit, an overdrawn account": COMMON
    | {
        "account": "< 0 DM",
        "months": 36,
        "history": "existing credits paid back duly till now",
        "amount": 6000,
        "savings": "... < 100 DM",
        "employment": "1 <= ... < 4 years",
        "property": "unknown / no property",
        "other_plans": "bank",
        "housing": "rent",
    },
    "a short credit, savings, years in the job": COMMON
    | {
        "account": "no checking account",
        "months": 12,
        "history": "all credits at this bank paid back duly",
        "amount": 1500,
        "savings": ".. >= 1000 DM",
        "employment": ".. >= 7 years",
        "property": "real estate",
        "other_plans": "none",
        "housing": "own",
    },
}


def table(walk: Walkthrough, title: str, heading: str) -> None:
    """Print the table of the model card that stands below a heading."""
    walk.show(title, "show", "card")
    done = subprocess.run(walk.command("show", "card"), check=True, capture_output=True, text=True)
    lines = iter(done.stdout.splitlines())
    for line in lines:
        if line.startswith(heading):
            break
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append(
                [html.unescape(cell).replace("\\", "").strip() for cell in line.strip("|").split("|")]
            )
        elif rows:
            break
    aligned([row for row in rows if not set("".join(row)) <= {"-"}])


def aligned(rows: Sequence[Sequence[str]]) -> None:
    """Print rows as columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def refusals(walk: Walkthrough, folder: Path) -> None:
    """Answer a file of applicants, and print why the first of them would be refused."""
    file, out = folder / "applicants.csv", folder / "answers.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, fieldnames=["who", *next(iter(APPLICANTS.values()))])
        writer.writeheader()
        writer.writerows({"who": who, **one} for who, one in APPLICANTS.items())
    arguments = (
        "predict",
        "--file",
        str(file),
        "--reasons",
        str(REASONS),
        "--out",
        str(out),
        "--keep",
        "who",
    )
    walk.step("A file of applicants: the answer, and what speaks most for it", *arguments)
    with out.open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            refused = row["default"] == "true"
            print(f"{row['who']}: {'refuse' if refused else 'grant'}, because of")
            print("".join(f"    {reason}\n" for reason in row["default.reasons"].split("; ")), end="")


def ask(base: str, who: str, applicant: dict[str, object]) -> str:
    """Ask about one applicant over HTTP and return a line that shows the answer."""
    answer = asked(f"{base}/assess", applicant)["outputs"]["default"]
    return f"{who:<45} → default: {answer['value']!s:<6} (probability {answer['confidence']:.3f})"


def main() -> None:
    """Go round the loop once."""
    begun, walk = time.monotonic(), Walkthrough(PROJECT)
    walk.step("What would run, and what can the test set prove?", "check")
    walk.step("Round the loop: data, plan, learn, package, evaluate, release", "run")
    table(walk, "What do the answers cost, and what would other rules?", "What the answers cost")
    table(walk, "Does it do worse for some than for others?", "Slices beside")
    refusals(walk, PROJECT / ".modelwright" / "demo")
    with walk.serving("Serve the released version; the package carries the rule") as base:
        for who, applicant in APPLICANTS.items():
            print(ask(base, who, applicant), flush=True)
    print(f"""
The whole loop took {time.monotonic() - begun:.0f} s. What to do next, in examples/{PROJECT.name}/:
  modelwright show report        cost at every threshold, calibration, slices, mistakes
  modelwright show card          the model card, for whoever must approve it
  modelwright explain …          all inputs of one answer, not only the weightiest
  edit `costs` in modelwright.yaml, then `modelwright run`: it answers elsewhere, and learns nothing again""")


if __name__ == "__main__":
    main()
