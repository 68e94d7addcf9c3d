"""The project file: what it may say, and reading it with every problem at once, each with its place."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from modelwright.core.messages import Problem, ProjectError, ValueProblem, key_problems, shown
from modelwright.core.messages.key_problems import Path as KeyPath
from modelwright.core.messages.key_problems import dotted
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, parse_quantity
from modelwright.gateway.config import ServeConfig
from modelwright.project.declaration import checks, overrides
from modelwright.project.declaration.find import FILE_NAME, find
from modelwright.project.declaration.yaml_lines import MAX_BYTES, YamlDocument, read_document
from modelwright.project.tracking.tracking_config import TrackingConfig
from modelwright.stages.data.config import DataConfig
from modelwright.stages.evaluate.config import EvaluateConfig
from modelwright.stages.monitor.config import MonitorConfig
from modelwright.stages.package.config import PackageConfig
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig
from modelwright.stages.release.config import ReleaseConfig
from modelwright.stages.tune.config import Tune

__all__ = ["FunctionSpec", "Opened", "ProjectFile", "Scenario", "find", "from_mapping", "read"]

_WORDS = ("data", "missing")  # words of a table, of which YAML takes `.inf` for a number
_TEXT_PASSES = 3  # a text kept as written may uncover one more in a union; more passes find nothing new


class OutputSpec(BaseModel):
    """An output with more to say than its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="its kind, with `?` where it may abstain")
    range: tuple[float, float] | None = Field(
        None,
        description="the least and the largest value that there can be; truths outside are refused, answers are kept "
        "inside, and errors have an interval for any number of test rows",
    )


class FunctionSpec(BaseModel):
    """A long signature, written as a mapping."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="the function's name")
    inputs: Mapping[str, str] | Literal["*"] = Field(
        description='name: kind, with `?` behind the kind of one that may be missing; or "*" to take every '
        "column that is no output, with its kind read from the data"
    )
    outputs: Mapping[str, str | OutputSpec] = Field(
        min_length=1,
        description="name: kind, with `?` behind the kind of one that may abstain, or name: {kind, range}",
    )


class Scenario(BaseModel):
    """Where and how the function is used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    load: str | None = Field(
        None, description="the load at which latency is measured (`50 /s`); by default one request at a time"
    )

    @field_validator("load")
    @classmethod
    def _a_rate(cls, text: str | None) -> str | None:
        try:
            rate = parse_quantity(text, Unit.PER_SECOND) if text is not None else 1.0
        except ProjectError:
            rate = 0.0
        if not rate > 0:
            raise ValueProblem("project.not-a-rate", given=shown(text))
        return text


