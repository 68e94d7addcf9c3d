"""A bar on validation at which learning ends, `learn.stop_at: "accuracy >= 0.95"`, as it is written. Light."""

from __future__ import annotations

import re

from modelwright import outcomes
from modelwright.core.evidence.measurement import Phase
from modelwright.core.messages import Problem, ProjectError
from modelwright.core.requirements import requirement as requirements
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.kinds.outputs import outputs
from modelwright.kinds.slicing import slice_problems

_BAR = re.compile(r"\s*(?P<key>.*?)\s*(?P<bar>(?:>=|<=|[≥≤><])[^<>≥≤]*)", re.DOTALL)


def goal(text: str | None, signature: Signature) -> Requirement | None:
    """Return the bar that `learn.stop_at` states; raises ProjectError where learning cannot see it.

    It is written as a requirement is, on one line. The last comparison is the bar: a slice before it may have others.
    A slice is of the function's own fields, for learning reads no kept columns.
    """
    if text is None:
        return None
    read = _BAR.fullmatch(text)
    if read is None:
        raise ProjectError(Problem("learn.no-goal", text=text))
    found = requirements.parse(read["key"], read["bar"], outcomes.metrics(), outputs(signature))
    elsewhere = found.bar.champion or Phase.TEST not in found.metric.phases or found.metric.priced_only
    if elsewhere or found.subject.output is None:
        raise ProjectError(Problem("learn.goal-elsewhere", text=text, metric=found.metric.name))
    where, unknown = found.subject.where, not signature.inputs
    if where is not None and (wrong := list(slice_problems(where, signature, kept=(), open_inputs=unknown))):
        raise ProjectError(wrong)
    return found
