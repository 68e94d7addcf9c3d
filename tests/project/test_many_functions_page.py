"""docs/many-functions.md: its commands work on two projects and one server, whatever becomes of one of them."""

from __future__ import annotations

import random
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from in_process import say
from waiting import eventually

PAGE = (Path(__file__).parents[2] / "docs" / "many-functions.md").read_text("utf-8")
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
OUTPUTS = {"measure": "size: category", "price": "cost: number"}


def rows(function: str, count: int) -> str:
    """Return the data of a project."""
    draw = random.Random(count)
    lines = ["height,size" if function == "measure" else "height,cost"]
    for height in (draw.uniform(0, 100) for _ in range(count)):
        size = "small" if height < 50 else "large"
        lines.append(f"{height:.3f},{size if function == 'measure' else f'{2 * height:.2f}'}")
    return "\n".join(lines)


def project(folder: Path, function: str) -> Path:
    """Write a project, whose learning takes no time."""
    folder.mkdir()
    (folder / "modelwright.yaml").write_text(
        f'function: "{function}(height: number) -> {OUTPUTS[function]}"\n'
        'requirements: {latency_p95: "<= 2 s"}\n'
        "data: {source: rows.csv}\nmodel: {learner: linear}\nevaluate: {latency_requests: 100}\n"
        "serve: {audit: audit.jsonl}\n"
    )
    (folder / "rows.csv").write_text(rows(function, 200))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with both projects, `sizes` with a second version, and two that cannot be served beside them."""
    folder = tmp_path_factory.mktemp("many")
    for name, function in (("sizes", "measure"), ("prices", "price")):
        project(folder / name, function)
        done = say(folder / name, "run")
        assert done.returncode == 0, done.stdout + done.stderr
    (folder / "sizes" / "rows.csv").write_text(rows("measure", 220))
    assert say(folder / "sizes", "run", "--to", "evaluate").returncode == 0
    project(folder / "twin", "measure")
    project(folder / "broken", "price")
    (folder / "broken" / "modelwright.yaml").write_text('function: "price("\n')
    return folder


class Served:
    """The command of the page, at work on a free port, with what it has said so far."""

    def __init__(self, folder: Path, *more: str) -> None:
        words = shlex.split(SHELL[0].replace("8080", "0"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", *words, *more],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        while "http://" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line
        (self.url,) = re.findall(r"http://127\.0\.0\.1:\d+", self.said)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.said += line

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        self._reader.join(60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    """Serve both projects, and one that has a mistake."""
    served = Served(folder, "broken")
    try:
        assert eventually(lambda: httpx.get(f"{served.url}/v2/health/ready").status_code == 200)
        yield served
    finally:
        served.end()


def test_what_the_page_asks_is_answered(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    for line in SHELL:
        words = shlex.split(line.replace("http://127.0.0.1:8080", served.url))
        if words[0] == "curl":
            options = dict(zip(words[3::2], words[4::2], strict=True))
            headers = [options["-H"].split(": ")] if "-H" in options else []
            method = "POST" if "-d" in options else "GET"
            answer = httpx.request(method, words[2], headers=headers, content=options.get("-d"))
            assert answer.status_code == 200, line
            assert "measure" not in answer.text
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(program.replace("http://127.0.0.1:8080", served.url), "many-functions.md", "exec"), {})
    printed = capsys.readouterr().out.split("\n")
    assert printed[0] == "('measure', 'price')"
    assert re.fullmatch(r"small 2\d\.\d+", printed[1])
    assert "broken is not served: modelwright.yaml:1: " in served.said
    assert "POST /measure, /price on it" in served.said


def test_a_release_and_a_mistake_of_one_leave_the_other_alone(folder: Path, served: Served) -> None:
    seen: dict[str, list[tuple[int, int]]] = {name: [] for name in OUTPUTS}
    stop = threading.Event()

    def ask(function: str) -> None:
        with httpx.Client(base_url=served.url, timeout=30) as client:
            while not stop.is_set():
                answer = client.post(f"/{function}", json={"height": 12})
                seen[function].append(
                    (answer.status_code, answer.json()["version"] if answer.is_success else 0)
                )
                time.sleep(0.01)

    callers = [threading.Thread(target=ask, args=(name,)) for name in OUTPUTS]
    prices = folder / "prices" / "modelwright.yaml"
    before = prices.read_text()
    for one in callers:
        one.start()
    try:
        for line, version in zip([line for line in SHELL if " --project " in line], (2, 1), strict=True):
            prices.write_text("function: [")  # a mistake in the file of the other, which the server has read
            done = say(folder, *shlex.split(line)[1:])
            assert done.returncode == 0, done.stdout + done.stderr
            assert eventually(lambda wanted=version: seen["measure"][-1] == (200, wanted))
        count = len(seen["price"])
        assert eventually(lambda: len(seen["price"]) > count)
    finally:
        prices.write_text(before)
        stop.set()
        for one in callers:
            one.join(30)
    assert {code for code, _ in seen["measure"]} == {200}
    assert {*seen["price"]} == {(200, 1)}
    assert "measure: version 2 answers 100 %" in served.said
    assert (folder / "sizes" / "audit.jsonl").exists()  # paths are those of the project file
    traffic = httpx.get(f"{served.url}/admin/releases").json()["functions"]
    assert [len(one["releases"]) for one in (traffic["measure"], traffic["price"])] == [3, 1]


def test_what_is_added_to_the_data_of_one_is_taken_up_while_the_other_answers(
    folder: Path, served: Served
) -> None:
    (folder / "prices" / "rows.csv").write_text(rows("price", 230))
    assert say(folder / "prices", "run").returncode == 0
    assert eventually(
        lambda: httpx.post(f"{served.url}/price", json={"height": 1}).json().get("version") == 2
    )
    assert httpx.post(f"{served.url}/measure", json={"height": 1}).json()["version"] == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("sizes", "twin"), "sizes, twin have the same function, `measure`"),
        (("broken", "nowhere"), "none of the projects can be served"),
        (("--package", "x", "sizes", "prices"), "give either PROJECT"),
        (("--project", "sizes", "prices"), "give either PROJECT"),
    ],
)
def test_what_cannot_be_served_is_said(folder: Path, words: tuple[str, ...], problem: str) -> None:
    done = say(folder, "serve", *words)
    assert done.returncode in {1, 2}
    assert problem in re.sub(r"\s*[│\n]+\s*", " ", done.stderr)
    assert "Traceback" not in done.stderr
