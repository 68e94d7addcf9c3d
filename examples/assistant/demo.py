"""Take an assistant round the loop: one function finds, another replies and says on which passage that rests.

Run it with `make demo-assistant`. Everything it does is a command that you can type yourself; each is printed before it
runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
sys.path.insert(0, str(PROJECT.parent))

from walkthrough import Walkthrough, asked  # noqa: E402 - a module beside the examples

_SHOWN = 160  # characters of a reply


def questions() -> list[str]:
    """Return two questions that were held out, and one whose answer the page does not have."""
    found = []
    for name, count in (("test.jsonl", 2), ("unanswered.jsonl", 1)):
        lines = (PROJECT / name).read_text("utf-8").splitlines()[:count]
        found += [json.loads(line)["messages"][0]["content"] for line in lines]
    return found


def ask(base: str, question: str) -> str:
    """Ask one question over HTTP and return lines that show the answer and its source."""
    answer = asked(f"{base}/assist", {"messages": [{"role": "user", "content": question}]})
    reply = answer["outputs"]["reply"]
    text = reply["value"] if len(reply["value"]) <= _SHOWN else f"{reply['value'][:_SHOWN]}…"
    sources = ", ".join(f"passage {one['id']}" for one in reply["details"]["sources"]) or "no source"
    return f"{question}\n  {text}\n  ({reply['details']['act']}, {sources}, {reply['confidence']:.2f})"


def main() -> None:
    """Go round both loops once."""
    begun = time.monotonic()
    find, assist = Walkthrough(PROJECT / "find"), Walkthrough(PROJECT)
    print(
        "\n── The help page, and questions to learn from and to be tested on\n$ python make_rows.py\n",
        flush=True,
    )
    subprocess.run([sys.executable, str(PROJECT / "make_rows.py")], check=True)
    find.step("In find/: the function that finds the passage", "run")
    assist.step("The function that replies; it calls what find/ has released", "run")
    with assist.serving("Serve the released version") as base:
        for question in questions():
            print(ask(base, question), flush=True)
    print(f"""
Both loops took {time.monotonic() - begun:.0f} s. What to do next, in examples/{PROJECT.name}/:
  modelwright serve              answers POST /assist, and any client of the OpenAI protocol
  modelwright predict messages="Does Medicare cover dental?" --json
  modelwright show report        replies beside what was wanted
  add passages to find/passages.csv, run find/ and then this: `modelwright check` says what runs again, and why""")


if __name__ == "__main__":
    main()
