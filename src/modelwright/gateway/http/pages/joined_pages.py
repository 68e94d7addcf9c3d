"""What several functions of a gateway say of themselves, put together."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Phrase, catalog

_SCHEMAS = "#/components/schemas/"


def metrics(expositions: Sequence[bytes]) -> bytes:
    """Return expositions of Prometheus as one: the samples of a family stand together, as its format wants."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for text in expositions:
        family = ""
        for line in text.decode().splitlines():
            if line.startswith("# HELP "):
                family = line.split(" ", 3)[2]
                heads.setdefault(family, [])
            if line.startswith("# "):
                if line not in heads[family]:
                    heads[family].append(line)
            elif line:
                samples.setdefault(family, []).append(line)
    lines = [line for family, head in heads.items() for line in (*head, *samples.get(family, ()))]
    return "".join(f"{line}\n" for line in lines).encode()


def descriptions(by_function: Mapping[str, JsonObject]) -> JsonObject:
    """Return OpenAPI descriptions as one: every function's schemas bear its name, and shared paths take any of them."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for place, (function, described) in enumerate(by_function.items()):
        # The names of schemas are ASCII.
        mark = f"{function}." if function.isascii() else f"function{place}."
        own = json.loads(json.dumps(described).replace(_SCHEMAS, _SCHEMAS + mark))
        schemas |= {mark + name: schema for name, schema in own["components"]["schemas"].items()}
        for path, verbs in own["paths"].items():
            paths[path] = _either(paths[path], verbs) if path in paths else verbs
    first: Any = next(iter(by_function.values()))
    about = {
        **first["info"],
        "title": ", ".join(by_function),
        "version": "",
        "description": _signatures(by_function),
    }
    return {
        **{name: part for name, part in first.items() if name not in {"info", "paths", "components"}},
        "info": about,
        "paths": paths,
        "components": {**first["components"], "schemas": schemas},
    }


def index(ready: Mapping[str, bool]) -> tuple[str, str]:
    """Return a page that leads to that of each function, and its content security policy."""
    nonce = secrets.token_urlsafe(16)
    not_yet = f" <small>{html.escape(str(Phrase('docs.not-ready')))}</small>"
    items = "\n".join(
        f'<li><a href="docs?function={quote(name)}">{html.escape(name)}</a>{"" if is_ready else not_yet}</li>'
        for name, is_ready in ready.items()
    )
    page = f"""<!doctype html>
<html lang="{catalog.language()}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Modelwright</title>
<style nonce="{nonce}">
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.8 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem 1rem 4rem; }}
a {{ overflow-wrap: anywhere; }}
</style>
<h1>{html.escape(str(Phrase("docs.functions")))}</h1>
<ul>
{items}
</ul>
</html>
"""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return page, policy


def _signatures(by_function: Mapping[str, Any]) -> str:
    return "\n".join(described["info"]["description"] for described in by_function.values())


def _either(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verbs of a path that several functions have: a body is one of any of them."""
    found = {**other, **one}
    for verb in one.keys() & other.keys():
        bodies = [each[verb].get("requestBody", {}).get("content", {}) for each in (one, other)]
        for media in bodies[0].keys() & bodies[1].keys():
            pair = [content[media].get("schema", {}) for content in bodies]
            known = pair[0].get("anyOf", [pair[0]])
            content = {**bodies[0], media: {**bodies[0][media], "schema": {"anyOf": [*known, pair[1]]}}}
            body = {**one[verb]["requestBody"], "content": content}
            found[verb] = {**found[verb], "requestBody": body}
            bodies[0] = content
    return found
