"""The stage `plan`: from a signature, a budget and the training rows to a learner and its steps.

choice/choice.json        what decides the bits of what is learned; `learn` reads this part alone
choice/brought/           of a learner that learns nothing, what the project brings for it
forecast/forecast.json    what it will cost, and how every learner was ranked

Their dataclasses, which read and write them, are in `storage.formats.plan`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from modelwright import kinds, learners
from modelwright.core import digests
from modelwright.core.evidence.metric import Metric
from modelwright.core.messages import Notice, Phrase
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.kinds.varying import AUTO, Declared, amounts
from modelwright.learners import devices, readable_texts
from modelwright.learners.contract.aim import AIM, Aim
from modelwright.learners.contract.source import CorpusSize, Rows
from modelwright.learners.contract.spec import Spec
from modelwright.learners.options import PRETRAINED
from modelwright.learners.readable_texts import Reading
from modelwright.learners.weights.resolving import NOTHING, InputWeights, credit
from modelwright.stages.plan import learner_scores, ranking
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig
from modelwright.stages.plan.ranking import Able, Weighed
from modelwright.stages.plan.warnings import compressed_bytes, fill_values, unused_augment, warnings
from modelwright.storage.formats.corpus import Corpus
from modelwright.storage.formats.data import DataProfile
from modelwright.storage.formats.examples import Examples, read_examples
from modelwright.storage.formats.plan import BROUGHT, BROUGHT_FOLDER, Choice, Forecast, Machine, Ranked


def plan(
    train: ArtifactPart,
    validation: ArtifactPart,
    profile: ArtifactPart,
    signature: Signature,
    config: PlanConfig,
    model: ModelConfig,
    learn: LearnConfig,
    machine: Machine,
    pretrained: InputWeights,
    out: Path,
    progress: Progress,
    augment: Declared = AUTO,
    folder: Path = Path(),
    aim: Aim | None = None,
    costs: Sequence[ErrorCosts] = (),
    required: Mapping[str, Metric] | None = None,
    corpus: ArtifactPart | None = None,
) -> dict[str, object]:
    """Write choice and forecast into `out`, and return a summary with its warnings.

    Where several learners fit, they are compared on validation rows (`learner_scores`); test rows are never read.
    `pretrained` says which input starts from which folder of weights, for learners that take some; `folder` is the
    project's, for learners that are given a file of it, which is sealed with the choice; `augment` is what
    `data.augment` declares; `aim`: what the requirements ask of numbers (`config.best_at_for_numbers`);
    `costs`: of errors, by which learners are then compared; `required`: output → the metric by which they are, where
    the requirements are on one; corpus: the passages from which an output is chosen, of which their number is stated.
    Raises ProjectError where no learner takes the signature, an option is wrong or a device is not there, and DataError
    where nothing can be learned from the rows.
    """
    devices.execution(
        learn.device, machine, learn.processes
    )  # raises for one that is not there, whichever learner is taken
    varied = amounts(signature, augment)
    able, refused = ranking.sift(signature, config, model, pretrained, folder, aim=aim)
    pretrained = ranking.bring(able, pretrained, folder, out / "choice" / BROUGHT_FOLDER)
    examples = read_examples(train.path, signature)
    texts = _texts(able, signature, examples, pretrained, model)
    able, cannot_read = ranking.readable(able, texts, model)
    here = replace(machine, cores=learn.threads or machine.cores)
    # what a learner answers from a corpus is known once its passages are packaged
    of_corpus = any(kinds.value(field.kind).of_corpus for field in signature.outputs)
    reserved_s = 0.0 if of_corpus else learner_scores.reserved_s(able, learn)
    budget_s = learn.budget_s - reserved_s
    described = DataProfile.read(profile.path)
    # how many validation rows there are is known without a look at them
    size = None if corpus is None else CorpusSize(*Corpus.size(corpus.path))
    held_rows = described.rows.get("validation")
    rows = Rows(examples, validation_rows=held_rows, augment=varied, corpus=size)
    found = ranking.forecast(able, signature, rows, learn, here, pretrained, budget_s, progress)
    compared, reason, deciding = None, learner_scores.without(found, model), tuple[Notice, ...]()
    if reason is None and of_corpus:
        reason = Phrase("choice.from-corpus")
    if reserved_s and reason is None:
        held = read_examples(validation.path, signature)
        compared, reason, deciding = learner_scores.compare(
            found,
            signature,
            Rows(examples, held),
            learn,
            here,
            pretrained,
            reserved_s,
            progress,
            aim,
            costs,
            required or {},
        )
        found = learner_scores.ordered(found, compared)
    of_inputs = [
        *deciding,
        *_of_aim(found[0], model, learn, aim),
        *fill_values(signature, examples),
        *_of_texts(texts, cannot_read),
        *pretrained.notices(signature),
    ]
    weights = pretrained.given_to(found[0].spec)
    if pretrained.brought is not None and BROUGHT not in weights:
        shutil.rmtree(pretrained.brought)  # another learner was taken
    _choice(found[0], model, learn, here, weights, reason, varied).write(out / "choice")
    of_inputs += unused_augment(found[0].spec, varied, declared=not isinstance(augment, str))
    ranked = tuple(_ranked(one) for one in found)
    forecast = Forecast(
        chosen=ranked[0],
        rows=described.rows,
        budget_s=learn.budget_s,
        machine=machine,
        ranking=ranked,
        refused={**refused, **cannot_read},
        warnings=warnings(found[0], signature, learn, described, of_inputs),
        comparison=compared,
    )
    forecast.write(out / "forecast")
    return {**ranked[0].to_json(), "warnings": [one.to_wire() for one in forecast.warnings]}


def _of_aim(taken: Weighed, model: ModelConfig, learn: LearnConfig, aim: Aim | None) -> list[Notice]:
    """Return that numbers aim at the median, where the requirements alone say so."""
    if aim is None or AIM in model.options or AIM not in type(taken.options).model_fields:
        return []
    if learn.loss is not None and learn.loss.numbers is not None and "loss" in taken.spec.takes:
        return []  # that says what they aim at
    return [Notice("plan.aims-at-median", line=setting("model.aim", "mean"))]


def _texts(
    able: Sequence[Able],
    signature: Signature,
    train: Examples,
    pretrained: InputWeights,
    model: ModelConfig,
) -> tuple[Reading, ...]:
    """Return what the encoder makes of the texts, where a learner starts from it."""
    if not any(one.spec.needs_pretrained for one in able):
        return ()
    max_length = model.options.get("max_length")
    most = max_length if isinstance(max_length, int) else None
    return readable_texts.of_weights(signature, train.columns, pretrained.folders, most)


def _of_texts(texts: Sequence[Reading], cannot_read: Mapping[str, Phrase]) -> list[Notice]:
    """Return why learners are left out that would have read the texts by the encoder."""
    found = [notice for one in texts for notice in one.notices()] if cannot_read else []
    return [notice for notice in found if notice.id == "plan.unknown-tokens"]


def _choice(
    chosen: Weighed,
    model: ModelConfig,
    learn: LearnConfig,
    machine: Machine,
    pretrained: Mapping[str, Path],
    reason: Phrase | None,
    augment: Mapping[str, Mapping[str, float]],
) -> Choice:
    """Return what decides the bits. Weights are known by their content: it is the same wherever they lie."""
    return Choice(
        learner=chosen.spec.name,
        steps=chosen.estimate.steps,
        batch=chosen.estimate.batch,
        threads=machine.cores,
        precision=chosen.estimate.precision,
        instruction_set=machine.instruction_set,
        seed=learn.seed,
        options=chosen.options.model_dump(mode="json"),
        training=ranking.training_of(chosen.spec, learn).model_dump(mode="json", exclude_none=True),
        pretrained={name: digests.of_folder(folder) for name, folder in pretrained.items()},
        credits=_credits(chosen.spec, model, pretrained),
        reason=reason,
        augment=augment if chosen.spec.augments else {},
        members=chosen.estimate.members,
        execution=chosen.estimate.execution,
    )


def _credits(spec: Spec, model: ModelConfig, pretrained: Mapping[str, Path]) -> dict[str, str]:
    """Return works of others that what is learned begins from, each with its licence."""
    found = dict(
        credit(model.pretrained, name, folder)
        for name, folder in pretrained.items()
        if name != BROUGHT
        or (model.pretrained not in (None, NOTHING) and PRETRAINED in spec.Options.model_fields)
    )
    bring = learners.bring(spec.name)
    return (
        found
        if bring is None or BROUGHT not in pretrained
        else found | dict(bring.credits(pretrained[BROUGHT]))
    )


def _ranked(one: Weighed) -> Ranked:
    estimate = one.estimate
    return Ranked(
        learner=one.spec.name,
        steps=estimate.steps,
        batch=estimate.batch,
        epochs=estimate.epochs,
        seconds=estimate.seconds,
        memory_bytes=estimate.memory_bytes,
        package_bytes=estimate.package_bytes,
        latency_s=estimate.latency_s,
        compressed_bytes=compressed_bytes(one.spec, estimate),
        why=estimate.why,
        lack=one.lack,
        execution=estimate.execution,
    )
