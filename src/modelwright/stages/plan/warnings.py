"""What is worth knowing before learning: what does not fit, keys without effect, bars that will not be kept.

The bars are compared with the sealed forecast (`of_bars`), not sealed with it: a bar that moves plans nothing
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelwright import kinds, learners
from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, format_quantity
from modelwright.learners.contract.setup import Estimate
from modelwright.learners.contract.spec import Spec
from modelwright.learners.idle_keys import idle
from modelwright.stages.plan.config import LearnConfig
from modelwright.stages.plan.ranking import Weighed
from modelwright.storage.formats.data import DataProfile
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Forecast, Ranked

# Of the exported size, what weights in 8 bits leave: all-MiniLM-L6-v2 takes 90.8 MB, and 23.4 MB compressed.
COMPRESSED_SHARE = 0.26


def warnings(
    chosen: Weighed,
    signature: Signature,
    learn: LearnConfig,
    profile: DataProfile,
    of_inputs: Sequence[Notice] = (),
) -> tuple[Notice, ...]:
    """Return a warning for each thing that is likely to go wrong or to disappoint.

    of_inputs: what the training rows show of the inputs, whichever learner is taken.
    """
    does_not_fit = (
        [Notice("plan.does-not-fit", learner=chosen.spec.name, lack=chosen.lack)] if chosen.lack else []
    )
    return (
        *does_not_fit,
        *of_inputs,
        *chosen.estimate.warnings,
        *_without_effect(chosen.spec, learn),
        *chosen.spec.without_effect(signature, chosen.options),
        *idle(chosen.spec, signature, learn),
        *_constant(profile),
    )


def of_bars(forecast: Forecast, requirements: Sequence[Requirement]) -> Iterator[Notice]:
    """Yield a warning for each bar that the sealed forecast breaks."""
    chosen = forecast.chosen
    for requirement in requirements:
        if requirement.bar.champion or requirement.metric.better != "lower":
            continue
        name, bar = requirement.subject.metric, requirement.bar.value
        if name == "size" and chosen.package_bytes > bar:
            yield _size(requirement.text, chosen, bar)
        if name.startswith("latency_") and chosen.latency_s > bar:
            took = format_quantity(chosen.latency_s, Unit.SECONDS)
            yield Notice("plan.bar-latency", requirement=requirement.text, took=took)


def compressed_bytes(spec: Spec, estimate: Estimate) -> int | None:
    """Return what the package is likely to take in 8 bits, None where the learner has no such form."""
    if not spec.compresses:
        return None
    changed = estimate.package_bytes if estimate.compressible_bytes is None else estimate.compressible_bytes
    return int(estimate.package_bytes - changed * (1 - COMPRESSED_SHARE)) if changed else None


def _size(text: str, chosen: Ranked, bar: float) -> Notice:
    small = chosen.compressed_bytes
    return Notice(
        "plan.bar-size",
        requirement=text,
        learner=chosen.learner,
        exported=format_quantity(chosen.package_bytes, Unit.BYTES),
        small=format_quantity(small, Unit.BYTES) if small is not None else None,
        met=small is not None and small <= bar,
    )


def _without_effect(spec: Spec, learn: LearnConfig) -> Iterator[Notice]:
    for name in learn.given:
        if name not in spec.takes:
            yield Notice("plan.no-effect", key=name, learner=spec.name, takes=", ".join(sorted(spec.takes)))


def _constant(profile: DataProfile) -> Iterator[Notice]:
    for name, column in profile.inputs.items():
        if column.missing == column.rows:
            yield Notice("plan.all-missing", column=name, count=column.rows)
        elif not column.missing and column.distinct == 1:
            yield Notice("plan.one-value", column=name, count=column.rows)
    for name, column in profile.outputs.items():
        if column.distinct == 1:  # of classes the data refuses it
            yield Notice("plan.one-answer", column=name, count=column.rows - column.missing)


def unused_augment(
    spec: Spec, varied: Mapping[str, Mapping[str, float]], *, declared: bool
) -> Iterator[Notice]:
    """Yield a warning for each input whose values are declared to vary, where the chosen learner varies none."""
    if spec.augments or not declared:
        return
    line = setting(
        "model.learner", next((name for name in learners.names() if learners.spec(name).augments), None)
    )
    for name in varied:
        yield Notice("plan.augment-unused", column=name, learner=spec.name, line=line)


def fill_values(signature: Signature, train: Examples) -> Iterator[Notice]:
    """Yield a warning for each value of a field that looks as if it stood for nothing, with how often it is there."""
    outputs = {field.name for field in signature.outputs}
    for field in (*signature.inputs, *signature.outputs):
        arrays = kinds.arrays(field.kind)
        for value, count in arrays.standing_out(train.columns[field.name]):
            within = arrays.gaps_within
            if field.name in outputs:
                yield Notice("plan.fill-truth", column=field.name, value=value, count=count, within=within)
            else:
                yield Notice(
                    "plan.fill-value", column=field.name, value=value, count=count, within=within,
                    kind=field.kind, optional=field.optional,
                )  # fmt: skip
