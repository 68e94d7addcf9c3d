"""What errors cost, as a project declares it once of an output: `costs: {risk: {bad: 5, good: 1}}`.

By truth, then by answer. A number stands for every wrong answer to rows of that truth; `*` stands for the classes
that are not named; `null`, as an answer, for none where the output may abstain. A right answer costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelwright.core.messages import Problem, did_you_mean, shown

OTHERS = "*"
NO_ANSWER = "null"

Keys = tuple[str, ...]


@dataclass(frozen=True)
class ErrorCosts:
    """The costs of one output: truth → answer → cost, as they are declared."""

    output: str
    by_truth: Mapping[str, Mapping[str, float]]

    def of(self, truth: str, answer: str) -> float | None:
        """Return what an answer costs where another is the truth, None where that is not declared."""
        if truth == answer:
            return 0.0
        answers = self.by_truth.get(truth, self.by_truth.get(OTHERS, {}))
        if answer == NO_ANSWER:
            return answers.get(answer)
        return answers.get(answer, answers.get(OTHERS))

    def matrix(self, classes: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Return C rows of C + 1: truth by answer, the last of no answer; 0 where nothing is declared.

        No answer without a cost of its own costs as the dearest answer to that truth does.
        """
        found = []
        for truth in classes:
            row = [self.of(truth, answer) or 0.0 for answer in classes]
            withheld = self.of(truth, NO_ANSWER)
            found.append((*row, max(row) if withheld is None else withheld))
        return tuple(found)

    def problems(self, classes: Sequence[str], *, optional: bool) -> Iterator[tuple[Keys, Problem]]:
        """Yield what is wrong beside all classes of the output, with the keys below `costs` that it is about."""
        for truth, answers in self.by_truth.items():
            for keys, name in [((truth,), truth), *(((truth, answer), answer) for answer in answers)]:
                if name not in (OTHERS, *([NO_ANSWER] if len(keys) == 2 and optional else []), *classes):
                    near, known = did_you_mean(name, list(classes)), list(classes)[:MOST_SHOWN]
                    yield (
                        (self.output, *keys),
                        Problem(
                            "costs.unknown-class", output=self.output, name=name, near=near, classes=known
                        ),
                    )
        wanted = (*classes, *([NO_ANSWER] if optional else []))
        missing = [
            (truth, answer) for truth in classes for answer in wanted if self.of(truth, answer) is None
        ]
        if missing:
            truth, answer = missing[0]
            yield (
                (self.output,),
                Problem(
                    "costs.missing",
                    output=self.output,
                    truth=truth,
                    answer=answer,
                    none=answer == NO_ANSWER,
                    count=len(missing),
                ),
            )
        elif not any(cost > 0 for row in self.matrix(classes) for cost in row[:-1]):
            yield (self.output,), Problem("costs.none", output=self.output)


MOST_SHOWN = 10  # classes in a message


def read(output: str, declared: Any) -> tuple[ErrorCosts, list[tuple[Keys, Problem]]]:
    """Return the costs of one output as the project file has them, and what is wrong whatever the classes are."""
    problems: list[tuple[Keys, Problem]] = []
    by_truth: dict[str, Mapping[str, float]] = {}
    if not isinstance(declared, Mapping) or not declared:
        return ErrorCosts(output, {}), [((output,), Problem("costs.form", output=output))]
    for truth, answers in declared.items():
        found: dict[str, float] = {}
        for answer, cost in (
            answers.items() if isinstance(answers, Mapping) and answers else [(OTHERS, answers)]
        ):
            keys = (output, truth) if answers is cost else (output, truth, answer)
            if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < math.inf:
                problems.append((keys, Problem("costs.value", output=output, given=shown(cost))))
            elif answer == truth != OTHERS and cost > 0:
                problems.append((keys, Problem("costs.right-answer", output=output, name=truth)))
            else:
                found[answer] = float(cost)
        by_truth[truth] = found
    return ErrorCosts(output, by_truth), problems
