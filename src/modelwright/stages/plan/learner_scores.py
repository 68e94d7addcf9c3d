"""Compares learners on validation rows before one is taken, with a share of the budget.

Each learns from the same training rows, as many as the share allows, one fifth of which it keeps for its own choices
(rounds, L2); then it answers validation rows, which it has not seen. So the scores are of learners on fewer rows than
the chosen one will have, and are not what it will reach.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelwright import kinds, learners, outcomes
from modelwright.core.evidence.measure import measure
from modelwright.core.evidence.measurement import Subject
from modelwright.core.evidence.metric import Influence, Metric
from modelwright.core.messages import DataError, Notice, Phrase
from modelwright.core.progress import Progress, Silent
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array
from modelwright.kinds.outputs import family
from modelwright.learners import kind_states, timing
from modelwright.learners.contract.aim import Aim
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.weights.resolving import InputWeights
from modelwright.outcomes.contract.gap import BodyGap
from modelwright.stages.plan import deciding_rows
from modelwright.stages.plan.config import LearnConfig, ModelConfig
from modelwright.stages.plan.ranking import Able, Weighed, training_of
from modelwright.stages.plan.standard_error import Contender, ranked
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Comparison, LearnerScores, Machine, ValidationScore

SHARE = 0.15  # of the budget, that a comparison may take
MOST_S, MOST_HEAVY_S = 3.0, 30.0  # without and with pretrained weights, however large the budget
FEWEST_ROWS = 100  # fewer say little about what a learner makes of all of them
MOST_ANSWERED = 2000  # validation rows
_LEARNED_SHARE = 0.7  # of the rows of a trial; the others are answered
_OWN_CHOICES = 5  # of the rows that are learned from, every so-manieth is for the learner's own choices
_CONFIDENCE = 0.95  # of intervals that nothing here reads; only values are compared


def reserved_s(able: Sequence[Able], learn: LearnConfig) -> float:
    """Return the seconds of the budget that a comparison may take, 0 where there is nothing to compare."""
    if len(_groups([one.spec.name for one in able])) < 2:
        return 0.0
    heavy = any(one.spec.needs_pretrained for one in able)
    return min(learn.budget_s * SHARE, MOST_HEAVY_S if heavy else MOST_S)


def without(found: Sequence[Weighed], model: ModelConfig) -> Phrase | None:
    """Return why the first is taken where nothing need be compared, None where it need be."""
    fitting = [one.spec.name for one in found if one.lack is None]
    if model.learner is not None:
        return Phrase("choice.named")
    if not fitting:
        return Phrase("choice.quickest")
    if len(found) == 1:
        return Phrase("choice.alone")
    if len(_groups(fitting)) < 2:
        return Phrase("choice.alone-fits")
    return None


def compare(
    found: Sequence[Weighed],
    signature: Signature,
    rows: Rows,
    learn: LearnConfig,
    machine: Machine,
    pretrained: InputWeights,
    seconds: float,
    progress: Progress,
    aim: Aim | None = None,
    costs: Sequence[ErrorCosts] = (),
    required: Mapping[str, Metric] | None = None,
) -> tuple[Comparison | None, Phrase, tuple[Notice, ...]]:
    """Return what the fitting learners answer on validation, None where that cannot be, and why one is taken.

    Beside both stand the few rows that alone decide it, where there are such.

    found: in the order of `ranking.preferred`; seconds: what all of it may take, by the forecasts; aim: what the
    requirements ask of numbers, which are then compared by it; costs: of errors, by which answers then follow and are
    compared; required: output → the metric that its requirements are on, by which it is compared.
    """
    by_name = {one.spec.name: one for one in found if one.lack is None}
    groups = _groups(list(by_name))
    slowest = max(_trial_s(by_name[name].estimate) for name in groups)
    # what a learner takes grows at most linearly with its rows, those that it only answers among them
    affordable = int(len(rows.train) * seconds / len(groups) / max(slowest, 1e-9))
    train = rows.train.spaced(int(affordable * _LEARNED_SHARE))
    if len(train) < min(FEWEST_ROWS, len(rows.train)):
        return None, Phrase("choice.budget-too-small", rows=FEWEST_ROWS), ()
    held = rows.held.spaced(min(MOST_ANSWERED, max(affordable - len(train), FEWEST_ROWS)))
    if not len(held):
        return None, Phrase("choice.no-validation"), ()
    tried = []
    with progress.task(str(Phrase("work.comparing")), len(groups)) as task:
        for name, also in groups.items():
            begun = (timing.now_s(), time.perf_counter())
            try:
                scores, influences = _scores(
                    by_name[name],
                    signature,
                    train,
                    held,
                    learn,
                    machine,
                    pretrained,
                    aim,
                    costs,
                    required or {},
                )
            except DataError:  # fewer rows show fewer classes, and may leave nothing to tell apart
                return None, Phrase("choice.too-few-rows", rows=len(train)), ()
            # of several threads that spin, CPU time is too long, and so is the clock's on a busy machine
            took = min(timing.now_s() - begun[0], time.perf_counter() - begun[1])
            serves = next(one for one in found if one.spec.name in (name, *also)).estimate
            tried.append(
                Contender(
                    LearnerScores(name, also, scores, took),
                    influences,
                    serves.latency_s,
                    serves.package_bytes,
                )
            )
            task.advance(1, name)
    taken_first = ranked(tried)
    places = {one.learner: place for place, one in enumerate(taken_first)}
    took = sum(one.seconds for one in taken_first)
    compared = Comparison(len(train), len(held), took, taken_first)
    best = min(tried, key=lambda one: places[one.scores.learner])
    return (
        compared,
        reason(compared),
        tuple(deciding_rows.notices(best.scores.scores, best.influences, held.ids)),
    )


def ordered(found: Sequence[Weighed], compared: Comparison | None) -> tuple[Weighed, ...]:
    """Return the learners in the order of a comparison, the one to take first; all else as it was."""
    if compared is None:
        return tuple(found)
    places = {name: place for place, one in enumerate(compared.learners) for name in (one.learner, *one.also)}
    return tuple(sorted(found, key=lambda one: places.get(one.spec.name, len(places))))


def reason(compared: Comparison) -> Phrase:
    """Return why the first is taken: what each answered, and whether it is the best or as good and cheaper."""
    best = min(compared.learners, key=lambda one: one.behind or 0.0)
    first = compared.learners[0]
    return Phrase(
        "choice.compared",
        n=compared.validation_rows,
        rows=compared.train_rows,
        best=None if best is first else [best.learner, *best.also],
        goes_on=bool(first.also),
        scores=[
            Phrase(
                "choice.score",
                learners=[one.learner, *one.also],
                output=score.output if len(one.scores) > 1 else None,
                metric=score.metric,
                value=None if score.value is None else f"{score.value:.4g}",
            )
            for one in compared.learners
            for score in one.scores
        ],
    )


def _trial_s(estimate: Estimate) -> float:
    """Return the seconds of learning as a trial does: no longer than validation mostly lets it."""
    return estimate.seconds * (estimate.likely_steps or estimate.steps) / estimate.steps


def _groups(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the learners that are tried, each with those that go on from what it learns."""
    starts = {name: learners.spec(name).starts_as for name in names}
    return {
        name: tuple(other for other in names if starts[other] == name)
        for name in names
        if starts[name] not in names
    }


