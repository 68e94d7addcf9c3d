"""Which average of the weights is kept: how much of it a step's weights are."""

from __future__ import annotations

from modelwright.learners.contract.steps import AveragingKeys


def share(keys: AveragingKeys, step: int, steps: int) -> float:
    """Return the share of the new weights in the average after a step, counted from 1."""
    match keys.name:
        case "exponential":
            # average ← decay · average + (1 - decay) · weight (Polyak and Juditsky 1992); early on, an average over
            # few steps: the start would weigh for long otherwise
            return 1.0 - min(keys.decay, step / (step + 9))
        case "stochastic":
            # the plain mean of the weights after these steps (Izmailov et al. 2018); until then, the weights
            averaged = max(0, step - round(keys.begin * steps) - 1)
            return 1.0 / (averaged + 1)
        case "none":
            return 1.0
