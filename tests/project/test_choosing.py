"""docs/finding.md: its project is one and its commands work; what is answered from a corpus, and what is refused."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from in_process import say

from modelwright.core.messages import ProjectError
from modelwright.project import Project
from modelwright.runtime.function import load
from modelwright.storage.formats.evidence import read_evidence
from modelwright.storage.formats.plan import Forecast

PASSAGES = {
    "card": "A lost card is blocked at once when you call us.",
    "transfer": "A transfer to another bank takes one working day.",
    "loan": "A loan is paid back in monthly instalments.",
    "fee": "There is no fee for cash at our machines.",
    "card-2": "A lost card is blocked at once when you call us.",
}
WORDS = {
    "card": "lost card blocked",
    "transfer": "transfer another bank",
    "loan": "loan instalments",
    "fee": "fee for cash",
}
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "finding.md").read_text("utf-8")
FILE = """
function: "{function}"
data: {{source: questions.jsonl{corpus}{more}}}
model: {{learner: lexical}}
"""


def write(
    folder: Path,
    passages: Sequence[tuple[str, str]] = tuple(PASSAGES.items()),
    truths: Sequence[object] = tuple(WORDS),
    more: str = "",
    corpus: str = ", corpus: passages.csv",
    function: str = "answer(question: text) -> answer: choice",
) -> Project:
    folder.mkdir(exist_ok=True)
    rows = [f'"{one}","{passage}"' for one, passage in passages]
    (folder / "passages.csv").write_text("\n".join(["id,passage", *rows, ""]), "utf-8")
    lines = []
    for number in range(80):
        truth = truths[number % len(truths)]
        first = truth[0] if isinstance(truth, list) else truth
        lines.append(json.dumps({"question": f"{WORDS.get(str(first), 'x')} {number}", "answer": truth}))
    (folder / "questions.jsonl").write_text("\n".join(lines), "utf-8")
    (folder / "modelwright.yaml").write_text(
        FILE.format(function=function, corpus=corpus, more=more), "utf-8"
    )
    return Project(folder)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project of the page, after the page's commands; learned by words alone, which takes no time."""
    folder = tmp_path_factory.mktemp("choosing") / "p"
    write(folder)
    project, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    quick = "model: {learner: lexical}\nevaluate: {latency_requests: 100, importance_rows: 4}\n"
    (folder / "modelwright.yaml").write_text(project + quick, "utf-8")
    rows = [f'"{WORDS[one]} {number}","{one}"' for number in range(70) for one in WORDS]
    rows += [f'"another {number} transfer of a loan","transfer;loan"' for number in range(30)]
    (folder / "questions.csv").write_text("\n".join(["question,answer", *rows, ""]), "utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        done = say(folder, *shlex.split(line)[1:])
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return Project(folder)


def answered(project: Project, question: str) -> dict[str, Any]:
    (row,) = project.predict([{"question": question}])
    found: dict[str, Any] = row.as_json()["outputs"]["answer"]
    return found


def refused(folder: Path, **given: Any) -> list[str]:
    return [problem.id for problem in write(folder, **given).run(to="data").problems]


def test_a_passage_is_answered_with_its_text_and_those_behind_it(ran):
    found = answered(ran, "what does cash cost, is there a fee?")
    assert found["value"] == "fee"
    assert found["details"]["choices"][0]["passage"] == PASSAGES["fee"]
    scores = [one["score"] for one in found["details"]["choices"]]
    assert scores == sorted(scores, reverse=True)
    assert 0 < found["confidence"] <= 1


def test_a_question_of_unknown_words_has_no_answer(ran):
    found = answered(ran, "zzz qqq")
    assert (found["value"], found["details"]["choices"]) == (None, [])


def test_an_equal_passage_is_right_by_any_of_its_ids(ran):
    (folder,) = (ran.opened.folder / ".modelwright/objects").glob("evaluate/*/evidence")
    found = {one.subject.metric: one.value for one in read_evidence(folder).measurements}
    assert (found["hit_at_1"], found["mrr"]) == (1.0, 1.0)


def test_a_passage_more_is_packaged_and_nothing_is_learned_again(ran):
    file = ran.opened.folder / "passages.csv"
    whole = file.read_text("utf-8")
    try:
        file.write_text(f'{whole}"pin","A forgotten pin is sent again by post."\n', "utf-8")
        again = {stage.name: stage.status for stage in Project(ran.opened.folder).run(to="package").stages}
        assert again == {"data": "done", "plan": "cached", "learn": "cached", "package": "done"}
        packages = (ran.opened.folder / ".modelwright/objects").glob("package/*/package")
        newest = load(max(packages, key=lambda one: one.stat().st_mtime_ns))
        assert newest("forgotten pin").answer == frozenset({"pin"})
    finally:
        file.write_text(whole, "utf-8")


def test_a_plan_reckons_with_passages_that_no_row_names(tmp_path):
    def planned(place: str, more: int) -> int:
        passages = [*PASSAGES.items(), *((f"p{one}", f"Rule {one} says a thing.") for one in range(more))]
        folder = tmp_path / place
        write(folder, passages=passages).run(to="plan")
        (sealed,) = (folder / ".modelwright/objects").glob("plan/*/forecast")
        return int(Forecast.read(sealed).chosen.package_bytes)

    few, many = planned("few", 0), planned("many", 1000)
    assert many - few == 2 * sum(len(f"Rule {one} says a thing.") for one in range(1000))


def test_what_a_corpus_cannot_be(tmp_path):
    assert refused(tmp_path / "none", passages=()) == ["data.no-rows"]
    one = [("card", "one"), ("transfer", "one"), ("loan", "one"), ("fee", "one")]
    assert refused(tmp_path / "equal", passages=one) == ["corpus.nothing-to-choose"]
    twice = [*PASSAGES.items(), ("fee", "Another text.")]
    assert refused(tmp_path / "twice", passages=twice) == ["corpus.id-twice"]
    blank = [*PASSAGES.items(), ("", "A passage without an id.")]
    assert refused(tmp_path / "blank", passages=blank) == ["corpus.blank"]
    assert refused(tmp_path / "unknown", truths=["card", "nobody", "fee"]) == ["data.invalid-value"]
    named = ", corpus: {source: passages.csv, passage: txet}"
    assert refused(tmp_path / "column", corpus=named) == ["corpus.no-column"]


def test_a_passage_without_a_word_is_never_found_and_that_is_said(tmp_path):
    found = write(tmp_path / "p", passages=[*list(PASSAGES.items())[1:], (next(iter(PASSAGES)), "?! …")])
    (notice,) = (one for one in found.run(to="plan").warnings if one.id == "lexical.no-words")
    assert notice.count == 1


def test_rows_that_name_no_passage_can_be_set_aside(tmp_path):
    project = write(tmp_path / "p", truths=["card", "nobody", "fee", "loan"], more=", invalid: drop")
    assert project.run(to="data").problems == ()


def test_a_choice_without_a_corpus_and_a_corpus_without_a_choice(tmp_path):
    for corpus, function, wanted in (
        ("", "answer(question: text) -> answer: choice", "corpus.needed"),
        (", corpus: passages.csv", "answer(question: text) -> answer: category", "corpus.unused"),
    ):
        with pytest.raises(ProjectError) as caught:
            write(tmp_path / wanted, corpus=corpus, function=function)
        assert [problem.id for problem in caught.value.problems] == [wanted]
