"""What is wrong with a row of a form, where it is its answer."""

from __future__ import annotations

from modelwright.core.messages import ValueProblem


class AnswerProblem(Exception):  # noqa: N818 - as ValueProblem, which it holds
    """What is wrong with the answer of a row, and not with what stands before it: the output's column is named."""

    def __init__(self, problem: ValueProblem) -> None:
        self.problem = problem
        super().__init__(str(problem))
