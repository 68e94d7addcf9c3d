"""A decoder goes round the loop as docs/writing.md has it, and answers when it is served."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import httpx
import pytest
import tiny_decoder
from in_process import say
from tiny_serving import Releases, running

from modelwright.runtime.function import load

PAGE = (Path(__file__).parents[3] / "docs" / "writing.md").read_text("utf-8")
ASKED = [{"role": "user", "content": "How much is one and one?"}]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project of the page, on tiny weights and 80 rows."""
    folder = tmp_path_factory.mktemp("writing")
    (text, *_) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    changed = {
        "smollm2 ": "weights ",
        "<= 60": "<= 100000",
        ": 48": ": 8",
        "generate: 20": "generate: 2\n  latency_requests: 100",
    }
    for said, here in changed.items():
        assert text.count(said) == 1
        text = text.replace(said, here)
    (folder / "modelwright.yaml").write_text(text, encoding="utf-8")
    tiny_decoder.save(folder / "weights")
    rows = [
        {"messages": [{"role": "user", "content": f"How much is {n} and {n}?"}], "reply": f"It is\n{2 * n}."}
        for n in range(80)
    ]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ran(project: Path) -> dict[str, str]:
    """Return what each command of the page writes."""
    found = {}
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        command, *words = re.findall(r'(?:[^\s"]|"[^"]*")+', line)
        assert command == "modelwright"
        done = say(project, *(word.replace('"', "") for word in words))
        assert done.returncode == 0, done.stdout + done.stderr
        found[words[0]] = done.stdout
    return found


def test_the_project_and_the_commands_of_the_page_work(project: Path, ran: dict[str, str]) -> None:
    assert list(ran) == ["check", "run", "predict", "show"]
    evidence = next((project / ".modelwright").rglob("evidence/evidence.json")).read_text("utf-8")
    wanted = {"perplexity", "chrf", "cut_rate", "ttft_p95", "tokens_per_second"}
    assert wanted <= set(re.findall(r'"metric": "(?:reply\.)?(\w+)"', evidence))
    assert "mit" in next((project / ".modelwright").rglob("CARD.md")).read_text("utf-8")


def test_the_form_in_8_bits_is_smaller_and_is_taken_where_perplexity_stays(
    project: Path, ran: dict[str, str]
) -> None:
    report = next((project / ".modelwright" / "objects" / "package").glob("*/report/package.json"))
    exact, *small = json.loads(report.read_text("utf-8"))["candidates"]
    assert [exact["name"], *(one["name"] for one in small)] == ["exact", "int8", "int8-blocks"][
        : 1 + len(small)
    ]
    # with the file in which their tensors lie
    assert all(one["graph_bytes"] < exact["graph_bytes"] for one in small)
    before, *after = (one["validation"]["main"]["reply"]["value"] for one in (exact, *small))
    kept = [value <= 1.02 * before for value in after]
    assert [one["refused"] is None for one in small] == kept
    assert len(small) == 1 + (not kept[0]), "blocks are tried where whole rows lose too much"


def test_what_is_served_is_what_the_package_answers(project: Path, ran: dict[str, str]) -> None:
    (package,) = (project / ".modelwright" / "objects" / "package").glob("*/package")
    own = load(package, threads=1)
    wanted = own.predict([{"messages": ASKED}])[0].reply
    assert isinstance(wanted, str)
    assert wanted
    copy = shutil.copytree(package, project / "served")
    with (
        running(Releases(copy), function="chat") as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        answered = client.post("/chat", json={"messages": ASKED})
        assert answered.status_code == 200, answered.text
        assert answered.json()["outputs"]["reply"]["value"] == wanted
        streamed = client.post("/chat", json={"messages": ASKED}, headers={"accept": "text/event-stream"})
        parts = [json.loads(line[5:]) for line in streamed.text.splitlines() if line.startswith("data:")]
        assert len(parts) > 1
        assert parts[-1]["outputs"]["reply"]["value"] == wanted
        refused = client.post("/chat", json={"messages": [{"role": "tool", "content": "4"}]})
        assert refused.status_code == 422
        assert refused.json()["error"]["id"] == "request.unknown-role"


def test_rows_that_cannot_be_answered_are_counted(project: Path, ran: dict[str, str], tmp_path: Path) -> None:
    folder = shutil.copytree(
        project, tmp_path / "other", ignore=shutil.ignore_patterns(".modelwright", "served")
    )
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text("utf-8").splitlines()]
    for number, row in enumerate(rows):
        if number % 3 == 0:
            row["messages"][0]["role"] = "tool"
        if number % 3 == 1:
            row["messages"][0]["content"] = f"{number} " * 200
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    done = say(folder, "run", "--to", "evaluate", "--json")
    found = [(one["id"], one["count"]) for one in json.loads(done.stdout.splitlines()[-1])["warnings"]]
    refused = [count for name, count in found if name == "evaluate.refused-rows"]
    assert len(refused) == 2
    assert dict(found)["evaluate.likelihood-unknown"] == sum(refused)


def test_the_project_learns_as_the_page_has_it(project: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(
        project, tmp_path / "learning", ignore=shutil.ignore_patterns(".modelwright", "served")
    )
    (*_, text) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (line,) = re.findall(r"\n(  train: \w+)", text)
    file = folder / "modelwright.yaml"
    text = file.read_text("utf-8").replace("  learner: generate\n", f"  learner: generate\n{line}\n")
    file.write_text(f"{text}learn: {{epochs: 1, learning_rate: 0.01}}\n", encoding="utf-8")
    done = say(folder, "run", "--to", "evaluate", "--json")
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    (kept,) = (folder / ".modelwright" / "objects" / "learn").glob("*/artifact.json")
    history = json.loads(kept.read_text("utf-8"))["summary"]["history"]
    assert history[-1]["loss"] > 0