class ProjectFile(BaseModel):
    """What a project declares. Paths are relative to the file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: str | FunctionSpec = Field(
        description="the signature: `route(question: text) -> domain: category`, or a mapping"
    )
    purpose: str = Field("", description="what the function is for, in a sentence; it heads the model card")
    scenario: Scenario = Field(Scenario(), description="where and how the function is used")
    requirements: Mapping[str, str | float] = Field(
        {},
        description='metric: bar, for example `accuracy: ">= 0.97"`, `recall[fraud]: ">= 0.9"`, '
        '`latency_p95: "<= 15 ms"`, `accuracy where lang == \'zh\': ">= champion - 0.01"`',
    )
    costs: Mapping[str, Any] = Field(
        {},
        description="output → true class → what a wrong answer costs: `{risk: {bad: 5, good: 1}}`, or by answer "
        "`{bad: {good: 5}}`; `*`: any other class, `null`: no answer, where the output may abstain",
    )
    confidence: float = Field(0.95, gt=0.5, le=0.9999, description="the confidence of every interval")
    use: Mapping[str, Annotated[str, Field(min_length=1)]] = Field(
        {},
        description="role → the project (or package) of another function that this one calls, with `@2` for a version: "
        "`{find: ../find, policy: ../policy@2}`; see answering.md",
    )
    data: DataConfig = Field(DataConfig(), description="what the function learns from and is proved on")
    model: ModelConfig = Field(ModelConfig(), description="the learner, and its own options")
    learn: LearnConfig = Field(LearnConfig(), description="how to train")
    plan: PlanConfig = Field(PlanConfig(), description="how the learner is chosen")
    tune: Tune | None = Field(
        None,
        description="a search among settings before the plan; `auto`: among the learners and their options",
    )
    package: PackageConfig = Field(
        PackageConfig(), description="how what was learned becomes files that serve"
    )
    evaluate: EvaluateConfig = Field(EvaluateConfig(), description="how a package is measured")
    release: ReleaseConfig = Field(ReleaseConfig(), description="how a version reaches its users")
    serve: ServeConfig = Field(ServeConfig(), description="the gateway")
    monitor: MonitorConfig = Field(MonitorConfig(), description="how live traffic is monitored")
    tracking: TrackingConfig = Field(TrackingConfig(), description="where experiment records live")
    store: str = Field(".modelwright", description="the folder of sealed artifacts and of the state database")
    state: str | None = Field(
        None, description="the SQLAlchemy URL of another state database; by default SQLite in `store`"
    )


@dataclass(frozen=True)
class Opened:
    """A project file that has been read: what it says, what follows from it, and where each key stands.

    `signature` has no inputs where the file takes them from the data (`inputs: "*"`); `path` is None for a
    project given as a mapping. Paths in the file are relative to `folder`. `content`: the file as plain values.
    """

    file: ProjectFile
    signature: Signature
    requirements: tuple[Requirement, ...]
    costs: tuple[ErrorCosts, ...]
    folder: Path
    path: Path | None
    where: Callable[[KeyPath], str | None]
    content: Mapping[str, object]

    def changed(self, settings: Sequence[str]) -> Opened:
        """Return the project under further settings (`--set` texts), places as they are; the file is not read again.

        Raises ProjectError for what the settings do wrong; places of problems are keys.
        """
        found = from_mapping(self.content, settings, self.folder)
        return replace(found, path=self.path, where=self.where)

    def option_place(self, key: str | None) -> str | None:
        """Return where the file states an option (`model.from`), or the values of it that a search tries."""
        if key is None:
            return None
        if self.file.tune is not None and key in (self.file.tune.space or {}):
            return self.where(("tune", "space", key))
        return self.where(tuple(key.split("."))) or key

    @property
    def open_inputs(self) -> bool:
        """Return whether the inputs are those that the data holds."""
        return isinstance(self.file.function, FunctionSpec) and self.file.function.inputs == "*"


def read(path: Path, settings: Sequence[str] = ()) -> Opened:
    """Read a project file (or the one in a folder), changed by `--set` texts; raises ProjectError.

    All problems are raised together, each with its line (`modelwright.yaml:12`) or its `--set`.
    """
    path = path / FILE_NAME if path.is_dir() and (path / FILE_NAME).is_file() else path
    document = read_document(_text(path), path.name)
    if not isinstance(document.value, dict):
        raise ProjectError(_not_a_mapping(document, path.name))

    def place(keys: KeyPath) -> str | None:
        while keys and keys not in document.lines:
            keys = keys[:-1]
        return f"{path.name}:{document.lines[keys]}" if keys else path.name

    return _opened(document, overrides.read(settings), path.absolute().parent, path.absolute(), place)


def from_mapping(
    mapping: Mapping[str, object], settings: Sequence[str] = (), folder: Path | None = None
) -> Opened:
    """Read a project from a dict with a file's content; the places of problems are keys (`data.sorce`)."""
    document = YamlDocument(_plain(mapping))
    return _opened(
        document,
        overrides.read(settings),
        (folder or Path.cwd()).absolute(),
        None,
        lambda keys: dotted(keys) or None,
    )


