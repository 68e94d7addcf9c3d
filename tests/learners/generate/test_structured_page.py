"""A function of records goes round the loop as docs/structured.md has it; what does not fit is counted and said."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny_decoder
import tiny_judge
from in_process import say
from tiny_serving import Releases, running

from modelwright.runtime.function import load

PAGE = (Path(__file__).parents[3] / "docs" / "structured.md").read_text("utf-8")
MAIL = "Please send me 7 pens."


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project of the page, on tiny weights and 60 rows."""
    folder = tmp_path_factory.mktemp("structured")
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for said, here in {"smollm2 ": "weights ", ": 20": ": 3\n  latency_requests: 100"}.items():
        assert text.count(said) == 1
        text = text.replace(said, here)
    (folder / "modelwright.yaml").write_text(text, encoding="utf-8")
    (schema,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (folder / "schemas").mkdir()
    (folder / "schemas" / "order.json").write_text(schema, encoding="utf-8")
    tiny_decoder.save(folder / "weights")
    (row,) = re.findall(r"```jsonl\n(.*?)```", PAGE, re.DOTALL)
    rows = []
    for count in range(60):
        one = json.loads(row)
        one["mail"] = one["mail"].replace("3", str(count))
        one["order"] |= {"count": count % 9 + 1, "article": ["pen", "book", "lamp"][count % 3]}
        rows.append(one)
    rows[5]["order"] = json.dumps(rows[5]["order"])
    write(folder, rows)
    return folder


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "mails.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def copied(project: Path, folder: Path) -> Path:
    return shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".modelwright", "served"))


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


def test_the_commands_of_the_page_work(project: Path, ran: dict[str, str]) -> None:
    assert list(ran) == ["check", "run", "predict", "show"]
    evidence = next((project / ".modelwright").rglob("evidence/evidence.json")).read_text("utf-8")
    found = set(re.findall(r'"metric": "(?:order\.)?([\w\[\]]+)"', evidence))
    assert {
        "valid_rate",
        "ttft_p95",
        "exact_match",
        "field_match",
        "field_f1",
        "cut_rate",
        "perplexity",
    } <= found
    assert {"article", "count", "gift"} <= set(re.findall(r'"of": "(\w+)"', evidence))


def test_what_is_served_fits_and_what_is_cut_is_no_object(project: Path, ran: dict[str, str]) -> None:
    (package,) = (project / ".modelwright" / "objects" / "package").glob("*/package")
    function = load(package, threads=1)
    wanted = json.loads(function.predict([{"mail": MAIL}])[0].order)
    assert set(wanted) == {"article", "count", "gift"}
    (first, *_) = function.parts(function.rows.columns([(MAIL,)]), {})
    assert first[0]["order"].value is None
    copy = shutil.copytree(package, project / "served")
    with (
        running(Releases(copy), function="order") as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        answered = client.post("/order", json={"mail": MAIL}).json()["outputs"]["order"]
        assert answered["value"] == wanted
        streamed = client.post("/order", json={"mail": MAIL}, headers={"accept": "text/event-stream"})
        parts = [json.loads(line[5:]) for line in streamed.text.splitlines() if line.startswith("data:")]
        values = [one["outputs"]["order"]["value"] for one in parts]
        # a reader who is slow gets the newest of several parts: the first that he sees may be the whole
        assert all(one in (None, wanted) for one in values)
        assert values[-1] == wanted
        asked = {"model": "order", "messages": [{"role": "user", "content": MAIL}]}
        choice = client.post("/v1/chat/completions", json=asked).json()["choices"][0]
        assert (json.loads(choice["message"]["content"]), choice["finish_reason"]) == (wanted, "stop")
        cut = client.post("/v1/chat/completions", json={**asked, "max_tokens": 4}).json()["choices"][0]
        assert cut["finish_reason"] == "length"
        assert cut["message"]["content"].startswith("{")
        for own in ({"stop": "}"}, {"response_format": {"type": "json_object"}}):
            refused = client.post("/v1/chat/completions", json={**asked, **own})
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "schema.own")


