"""A plan that ends earlier: the choice of another, with the last step of a training whose time had run out.

choice/ and forecast/ as in `stages.plan.stage`; nothing is timed or compared again.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from modelwright.engine.store import ArtifactPart
from modelwright.storage.formats.plan import Choice, Forecast


def cut(
    choice: ArtifactPart, forecast: ArtifactPart, training: str, step: int, steps: int, out: Path
) -> dict[str, object]:
    """Write choice and forecast into `out`, and return the summary of the plan that they are of."""
    # a copy that can be written: what is sealed is read-only, and so are the modes that it would take along
    shutil.copytree(choice.path, out / "choice", copy_function=shutil.copyfile)
    shutil.copytree(forecast.path, out / "forecast", copy_function=shutil.copyfile)
    chosen, planned = Choice.read(choice.path), Forecast.read(forecast.path)
    replace(chosen, last_steps={**chosen.last_steps, training: (step, steps)}).write(out / "choice")
    return {**planned.chosen.to_json(), "warnings": [one.to_wire() for one in planned.warnings]}
