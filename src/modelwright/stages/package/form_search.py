"""Looks for the smallest and quickest form that may take the exact graph's place."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelwright.core.evidence.measurement import Phase
from modelwright.core.messages import PackageError, Phrase, Problem
from modelwright.core.progress import ProgressTask
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.units import Unit
from modelwright.learners.contract.compression import FormChoice, Int8Choice, shown
from modelwright.learners.contract.export import Compressor
from modelwright.package import packages
from modelwright.package.body import Body
from modelwright.stages.package import accept
from modelwright.stages.package.candidate import Candidate, Trial, batch_dependence, looked_at, try_out

RULE = (
    "Of the forms that may be taken, the one whose bytes times what its graph computes for a row is least; one that "
    "meets the bars on the size of the package comes before one that does not. Nothing that is timed decides."
)


@dataclass(frozen=True)
class FormsTried:
    """What was tried beside the exact graph, and what changes nothing: form → why; taken: None: the exact one."""

    candidates: tuple[Candidate, ...] = ()
    idle: tuple[tuple[str, Phrase], ...] = ()
    taken: Candidate | None = None


@dataclass(frozen=True)
class FormSearch:
    """What a form is judged by, the same for all: the exact candidate, the trial, and the bar on the size."""

    learner: str
    compressor: Compressor
    exact: Candidate
    trial: Trial
    most_bytes: float

    def auto(self, task: ProgressTask) -> FormsTried:
        """Try what the learner offers, and take the best that may be taken; without one, what it offers otherwise."""
        found: list[Candidate] = []
        idle: list[tuple[str, Phrase]] = []
        for offers in (self.compressor.offers, self.compressor.otherwise):
            begin = len(found)
            for chosen in offers:
                body = self.compressor.made(chosen)
                if isinstance(body, Body):
                    found.append(self._weighed(chosen, body))
                elif body is not None:
                    idle.append((shown(chosen), body))
                task.advance(note=shown(chosen))
            for place in self._best_first(found[begin:]):
                found[begin + place] = sound = self._sound(found[begin + place])
                if sound.refused is None:
                    return FormsTried(tuple(found), tuple(idle), sound)
        return FormsTried(tuple(found), tuple(idle))

    def insisted(self, chosen: Sequence[FormChoice], task: ProgressTask) -> FormsTried:
        """Return what the project insists on; raises PackageError where it cannot be had."""
        body = self.compressor.made(chosen)
        task.advance(note=shown(chosen))
        if not isinstance(body, Body):
            why = body or (
                Phrase("package.no-compressed-form", learner=self.learner)
                if shown(chosen) == shown([Int8Choice()])
                else Phrase("package.no-such-form", learner=self.learner, form=shown(chosen))
            )
            raise PackageError(_not_compressed(chosen, why))
        tried = self._weighed(chosen, body, insists=True)
        if tried.refused is None:
            tried = self._sound(tried)
        if tried.refused is not None:
            raise PackageError(_not_compressed(chosen, tried.refused))
        return FormsTried((tried,), taken=tried)

    def _weighed(self, chosen: Sequence[FormChoice], body: Body, *, insists: bool = False) -> Candidate:
        """Return a candidate of these forms with what it shows on validation, refused where that is too little."""
        tried = try_out(shown(chosen), body, self.trial, self.exact, self._work(body))
        refused = accept.objection(self.exact.figures, tried.figures)
        if refused is None and not insists:
            refused = self._no_gain(tried)
        return replace(tried, refused=refused, chosen=chosen)

    def _no_gain(self, tried: Candidate) -> Phrase | None:
        """Return why a form gains nothing over the exact one, by what decides between forms; None where it does."""
        if tried.graph_bytes >= self.exact.graph_bytes:
            return Phrase("package.not-smaller")
        # a bar on the size that only a smaller one meets is worth more
        if tried.graph_bytes * tried.work >= self.exact.graph_bytes and not self._too_large(self.exact):
            return Phrase(
                "package.no-gain", work=tried.work, smaller=self.exact.graph_bytes / tried.graph_bytes
            )
        return None

    def _sound(self, candidate: Candidate) -> Candidate:
        """Return a candidate, looked at closely, refused where its answers depend on their batch."""
        found = looked_at(candidate, self.trial)
        assert found.batches is not None
        return replace(found, refused=batch_dependence(found.batches))

    def _too_large(self, candidate: Candidate) -> bool:
        """Tell whether the package would break the bar on its size."""
        if math.isinf(self.most_bytes):
            return False
        return candidate.graph_bytes + _beside_graphs(self.exact) > self.most_bytes

    def _work(self, body: Body) -> float:
        exact, small = (self.compressor.work(one) for one in (self.exact.body, body))
        return small / exact if exact else 1.0

    def _best_first(self, found: Sequence[Candidate]) -> Iterator[int]:
        """Yield the places of those that are not refused, the smallest and quickest first."""

        def rank(place: int) -> tuple[bool, float]:
            return self._too_large(found[place]), found[place].graph_bytes * found[place].work

        yield from sorted((place for place, one in enumerate(found) if one.refused is None), key=rank)


def most_bytes(requirements: Sequence[Requirement]) -> float:
    """Return the least bar on the size of the package; infinite without one."""
    bars = (
        one.bar.value
        for one in requirements
        if Phase.PACKAGE in one.metric.phases
        and one.metric.name == "size"
        and one.metric.unit is Unit.BYTES
        and not one.bar.champion
    )
    return min(bars, default=math.inf)


def _beside_graphs(candidate: Candidate) -> int:
    """Return about how many bytes a package takes beside its graphs: the states of the kinds, tokenizers among them."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "package"
        packages.write(candidate.body, place, lineage={}, credits={}, versions={}, threads=1)
        return packages.size_bytes(place) - candidate.graph_bytes


def _not_compressed(chosen: Sequence[FormChoice], why: Phrase) -> Problem:
    return Problem("package.not-compressed", form=shown(chosen), why=why)
