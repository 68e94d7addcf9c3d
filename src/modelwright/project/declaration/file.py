"""The project file: what it may say, and reading it with every problem at once, each with its place."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from modelwright.core.messages import Problem, ProjectError
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, parse_quantity
from modelwright.gateway.config import ServeConfig
from modelwright.project.declaration import checks, overrides
from modelwright.project.declaration import problems as wording
from modelwright.project.declaration.find import FILE_NAME, find
from modelwright.project.declaration.yaml_lines import MAX_BYTES, Document, dotted, read_document
from modelwright.project.declaration.yaml_lines import Path as KeyPath
from modelwright.stages.data.config import DataConfig
from modelwright.stages.evaluate.config import EvaluateConfig
from modelwright.stages.monitor.config import MonitorConfig
from modelwright.stages.package.config import PackageConfig
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig
from modelwright.stages.release.config import ReleaseConfig

__all__ = ["FunctionSpec", "Opened", "ProjectFile", "Scenario", "find", "from_mapping", "read"]

_TEXT_PASSES = 3  # a text kept as written may uncover one more in a union; more passes find nothing new


class FunctionSpec(BaseModel):
    """A long signature, written as a mapping."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="the function's name")
    inputs: Mapping[str, str] | Literal["*"] = Field(
        description='name: kind, with `?` behind the kind of one that may be missing; or "*" to take every '
        "column that is no output, with its kind read from the data"
    )
    outputs: Mapping[str, str] = Field(
        min_length=1, description="name: kind, with `?` behind the kind of one that may abstain"
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
            raise ValueError(f"must be a rate above 0 with its unit. write it like 50 /s; found {text!r}")
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
    confidence: float = Field(0.95, gt=0.5, le=0.9999, description="the confidence of every interval")
    data: DataConfig = Field(DataConfig(), description="what the function learns from and is proved on")
    model: ModelConfig = Field(ModelConfig(), description="the learner, and its own options")
    learn: LearnConfig = Field(LearnConfig(), description="how to train")
    plan: PlanConfig = Field(PlanConfig(), description="how the learner is chosen")
    package: PackageConfig = Field(
        PackageConfig(), description="how what was learned becomes files that serve"
    )
    evaluate: EvaluateConfig = Field(EvaluateConfig(), description="how a package is measured")
    release: ReleaseConfig = Field(ReleaseConfig(), description="how a version reaches its users")
    serve: ServeConfig = Field(ServeConfig(), description="the gateway")
    monitor: MonitorConfig = Field(MonitorConfig(), description="how live traffic is watched")
    store: str = Field(".modelwright", description="the folder of sealed artifacts and of the state database")
    state: str | None = Field(
        None, description="the SQLAlchemy URL of another state database; by default SQLite in `store`"
    )


@dataclass(frozen=True)
class Opened:
    """A project file that has been read: what it says, what follows from it, and where each key stands.

    `signature` has no inputs where the file takes them from the data (`inputs: "*"`); `path` is None for a
    project given as a mapping. Paths in the file are relative to `folder`.
    """

    file: ProjectFile
    signature: Signature
    requirements: tuple[Requirement, ...]
    folder: Path
    path: Path | None
    where: Callable[[KeyPath], str | None]

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
    mapping: Mapping[str, Any], settings: Sequence[str] = (), folder: Path | None = None
) -> Opened:
    """Read a project from a dict with a file's content; the places of problems are keys (`data.sorce`)."""
    document = Document(_plain(mapping))
    return _opened(
        document,
        overrides.read(settings),
        (folder or Path.cwd()).absolute(),
        None,
        lambda keys: dotted(keys) or None,
    )


def _opened(
    document: Document,
    changes: Sequence[overrides.Override],
    folder: Path,
    path: Path | None,
    place: Callable[[KeyPath], str | None],
) -> Opened:
    value, set_places, set_texts = overrides.apply(document.value, changes)

    def where(keys: KeyPath) -> str | None:
        for end in range(len(keys), 0, -1):
            if keys[:end] in set_places:
                return set_places[keys[:end]]
        return place(keys)

    # a section whose keys are all commented out reads as nothing, and means the defaults
    value = {
        key: inner for key, inner in value.items() if inner is not None or key not in ProjectFile.model_fields
    }
    texts = {**document.texts, **set_texts}
    file, value, problems = _validated(value, texts, where)
    signature, requirements, more = checks.declared(value, where)
    problems = [*document.problems, *problems, *more]
    if problems or file is None or signature is None:
        raise ProjectError(sorted(problems, key=_line))
    return Opened(file, signature, requirements, folder, path, where)


def _line(problem: Problem) -> int:
    """Return the line that a problem names, so that problems are read in the order of the file."""
    line = (problem.where or "").rpartition(":")[2]
    return int(line) if line.isdecimal() else 0


def _validated(
    value: dict[str, Any], texts: Mapping[KeyPath, str], where: wording.Where
) -> tuple[ProjectFile | None, dict[str, Any], list[Problem]]:
    """Return the model or the problems, and the value: where text is wanted, `1.10` is text as written."""
    for _ in range(_TEXT_PASSES):
        try:
            return ProjectFile.model_validate(value), value, []
        except ValidationError as error:
            errors = error.errors(include_url=False)
        wanted = {
            wording.path_of(one, value)
            for one in errors
            if one["type"] == "string_type" and one["input"] is not None
        } & texts.keys()
        if not wanted:
            break
        for path in wanted:
            value = _with(value, path, texts[path])
    return None, value, list(wording.problems(errors, value, ProjectFile, where))


def _with(value: Any, path: KeyPath, text: str) -> Any:
    """Return `value` with the text at a path."""
    if not path:
        return text
    if isinstance(value, list):
        place = int(path[0])
        return [*value[:place], _with(value[place], path[1:], text), *value[place + 1 :]]
    return {**value, path[0]: _with(value[path[0]], path[1:], text)}


def _plain(value: Any) -> Any:
    """Return nested mappings as dicts and tuples as lists, as YAML gives them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _text(path: Path) -> str:
    """Return the file's text; raises ProjectError for what is no UTF-8 text of bounded size."""
    if path.is_dir():
        problem = ("a folder without one", f"name a file, or put a {FILE_NAME} there")
    elif not path.exists():
        problem = ("nothing there", "check the path, or begin a project with `modelwright new DIR`")
    elif path.stat().st_size > MAX_BYTES:
        problem = (f"{path.stat().st_size:,} bytes (at most {MAX_BYTES:,})", "keep data in data files")
    else:
        data = path.read_bytes()
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            problem = ("UTF-16 text", "save it as UTF-8")
        elif b"\0" in data:
            problem = (f"binary data (a zero byte at position {data.index(0):,})", "name a text file")
        else:
            try:
                return data.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                line = data.count(b"\n", 0, error.start) + 1
                problem = (f"the byte 0x{data[error.start]:02x} on line {line}", "save it as UTF-8")
    raise ProjectError(
        Problem("project.unreadable", "the project file is UTF-8 text", problem[0], problem[1], str(path))
    )


def _not_a_mapping(document: Document, name: str) -> Problem:
    return Problem(
        "project.not-a-mapping",
        "the project file holds `key: value` lines",
        "an empty file" if document.value is None else wording.show(document.value),
        'begin with a line such as: function: "route(question: text) -> domain: category"',
        name,
    )
