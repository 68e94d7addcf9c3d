"""What people are shown: two answers to a test row, that of a version and that of what it is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from modelwright import kinds
from modelwright.core import digests
from modelwright.core.messages import Problem, StateError
from modelwright.core.signature import Field, Signature
from modelwright.engine.artifact_manifest import ArtifactPart
from modelwright.engine.store import Store
from modelwright.kinds.contract.show import Show
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.context import Context
from modelwright.project.loop.opponents import Opponent, judged_output, opponent
from modelwright.project.loop.stage_names import DATA, PACKAGE
from modelwright.runtime.function import load
from modelwright.storage.formats.data import read_signature
from modelwright.storage.formats.evidence import OUTCOMES, read_evidence
from modelwright.storage.formats.examples import ID, read_columns
from modelwright.storage.state.versions import Version


@dataclass(frozen=True)
class Pair:
    """Two answers to a row; inputs: as text, by name; is_object: whether the answers are the texts of objects."""

    row: str
    inputs: Mapping[str, str]
    answer: str
    other: str
    is_object: bool = False


class AnswerPairs:
    """The pairs of a version, in an order that the seed draws.

    rows: the ids of the test rows in this order; measured: what `win_rate` is against; without: how many of those with
    an answer have no other text.
    """

    def __init__(
        self, context: Context, store: Store, number: int | None, named: str | None, seed: int
    ) -> None:
        """Raise StateError and ProjectError where there is nothing to compare. number: by default the newest."""
        state = context.state
        self.version = version_artifacts.newest(state) if number is None else state.version(number)
        test, signature = _test_rows(store, self.version)
        output = judged_output(signature)
        if output is None:
            raise StateError(Problem("judge.no-texts", signature=str(signature)))
        self._store, self.signature, self.output = store, signature, output
        measured = context.opened.file.evaluate.against
        self.against = self._opponent(named or measured, context, test)
        self.measured = measured
        self._columns = read_columns(
            test.path, [ID, *(one.name for one in signature.inputs)], signature.inputs
        )
        self._places = {row: place for place, row in enumerate(self._columns[ID])}
        self._answers = _recorded(store, self.version, output)
        self._is_object = kinds.value(output.kind).schema().get("type") == "object"
        self._other = self._answering(store)
        written = [row for row in self._places if row in self._answers]
        if not written:
            raise StateError(Problem("judge.no-rows", version=self.version.number))
        texts = self.against.texts
        kept = [row for row in written if texts is None or texts.get(row) is not None]
        self.without = len(written) - len(kept)
        if not kept:
            raise StateError(Problem("judge.no-other-texts", name=self.against.named, rows=len(written)))
        self.rows: Sequence[str] = sorted(kept, key=lambda row: digests.of_bytes(f"{seed} {row}".encode()))

    def __contains__(self, row: str) -> bool:
        return row in self._places

    def pair(self, row: str) -> Pair:
        """Return the two answers to a row; that of another version is asked for now where nobody has yet."""
        place = self._places[row]
        inputs = {one.name: _text(one, self._columns[one.name][place]) for one in self.signature.inputs}
        return Pair(row, inputs, self._answers[row], self._other(row), self._is_object)

    def ask(self, row: str) -> str:
        """Return what the package of the other version answers to a row now."""
        place = self._places[row]
        return self._package.answer(
            {one.name: self._columns[one.name][place] for one in self.signature.inputs}
        )

    @cached_property
    def _package(self) -> _Package:
        assert self.against.version is not None, "texts have no package"
        return _Package(self._store, self.against.version, self.signature, self.output)

    def _opponent(self, named: str, context: Context, test: ArtifactPart) -> Opponent:
        package = self.version.package_digest
        found = opponent(named, context.opened, context.state, package, self.signature, test)
        if found is None:
            raise StateError(
                Problem("judge.no-champion", version=self.version.number, output=self.output.name)
            )
        if found.digest == package:
            assert found.version is not None, "texts have a digest of their own"
            number = None if found.version.number == self.version.number else found.version.number
            raise StateError(Problem("judge.equal-versions", version=self.version.number, other=number))
        return found

    def _answering(self, store: Store) -> Callable[[str], str]:
        """Return what gives the other text of a row: a column's, that of an evaluation, or what a package answers."""
        texts, version = self.against.texts, self.against.version
        if texts is not None:
            return lambda row: texts[row] or ""
        assert version is not None, "it is a version or texts"
        test, _ = _test_rows(store, self.version)
        own = read_evidence(version_artifacts.evidence_folder(store, version))
        recorded = _recorded(store, version, self.output) if own.test == test.digest else {}
        return lambda row: recorded[row] if row in recorded else self.ask(row)


class _Package:
    """A package that is opened when it is asked for the first time."""

    def __init__(self, store: Store, version: Version, signature: Signature, output: Field) -> None:
        self._store, self._version, self._signature, self._output = store, version, signature, output

    @cached_property
    def _function(self) -> Any:
        version = self._version
        with self._store.lock(PACKAGE, version.package_key, shared=True):
            folder = version_artifacts.package_folder(self._store, version)
            function = load(folder)
        version_artifacts.require_its_package(version, folder, function.digest)
        theirs = {one.name for one in function.signature.inputs}
        if theirs != {one.name for one in self._signature.inputs} or self._output.name not in {
            one.name for one in function.signature.outputs
        }:
            raise StateError(
                Problem(
                    "judge.other-signature",
                    version=version.number,
                    there=str(function.signature),
                    here=str(self._signature),
                )
            )
        return function

    def answer(self, inputs: Mapping[str, object]) -> str:
        """Return what the package answers to a row of canonical values, nothing where it refuses the row."""
        columns = {name: [value] for name, value in inputs.items()}
        if self._function.misfits(columns):
            return ""
        return str(self._function.answer(columns)[0][self._output.name].value or "")


def _test_rows(store: Store, version: Version) -> tuple[ArtifactPart, Signature]:
    """Return the test rows on which a version was evaluated; raises StateError where the data has others by now."""
    judged = read_evidence(version_artifacts.evidence_folder(store, version))
    latest = store.latest(DATA)
    data = store.find(DATA, latest.key) if latest is not None else None
    if data is None or data.part("test").digest != judged.test:
        raise StateError(Problem("judge.other-rows", version=version.number))
    return data.part("test"), read_signature(data.part("profile").path)


def _recorded(store: Store, version: Version, output: Field) -> dict[str, str]:
    """Return what a version answered to test rows when it was evaluated, by id."""
    names = {name: f"{output.name}.{name}" for name in ("answer", "written")}
    file = version_artifacts.evidence_folder(store, version) / OUTCOMES
    if not set(names.values()) <= set(pl.read_parquet_schema(file)):
        return {}
    frame = pl.read_parquet(file, columns=[ID, *names.values()])
    return {row: text or "" for row, text, written in frame.iter_rows() if written}


def _text(field: Field, value: object) -> str:
    """Return an input as text, whole where it is one."""
    if isinstance(value, str):
        return value
    return "" if value is None else kinds.facet(field.kind, Show).text(value)