def _scores(
    one: Weighed,
    signature: Signature,
    train: Examples,
    held: Examples,
    learn: LearnConfig,
    machine: Machine,
    pretrained: InputWeights,
    aim: Aim | None,
    costs: Sequence[ErrorCosts],
    required: Mapping[str, Metric],
) -> tuple[tuple[ValidationScore, ...], tuple[Influence | None, ...]]:
    """Let one learner learn from the training rows; return what it answers on the held ones, and how these move it."""
    estimate, learner = one.estimate, learners.learn(one.spec.name)
    rows = Rows(
        train.take([row for row in range(len(train)) if row % _OWN_CHOICES]),
        train.take(list(range(0, len(train), _OWN_CHOICES))),
    )
    batch = min(estimate.batch, len(rows.train))
    passes = estimate.epochs if estimate.epochs is not None else float(estimate.steps)
    # a step is a pass over all rows, or a batch of them: then fewer rows are fewer steps
    whole = passes == estimate.steps
    most = estimate.likely_steps or estimate.steps
    setup = Setup(
        learner=one.spec.name,
        steps=most if whole else max(1, round(passes * len(rows.train) / batch)),
        batch=batch,
        threads=machine.cores,
        precision=estimate.precision,
        instruction_set=machine.instruction_set,
        execution=estimate.execution,
        seed=learn.seed,
        options=one.options,
        training=training_of(one.spec, learn),
        pretrained=pretrained.given_to(one.spec),
        members=estimate.members,
    )
    with tempfile.TemporaryDirectory() as place:
        out, scratch = Path(place) / "out", Path(place) / "scratch"
        out.mkdir()
        scratch.mkdir()
        learner.learn(signature, rows, setup, out, scratch, Silent())
        _, states = kind_states.read(out)
        inputs = {field.name: held.columns[field.name] for field in signature.inputs}
        answered = learner.predict(out, inputs)
    prices = {one.output: one for one in costs}
    found = [
        _score(
            field,
            answered[field.name],
            states[field.name],
            held,
            aim,
            prices.get(field.name),
            required.get(field.name),
        )
        for field in signature.outputs
    ]
    return tuple(score for score, _ in found), tuple(influence for _, influence in found)


def _score(
    field: Field,
    arrays: Mapping[str, Array],
    state: object,
    held: Examples,
    aim: Aim | None,
    costs: ErrorCosts | None,
    required: Metric | None,
) -> tuple[ValidationScore, Influence | None]:
    compare_by = outcomes.facet(family(field), BodyGap)
    kind, name = kinds.arrays(field.kind), compare_by.stands_for_all(priced=costs is not None)
    if costs is not None:  # as a package would answer
        state = kind.by_costs(kind.priced(state, costs))
    # what is not compared row by row has no standard error, and decides nothing
    named = required if required is not None and required.influence is not None else None
    metric = _best_at(aim, family(field)) or named or outcomes.metrics().of(name, family(field))
    assert metric is not None, f"{family(field)} has no metric {name}"
    assert metric.influence is not None, f"{metric.name} is not compared row by row"
    found = kind.outcomes(held.columns[field.name], arrays, state, held.columns)
    shown = measure(Subject(metric.name, field.name), metric, found, _CONFIDENCE)
    influence = None if shown.value is None else metric.influence(found, None)
    return ValidationScore(field.name, metric.name, shown.value, shown.n), influence


def _best_at(aim: Aim | None, of: str) -> Metric | None:
    """Return the family's metric that is best at what is aimed at, None where nothing is said of it."""
    return next((one for one in outcomes.metrics() if one.family == of and aim and one.best_at == aim), None)
