"""Mutation testing of `core` and `storage/state`: breaks the code in small ways and counts how often a test fails.

    python tests/mutants.py [--resume] [PATTERN…]   such as modelwright.core.units*; else all that pyproject.toml names

Prints the share of mutants that a test kills, by module, and exits with 1 where it is below the bar. mutmut works on
a copy, `mutants/`, which it does not bring up to date: it is made anew, unless --resume goes on with a stopped run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

BAR = 0.85
ROOT = Path(__file__).parents[1]
KILLED = {"killed", "timeout", "segfault", "caught by type check"}
LEFT_OUT = {"no tests", "skipped", "not checked"}  # counted apart: nothing ran that could kill it


def main() -> None:
    patterns = [word for word in sys.argv[1:] if word != "--resume"]
    if "--resume" not in sys.argv:
        shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    mutmut = [sys.executable, "-m", "mutmut"]
    subprocess.run([*mutmut, "run", *patterns], cwd=ROOT, check=False)
    listed = subprocess.run(
        [*mutmut, "results", "--all", "true"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    by_module: dict[str, Counter[str]] = defaultdict(Counter)
    for line in listed.splitlines():
        name, _, status = line.strip().partition(": ")
        if status and status not in LEFT_OUT - {"no tests"}:
            by_module[name.partition(".x_")[0].partition(".xǁ")[0]][status] += 1
    share = report(by_module)
    if share < BAR:
        sys.exit(f"{share:.1%} of the mutants are killed, fewer than {BAR:.0%}")


def report(by_module: dict[str, Counter[str]]) -> float:
    """Print the share by module; return that of all. A mutant that no test reaches is alive."""
    total: Counter[str] = Counter()
    for module, found in sorted(by_module.items()):
        total += found
        print(f"{_share(found):6.1%} of {sum(found.values()):4} killed  {module}")
    print(f"{_share(total):6.1%} of {sum(total.values()):4} killed  in all; {dict(total)}")
    return _share(total)


def _share(found: Counter[str]) -> float:
    return sum(found[status] for status in KILLED) / max(sum(found.values()), 1)


if __name__ == "__main__":
    main()
