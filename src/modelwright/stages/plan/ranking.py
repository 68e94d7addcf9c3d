"""Which learners could learn the function, what each forecasts, and which is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ValidationError

from modelwright import learners
from modelwright.core.messages import Phrase, Problem, ProjectError
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, format_quantity
from modelwright.learners.contract.aim import AIM, Aim
from modelwright.learners.contract.setup import Estimate
from modelwright.learners.contract.source import Rows, Source
from modelwright.learners.contract.spec import Spec
from modelwright.learners.options import PRETRAINED, option_problems, refusal
from modelwright.learners.readable_texts import REFUSED, Reading
from modelwright.learners.weights.resolving import InputWeights
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig, candidates
from modelwright.storage.formats.plan import Machine

SOURCES = frozenset({Source.ROWS})  # what a project can give; `data` makes rows
_OVERRUN = 1.01  # of the budget; a forecast is no promise


@dataclass(frozen=True)
class Able:
    """A learner that accepts the signature and the options."""

    spec: Spec
    options: BaseModel


@dataclass(frozen=True)
class Weighed:
    """An able learner with its estimate; `lack` says why it does not fit into budget and memory."""

    spec: Spec
    options: BaseModel
    estimate: Estimate
    lack: Phrase | None


def sift(
    signature: Signature,
    config: PlanConfig,
    model: ModelConfig,
    pretrained: InputWeights,
    folder: Path,
    sources: frozenset[Source] = SOURCES,
    aim: Aim | None = None,
) -> tuple[tuple[Able, ...], Mapping[str, Phrase]]:
    """Return the learners that accept signature and options, and why the others do not.

    folder: the project's; aim: what the requirements ask of numbers, for learners that have the key, where the project
    does not give it. Raises ProjectError for names and options that are not known, for files that a learner is to be
    given and that do not fit, and where nobody is left.
    """
    section = {**model.options, PRETRAINED: model.pretrained, "learner": model.learner}
    if found := option_problems(section, config.learners):
        raise ProjectError([problem.at(".".join(map(str, path))) for path, problem in found])
    able: list[Able] = []
    refused: dict[str, Phrase] = {}
    named = candidates(config, model)
    for name in named or learners.names():
        spec = learners.spec(name)
        if named is None and not spec.is_offered(signature):
            takes_file = "path" in spec.Options.model_fields
            # where it could not learn the signature anyway, to name it does not help
            refused[name] = spec.refuses(signature) or Phrase(
                "learner.not-offered", learner=name, brings=spec.brings, takes_file=takes_file
            )
            continue
        reason = (
            spec.refuses(signature)
            or _unfit(spec, signature, pretrained, sources)
            or _unknown_key(spec, model)
        )
        if reason is not None:
            refused[name] = reason
            continue
        try:
            able.append(Able(spec, _options(spec, model, aim)))
        except ValidationError as error:  # another candidate takes the value
            refused[name] = Phrase("learner.refuses-value", reason=refusal(error.errors()[0]))
    if problems := [problem for one in able for problem in _unfit_files(one, signature, pretrained, folder)]:
        raise ProjectError(problems)
    if not able:
        reasons = Phrase("list.semicolon").found.join(
            str(Phrase("learner.refused", learner=name, reason=reason)) for name, reason in refused.items()
        )
        raise ProjectError(Problem("plan.no-learner", signature=str(signature), reasons=reasons))
    return tuple(able), refused


def _options(spec: Spec, model: ModelConfig, aim: Aim | None) -> BaseModel:
    implied = {AIM: aim} if aim is not None and AIM in spec.Options.model_fields else {}
    return spec.Options.model_validate({**implied, **model.options_of(spec)})


def _unfit_files(
    one: Able, signature: Signature, pretrained: InputWeights, folder: Path
) -> Iterator[Problem]:
    """Yield why files that the project brings do not fit; nothing of them is run."""
    bring = learners.bring(one.spec.name)
    if bring is not None:
        yield from bring.problems(signature, _reading(one, pretrained), folder)


def _reading(one: Able, pretrained: InputWeights) -> BaseModel:
    """Return the options by which files are found: with the folder of a project's weights in the place of its name."""
    if pretrained.of_project is None or not (one.spec.goes_on or one.spec.takes_layers):
        return one.options
    return one.options.model_copy(update={PRETRAINED: str(pretrained.of_project)})


def bring(able: Sequence[Able], pretrained: InputWeights, folder: Path, out: Path) -> InputWeights:
    """Return the weights with what the project brings, written into `out`, which is made where there is some."""
    for one in able:
        found = learners.bring(one.spec.name)
        if found is not None:
            out.mkdir(parents=True)
            found.prepare(_reading(one, pretrained), folder, out)
            return replace(pretrained, brought=out)
    return pretrained


