"""/docs as a person uses it, in a real browser: fill in, submit, read the answer."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import browser
import httpx
import polars as pl
import pytest
from browser import CHROMIUM, Page
from tiny_serving import TYPICAL, Releases, running

from modelwright import kinds
from modelwright.core.messages import catalog
from modelwright.core.signature import Signature
from modelwright.gateway.http.pages.docs_page import docs
from modelwright.gateway.http.pages.joined_pages import index
from modelwright.gateway.server import Server
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.profile import Profile
from modelwright.runtime.function import load
from modelwright.runtime.worker.form import FormInput
from modelwright.stages.package.typical import typical_values
from modelwright.storage.formats.data import ColumnProfile, DataProfile
from modelwright.testing.kinds.tried import present_values

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
KEY = "a key with 'quotes'"
ANSWER = "document.getElementById('answer').innerText"
ROW = "JSON.stringify(row())"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser.page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def server(packages: dict[str, Path]) -> Iterator[Server]:
    with running(Releases(packages["table"])) as server:
        yield server


def put(page: Page, name: str, value: str, part: str = "") -> None:
    """Give a field of the form a value as a person does: focus, then type over what is there."""
    page.js(f"at({json.dumps(name)}, {json.dumps(part)}).focus()")
    page.js("document.activeElement.select?.()")
    page.type(value)


def pick(page: Page, name: str, text: str) -> None:
    """Choose what a list shows as this text."""
    page.js(
        f"(() => {{ const list = at({json.dumps(name)}); list.selectedIndex = "
        f"[...list.options].findIndex(one => one.text === {json.dumps(text)}); "
        "list.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_the_form_begins_with_what_is_typical_and_is_answered(
    page: Page, server: Server, packages: dict[str, Path], width: int
) -> None:
    page.open(f"{server.url}/docs", width)
    row = json.loads(page.js(ROW))
    assert row == {name: one.value for name, one in TYPICAL.items()}
    assert page.js("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut at the edge"
    put(page, "height", "12.5")
    page.press("Enter")
    page.wait(lambda: page.js(ANSWER))
    expected = load(packages["table"])(**{**row, "height": 12.5})
    said = page.js(ANSWER)
    assert expected.size in said
    assert f"{100 * expected.confidence:.1f} %" in said
    assert "never showed" not in said
    assert page.errors == []


@needs_chromium
def test_what_was_never_seen_is_marked_and_probabilities_are_shown(page: Page, server: Server) -> None:
    page.open(f"{server.url}/docs", 390)
    assert page.js("at('colour', 'o').hidden")
    pick(page, "colour", "another value …")
    assert not page.js("at('colour', 'o').hidden")
    put(page, "colour", "green", "o")
    put(page, "marks", "new\n7", "o")
    put(page, "note", "what does\nmy plan cover?")
    put(page, "sent", "2024-03-01T10:20:00Z")
    pick(page, "fragile", "(missing)")
    page.js("all.click()")
    assert json.loads(page.js(ROW)) == {
        "colour": "green",
        "height": 9.5,
        "marks": ["urgent", "new", "7"],
        "sent": "2024-03-01T10:20:00Z",
        "note": "what does\nmy plan cover?",
    }
    page.press("Enter", modifiers=2)
    page.wait(lambda: page.js(ANSWER))
    assert "Training never showed the value of colour, marks" in page.js(ANSWER)
    assert page.js("document.querySelectorAll('#answer meter').length") == 3
    assert page.js("at('colour').closest('.field').classList.contains('unseen-field')")
    page.js("at('marks', 'n').click()")
    assert "marks" not in json.loads(page.js(ROW))
    assert page.errors == []


@needs_chromium
def test_the_key_is_asked_for_sent_and_kept_nowhere(page: Page, packages: dict[str, Path]) -> None:
    with running(Releases(packages["table"]), environment={"MODELWRIGHT_API_KEY": KEY}) as server:
        page.open(f"{server.url}/docs")
        page.js("form.requestSubmit()")
        page.wait(lambda: "no key" in page.js(ANSWER))
        page.js("document.getElementById('key').focus()")
        page.type(KEY)
        page.press("Enter")
        page.wait(lambda: "%" in page.js(ANSWER))
        assert page.js("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        line = page.js("shell.textContent")
        assert KEY not in line
        assert "$MODELWRIGHT_API_KEY" in line
        if shutil.which("curl"):
            environment = {"MODELWRIGHT_API_KEY": KEY, "PATH": "/usr/local/bin:/usr/bin:/bin"}
            done = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, check=True)
            assert (
                json.loads(done.stdout)["outputs"]
                == load(packages["table"])(**{name: one.value for name, one in TYPICAL.items()}).as_json()
            )


def test_a_package_without_typical_values_has_a_page_that_invents_none() -> None:
    signature = Signature.parse(
        "f(colour: category, height: number, note: text, on: boolean?) -> size: category"
    )
    page, _ = docs(signature, 1, {})
    assert "…" not in page.split("<form")[1].split("</form>")[0]
    assert 'value=""' in page
    assert 'value="0' not in page
    assert page.count(" required") == 3


@pytest.mark.parametrize(
    "kind", [name for name in kinds.having(Profile) if Role.INPUT in kinds.value(name).roles]
)
def test_every_kind_has_a_page_with_what_its_training_rows_have(kind: str) -> None:
    signature = Signature.parse(f"f(given: {kind}) -> y: category")
    column = kinds.facet(kind, Column)
    stored = pl.Series([column.store(value) for value in present_values(kind)], dtype=column.dtype())
    figures = kinds.facet(kind, Profile).describe(stored)
    profile = DataProfile({}, {"given": ColumnProfile(kind, 9, 0, 9, figures)}, {}, {}, {})
    form = {
        name: FormInput([], 0, one.value, one.low, one.high)
        for name, one in typical_values(signature, profile, ()).items()
    }
    page, _ = docs(signature, 1, form)
    assert 'id="i0' in page
    assert ("in training mostly" in page) == ("quantiles" in figures)


EVIL = """"><script>alert(1)</script>'&amp;\u2028\u202e</textarea>"""


