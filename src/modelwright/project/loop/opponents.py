"""Whom a package's answers are held against, pair by pair: the version in production, another one, or texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from modelwright import kinds
from modelwright.core import digests
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, ProjectError, did_you_mean
from modelwright.core.signature import Field, Signature
from modelwright.engine.artifact_manifest import ArtifactPart
from modelwright.engine.step_sources import Sources
from modelwright.engine.store import Store
from modelwright.kinds.contract.common import Form
from modelwright.learners.session.used_function import JUDGE, UsedFunction
from modelwright.project.declaration.project_file import Opened
from modelwright.project.loop import baseline_files, used_functions, version_artifacts
from modelwright.storage.formats.examples import ID, column_names, read_columns
from modelwright.storage.formats.judgements import CHAMPION, Versus
from modelwright.storage.state.database import State
from modelwright.storage.state.versions import Version

WIN_RATE = "win_rate"


@dataclass(frozen=True)
class Opponent:
    """What answers are held against. It is a version with a package, or texts by the id of a test row.

    digest: of the package, or of the name and the texts.
    """

    named: str
    digest: str
    version: Version | None = None
    texts: Mapping[str, str | None] | None = None

    def folder(self, store: Store) -> Path | None:
        """Return the folder of its package, None of texts; raises PackageError where it is gone."""
        return None if self.version is None else version_artifacts.package_folder(store, self.version)


_DIGITS = 19  # a number of more is no version's, and a database takes none


def judged_output(signature: Signature) -> Field | None:
    """Return the output whose answers are compared by people: the first that is written, a text or an object."""
    return next((one for one in signature.outputs if _is_written(one)), None)


def _is_written(output: Field) -> bool:
    is_shown = kinds.value(output.kind).schema().get("type") in ("string", "object")
    return is_shown and kinds.arrays(output.kind).output_form is Form.WRITTEN


def opponent(
    named: str, opened: Opened, state: State, package: str, signature: Signature, test: ArtifactPart
) -> Opponent | None:
    """Return whom a package is held against, None where it is the version in production and there is no other.

    named: `champion`, the number of a version, or a column of the test rows: an output, whose truths these are, or one
    that is kept, or a file of answers. Raises ProjectError for what is none of these, DataError for a file that cannot
    be read, and StateError for a version that there is not.
    """
    if named == CHAMPION:
        version = champion(state, package)
        return None if version is None else _of_version(CHAMPION, version)
    require_known(named, opened, state, signature, test)
    if (number := _number(named)) is not None:
        return _of_version(named, state.version(number))
    output = judged_output(signature)
    assert output is not None, "answers are held against others of a written one"
    if (file := baseline_files.place(named, opened)) is not None:
        texts = baseline_files.texts(file, opened, signature, output, test)
        return Opponent(named, digests.of_json({"file": named, "texts": texts}), texts=texts)
    return _of_column(named, signature, output, test)


def _number(named: str) -> int | None:
    digits = named.removeprefix("v")
    return int(digits) if digits.isdecimal() and len(digits) < _DIGITS else None


def require_known(named: str, opened: Opened, state: State, signature: Signature, test: ArtifactPart) -> None:
    """Raise StateError for a version that there is not, and ProjectError for what is neither a column nor a file."""
    if named == CHAMPION:
        return
    if (number := _number(named)) is not None:
        state.version(number)
        return
    file = baseline_files.place(named, opened)
    if file is not None and file.is_file():
        return
    inputs = {ID, *(field.name for field in signature.inputs)}
    others = [one for one in column_names(test.path) if one not in inputs]
    if named not in others:
        near = did_you_mean(named, [CHAMPION, *others])
        raise ProjectError(Problem("judge.no-opponent", name=named, columns=others, near=near))


def champion(state: State, package: str) -> Version | None:
    """Return the version in production; of one that is itself there, the version that it was judged against."""
    production = state.production()
    if production is not None and production.package_digest == package:
        before = production.champion_digest
        return next((one for one in state.versions() if one.package_digest == before), None)
    return production


def _of_version(named: str, version: Version) -> Opponent:
    return Opponent(named, version.package_digest, version=version)


def _of_column(named: str, signature: Signature, output: Field, test: ArtifactPart) -> Opponent:
    fields = [field for field in signature.outputs if field.name == named]
    columns = read_columns(test.path, [ID, named], fields)
    plain = [
        None if value is None else kinds.value(fields[0].kind).to_json(value) if fields else value
        for value in columns[named]
    ]
    texts = {
        row: None if value is None else baseline_files.text_of(output, value)
        for row, value in zip(columns[ID], plain, strict=True)
    }
    return Opponent(named, digests.of_json({"column": named, "texts": texts}), texts=texts)


def sources(opened: Opened, judgements: Path) -> Sources:
    """Return what an evaluation rests on outside the store: what people said, and a function that judges."""
    others = JUDGE in opened.file.use
    file = baseline_files.place(opened.file.evaluate.against, opened)
    return Sources(
        places=(
            judgements,
            *(() if file is None else (file,)),
            *(used_functions.places(opened) if others else ()),
        ),
        databases=tuple(used_functions.databases(opened)) if others else (),
    )


def key(versus: Versus | None, judge: UsedFunction | None) -> JsonObject:
    """Return what is said of the package's answers as it enters a key, nothing where nobody says anything of them."""
    if versus is None:
        return {}
    verdicts = digests.of_json([asdict(one) for one in versus.judgements])
    function = None if judge is None else judge.model_dump(mode="json")
    sealed: JsonObject = {"against": versus.digest, "verdicts": verdicts, "required": versus.wanted}
    return {"judged": sealed | {"function": function}}
