"""The space that a project file declares, checked before anything runs: every key, value, and learner."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from modelwright import learners
from modelwright.core.messages import Notice, Problem, ProjectError
from modelwright.core.signature import Signature
from modelwright.project.declaration.project_file import Opened
from modelwright.stages.tune.axes import LEARNER, Axis, Space, setting_of
from modelwright.stages.tune.config import POINTS, Range, TuneConfig

SEARCHED = ("model", "learn", "data.augment", "package")
"""Where a key of the space may lie: what else changes the rows would leave trials that cannot be compared."""

_OF_ALL = frozenset({"learn.budget", "learn.seed"})  # keys of `learn:` that mean something to every learner
_FIXED = frozenset({"learn.threads"})  # of the machine, which a sealed plan names


@dataclass(frozen=True)
class DeclaredSpace:
    """A space with what is to be message of it."""

    space: Space
    notices: tuple[Notice, ...] = ()


def declared_space(
    opened: Opened, signature: Signature | None, able: Sequence[str] | None = None
) -> DeclaredSpace:
    """Return the space of a project; raises ProjectError with everything that is wrong in it, each at its line.

    signature: None where the data decides the inputs and is not read yet; learners are then not asked about it;
    able: the learners that could be taken, None: those that accept the signature and are installed.
    """
    config = opened.file.tune
    assert config is not None
    assert config.space is not None
    return _Reader(opened, config, config.space, signature, able).read()


def require_space(opened: Opened) -> None:
    """Raise ProjectError, before anything is read or made, for what a space has wrong that no data is needed to see."""
    if opened.file.tune is None:
        return
    if not opened.signature.outputs:
        raise ProjectError(Problem("tune.no-outputs", where=opened.where(("tune",))))
    require_optuna(opened)
    if opened.file.tune.space is not None:
        declared_space(opened, None if opened.open_inputs else opened.signature)


def require_optuna(opened: Opened) -> None:
    """Raise ProjectError where the sampler needs a library that is not there."""
    config = opened.file.tune
    if config is not None and config.sampler != "grid" and importlib.util.find_spec("optuna") is None:
        raise ProjectError(
            Problem("tune.not-installed", where=opened.where(("tune", "sampler")), sampler=config.sampler)
        )


def candidates(opened: Opened, signature: Signature | None) -> tuple[str, ...]:
    """Return the learners that could be taken: the one that the project names, else those that `plan` would weigh.

    Of these only such as are installed, where there are any.
    """
    if opened.file.model.learner is not None:
        return (opened.file.model.learner,)
    allowed = opened.file.plan.learners
    every = tuple(allowed or [name for name in learners.names() if not blends(name)])
    found = every if signature is None else learners.accepting(signature, allowed)
    return tuple(one for one in found if not learners.spec(one).lacks()) or found


def blends(learner: str) -> bool:
    """Tell whether a learner learns others and blends their answers: it is tried where it is named."""
    return learners.spec(learner).blends


class _Reader:
    """Reads one space, and collects its problems."""

    def __init__(
        self,
        opened: Opened,
        config: TuneConfig,
        declared: Mapping[str, Range | tuple[JsonValue, ...]],
        signature: Signature | None,
        able: Sequence[str] | None,
    ) -> None:
        self.opened, self.config, self.declared, self.signature = opened, config, declared, signature
        self.able = able
        self.problems: list[Problem] = []

    def read(self) -> DeclaredSpace:
        for key, values in self.declared.items():
            self._check_key(key, values)
        if self.problems:
            raise ProjectError(self.problems)
        named = self._named_learners()
        if self.problems:
            raise ProjectError(self.problems)
        able = named or tuple(self.able or candidates(self.opened, self.signature))
        keys = [key for key in self.declared if key != LEARNER]
        beside = {key: tuple(one for one in able if _takes(one, key)) for key in keys}
        # a key that not every learner takes says nothing where another is taken: the learner becomes part of the space
        particular = not named and len(able) > 1 and any(0 < len(one) < len(able) for one in beside.values())
        tried = named if LEARNER in self.declared else ()
        if particular:
            tried = tuple(
                one for one in able if any(one in beside[key] for key in keys if not _is_common(key))
            )
        axes = [axis for key in keys if (axis := self._axis(key, beside[key] or able, tried)) is not None]
        if self.problems:
            raise ProjectError(self.problems)
        axes.sort(key=lambda axis: axis.given is not None)  # behind that by which they are given
        return DeclaredSpace(
            Space(tuple(axes), tried), tuple(self._notices(axes, tried, particular=particular))
        )

    def _place(self, key: str, *more: int) -> str | None:
        return self.opened.where(("tune", "space", key, *more))

    def _check_key(self, key: str, values: Range | tuple[JsonValue, ...]) -> None:
        inside = any(key.startswith(f"{section}.") for section in SEARCHED)
        if not inside or key in _FIXED:
            self.problems.append(
                Problem(
                    "tune.key-section",
                    where=self._place(key),
                    key=key,
                    sections=[f"{one}." for one in SEARCHED],
                )
            )
        elif not isinstance(values, Range) and not values:
            self.problems.append(Problem("tune.no-values", where=self._place(key), key=key))
        elif key == LEARNER and (
            isinstance(values, Range) or not all(isinstance(one, str) for one in values)
        ):
            self.problems.append(
                Problem("tune.learners-as-list", where=self._place(key), names=list(learners.names()))
            )

    def _named_learners(self) -> tuple[str, ...]:
        """Return the learners that the project names: those of the space, else the one of `model`."""
        values = self.declared.get(LEARNER)
        if isinstance(values, tuple):
            for place, name in enumerate(values):
                self._check_learner(str(name), self._place(LEARNER, place))
            return tuple(dict.fromkeys(map(str, values)))
        name = self.opened.file.model.learner
        if name is not None:
            self._check_learner(name, self.opened.where(("model", "learner")))
        return () if name is None else (name,)

    def _check_learner(self, name: str, where: str | None) -> None:
        try:
            self.opened.changed([setting_of(LEARNER, name)])
        except ProjectError as error:
            self.problems += [one.at(where) for one in error.problems]
            return
        spec = learners.spec(name)
        reason = None if self.signature is None else spec.refuses(self.signature)
        if reason is not None:
            self.problems.append(Problem("tune.learner-refuses", where=where, learner=name, reason=reason))
        elif lacking := spec.lacks():
            self.problems.append(
                Problem(
                    "tune.learner-not-installed",
                    where=where,
                    learner=name,
                    modules=list(lacking),
                    extra=spec.extra,
                )
            )

    def _axis(self, key: str, beside: Sequence[str], tried: Sequence[str]) -> Axis | None:
        values = self.declared[key]
        by_learner: list[Sequence[str]] = [[setting_of(LEARNER, one)] for one in beside] or [[]]
        before = len(self.problems)
        if isinstance(values, Range):
            axis = self._range(key, values, by_learner)
        else:
            self._check_values(key, values, by_learner)
            unique = [one for place, one in enumerate(values) if one not in values[:place]]
            axis = Axis(key, values=tuple(unique))
        if len(self.problems) > before:
            return None
        if not any(_takes(one, key) for one in beside):
            taking = [name for name in learners.names() if _takes(name, key)]
            self.problems.append(
                Problem(
                    "tune.key-unused", where=self._place(key), key=key, learners=list(beside), taking=taking
                )
            )
            return None
        among = tuple(one for one in tried if one in beside)
        whole = not tried or len(among) == len(tried)
        given = self._given(key, by_learner)
        return Axis(**{**vars(axis), "learners": None if whole else among, "given": given})

    def _given(
        self, key: str, by_learner: Sequence[Sequence[str]]
    ) -> tuple[str, tuple[JsonValue, ...]] | None:
        """Return another key of the section with its values beside which a key means something; None: with all."""
        own = self._some(self.declared[key])
        for other, values in self.declared.items():
            if (
                other == key
                or isinstance(values, Range)
                or other.rpartition(".")[0] != key.rpartition(".")[0]
            ):
                continue
            fitting = tuple(
                one
                for place, one in enumerate(values)
                if one not in values[:place]
                and not any(
                    _is_vain(key, self._tried([*settings, setting_of(other, one), setting_of(key, value)]))
                    for settings in by_learner
                    for value in own
                )
            )
            if fitting and any(one not in fitting for one in values):
                return other, fitting
        return None

    def _range(self, key: str, given: Range, by_learner: Sequence[Sequence[str]]) -> Axis:
        between = given.low + (given.high - given.low) / 3 + 0.01
        whole = (
            float(given.low).is_integer()
            and float(given.high).is_integer()
            and not self._refused(key, int(given.low), by_learner)
            and bool(self._refused(key, between, by_learner))
        )
        ends = [int(one) if whole else one for one in (given.low, given.high)]
        self._check_values(key, ends, by_learner, of_range=True)
        return Axis(
            key,
            low=given.low,
            high=given.high,
            log=given.log,
            whole=whole,
            points=given.points or POINTS,
        )

    def _check_values(
        self,
        key: str,
        values: Sequence[JsonValue],
        by_learner: Sequence[Sequence[str]],
        *,
        of_range: bool = False,
    ) -> None:
        for place, value in enumerate(values):
            if problems := self._refused(key, value, by_learner):
                where = self._place(key) if of_range else self._place(key, place)
                known = set(self.problems)
                self.problems += [one for problem in problems if (one := problem.at(where)) not in known]

    def _refused(
        self, key: str, value: JsonValue, by_learner: Sequence[Sequence[str]]
    ) -> tuple[Problem, ...]:
        """Return what the project file has against a value, beside the first learner that refuses it.

        A value that only goes with another key (a schedule's own options) is tried beside the others' values too.
        """
        for settings in by_learner:
            one = setting_of(key, value)
            problems = self._tried([*settings, one])
            if problems and not any(not self._tried([*settings, *more, one]) for more in self._others(key)):
                return problems
        return ()

    def _tried(self, settings: Sequence[str]) -> tuple[Problem, ...]:
        try:
            self.opened.changed(settings)
        except ProjectError as error:
            return error.problems
        return ()

    def _others(self, key: str) -> Iterator[list[str]]:
        """Yield settings of the other keys of the same section, one value each."""
        section = key.rpartition(".")[0]
        for other, values in self.declared.items():
            if other == key or not other.startswith(section):
                continue
            yield from ([setting_of(other, value)] for value in self._some(values))

    @staticmethod
    def _some(values: Range | tuple[JsonValue, ...]) -> Sequence[JsonValue]:
        return [values.low, values.high] if isinstance(values, Range) else values

    @staticmethod
    def _notices(axes: Sequence[Axis], tried: Sequence[str], *, particular: bool) -> Iterator[Notice]:
        if particular:
            yield Notice("tune.learners-tried", column=None, count=None, learners=list(tried))
        for axis in axes:
            if axis.learners is not None:
                yield Notice(
                    "tune.beside", column=None, count=None, key=axis.key, learners=list(axis.learners)
                )
            if axis.given is not None:
                other, values = axis.given
                yield Notice(
                    "tune.given",
                    column=None,
                    count=None,
                    key=axis.key,
                    other=other,
                    values=[str(one) for one in values],
                )


def _is_vain(key: str, problems: Sequence[Problem]) -> bool:
    """Tell whether a project was refused because a key means nothing beside another."""
    reasons = (one.values.get("reason") for one in problems)
    return any(
        isinstance(one, Problem)
        and one.id == "learn.vain-key"
        and one.values["key"] == key.rpartition(".")[2]
        for one in reasons
    )


def _is_common(key: str) -> bool:
    return key in _OF_ALL or key.startswith("package.")


def _takes(learner: str, key: str) -> bool:
    """Tell whether a key means something to a learner."""
    if _is_common(key):
        return True
    if learner not in learners.names():
        return False
    spec = learners.spec(learner)
    section, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if section == "data":
        return spec.augments
    if section == "learn":
        return name in spec.takes
    if name == "pretrained":
        return spec.needs_pretrained or spec.takes_pretrained
    return name in spec.Options.model_fields
