"""The stage `plan`: from a signature, a budget and the training rows to a learner and its steps.

choice/choice.json        what decides the bits of what is learned; `learn` reads this part alone
forecast/forecast.json    what it will cost, and how every learner was ranked
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from modelwright.core import digest
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.engine.store import Part
from modelwright.learners.base import Machine
from modelwright.learners.weights import credit
from modelwright.stages.plan import ranking
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig
from modelwright.stages.plan.ranking import StepForecast
from modelwright.stages.plan.warnings import compressed_bytes, warnings
from modelwright.storage.formats.data import DataProfile
from modelwright.storage.formats.rows import read_examples

FORMAT = 1


def plan(
    train: Part,
    profile: Part,
    signature: Signature,
    config: PlanConfig,
    model: ModelConfig,
    learn: LearnConfig,
    machine: Machine,
    pretrained: Path | None,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Write choice and forecast into `out`, and return a summary with its warnings.

    `pretrained` is the folder of weights for learners that need some. Raises ProjectError where no learner
    takes the signature or an option is wrong, and DataError where the rows teach nothing.
    """
    able, refused = ranking.sift(signature, config, model, pretrained)
    examples = read_examples(train.path, signature)
    here = replace(machine, cores=learn.threads or machine.cores)
    forecast = ranking.forecast(able, signature, examples, learn, here, pretrained, progress)
    chosen = forecast[0]
    described = DataProfile.read(profile.path)
    warned = warnings(chosen, learn, described)
    weights = pretrained if chosen.learner.needs_pretrained else None
    _write(out / "choice" / "choice.json", _choice(chosen, model, learn, here, weights))
    _write(
        out / "forecast" / "forecast.json",
        {
            "format": FORMAT,
            **_costs(chosen),
            "rows": dict(described.rows),
            "budget_s": learn.budget_s,
            "machine": asdict(machine),
            "ranking": _ranking(forecast, refused),
            "warnings": list(warned),
        },
    )
    return {**_costs(chosen), "warnings": list(warned)}


def _choice(
    chosen: StepForecast, model: ModelConfig, learn: LearnConfig, machine: Machine, pretrained: Path | None
) -> dict[str, Any]:
    """Return what decides the bits. Weights are known by their content: it is the same wherever they lie."""
    return {
        "format": FORMAT,
        "learner": chosen.learner.name,
        "credits": dict([credit(model.pretrained, pretrained)]) if pretrained is not None else {},
        "steps": chosen.forecast.steps,
        "batch": chosen.forecast.batch,
        "threads": machine.cores,
        "precision": learn.precision,
        "instruction_set": machine.instruction_set,
        "seed": learn.seed,
        "options": chosen.options.model_dump(mode="json"),
        "training": learn.training.model_dump(mode="json", include=set(chosen.learner.takes)),
        "pretrained": digest.of_folder(pretrained) if pretrained is not None else None,
    }


def _costs(one: StepForecast) -> dict[str, Any]:
    return {
        "learner": one.learner.name,
        "epochs": one.epochs,
        **asdict(one.forecast),
        "compressed_bytes": compressed_bytes(one.learner, one.forecast),
    }


def _ranking(forecast: Sequence[StepForecast], refused: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every learner with what speaks for or against it, the one that is taken first."""
    ranked = [{**_costs(one), "accepts": True, "lack": one.lack} for one in forecast]
    return ranked + [
        {"learner": name, "accepts": False, "lack": reason} for name, reason in sorted(refused.items())
    ]


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")