def readable(
    able: Sequence[Able], found: Sequence[Reading], model: ModelConfig
) -> tuple[tuple[Able, ...], Mapping[str, Phrase]]:
    """Return the learners whose encoder can read the texts, and why the others cannot.

    Where the project names the learner, or no other is left, all stay: the warning says it.
    """
    worst = max(found, key=lambda one: one.unread, default=None)
    left = tuple(one for one in able if not one.spec.needs_pretrained)
    if worst is None or worst.unread <= REFUSED or model.learner is not None or not left:
        return tuple(able), {}
    why = Phrase("learner.cannot-read", column=worst.column, share=worst.unread)
    return left, {one.spec.name: why for one in able if one not in left}


def forecast(
    able: Sequence[Able],
    signature: Signature,
    rows: Rows,
    learn: LearnConfig,
    machine: Machine,
    pretrained: InputWeights,
    budget_s: float,
    progress: Progress,
) -> tuple[Weighed, ...]:
    """Return what each forecasts for the seconds that it may learn, in the order of `preferred`."""
    found = []
    with progress.task(str(Phrase("work.forecasting")), len(able)) as task:
        for one in able:
            estimate = learners.learn(one.spec.name).forecast(
                signature,
                rows if one.spec.augments else replace(rows, augment={}),
                one.options,
                training_of(one.spec, learn),
                pretrained.given_to(one.spec),
                machine,
                budget_s,
            )
            found.append(weigh(one, estimate, learn, machine))
            task.advance(note=one.spec.name)
    return preferred(signature, found)


def training_of(spec: Spec, learn: LearnConfig) -> BaseModel:
    """Return the keys of `learn:` that a learner takes: as given, else by its own defaults."""
    return spec.Training.model_validate({k: v for k, v in learn.given.items() if k in spec.takes})


def weigh(one: Able, estimate: Estimate, learn: LearnConfig, machine: Machine) -> Weighed:
    """Return an estimate with what it means for this budget and this machine."""
    # each process holds the network and the rows
    estimate = replace(estimate, memory_bytes=estimate.memory_bytes * estimate.execution.processes)
    return Weighed(one.spec, one.options, estimate, _lack(one.spec, estimate, learn, machine))


def preferred(signature: Signature, found: Sequence[Weighed]) -> tuple[Weighed, ...]:
    """Return the one to take first: of those that fit, the highest rank; where none fits, the quickest."""
    return tuple(
        sorted(
            found,
            key=lambda one: (
                one.lack is not None,
                one.estimate.seconds if one.lack is not None else -one.spec.rank_for(signature),
                one.spec.name,
            ),
        )
    )


def _unfit(
    spec: Spec, signature: Signature, pretrained: InputWeights, sources: frozenset[Source]
) -> Phrase | None:
    """Return what a learner needs and this project or machine does not have."""
    if not sources.intersection(spec.sources):
        return Phrase("learner.no-source", sources=", ".join(spec.sources))
    if lacking := spec.lacks():
        return Phrase("learner.not-installed", modules=", ".join(lacking), extra=spec.extra)
    return pretrained.lack(spec, signature)


def _unknown_key(spec: Spec, model: ModelConfig) -> Phrase | None:
    """Return the key of `model:` that another candidate takes, and this one does not."""
    unknown = next((key for key in model.options if key not in spec.Options.model_fields), None)
    return Phrase("learner.unknown-key", key=unknown) if unknown is not None else None


def _lack(spec: Spec, estimate: Estimate, learn: LearnConfig, machine: Machine) -> Phrase | None:
    """Return why the learner does not fit into budget and memory, or None where it does."""
    budget = format_quantity(learn.budget_s, Unit.SECONDS)
    if estimate.memory_bytes > machine.memory_bytes:
        return Phrase(
            "plan.lacks-memory",
            needed=format_quantity(estimate.memory_bytes, Unit.BYTES),
            there=format_quantity(machine.memory_bytes, Unit.BYTES),
        )
    needed = format_quantity(estimate.seconds, Unit.SECONDS)
    is_over = estimate.seconds > learn.budget_s * _OVERRUN
    if is_over and learn.epochs is None and estimate.steps == 1:
        return Phrase("plan.lacks-step", needed=needed, budget=budget)
    if learn.epochs is None and estimate.epochs is not None and estimate.epochs < spec.fewest_epochs:
        return Phrase("plan.lacks-epochs", epochs=estimate.epochs, budget=budget, fewest=spec.fewest_epochs)
    if is_over:
        return Phrase("plan.lacks-time", needed=needed, budget=budget)
    return None
