"""What the training and validation rows look like, in numbers that `plan` and the model card read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelwright import kinds
from modelwright.core.json_types import Json
from modelwright.core.signature import Field
from modelwright.kinds.contract.profile import Profile
from modelwright.stages.data.writing import stored_series


def describe(field: Field, values: Sequence[Any]) -> dict[str, Json]:
    """Return the profile of one column of canonical values: kind, rows, missing, and what its kind shows."""
    present = stored_series(field, [value for value in values if value is not None])
    profile: dict[str, Json] = {
        "kind": field.kind,
        "rows": len(values),
        "missing": len(values) - len(present),
    }
    if len(present) and kinds.has(field.kind, Profile):
        profile.update(kinds.facet(field.kind, Profile).describe(present))
    return profile