def test_what_data_says_stays_text() -> None:
    signature = Signature.parse("f(colour: category, marks: tags, note: text) -> size: category")
    form = {
        "colour": FormInput([EVIL, "b"], 0, EVIL),
        "marks": FormInput([EVIL], 3, [EVIL]),
        "note": FormInput([], 0, EVIL),
    }
    page, policy = docs(signature, 1, form)
    assert page.count("<script") == page.count("</script>") == 1
    assert page.count("</textarea>") == 2
    assert "alert(1)" not in page.split("<script")[1]
    assert "'unsafe" not in policy


def test_of_private_inputs_nothing_is_shown(packages: dict[str, Path]) -> None:
    with running(Releases(packages["table"]), record={"private": ("colour", "height")}) as server:
        page = httpx.get(f"{server.url}/docs").text
    assert 'value="9.5"' not in page
    assert 'value="red"' not in page
    assert "mostly 7" not in page
    assert 'value="urgent"' in page


WIDE = (
    "f(colour: category?, height: number, on: boolean, marks: tags?, note: text, photo: image, said: audio)"
    " -> size: category"
)
KNOWN = {"colour": FormInput(["red"], 3, "red"), "height": FormInput([], 0, 1.0, 0.0, 2.0)}


def test_the_page_speaks_the_language_of_the_server() -> None:
    """Every fixed text stands on the page, in one language and no other."""
    signature = Signature.parse(WIDE)
    pages = {}
    for language in ("en", "zh"):
        with catalog.speaking(language):
            both = docs(signature, 1, KNOWN, key="KEY")[0] + index({"one": True, "two": False})[0]
            pages[language] = html.unescape(both)
            pages[language] = re.sub(r"\\u([0-9a-f]{4})", lambda one: chr(int(one[1], 16)), pages[language])
        assert f'<html lang="{language}">' in pages[language]
    for id_ in (one for one in catalog.entries("en") if one.startswith("docs.")):
        for language, other in (("en", "zh"), ("zh", "en")):
            text = max(
                re.split(r"\{[^}]*\}", catalog.entries(language)[id_]["found"][0].text), key=len
            ).strip()
            assert text in pages[language], (id_, language)
            if language == "zh" or " " in text:  # a single word may be a name in the script
                assert text not in pages[other], (id_, language)
