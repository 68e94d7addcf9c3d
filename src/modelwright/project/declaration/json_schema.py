"""The project file as a JSON Schema, so that an editor completes and checks `modelwright.yaml`."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from modelwright.project.declaration.project_file import ProjectFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Sections read shorter forms before they check: a text for a list of one or for a number with its unit, a
# list of names for a mapping. By the type that is wanted, what else may then stand there.
_SHORTER: dict[str, dict[str, object]] = {
    "array": {"type": "string"},
    "integer": {"type": "string"},
    "number": {"type": "string"},
    "object": {"type": "array", "items": {"type": "string"}},
}


class _Written(GenerateJsonSchema):
    """Describes what may be written, where pydantic describes what it is after it was read."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> dict[str, object]:
        """Add the shorter form, unless the validator names its own (`json_schema_input_type`)."""
        made = super().function_before_schema(schema)
        shorter = _SHORTER.get(str(made.get("type")))
        if shorter is None or "json_schema_input_schema" in schema:
            return made
        return {"anyOf": [shorter, made]}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the project file."""
    made = ProjectFile.model_json_schema(mode="validation", schema_generator=_Written)
    return {"$schema": DIALECT, **made, "title": "modelwright.yaml"}
