"""Which options of the learners no project of `kill_cases.py` turns on; prints them.

    python benchmarks/kill_options.py

An option of a learner has to be given in a case of that learner. What stands within one (`optimiser.betas`, the type of
an encoder), and each name that an option may have (`muon`, `one-cycle`), has to be given in a case of some learner.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kill_cases import CASES
from modelwright import learners

# what of an option is left out → why; an option is `learn.KEY` or `model.KEY`, of one learner with its name before it
LEFT_OUT: Mapping[str, str] = {
    "learn.device": "there is one device where this is run",
    "learn.compile": "a compiler takes 10 to 40 seconds in each run; tests/learners/test_compiling.py kills one",
    "model.most_epochs": "a bound of what a budget is turned into; a killed run goes on under a sealed plan",
    "model.most_rounds": "the same, of trees",
    "blend learn.processes": "members are learned by one process each",
    "network model.code": "what `plan` reads of `module`, and not for anyone to set",
    "generate model.answer_schema": "of the package, and not of what is learned",
    "generate model.max_tokens": "of the package",
    "generate model.temperature": "of the package",
    "generate model.top_p": "of the package",
    "generate model.repetition_penalty": "of the package",
    "model.search: exact": "what a corpus of the cases' size would be searched by without a line",
    "ChatTemplate.system": "texts of a prompt, read as those of the user are",
    "ChatTemplate.goes_on": "the same",
    "ChatTemplate.tools": "the same; tests/learners/generate/test_tool_reading.py has them",
}
_ELSEWHERE = frozenset(
    {"MemberKeys", "ToolTexts"}
)  # what stands in them is counted above, or left out as a whole


def missing() -> list[str]:
    """Return what no case gives, but for what is left out with a reason."""
    wanted: dict[str, None] = {}
    found = {one for name, sections in _given() for one in _own(name, sections)}
    for name in learners.names():
        spec = learners.spec(name)
        if not spec.Training.model_fields:
            continue  # it learns nothing, so there is nothing to resume
        for part, section in (("model", spec.Options), ("learn", spec.Training)):
            keys = (key for key in section.model_fields if f"{part}.{key}" not in LEFT_OUT)
            wanted |= dict.fromkeys(f"{name} {part}.{key}" for key in keys)
            for key, field in section.model_fields.items():
                wanted |= dict.fromkeys(_names(f"{part}.{key}", field))
                for inner in _sections(field.annotation):
                    wanted |= dict.fromkeys(_within(inner))
    return [one for one in wanted if one not in found and one not in LEFT_OUT]


def _given() -> Iterator[tuple[str, tuple[Mapping[str, object], Mapping[str, object]]]]:
    """Yield a learner, and what a case gives it in `model:` and `learn:`; of a blend of each member, too."""
    for name, case in CASES.items():
        model, learn = ({**_section(case.sections, part)} for part in ("model", "learn"))
        if "tune" in case.sections:
            continue
        yield str(model.get("learner", name)), (model, learn)
        for member in typing.cast("list[object]", model.get("of", [])):
            if isinstance(member, dict):
                yield str(member["learner"]), (member, _section(member, "learn"))


def _section(of: Mapping[str, object], name: str) -> Mapping[str, object]:
    return typing.cast("Mapping[str, object]", of.get(name, {}))


def _own(name: str, sections: tuple[Mapping[str, object], Mapping[str, object]]) -> Iterator[str]:
    """Yield the options that a case gives a learner, and what it gives within them."""
    spec = learners.spec(name)
    for part, section, given in zip(("model", "learn"), (spec.Options, spec.Training), sections, strict=True):
        for key, value in given.items():
            # `pretrained` of learners that read no weights themselves is a key of every `model:`
            if key in section.model_fields:
                yield f"{name} {part}.{key}"
                yield from _values(section.model_fields[key].annotation, value, f"{part}.{key}")


def _values(annotation: object, value: object, path: str) -> Iterator[str]:
    """Yield the name that a value is, or the keys of a section and what stands in them."""
    if value in _choices(annotation):
        yield f"{path}: {value}"
    if not isinstance(value, Mapping):
        return
    named = [one for one in _sections(annotation) if _fits(one, value)]
    for section in named:
        for key, inner in value.items():
            if key in section.model_fields:
                yield f"{section.__name__}.{key}"
                yield from _values(section.model_fields[key].annotation, inner, f"{section.__name__}.{key}")
    if not named:  # by name, such as the encoders by input
        for inner in value.values():
            yield from _values(annotation, inner, path)


def _fits(section: type[BaseModel], value: Mapping[str, object]) -> bool:
    """Tell whether keys are those of a section: by its `type`, where it has one."""
    kind = section.model_fields.get("type")
    return set(value) <= set(section.model_fields) and (
        kind is None or value.get("type") in _choices(kind.annotation)
    )


def _within(section: type[BaseModel]) -> Iterator[str]:
    """Yield the keys of a section, those of the sections in it, and the names that each may have."""
    if section.__name__ in _ELSEWHERE:
        return
    for key, field in section.model_fields.items():
        yield f"{section.__name__}.{key}"
        yield from _names(f"{section.__name__}.{key}", field)
        for inner in _sections(field.annotation):
            yield from _within(inner)


def _names(path: str, field: FieldInfo) -> Iterator[str]:
    """Yield the names that an option may have, but for its default."""
    if path not in LEFT_OUT:
        yield from (f"{path}: {one}" for one in _choices(field.annotation) if one != field.default)


def _sections(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _sections(part)


def _choices(annotation: object) -> tuple[object, ...]:
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    return tuple(one for part in typing.get_args(annotation) for one in _choices(part))


def main() -> None:
    """Print what no case gives; exit 1 where there is any."""
    left = missing()
    print("\n".join(left) or "every option is on in a case")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