def test_rows_beside_the_schema_are_counted_and_named(
    project: Path, ran: dict[str, str], tmp_path: Path
) -> None:
    folder = copied(project, tmp_path / "learning")
    rows = [json.loads(line) for line in (folder / "mails.jsonl").read_text("utf-8").splitlines()]
    for number, row in enumerate(rows):
        if number % 4 == 0:
            row["order"] = {"article": "pen", "count": 1000, "gift": False}
    write(folder, rows)
    done = say(folder, "run", "--to", "plan", "--json")
    warned = {one["id"]: one["count"] for one in json.loads(done.stdout.splitlines()[-1])["warnings"]}
    assert 5 <= warned["generate.beside-schema"] <= 15
    file = folder / "modelwright.yaml"
    text = file.read_text("utf-8").replace("  learner: generate\n", "  learner: generate\n  train: full\n")
    file.write_text(f"{text}learn: {{epochs: 1}}\n", encoding="utf-8")
    done = say(folder, "run", "--to", "learn", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (left,) = [
        one
        for one in json.loads(done.stdout.splitlines()[-1])["warnings"]
        if one["id"] == "generate.left-out"
    ]
    assert 5 <= left["count"] <= 15
    assert "does not fit the schema" in left["text"]


def test_people_and_a_function_judge_records(
    project: Path, ran: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(project, tmp_path / "orders")
    tiny_judge.longer(tmp_path / "longer")
    file = folder / "modelwright.yaml"
    bars = 'requirements:\n  win_rate: ">= 0.5"\n  judge_win_rate: ">= 0.5"\n'
    text = file.read_text("utf-8").replace("requirements:\n", bars)
    text = text.replace("evaluate:\n", "use: {judge: ../longer}\nevaluate:\n  against: order\n")
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO("l\nr\nt\n"))
    done = say(folder, "judge", "--judge", "anna")
    assert done.returncode == 0, done.stderr
    assert '"article": ' in done.stdout
    assert '{"article"' not in done.stdout, "a field stands on a line of its own"
    kept = [json.loads(one) for one in (folder / "judgements.jsonl").read_text("utf-8").splitlines()]
    assert all(json.dumps(json.loads(one["other"]), sort_keys=True) == one["other"] for one in kept)
    done = say(folder, "run", "--to", "evaluate", "--json")
    result = json.loads(done.stdout)
    found = {one["requirement"].split()[0]: one for one in result["requirements"]}
    assert found["win_rate"]["n"] == len(kept) == found["judge_win_rate"]["n"] == 3
    points = [{"better": 1.0, "tie": 0.5, "worse": 0.0}[one["verdict"]] for one in kept]
    assert found["win_rate"]["value"] == pytest.approx(sum(points) / 3)
    (evidence,) = (
        one for one in (folder / ".modelwright").glob("objects/evaluate/*/report") if "longer" in page(one)
    )
    assert "<mark>" in page(evidence)


def page(report: Path) -> str:
    return (report / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (None, "there is no file"),
        ("{", "is no JSON schema"),
        ("[1]", "is no JSON schema"),
        ('{"type": "nothing"}', "schema of another type"),
        ('{"type": "array"}', "schema of another type"),
        ('{"type": "object", "propertys": {}}', "did you mean `properties`"),
        ('{"type": "object", "properties": {"a": {"$ref": "other.json"}}}', "other.json"),
        ('{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}', "without end"),
        ('{"type": "object", "properties": {"a": {"enum": []}}, "required": ["a"]}', "admits nothing"),
    ],
)
def test_a_schema_that_is_none_is_said_by_check(
    project: Path, tmp_path: Path, schema: str | None, said: str
) -> None:
    folder = copied(project, tmp_path / "bad")
    file = folder / "schemas" / "order.json"
    file.unlink()
    if schema is not None:
        file.write_text(schema, encoding="utf-8")
    done = say(folder, "check")
    assert done.returncode == 1
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "where: modelwright.yaml:" in done.stdout + done.stderr


def test_a_text_is_held_to_no_schema(project: Path, tmp_path: Path) -> None:
    folder = copied(project, tmp_path / "text")
    file = folder / "modelwright.yaml"
    text = file.read_text("utf-8").replace("-> order: record", "-> order: text")
    file.write_text(text.replace("valid_rate", "exact_match"), encoding="utf-8")
    rows = [json.loads(line) for line in (folder / "mails.jsonl").read_text("utf-8").splitlines()]
    write(folder, [{**row, "order": f"It is {row['order']}"} for row in rows])
    done = say(folder, "check")
    assert done.returncode == 1
    assert "make the output a `record`" in " ".join((done.stdout + done.stderr).split())
