"""A package on the validation rows: what requirements ask, the main metrics, and what it costs to run.

A search judges its trials by it. Test rows are no parameter: only `evaluate` reads these.

measured/measured.json      the measurements
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from modelwright import outcomes
from modelwright.core.evidence.measurement import Measurement, Subject
from modelwright.core.messages import DataError, Problem
from modelwright.core.progress import Progress
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, parse_quantity
from modelwright.engine.store import ArtifactPart
from modelwright.kinds.outputs import outputs
from modelwright.outcomes.contract.gap import BodyGap
from modelwright.package import packages
from modelwright.runtime import measuring
from modelwright.stages.evaluate import answers, timed_rows
from modelwright.stages.evaluate.row_groups import groups_of_part
from modelwright.storage.formats.document import Document
from modelwright.storage.formats.examples import ID, column_names, read_columns

REQUESTS = 200  # enough for an interval of the 95 % quantile at a confidence of 95 %
_MANY_REQUESTS = 600  # of the 99 % quantile
WRITTEN = 32  # rows of an output that is written for which it is
_SECONDS = 5.0  # of requests, whichever is reached first
_MEASURED = Document("measured.json", made_by="tune", number=1)


@dataclass(frozen=True)
class ValidationMeasurements:
    """What a package showed on validation rows, and of running it."""

    measurements: tuple[Measurement, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a part `measured`; raises StateError for what is none of ours."""
        return _MEASURED.read(folder, cls)

    def write(self, folder: Path) -> None:
        """Write it into a part `measured`."""
        _MEASURED.write(folder, self)


def measure_on_validation(
    package: ArtifactPart,
    validation: ArtifactPart,
    signature: Signature,
    requirements: Sequence[Requirement],
    confidence: float,
    load: str | None,
    group: str | None,
    out: Path,
    progress: Progress,
) -> Mapping[str, Any]:
    """Write what a package shows into `out` and return a summary; raises DataError without validation rows.

    Of the requirements only what they measure matters. load, group: as `evaluate` takes them.
    """
    read = packages.read(package.path)
    fields = (*signature.inputs, *signature.outputs)
    columns = read_columns(validation.path, column_names(validation.path), fields)
    if not columns[ID]:
        raise DataError(Problem("tune.no-validation"))
    groups = groups_of_part(validation.path, columns, group)
    del columns[ID]
    answered = replace(answers.answer(read, signature, columns, WRITTEN), groups=groups.codes)
    wanted = [
        *(
            Subject(
                outcomes.facet(one.family, BodyGap).stands_for_all(priced=answered.outcomes[one.name].priced),
                one.name,
            )
            for one in outputs(signature)
        ),
        *answers.of_requirements(requirements),
    ]
    shown = answers.on_rows(list(dict.fromkeys(wanted)), answered, confidence)
    rare = any(one.metric.quantile is not None and one.metric.quantile > 0.95 for one in requirements)
    plan = measuring.Plan(
        load=None if load is None else parse_quantity(load, Unit.PER_SECOND),
        requests=_MANY_REQUESTS if rare else REQUESTS,
        seconds=_SECONDS,
    )
    ran = measuring.measure(package.path, timed_rows.requests(signature, columns, answered.refused), plan)
    found = ValidationMeasurements((*shown, *answers.of_running(ran, confidence)))
    found.write(out / "measured")
    return {"measurements": {str(one.subject): one.value for one in found.measurements}}
