"""What a signature looks like from outside: OpenAPI, and one page of HTML that shows it and asks it."""

from __future__ import annotations

import html
import json
import secrets
from urllib.parse import quote

from modelwright import kinds
from modelwright.core.json_types import JsonObject
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.show import Show

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
 code, pre, textarea {{ font: 14px/1.5 ui-monospace, monospace; }}
 textarea, pre {{ box-sizing: border-box; width: 100%; padding: .7rem; }}
 textarea, pre {{ border: 1px solid #8888; border-radius: 6px; }}
 pre {{ white-space: pre-wrap; overflow-wrap: anywhere; min-height: 3rem; }}
 table {{ border-collapse: collapse; width: 100%; }}
 td, th {{ text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; }}
 td, th {{ border-bottom: 1px solid #8884; }}
 button {{ font: inherit; padding: .4rem 1.2rem; }}
 :root {{ color-scheme: light dark; }}
</style>
<h1>{name}</h1>
<p><code>{signature}</code>, version {version}</p>
<h2>Inputs</h2>
<table><tr><th>name<th>kind<th>in JSON</tr>{inputs}</table>
<h2>Outputs</h2>
<table><tr><th>name<th>kind<th>in JSON</tr>{outputs}</table>
<h2>Try it</h2>
<p><label for="body"><code>POST {path}</code>, one object or a list of objects</label></p>
<textarea id="body" rows="{rows}" spellcheck="false">{example}</textarea>
<p><button id="ask" data-path="{path}">Ask</button></p>
<pre id="answer" aria-live="polite"></pre>
<h2>From a shell</h2>
<pre id="shell"></pre>
<p>The whole interface as <a href="/openapi.json">OpenAPI</a>; figures for Prometheus at
<a href="/metrics">/metrics</a>.</p>
<script nonce="{nonce}">
const body = document.getElementById("body"), ask = document.getElementById("ask");
const answer = document.getElementById("answer"), shell = document.getElementById("shell");
const quoted = text => "'" + text.replaceAll("'", "'\\\\''") + "'";
const show = () => {{
  shell.textContent = "curl " + location.origin + ask.dataset.path
    + " -H 'content-type: application/json' -d " + quoted(body.value);
}};
body.addEventListener("input", show);
ask.addEventListener("click", async () => {{
  try {{
    const response = await fetch(ask.dataset.path, {{
      method: "POST", headers: {{"content-type": "application/json"}}, body: body.value }});
    answer.textContent = response.status + "\\n" + JSON.stringify(await response.json(), null, 2);
  }} catch (error) {{ answer.textContent = String(error); }}
}});
show();
</script>
"""


def openapi(signature: Signature, version: int, max_text: int) -> JsonObject:
    """Return the OpenAPI 3.1 description of the server that serves `signature`, and texts up to `max_text`."""
    row = _object(
        {f.name: _given(f, max_text) for f in signature.inputs},
        [f.name for f in signature.inputs if not f.optional],
    )
    answer = _object(
        {
            "id": {
                "type": "string",
                "description": "the x-request-id, with the item's place behind it in a list",
            },
            "version": {"type": "integer"},
            "outputs": _object({field.name: _answer(field) for field in signature.outputs}),
            "unseen": {
                "type": "array",
                "items": {"enum": [field.name for field in signature.inputs]},
                "description": "the inputs whose value training never showed; absent where there is none",
            },
        },
        ["id", "version", "outputs"],
    )
    error = _object({"error": _object({key: {"type": "string"} for key in ("id", "rule", "found", "next")})})
    refusals = {
        "400": "The body is not JSON",
        "401": "The key is missing",
        "413": "The request is too large",
        "415": "The content-type is not application/json",
        "422": "An input is missing, unknown or of the wrong type, or never seen in training where that is refused",
        "503": "Overloaded, or no version is ready; try again",
    }
    responses: JsonObject = {
        "200": {"description": "The answer", "content": _content(_one_or_many("Answer"))},
        **{
            code: {"description": text, "content": _content(_ref("Error"))} for code, text in refusals.items()
        },
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
        "requestBody": {"required": True, "content": _content(_one_or_many("Row"))},
        "responses": responses,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": signature.name, "version": str(version), "description": str(signature)},
        "paths": {
            f"/{signature.name}": {"post": ask},
            **{path: {"get": _plain(text)} for path, text in _OTHER_PATHS.items()},
        },
        "components": {"schemas": {"Row": row, "Answer": answer, "Error": error}},
    }


def docs(signature: Signature, version: int, max_text: int) -> tuple[str, str]:
    """Return the page, which loads nothing from anywhere else, and its content security policy."""
    nonce = secrets.token_urlsafe(16)
    example = {field.name: kinds.facet(field.kind, Show).example({}) for field in signature.inputs}
    text = json.dumps(example, ensure_ascii=False, indent=2)
    page = _PAGE.format(
        name=html.escape(signature.name),
        signature=html.escape(str(signature)),
        version=version,
        inputs="".join(_row(field, _given(field, max_text)) for field in signature.inputs),
        outputs="".join(_row(field, _schema(field)) for field in signature.outputs),
        path=html.escape(quote(f"/{signature.name}")),
        rows=text.count("\n") + 1,
        example=html.escape(text),
        nonce=nonce,
    )
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


NOT_BLANK = "[^\\s\\u001c-\\u001f\\u0085]"  # these are white space to Python, and not to ECMA-262
_OTHER_PATHS = {
    "/v2/health/live": "Whether the server answers at all",
    "/v2/health/ready": "Whether a prediction would be answered now (200 or 503)",
    "/metrics": "Figures for Prometheus",
    "/openapi.json": "This description",
    "/docs": "A page that shows the function and asks it",
}


def _row(field: Field, schema: JsonObject) -> str:
    cells = (
        field.name,
        f"{field.kind}{' (may be missing)' if field.optional else ''}",
        json.dumps(schema),
    )
    return "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells) + "</tr>"


def _given(field: Field, max_text: int) -> JsonObject:
    """Return the JSON Schema of an input; a text that must be there is not blank."""
    kind = kinds.value(field.kind)
    schema = kind.given_schema()
    types = schema.get("type")
    takes_text = "string" in types if isinstance(types, list) else types == "string"
    if takes_text and not field.optional:
        schema = {**schema, "pattern": NOT_BLANK}
    return _bounded(field, schema, max_text)


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
    fields: JsonObject = {"value": _schema(field), "confidence": confidence, "probabilities": probabilities}
    return _object(fields, ["value", "confidence"])


def _object(properties: JsonObject, required: list[str] | None = None) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": [*(properties if required is None else required)],
        "additionalProperties": False,
    }


def _one_or_many(schema: str) -> JsonObject:
    return {"anyOf": [_ref(schema), {"type": "array", "items": _ref(schema)}]}


def _ref(schema: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{schema}"}


def _content(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}


def _plain(text: str) -> JsonObject:
    return {"summary": text, "responses": {"200": {"description": text}}}
