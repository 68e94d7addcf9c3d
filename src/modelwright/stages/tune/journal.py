"""The trials that have ended, on the disk as they end: a search that is killed goes on behind the last of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from modelwright.storage import disk
from modelwright.storage.formats.search import SearchTrial, plan_folder

_FILE, _PLANS = "trials.jsonl", "plans"


class Journal:
    """One line for each trial that has ended, in the order of ending, and the plans of those with a package."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _FILE
        self._plans = folder / _PLANS

    def read(self) -> dict[int, SearchTrial]:
        """Return the trials by number. A last line that a kill cut short is none."""
        found: dict[int, SearchTrial] = {}
        if not self._file.is_file():
            return found
        text = self._file.read_text(encoding="utf-8")
        whole, _, torn = text.rpartition("\n")
        for line in whole.splitlines():
            try:
                trial = SearchTrial.from_json(line)
            except ValueError:
                continue  # of another version, or damaged: it is tried again
            if trial.state != "done" or plan_folder(self._plans, trial.number).is_dir():
                found[trial.number] = trial
        if torn:
            disk.write_atomically(self._file, whole + "\n" if whole else "")
        return found

    def add(self, trial: SearchTrial, plan: Path | None) -> None:
        """Write down a trial; its plan first, for the line says that all is there."""
        if plan is not None:
            target = plan_folder(self._plans, trial.number)
            half = target.with_suffix(".part")
            for left in (target, half):
                shutil.rmtree(left, ignore_errors=True)
            half.mkdir(parents=True)
            for part in ("choice", "forecast"):
                shutil.copytree(plan / part, half / part)
            half.rename(target)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(trial.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())

    def copy_plans(self, out: Path) -> None:
        """Copy the plans to where they are sealed."""
        if self._plans.is_dir():
            shutil.copytree(self._plans, out, ignore=shutil.ignore_patterns("*.part"))

    def forget(self) -> None:
        """Remove all of it, so that the next run tries anew."""
        self._file.unlink(missing_ok=True)
        shutil.rmtree(self._plans, ignore_errors=True)
