"""What a project file says that errors cost, checked beside its signature and its requirements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelwright import kinds
from modelwright.core.messages import Problem, did_you_mean
from modelwright.core.messages.key_problems import Where
from modelwright.core.requirements import error_costs
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature


def declared_costs(
    value: Mapping[str, object], signature: Signature, where: Where, problems: list[Problem]
) -> tuple[ErrorCosts, ...]:
    """Return the costs by output; what is wrong with them is added to the problems, each with its place.

    Classes that only the data shows are checked against the data (`unknown_names`).
    """
    section = value.get("costs")
    found: list[ErrorCosts] = []
    for name, declared in section.items() if isinstance(section, Mapping) else ():
        wrong = list(_output_problems(name, signature))
        if not wrong:
            costs, wrong = error_costs.read(name, declared)
            field = next(one for one in signature.outputs if one.name == name)
            labels = kinds.value(field.kind).fixed_labels
            wrong += costs.problems(labels, optional=field.optional) if labels and not wrong else ()
            found.append(costs)
        problems += [problem.at(where(("costs", *keys))) for keys, problem in wrong]
    return tuple(found)


def _output_problems(name: str, signature: Signature) -> Iterator[tuple[tuple[str, ...], Problem]]:
    names = [one.name for one in signature.outputs]
    field = next((one for one in signature.outputs if one.name == name), None)
    if field is None:
        yield (name,), Problem("costs.output", name=name, near=did_you_mean(name, names), outputs=names)
    elif not kinds.value(field.kind).takes_costs:
        yield (name,), Problem("costs.kind", name=name, kind=field.kind)


def unpriced(
    requirements: Sequence[Requirement], value: Mapping[str, object], where: Where
) -> Iterator[Problem]:
    """Yield the requirements that bound what answers cost where the file does not say what errors do."""
    section, bars = value.get("costs"), value.get("requirements")
    priced = list(section) if isinstance(section, Mapping) else []
    # What is no bar by its type (`accuracy:` with nothing behind it) was named by the model, and is no requirement.
    written = bars.items() if isinstance(bars, Mapping) else ()
    keys = [key for key, bar in written if isinstance(bar, str | int | float)]
    for key, one in zip(keys, requirements, strict=True):
        output = one.subject.output
        if one.metric.priced_only and output is not None and output not in priced:
            yield Problem("costs.needed", key=key, output=output).at(where(("requirements", key)))
