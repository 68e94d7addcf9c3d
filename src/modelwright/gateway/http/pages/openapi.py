"""What a signature looks like to programs: its OpenAPI description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from modelwright import kinds
from modelwright.core.json_types import JsonObject
from modelwright.core.signature import Field, Signature
from modelwright.gateway.http import form_data
from modelwright.gateway.http.events import EVENT_STREAM
from modelwright.gateway.http.feedback import ANSWER_ID
from modelwright.gateway.http.pages import inference_paths, side_paths
from modelwright.gateway.http.pages.openapi_parts import (
    content,
    object_of,
    one_or_many,
    plain,
    refusals,
)
from modelwright.kinds.contract.settled_cells import SettledCells

_NOTHING: Mapping[str, SettledCells] = MappingProxyType({})
_MOST_WORDS = 20  # for nothing, of one input


def openapi(
    signature: Signature,
    version: int,
    max_text: int,
    settled: Mapping[str, SettledCells] = _NOTHING,
    spoken: Sequence[str] = (),
    options: Mapping[str, JsonObject] = MappingProxyType({}),
) -> JsonObject:
    """Return the OpenAPI 3.1 description of the server that serves `signature`, and texts up to `max_text`.

    settled: how inputs were written in the training data, where that is not as usual. spoken: paths of the OpenAI
    protocol that the function answers. options: what may be asked beside the inputs.
    """
    row = object_of(
        {
            **options,
            **{f.name: _as_settled(_given(f, max_text), settled.get(f.name)) for f in signature.inputs},
        },
        [f.name for f in signature.inputs if not f.optional],
    )
    answer = object_of(
        {
            "id": {
                "type": "string",
                "description": "the x-request-id, with the item's place behind it in a list",
            },
            "version": {"type": "integer"},
            "outputs": object_of({field.name: _answer(field) for field in signature.outputs}),
            "unseen": {
                "type": "array",
                "items": {"enum": [field.name for field in signature.inputs]},
                "description": "the inputs whose value training never showed; absent where there is none",
            },
        },
        ["id", "version", "outputs"],
    )
    # of several outputs, those that are known
    truth = {
        **object_of(
            {
                "id": {"type": "string", "pattern": ANSWER_ID},
                **{f.name: _given(f, max_text) for f in signature.outputs},
            },
            ["id"],
        ),
        "minProperties": 2,
    }
    error = object_of(
        {"error": object_of({key: {"type": "string"} for key in ("id", "rule", "found", "next")})}
    )
    refused = {
        "400": "The body is not JSON, or no form",
        "401": "The key is missing",
        "413": "The request is too large",
        "415": "The content-type is neither application/json nor multipart/form-data",
        "422": "An input is missing, unknown or of the wrong type, or never seen in training where that is refused",
        "429": "Too many requests at once, or of this key; try again",
        "503": "Overloaded, or no version is ready; try again",
    }
    responses: JsonObject = {
        "200": {
            "description": "The answer; as events where the header `accept` asks for them: `part` is an answer so "
            "far, `end` the whole, `error` what went wrong after the first part",
            "content": {
                **content(one_or_many("Answer")),
                EVENT_STREAM.decode(): {"schema": {"type": "string"}},
            },
        },
        **refusals(refused),
    }
    ask: JsonObject = {
        "summary": str(signature),
        "operationId": signature.name,
        "parameters": [
            {
                "name": "probabilities",
                "in": "query",
                "schema": {"type": "boolean"},
                "description": "whether each output also has the probability of every label, where its kind has them",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                **content(one_or_many("Row")),
                form_data.FORM.decode(): {"schema": _form(signature, max_text)},
            },
        },
        "responses": responses,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": signature.name, "version": str(version), "description": str(signature)},
        "paths": {
            f"/{signature.name}": {"post": ask},
            **{path: {"post": _openai(path, signature.name)} for path in spoken},
            **inference_paths.inference(signature.name),
            **side_paths.feedback(),
            **side_paths.admin(),
            **{path: {"get": plain(text)} for path, text in _OTHER_PATHS.items()},
        },
        "components": {"schemas": {"Row": row, "Answer": answer, "Truth": truth, "Error": error}},
    }


def _openai(path: str, function: str) -> JsonObject:
    """Return a path of the OpenAI protocol, whose own description says the rest."""
    body: JsonObject = {
        "type": "object",
        "properties": {"model": {"const": function}},
        "required": ["model"],
        "externalDocs": {"url": "https://platform.openai.com/docs/api-reference"},
    }
    codes = ("400", "401", "404", "413", "415", "429", "503")
    error: JsonObject = {"type": "object", "properties": {"error": {"type": "object"}}}
    answers: JsonObject = {
        **content({"type": "object"}),
        EVENT_STREAM.decode(): {"schema": {"type": "string"}},
    }
    return {
        "summary": f"{function} by the OpenAI protocol",
        "operationId": path.removeprefix("/v1/").replace("/", "_"),
        "requestBody": {"required": True, "content": content(body)},
        "responses": {
            "200": {"description": "The answer, or its parts", "content": answers},
            **{code: {"description": "An error", "content": content(error)} for code in codes},
        },
    }


def _form(signature: Signature, max_text: int) -> JsonObject:
    """Return the JSON Schema of one row as a form: files as they are, other values as texts."""
    properties: JsonObject = {}
    for one in signature.inputs:
        kind = kinds.value(one.kind)
        if kind.holds_files:
            media = kind.given_schema().get("contentMediaType", "application/octet-stream")
            properties[one.name] = {"type": "string", "format": "binary", "contentMediaType": media}
        else:
            schema = _bounded(Field(one.name, one.kind), kind.given_schema(), max_text)
            items = schema.get("items")
            if one.optional and isinstance(
                items, dict
            ):  # a blank text alone is missing, as on the command line
                schema = {**schema, "items": {key: each for key, each in items.items() if key != "minLength"}}
            # a word for nothing is missing, too, and `null` is the text of one
            properties[one.name] = {"anyOf": [schema, {"type": "null"}]} if one.optional else schema
    return object_of(properties, [one.name for one in signature.inputs if not one.optional])


NOT_BLANK = "[^\\s\\u001c-\\u001f\\u0085]"  # these are white space to Python, and not to ECMA-262
_OTHER_PATHS = {
    "/v1/models": "The function as a model of the OpenAI protocol",
    "/healthz": "Whether the server answers at all",
    "/v2/health/live": "Whether the server answers at all",
    "/v2/health/ready": "Whether a prediction would be answered now (200 or 503)",
    "/metrics": "Figures for Prometheus",
    "/openapi.json": "This description",
    "/docs": "A page that shows the function and asks it",
}


def _given(field: Field, max_text: int) -> JsonObject:
    """Return the JSON Schema of an input; a text that must be there is not blank."""
    kind = kinds.value(field.kind)
    schema = kind.given_schema()
    types = schema.get("type")
    takes_text = "string" in types if isinstance(types, list) else types == "string"
    if takes_text and not field.optional and "pattern" not in schema:
        schema = {**schema, "pattern": NOT_BLANK}
    return _bounded(field, schema, max_text)


def _as_settled(schema: JsonObject, settled: SettledCells | None) -> JsonObject:
    """Return the schema of an input with what else is read, since the training data was written so."""
    words = [f"Also read: dates of the form {', '.join(settled.dates)}."] if settled and settled.dates else []
    if settled and settled.missing:
        words.append(f"Stands for nothing: {', '.join(settled.missing[:_MOST_WORDS])}.")
    if not words:
        return schema
    return {**schema, "description": " ".join([*filter(None, [str(schema.get("description", ""))]), *words])}


def _schema(field: Field, max_text: int | None = None) -> JsonObject:
    return _bounded(field, kinds.value(field.kind).schema(), max_text)


def _bounded(field: Field, schema: JsonObject, max_text: int | None) -> JsonObject:
    longest = schema.get("maxLength")
    if max_text is not None and isinstance(longest, int):
        schema = {**schema, "maxLength": min(longest, max_text)}
    return {"anyOf": [schema, {"type": "null"}]} if field.optional else schema


def _answer(field: Field) -> JsonObject:
    confidence: JsonObject = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    probabilities: JsonObject = {"type": "object", "additionalProperties": {"type": "number"}}
    end: JsonObject = {"type": ["number", "null", "array"]}
    share: JsonObject = {"type": "number", "minimum": 0, "maximum": 1}
    filled: JsonObject = {
        "type": "integer",
        "minimum": 1,
        "description": "How many steps of the history had no number, and were filled as the data was.",
    }
    ends: JsonObject = {"low": end, "high": end, "share": share, "filled": filled}
    interval = object_of(ends, ["low", "high", "share"])
    fields: JsonObject = {
        "value": _schema(field),
        "confidence": confidence,
        "probabilities": probabilities,
        "interval": interval,
        "details": {"type": "object"},
    }
    return object_of(fields, ["value", "confidence"])
