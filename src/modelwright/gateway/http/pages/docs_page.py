"""The page that shows the function as a form and asks it. It loads nothing from anywhere else."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import quote

from modelwright import kinds
from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import Phrase, catalog, visible
from modelwright.core.signature import Field, Signature
from modelwright.gateway.http.pages.docs_texts import spoken, written
from modelwright.kinds.contract.show import Show, Widget
from modelwright.runtime.worker.form import FormInput

_PAGE = Template((Path(__file__).parent / "docs_page.html").read_text("utf-8"))
_NOTHING_KNOWN = FormInput()
_MISSING, _OTHER, _KNOWN = "missing", "other", "known"  # what an option is; a class may be called so, too
_FILE = "file"  # how the page calls the widget of a kind that holds files
_LIKE_INPUTS = 'inputmode="decimal" type="number" step="any"'


def docs(
    signature: Signature,
    version: int,
    form: Mapping[str, FormInput],
    *,
    key: str | None = None,
    private: frozenset[str] = frozenset(),
) -> tuple[str, str]:
    """Return the page and its content security policy.

    form: what is known of each input; key: the variable with the key that a request needs, None: none is needed;
    private: inputs of which the page shows nothing that training had.
    """
    nonce = secrets.token_urlsafe(16)
    about: JsonObject = {
        "path": quote(signature.name),
        "key": key,
        "say": {**spoken()},
        "inputs": [
            {"name": one.name, "widget": _FILE, "media": _media(one)}
            if _holds_file(one)
            else {"name": one.name, "widget": _widget(one)}
            for one in signature.inputs
        ],
    }
    fields = [
        _field(place, one, _NOTHING_KNOWN if one.name in private else form.get(one.name, _NOTHING_KNOWN))
        for place, one in enumerate(signature.inputs)
    ]
    page = _PAGE.substitute(
        name=html.escape(signature.name),
        signature=html.escape(str(signature)),
        language=catalog.language(),
        **written(version),
        fields="\n".join(fields),
        key="" if key is None else _key(key),
        nonce=nonce,
        # as JavaScript in HTML: no `<` ends the script, and no line separator ends a text
        about=json.dumps(about, ensure_ascii=True).replace("<", "\\u003c"),
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _widget(one: Field) -> Widget:
    return kinds.facet(one.kind, Show).widget


def _holds_file(one: Field) -> bool:
    return kinds.value(one.kind).holds_files


def _media(one: Field) -> str:
    """Return the sort of files that an input takes, as browsers have it: `image/*`."""
    return str(kinds.value(one.kind).given_schema().get("contentMediaType", "*/*"))


def _field(place: int, one: Field, known: FormInput) -> str:
    """Return one row of the form: a label, what takes the value, and a hint."""
    here = f"i{place}"
    required = "" if one.optional else " required"
    typical = _text(known.typical)
    shown = _text(kinds.facet(one.kind, Show).example({}))
    example = f' placeholder="{html.escape(shown)}"' if shown else ""
    widget = _widget(one)
    match widget:
        case _ if _holds_file(one):
            control = _file(here, one, required)
        case "choice" if known.known:
            control = _choice(here, one, known, required)
        case "switch":
            control = _select(here, _options(one, ["false", "true"], known.typical), required)
        case "set":
            control = _set(here, one, known)
        case "number":
            control = f'<input id="{here}" {_LIKE_INPUTS} value="{html.escape(typical)}"{required}>'
        case "paragraph" | "json":
            control = f'<textarea id="{here}"{example}{required}>{html.escape(typical)}</textarea>'
        case _:
            control = f'<input id="{here}" type="text" value="{html.escape(typical)}"{example}{required}>'
    name = html.escape(one.name)
    legend = (
        f'<span class="legend" id="{here}l">{name}</span>'
        if widget == "set"
        else f'<label for="{here}">{name}</label>'
    )
    return f'<div class="field">{legend}<div>{control}</div><small>{_hint(one, known)}</small></div>'


def _choice(here: str, one: Field, known: FormInput, required: str) -> str:
    options = [*_options(one, known.known, known.typical), _Option(_OTHER, "", str(Phrase("docs.other")))]
    other = (
        f'<input id="{here}o" type="text" aria-label="{_say(Phrase("docs.other-of", name=one.name))}" '
        f'placeholder="{_say(Phrase("docs.new-value"))}" hidden>'
    )
    return _select(here, options, required) + other


@dataclass(frozen=True)
class _Option:
    """What a list offers: what it is, its value and text, whether it is chosen to begin with."""

    sort: str
    value: str
    text: str
    chosen: bool = False


def _options(one: Field, names: list[str], typical: Json) -> list[_Option]:
    chosen = typical if isinstance(typical, str) else str(typical).lower()
    found = [_Option(_KNOWN, name, name, typical is not None and name == chosen) for name in names]
    if one.optional:
        found.insert(0, _Option(_MISSING, "", str(Phrase("docs.missing")), typical is None))
    elif not any(option.chosen for option in found):
        found.insert(0, _Option(_KNOWN, "", str(Phrase("docs.choose")), chosen=True))
    return found


def _select(here: str, options: list[_Option], required: str) -> str:
    rows = "".join(
        # Without a value, an option of a required list counts as none.
        f'<option data-sort="{one.sort}" value="{html.escape(one.value if one.sort == _KNOWN else one.sort)}"'
        f"{' selected' if one.chosen else ''}>{html.escape(visible(one.text))}</option>"
        for one in options
    )
    return f'<select id="{here}"{required}>{rows}</select>'


def _set(here: str, one: Field, known: FormInput) -> str:
    typical = known.typical if isinstance(known.typical, list) else []
    boxes = "".join(
        f'<label><input type="checkbox" value="{html.escape(name)}"{" checked" if name in typical else ""}>'
        f"{html.escape(visible(name))}</label>"
        for name in known.known
    )
    missing = ""
    if one.optional:
        checked = " checked" if known.typical is None else ""
        missing = (
            f'<label><input type="checkbox" id="{here}n"{checked}> {_say(Phrase("docs.missing"))}</label>'
        )
    return (
        f'<div class="set" id="{here}" role="group" aria-labelledby="{here}l">{boxes}</div>{missing}'
        f'<textarea id="{here}o" aria-label="{_say(Phrase("docs.others-of", name=one.name))}" '
        f'placeholder="{_say(Phrase("docs.others"))}"></textarea>'
    )


def _file(here: str, one: Field, required: str) -> str:
    """Return what takes a file: chosen, dropped, or recorded, where it is a sound and the browser can; a preview."""
    return (
        f'<div class="drop" id="{here}d"><input id="{here}" type="file" accept="{html.escape(_media(one))}"{required}>'
        f'<canvas id="{here}p" role="img" hidden></canvas><p class="about" id="{here}a" role="status"></p>'
        f'<button type="button" class="small" id="{here}r" hidden>{_say(Phrase("docs.record"))}</button>'
        f'<button type="button" class="small" id="{here}y" hidden>{_say(Phrase("docs.play"))}</button>'
        f'<button type="button" class="small" id="{here}x" hidden>{_say(Phrase("docs.remove"))}</button></div>'
    )


def _hint(one: Field, known: FormInput) -> str:
    """Return what a person should know of an input, as HTML."""
    parts = [str(Phrase("docs.may-be-missing", kind=one.kind)) if one.optional else one.kind]
    if _holds_file(one):
        parts.append(str(Phrase("docs.file")))
    if known.low is not None and known.high is not None:
        show = kinds.facet(one.kind, Show)
        parts.append(str(Phrase("docs.mostly", low=show.end(known.low), high=show.end(known.high))))
    if known.more:
        parts.append(str(Phrase("docs.more-known", count=known.more)))
    return html.escape("; ".join(parts))


def _key(variable: str) -> str:
    return (
        f'<div class="field"><label for="key">{_say(Phrase("docs.key"))}</label>'
        '<div><input id="key" type="password" autocomplete="off" spellcheck="false"></div>'
        f"<small>{_say(Phrase('docs.key-hint', variable=variable))}</small>"
        "</div>"
    )


def _say(phrase: Phrase) -> str:
    return html.escape(str(phrase))


def _text(typical: Json) -> str:
    if typical is None:
        return ""
    return typical if isinstance(typical, str) else json.dumps(typical, ensure_ascii=False)
