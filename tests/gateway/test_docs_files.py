"""/docs with pictures and sounds: chosen, dropped and recorded in a real browser, seen before they are sent."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from browser import CHROMIUM, Page
from file_bodies import picture, picture_body, sound_body, tone
from tiny_serving import Releases, running, sealed

from modelwright.core.signature import Signature
from modelwright.gateway.http.pages.docs_page import docs
from modelwright.gateway.server import Server
from modelwright.runtime.function import load

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
ANSWER = "document.getElementById('answer').innerText"
ODD = """my cat's "best", 1;2.png"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser.page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("files")
    return {"photo": sealed(picture_body(), base / "photo"), "sound": sealed(sound_body(), base / "sound")}


@pytest.fixture(scope="module")
def pictures(folders: dict[str, Path]) -> Iterator[Server]:
    with running(Releases(folders["photo"])) as server:
        yield server


@pytest.fixture(scope="module")
def sounds(folders: dict[str, Path]) -> Iterator[Server]:
    with running(Releases(folders["sound"])) as server:
        yield server


def drop(page: Page, name: str, content: bytes, called: str) -> None:
    """Drop a file on an input as a person does."""
    page.js(
        "(() => { const bytes = Uint8Array.from(atob("
        f"{json.dumps(base64.b64encode(content).decode())}), one => one.charCodeAt(0)); "
        "const list = new DataTransfer(); "
        f"list.items.add(new File([bytes], {json.dumps(called)})); "
        f"at({json.dumps(name)}, 'd').dispatchEvent("
        "new DragEvent('drop', {dataTransfer: list, bubbles: true, cancelable: true})); })()"
    )
    page.wait(lambda: page.js(f"at({json.dumps(name)}, 'a').textContent"))


def ask(page: Page) -> str:
    page.js("document.getElementById('answer').replaceChildren(); form.requestSubmit()")
    page.wait(lambda: page.js(ANSWER))
    return page.js(ANSWER)


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_a_picture_is_dropped_seen_and_answered(
    page: Page, pictures: Server, folders: dict[str, Path], width: int
) -> None:
    page.open(f"{pictures.url}/docs", width)
    content = picture(200, size=(300, 200))
    drop(page, "photo", content, "cat.png")
    assert re.fullmatch(r"cat\.png, [\d.]+ kB, 300 × 200", page.js("at('photo', 'a').textContent"))
    assert not page.js("at('photo', 'p').hidden")
    seen = page.js("[...at('photo', 'p').getContext('2d').getImageData(5, 5, 1, 1).data]")
    assert seen[:3] == [200, 200, 200]
    assert page.js("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut at the edge"
    expected = load(folders["photo"])(content)
    said = ask(page)
    assert expected.size in said
    assert f"{100 * expected.confidence:.1f} %" in said
    page.js("at('photo', 'x').click()")
    page.wait(lambda: page.js("at('photo', 'p').hidden"))
    assert json.loads(page.js("JSON.stringify(row())")) == {}
    assert not page.js("form.checkValidity()"), "it must be given"
    assert page.errors == []


@needs_chromium
def test_what_is_no_picture_says_so_and_a_format_without_a_preview_is_answered(
    page: Page, pictures: Server
) -> None:
    page.open(f"{pictures.url}/docs")
    drop(page, "photo", b"a text", "cat.jpg")
    assert "no preview" in page.js("at('photo', 'a').textContent")
    page.errors.clear()
    assert "photo" in ask(page)
    assert "422" in "".join(page.errors), "the browser notes the refusal, and nothing else"
    page.errors.clear()
    drop(page, "photo", picture(20, "TIFF"), "cat.tiff")
    page.wait(lambda: "cat.tiff" in page.js("at('photo', 'a').textContent"))
    assert "small" in ask(page)
    assert page.errors == []


@needs_chromium
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_the_line_for_a_shell_sends_the_file(
    page: Page, pictures: Server, folders: dict[str, Path], tmp_path: Path
) -> None:
    page.open(f"{pictures.url}/docs")
    content = picture(200)
    drop(page, "photo", content, ODD)
    page.js(
        "at('height').value = '12.5'; at('marks', 'n').click(); at('marks', 'o').value = 'a;b\\n@x'; show()"
    )
    line = page.js("shell.textContent")
    assert "base64" not in line
    (tmp_path / ODD).write_bytes(content)
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["outputs"] == load(folders["photo"])(content, 12.5, ["a;b", "@x"]).as_json()
    assert answer["unseen"] == ["marks"]


@needs_chromium
def test_a_sound_is_seen_as_a_wave_played_and_recorded(
    page: Page, sounds: Server, folders: dict[str, Path]
) -> None:
    page.open(f"{sounds.url}/docs", 390)
    content = tone(0.5)
    drop(page, "sound", content, "beep.wav")
    assert page.js("at('sound', 'a').textContent").endswith("0.5 s")
    inked = "[...at('sound', 'p').getContext('2d').getImageData(160, 0, 1, 80).data].filter(n => n).length"
    assert page.js(inked) > 30
    page.js("play(about.inputs[0])")
    assert load(folders["sound"])(content).size in ask(page)
    page.js("record(about.inputs[0])")
    page.wait(lambda: page.js("at('sound', 'r').textContent") == "Stop")
    page.js("new Promise(resolve => setTimeout(resolve, 400))")  # as long as the recording is to be
    page.js("at('sound', 'r').click()")
    page.wait(lambda: "recording.wav" in page.js("at('sound', 'a').textContent"))
    recorded = base64.b64decode(json.loads(page.js("JSON.stringify(row())"))["sound"].partition(",")[2])
    assert recorded[:4] == b"RIFF"
    assert load(folders["sound"])(recorded).size in ask(page)
    assert page.js("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.errors == []


def test_the_policy_lets_nothing_in_for_the_sake_of_files() -> None:
    page, policy = docs(Signature.parse("f(photo: image, sound: audio?) -> y: category"), 1, {})
    assert [part.split()[0] for part in policy.split("; ")] == [
        "default-src",
        "style-src",
        "script-src",
        "connect-src",
        "base-uri",
        "form-action",
        "frame-ancestors",
    ]
    assert 'accept="image/*" required' in page
    assert 'accept="audio/*">' in page
