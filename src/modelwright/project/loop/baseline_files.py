"""A baseline's answers in a file of the project: rows with the inputs, and an answer in the column of the output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelwright import kinds
from modelwright.core import digests
from modelwright.core.messages import DataError, Phrase, Problem, ValueProblem
from modelwright.core.signature import Field, Signature
from modelwright.engine.artifact_manifest import ArtifactPart
from modelwright.project import input_file
from modelwright.project.declaration.project_file import Opened
from modelwright.storage.formats.examples import ID, read_columns
from modelwright.storage.user_paths import expanded

ENDINGS = (*input_file.DELIMITED, *input_file.JSON_LINES)


def place(named: str, opened: Opened) -> Path | None:
    """Return the file that a name means, None where it is no name of such a file; relative to the project file."""
    return opened.folder / expanded(named) if Path(named).suffix.lower() in ENDINGS else None


def texts(
    path: Path, opened: Opened, signature: Signature, output: Field, test: ArtifactPart
) -> Mapping[str, str | None]:
    """Return the answer to each test row by its id, None of one whose inputs the file does not have.

    Raises DataError for a file that cannot be read, lacks a column, or has two answers to one row.
    """
    table = input_file.read(path, opened.file.data)
    columns = input_file.input_columns(table, signature, opened)
    answer = opened.file.data.columns.get(output.name, output.name)
    if answer not in table.columns:
        raise DataError(Problem("judge.no-answers", path.name, column=answer, columns=[*table.columns]))
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for row in range(table.rows):
        where = Phrase("place.row", file=table.name, row=row + 1)
        cells = {name: table.columns[column][row] for name, column in columns.items()}
        text = table.columns[answer][row]
        try:
            values = {
                one.name: kinds.value(one.kind).read_json(cells.get(one.name))
                if table.separator is None
                else kinds.value(one.kind).read_cell(cells.get(one.name))
                for one in signature.inputs
            }
        except ValueProblem as problem:
            problems.append(problem.message.at(where))
            continue
        key = _key(signature, values)
        spoken = "" if text is None else text_of(output, text)
        if found.setdefault(key, spoken) != spoken:
            problems.append(Problem("judge.two-answers", where))
    if problems:
        raise DataError(problems[:10])
    names = [one.name for one in signature.inputs]
    rows = read_columns(test.path, [ID, *names], signature.inputs)
    return {
        row: found.get(_key(signature, {name: rows[name][number] for name in names}))
        for number, row in enumerate(rows[ID])
    }


def text_of(output: Field, answer: object) -> str:
    """Return an answer that others gave as the text that a package's would be; what is no object stays as it is."""
    kind = kinds.value(output.kind)
    if kind.schema().get("type") != "object":
        return str(answer)
    try:
        found = kind.parse(answer, lenient=True)
    except ValueProblem:
        found = None
    return str(answer if found is None else found)


def _key(signature: Signature, values: Mapping[str, object]) -> str:
    """Return what is equal for equal inputs."""
    plain = [
        None if (value := values[one.name]) is None else kinds.value(one.kind).to_json(value)
        for one in signature.inputs
    ]
    return digests.of_json(plain)