def _opened(
    document: YamlDocument,
    changes: Sequence[overrides.Override],
    folder: Path,
    path: Path | None,
    place: Callable[[KeyPath], str | None],
) -> Opened:
    changed, set_places, set_texts = overrides.apply(document.value, changes)
    assert isinstance(changed, dict), "what is no mapping is refused before"

    def where(keys: KeyPath) -> str | None:
        for end in range(len(keys), 0, -1):
            if keys[:end] in set_places:
                return set_places[keys[:end]]
        return place(keys)

    # a section whose keys are all commented out reads as nothing, and means the defaults
    value = {
        key: inner
        for key, inner in changed.items()
        if inner is not None or key not in ProjectFile.model_fields
    }
    texts = {**document.texts, **set_texts}
    file, value, problems = _validated(value, texts, where)
    signature, requirements, costs, more = checks.declared(value, where)
    problems = [*document.problems, *problems, *more]
    if problems or file is None or signature is None:
        raise ProjectError(sorted(problems, key=_line))
    return Opened(file, signature, requirements, costs, folder, path, where, value)


def _line(problem: Problem) -> int:
    """Return the line that a problem names, so that problems are read in the order of the file."""
    line = (problem.where or "").rpartition(":")[2]
    return int(line) if line.isdecimal() else 0


def _validated(
    value: dict[str, object], texts: Mapping[KeyPath, str], where: key_problems.Where
) -> tuple[ProjectFile | None, dict[str, object], list[Problem]]:
    """Return the model or the problems, and the value: where text is wanted, `1.10` is text as written."""
    for _ in range(_TEXT_PASSES):
        found, errors = None, list(_infinite(value))
        try:
            found = ProjectFile.model_validate(value)
        except ValidationError as error:
            errors += error.errors(include_url=False)
        if not errors:
            return found, value, []
        wanted = {
            key_problems.path_of(one, value)
            for one in errors
            if one["type"] == "string_type" and one["input"] is not None
        } & texts.keys()
        if not wanted:
            break
        for path in wanted:
            value = _with_key(value, path, texts[path])
    return None, value, list(key_problems.problems(errors, value, ProjectFile, where))


def _infinite(value: object, path: KeyPath = ()) -> Iterator[ErrorDetails]:
    """Yield an error for each infinite number: no setting is one, and neither JSON nor a digest can hold it."""
    inner = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for part, one in inner:
        yield from _infinite(one, (*path, part))
    if isinstance(value, float) and math.isinf(value) and path[:2] != _WORDS:
        yield {"type": "finite_number", "loc": path, "msg": "", "input": value}


def _with(value: object, path: KeyPath, text: str) -> object:
    """Return `value` with the text at a path."""
    if not path:
        return text
    if isinstance(value, list):
        place = int(path[0])
        return [*value[:place], _with(value[place], path[1:], text), *value[place + 1 :]]
    assert isinstance(value, dict), "a path leads through lists and mappings"
    return _with_key(value, path, text)


def _with_key(value: dict[str, object], path: KeyPath, text: str) -> dict[str, object]:
    key = str(path[0])
    return {**value, key: _with(value[key], path[1:], text)}


def _plain(value: object) -> object:
    """Return nested mappings as dicts and tuples as lists, as YAML gives them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _text(path: Path) -> str:
    """Return the file's text; raises ProjectError for what is no UTF-8 text of bounded size."""
    found = _unreadable(path)
    data = b"" if found else path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = Problem("project.unreadable", form="bytes", byte=data[error.start], line=line)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found = Problem("project.unreadable", form="utf16")
    elif b"\0" in data:
        found = Problem("project.unreadable", form="binary", position=data.index(0))
    if found:
        raise ProjectError(found.at(str(path)))
    return text


def _unreadable(path: Path) -> Problem | None:
    if path.is_dir():
        return Problem("project.unreadable", form="folder", name=FILE_NAME)
    if not path.exists():
        return Problem("project.unreadable", form="missing")
    size = path.stat().st_size
    return (
        Problem("project.unreadable", form="large", size=size, most=MAX_BYTES) if size > MAX_BYTES else None
    )


def _not_a_mapping(document: YamlDocument, name: str) -> Problem:
    given = None if document.value is None else shown(document.value)
    return Problem("project.not-a-mapping", where=name, given=given)
