"""Stacking (Wolpert 1992): what networks of one part each answer, side by side, as the features of the heads.

Shapes: n rows of a batch, a numbers of a part's answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from modelwright.core.signature import Signature
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.heads import Task
from modelwright.learners.networks.network_plan import NetworkPlan


def split(plan: NetworkPlan, signature: Signature) -> list[NetworkPlan]:
    """Return the plan of a network of its own for each part: an input each, but all columns of a table together."""
    columns, apart = list[str](), list[str]()
    for field in signature.inputs:
        of_table = (
            plan.columns is not None and plan.encoders[plan.inputs[field.name]].type in registry.COLUMNS
        )
        (columns if of_table else apart).append(field.name)
    parts = [*([columns] if columns else []), *([name] for name in apart)]
    return [_only(plan, names) for names in parts]


def narrowed(signature: Signature, names: Iterable[str]) -> Signature:
    """Return a signature with these inputs alone."""
    wanted = set(names)
    return Signature(
        signature.name, tuple(one for one in signature.inputs if one.name in wanted), signature.outputs
    )


def answered(tasks: Iterable[Task], answers: Mapping[str, Tensor]) -> Tensor:
    """Return the answers to all outputs of one part as the heads read them: (n, a)."""
    return torch.cat(
        [task.evidence(answers[name]) for name, task in zip(answers, tasks, strict=True)], dim=-1
    )


def beside(answers: Sequence[Tensor], missing: Mapping[int, Tensor]) -> Tensor:
    """Return the features of the heads, (n, `width`), of the answers of all parts, (n, a) each.

    missing: part that may be missing → 1.0 where it is, (n,). Where it is, the others count for more: so they stand
    there a second time, and the heads learn how much.
    """
    blocks = list(answers)
    for place, gone in missing.items():
        others = [one for number, one in enumerate(answers) if number != place]
        blocks += [torch.cat(others, dim=-1) * gone.unsqueeze(-1), gone.unsqueeze(-1)]
    return torch.cat(blocks, dim=-1)


def width(tasks: Iterable[Task], parts: int, missing: int) -> int:
    """Return how many features the heads read, of so many parts, of which some may be missing."""
    each = sum(task.columns or 1 for task in tasks)
    return parts * each + missing * ((parts - 1) * each + 1)


def _only(plan: NetworkPlan, names: Sequence[str]) -> NetworkPlan:
    places = list(dict.fromkeys(plan.inputs[name] for name in names))
    return replace(
        plan,
        encoders=tuple(plan.encoders[place] for place in places),
        inputs={name: places.index(plan.inputs[name]) for name in names},
        combiner={"type": "concatenate"},
    )
