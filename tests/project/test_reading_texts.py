"""docs/reading-texts.md: its project is one and its commands work, to the character; what is refused."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import tiny_encoder
from in_process import say

from modelwright.project import Project
from modelwright.storage.formats.evidence import read_evidence

PAGE = (Path(__file__).parents[2] / "docs" / "reading-texts.md").read_text("utf-8")
PROJECT, OF_QUESTIONS, OF_TOKENS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
PEOPLE, PLACES = ("Anna", "Bo", "Meier"), ("Bern", "Rome")
WORDS = ["lives", "in", "who", "where", *(one.lower() for one in (*PEOPLE, *PLACES))]
QUICK = """
model: {pretrained: tiny, head_rate: 0.05, dropout: 0}
learn: {epochs: 12, learning_rate: 0.005}
evaluate: {latency_requests: 100, importance_rows: 4}
"""


def span(text: str, word: str, **more: str) -> dict[str, Any]:
    begin = text.index(word)
    return {"start": begin, "end": begin + len(word), "text": word, **more}


def sentence(number: int) -> tuple[str, str, str]:
    person, place = PEOPLE[number % 3], PLACES[number % 2]
    # spaces and signs that a canonical text would lose
    return f"{' ' * (number % 3)}\U0001f600 {person}  lives in\r\n{place} {number}", person, place


def written(folder: Path, file: str, rows: list[dict[str, Any]]) -> Project:
    folder.mkdir(exist_ok=True)
    if "pretrained: tiny" in file:
        tiny_encoder.save(folder / "tiny", words=WORDS)
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    (folder / "modelwright.yaml").write_text(file, "utf-8")
    return Project(folder)


def tagged_rows(count: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(count):
        text, person, place = sentence(number)
        places = [span(text, person, label="person"), span(text, place, label="place")]
        rows.append({"text": text, "entities": places})
    return rows


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project of the page, after the page's commands."""
    folder = tmp_path_factory.mktemp("reading") / "p"
    found = written(folder, PROJECT + QUICK, tagged_rows(240))
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        done = say(folder, *shlex.split(line)[1:])
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return found


@pytest.mark.proof  # learns: half a minute
def test_places_are_those_of_the_text_as_it_was_given(ran: Project) -> None:
    text = "\n  \U0001f600  Bo  lives in\r\n\tRome 7"
    (row,) = ran.predict([{"text": text}])
    found = row.as_json()["outputs"]["entities"]
    assert found["value"] == [span(text, "Bo", label="person"), span(text, "Rome", label="place")]
    assert 0 < found["confidence"] <= 1


@pytest.mark.proof  # learns: half a minute
def test_every_metric_of_places_is_measured(ran: Project) -> None:
    (folder,) = (ran.opened.folder / ".modelwright/objects").glob("evaluate/*/evidence")
    found = {(one.subject.metric, one.subject.of) for one in read_evidence(folder).measurements}
    assert {("entity_f1", None), ("recall", "person"), ("entity_f1", "place")} <= found


@pytest.mark.parametrize(
    ("places", "problem"),
    [
        ([{"start": 0, "end": 400, "label": "person"}], "value.span-beyond"),
        ([{"start": 0, "end": 3, "text": "Bob", "label": "person"}], "value.other-span"),
        ([[0, 3, "person"], [2, 5, "place"]], "value.overlapping-spans"),
        ([[3, 3, "person"]], "value.empty-span"),
    ],
)
def test_rows_with_places_that_are_none_are_refused_and_counted(
    tmp_path: Path, places: list[Any], problem: str
) -> None:
    rows = [*tagged_rows(60), {"text": "Anna lives in Bern", "entities": places}]
    head = 'function: "entities(text: text) -> entities: spans"\n'
    refused = written(tmp_path / "p", f"{head}data: {{source: rows.jsonl}}\n", rows).run(to="data").problems
    assert [one.id for one in refused] == ["data.invalid-value"]
    assert refused[0].values["problem"].id == problem
    dropped = written(tmp_path / "q", f"{head}data: {{source: rows.jsonl, invalid: drop}}\n", rows)
    assert not dropped.run(to="data").problems


def test_a_file_with_a_token_a_line_is_read_as_the_page_says(tmp_path: Path) -> None:
    lines = []
    for number in range(60):
        lines += ["-DOCSTART- O", ""] if number % 3 == 0 else []
        lines += [
            f"{PEOPLE[number % 3]}{number} B-person",
            "lives O",
            "in O",
            f"{PLACES[number % 2]} B-place",
            "",
        ]
    project = written(tmp_path / "p", OF_TOKENS, [])
    (tmp_path / "p" / "train.conll").write_text("\n".join(lines), "utf-8")
    assert not project.run(to="data").problems


def test_a_file_as_squad_publishes_it_is_read_as_the_page_says(tmp_path: Path) -> None:
    articles = []
    for number in range(60):
        text, person, _ = sentence(number)
        right = {"text": person, "answer_start": text.index(person)}
        asked = [
            {"id": f"{number}a", "question": "who", "is_impossible": False, "answers": [right]},
            {"id": f"{number}b", "question": "why", "is_impossible": True, "answers": []},
        ]
        articles.append({"title": f"t{number}", "paragraphs": [{"context": text, "qas": asked}]})
    project = written(tmp_path / "p", OF_QUESTIONS, [])
    (tmp_path / "p" / "train-v2.0.json").write_text(json.dumps({"version": "v2.0", "data": articles}))
    assert not project.run(to="data").problems


@pytest.mark.proof
def test_a_text_answers_or_holds_no_answer(tmp_path: Path) -> None:
    rows = []
    for number in range(240):
        text, person, place = sentence(number)
        question = ("who", "where")[number % 2]
        word = (person, place)[number % 2]
        if number % 4 == 3:
            text = text.replace(word, "in")
        # SQuAD's form, and none
        answer = {"text": [word], "answer_start": [text.index(word)]} if number % 4 != 3 else []
        rows.append({"question": question, "context": text, "answer": answer})
    head = 'function: "answer(question: text, context: text) -> answer: span?"\n'
    bars = "requirements: {token_f1: '>= 0.3', abstention_rate: '<= 0.9', no_answer_recall: '>= 0.1'}\n"
    release = "release: {allow_inconclusive: true}\n"
    project = written(tmp_path / "p", f"{head}{bars}{release}data: {{source: rows.jsonl}}\n{QUICK}", rows)
    assert not project.run().problems
    text = "  Anna  lives in \U0001f600 Bern"
    (row,) = project.predict([{"question": "who", "context": text}])
    found = row.as_json()["outputs"]["answer"]
    assert found["details"]["choices"]
    assert all(text[one["start"] : one["end"]] == one["text"] for one in found["details"]["choices"])
