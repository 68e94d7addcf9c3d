"""Runs steps: finds what is sealed, makes what is not, and says why."""

from __future__ import annotations

import copy
import inspect
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from modelwright.core import digests
from modelwright.core.json_types import JsonLike
from modelwright.core.messages import DataError, Phrase, Problem, StateError
from modelwright.core.progress import Progress, Silent
from modelwright.engine.artifact_manifest import Artifact, ArtifactPart
from modelwright.engine.executors import Executor, LocalExecutor, StageFunction
from modelwright.engine.fingerprint import Fingerprint
from modelwright.engine.lineage import MadeFrom, differences
from modelwright.engine.step import Outdated, Step, StepPreview, StepResult
from modelwright.engine.step_sources import SourceRecord
from modelwright.engine.store import Lookup, Store
from modelwright.storage import disk
from modelwright.storage.file_digests import FileDigests

__all__ = ["Outdated", "Runner", "Step", "StepPreview", "StepResult"]

_MOST_ATTEMPTS = 3  # at a step whose files change while it reads them
_PROVIDED = ("out", "scratch", "cache", "progress")  # what the runner gives to a function that names it


def _as_it_is(progress: Progress) -> Progress:
    return progress


class Runner:
    """Runs steps against a store, for one run: `record` is what that run has rested on, for its stamp.

    digests: of the files outside the store; listen: called with every result, also a failed one, before its
    error is raised; progress: shows what the stages report and whom a wait is for; timer: seconds of a
    monotonic clock; records_latest: whether what is made here counts as what the stages made last, which
    explains and is adopted (not so in a lane that only tries something).
    """

    def __init__(
        self,
        store: Store,
        fingerprint: Fingerprint,
        *,
        digests: FileDigests | None = None,
        executor: Executor | None = None,
        progress: Progress | None = None,
        listen: Callable[[StepResult], None] = lambda outcome: None,
        timer: Callable[[], float] = time.perf_counter,
        records_latest: bool = True,
    ) -> None:
        self.store = store
        self._fingerprint = fingerprint
        self._executor = executor or LocalExecutor()
        self._progress = progress or Silent()
        self._listen = listen
        self._timer = timer
        self._digests = digests or FileDigests()
        self._records_latest = records_latest
        self.record = SourceRecord(fingerprint)
        self._wrapped: dict[str, Callable[[Progress], Progress]] = {}
        self._changed: Counter[str] = Counter()  # step → how often what it read changed meanwhile

    def watch(self, stage: str, watching: Callable[[Progress], Progress]) -> None:
        """Let what a stage reports pass through another Progress, made when the stage runs."""
        self._wrapped[stage] = watching

    def aside(self) -> Runner:
        """Return a runner of the same run for what is made beside the stages: not told, and not their latest."""
        found = copy.copy(self)
        found._listen, found._records_latest = (lambda outcome: None), False
        return found

    def made_from(self, step: Step) -> MadeFrom:
        """Return everything that decides the bits of what a step makes."""
        self.record.rest_on(step.sources, code=step.roots)  # before anything of it is read
        code, libraries = self._fingerprint.code_and_libraries(step.roots)
        return MadeFrom(
            code=code,
            config=step.config,
            inputs={name: given.digest for name, given in step.inputs.items()},
            files={
                **{name: self._digests.of(path) for name, path in step.sources.files.items()},
                **{name: self._digests.of_many(every) for name, every in step.sources.sets.items()},
                **{name: digests.of_json(list(names)) for name, names in step.sources.names.items()},
            },
            libraries=libraries,
        )

    def forecast(self, step: Step, *, forced_by: str | None = None) -> StepPreview:
        """Say what `run` would do, without doing it."""
        made_from = self.made_from(step)
        key = made_from.key(step.name)
        lookup = self.store.lookup(step.name, key)
        would_run = forced_by is not None or lookup.artifact is None
        why = self._why(step.name, made_from, lookup, forced_by) if would_run else ""
        return StepPreview(step.name, key, would_run, why, lookup.artifact)

    def run(self, step: Step, *, forced_by: str | None = None, keep: bool = False) -> StepResult:
        """Return the step's sealed artifact, made now if need be.

        forced_by: make it even if it is sealed, from an empty scratch folder, for this reason (`--force`);
        the sealed one stays until the new one is. keep: adopt what the stage made last instead of making it.
        Raises what the function raises (then nothing is sealed and its scratch folder stays), Outdated where
        the step is to be built again, StateError when there is nothing to keep, and MachineError on a full disk.
        """
        assert not (forced_by and keep), "to force is to make, to keep is not to make"
        started = self._timer()
        made_from = self.made_from(step)
        key = made_from.key(step.name)
        lookup = self.store.lookup(step.name, key)
        why = self._why(step.name, made_from, lookup, forced_by)
        force = forced_by is not None
        try:
            if lookup.artifact is not None and not force:
                outcome = self._outcome(step, "cached", started, "", lookup.artifact)
            else:
                outcome = self._make_or_wait(step, key, made_from, why, started, force=force, keep=keep)
        except Outdated:
            raise
        except BaseException:
            self._listen(StepResult(step.name, "failed", self._timer() - started, why, None))
            raise
        self._listen(outcome)
        return outcome

    def restore(self, step: Step, content: Path, summary: Mapping[str, JsonLike]) -> None:
        """Seal a copy of `content` as what a step makes, unless that is sealed: another result holds it as it was made.

        summary: what the step returned with it.
        """
        made_from = self.made_from(step)
        key = made_from.key(step.name)
        with self.store.lock(step.name, key, self._waiting(step.name)):
            if self.store.find(step.name, key) is not None:
                return
            out = self.store.fresh(step.name, key)
            with disk.guard(self.store.root):
                shutil.copytree(content, out, dirs_exist_ok=True)
            self.store.seal(out, step.name, key, made_from, summary)

    def _make_or_wait(
        self, step: Step, key: str, made_from: MadeFrom, why: str, started: float, *, force: bool, keep: bool
    ) -> StepResult:
        with ExitStack() as locks:
            for given in step.inputs.values():  # nobody replaces or removes an input while it is read
                locks.enter_context(self.store.lock(given.stage, given.key, shared=True))
                self._check_input(step, given)
            locks.enter_context(self.store.lock(step.name, key, self._waiting(step.name)))
            self.store.publish_left(step.name, key)
            found = self.store.find(step.name, key)
            if found is not None and not force:
                return self._outcome(step, "cached", started, str(Phrase("why.made-by-another")), found)
            if keep:
                kept = self._keep(step, key, made_from)
                return self._outcome(step, "cached", started, str(Phrase("why.kept", why=why)), kept)
            return self._outcome(
                step, "done", started, why, self._make(step, key, made_from, from_nothing=force)
            )

    def _make(self, step: Step, key: str, made_from: MadeFrom, *, from_nothing: bool) -> Artifact:
        if from_nothing:
            self.store.clear_scratch(step.name, key)
        out = self.store.fresh(step.name, key)
        try:
            with disk.guard(self.store.root):
                function = step.load()
                step.before()
                summary = self._executor.execute(function, self._arguments(step, function, key, out))
            self._check_sources(step)
            artifact = self.store.seal(out, step.name, key, made_from, summary)
        finally:
            disk.remove(out)  # gone already when it was sealed
        self.store.clear_scratch(step.name, key)
        return artifact

    def _arguments(self, step: Step, function: StageFunction, key: str, out: Path) -> dict[str, object]:
        """Return the function's arguments by name; that they fit is our own business, hence asserted."""
        parameters = inspect.signature(function).parameters
        given = {**step.inputs, **step.arguments}
        assert len(given) == len(step.inputs) + len(step.arguments), f"{step.name}: a name is given twice"
        assert not set(given) & set(_PROVIDED), f"{step.name}: {_PROVIDED} are the runner's to give"
        assert set(given) <= set(parameters), f"{step.name} takes no {set(given) - set(parameters)}"
        if "out" in parameters:
            given["out"] = out
        if "scratch" in parameters:
            given["scratch"] = self.store.scratch(step.name, key)
        if "cache" in parameters:
            given["cache"] = self.store.root / "cache" / step.name
        if "progress" in parameters:
            given["progress"] = self._wrapped.get(step.name, _as_it_is)(self._progress)
        missing = {n for n, p in parameters.items() if p.default is p.empty and n not in given}
        assert not missing, f"{step.name} is not given {missing}"
        return given

    def _keep(self, step: Step, key: str, made_from: MadeFrom) -> Artifact:
        latest = self.store.latest(step.name)
        old = self.store.find(step.name, latest.key) if latest is not None else None
        if old is None:
            raise StateError(Problem("store.nothing-to-keep", where=str(self.store.root), stage=step.name))
        step.readable(old)
        with self.store.lock(old.stage, old.key, shared=True):
            return self.store.adopt(old, key, made_from)

    def _check_sources(self, step: Step) -> None:
        """Raise Outdated where a file changed, came or went while the step read: the key would not say what was read.

        After several times it is a DataError, for whoever writes there does not stop.
        """
        if self.record.still_holds(step.sources):
            return
        self.record.forget(step.sources)
        self._changed[step.name] += 1
        if self._changed[step.name] >= _MOST_ATTEMPTS:
            raise DataError(Problem("data.changing", stage=step.name, count=_MOST_ATTEMPTS))
        raise Outdated

    def _check_input(self, step: Step, given: Artifact | ArtifactPart) -> None:
        found = self.store.find(given.stage, given.key)
        digests = {found.digest, *found.parts.values()} if found is not None else set()
        if given.digest not in digests:
            raise StateError(
                Problem("store.input-gone", where=str(given.path), stage=given.stage, reader=step.name)
            )

    def _why(self, stage: str, made_from: MadeFrom, lookup: Lookup, forced_by: str | None) -> str:
        if forced_by is not None and lookup.artifact is not None:
            return forced_by
        if lookup.damage is not None:
            return str(Phrase("why.damaged", damage=lookup.damage))
        latest = self.store.latest(stage)
        if latest is None:
            return str(Phrase("why.first-run"))
        changes = differences(latest.made_from, made_from)
        return Phrase("list.semicolon").found.join(changes) if changes else str(Phrase("why.removed"))

    def _waiting(self, stage: str) -> Callable[[str], None]:
        return lambda holder: self._progress.say(str(Phrase("run.waiting", stage=stage, holder=holder)))

    def _outcome(
        self, step: Step, status: Literal["done", "cached"], started: float, why: str, artifact: Artifact
    ) -> StepResult:
        if self._records_latest:
            self.store.record_latest(artifact)
        self.record.use(artifact)
        return StepResult(step.name, status, self._timer() - started, why, artifact)
