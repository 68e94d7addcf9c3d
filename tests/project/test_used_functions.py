"""A project that calls functions of others: what it names, what is found, and what it then answers."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import tiny_writing
import yaml
from in_process import say
from tiny_passages import PASSAGES, QUESTIONS

import modelwright
from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.package import packages
from modelwright.project import Project
from modelwright.runtime.drivers.index.samples import IndexSamples
from modelwright.runtime.drivers.rerank.samples import same_body

PAGE = (Path(__file__).parents[2] / "docs" / "answering.md").read_text("utf-8")
FIND, ASSIST, _, _, WRITE, WRITTEN = (
    yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
)
SHELL, WRITING = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
FINDING = (Path(__file__).parents[2] / "docs" / "finding.md").read_text("utf-8")
SAME, RERANK = (yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", FINDING, re.DOTALL)[2:])
POLICY = {
    "function": "decide(confidence: number, follow_ups: number) -> act: category",
    "data": {"source": "acts.csv"},
    "model": {"learner": "trees"},
}


def write_project(folder: Path, content: dict) -> Path:
    (folder / "modelwright.yaml").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the projects `find`, which has released a version, and `assist`."""
    folder = tmp_path_factory.mktemp("projects")
    for name in ("find", "assist"):
        (folder / name).mkdir()
    rows = [
        (f"{text} {n}", one) for text, one in QUESTIONS.items() for n in ("please", "now", "thanks", "today")
    ]
    passages = "".join(f'{one},"{text}"\n' for one, text in PASSAGES.items())
    (folder / "find" / "passages.csv").write_text(f"id,passage\n{passages}", encoding="utf-8")
    table = "".join(f"{text},{one}\n" for text, one in rows)
    (folder / "find" / "questions.csv").write_text(f"question,answer\n{table}", encoding="utf-8")
    lines = [{"messages": [{"role": "user", "content": text}], "reply": PASSAGES[one]} for text, one in rows]
    (folder / "assist" / "rows.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    write_project(folder / "find", FIND)
    write_project(folder / "assist", ASSIST)
    (folder / "fresh").mkdir()
    write_project(folder / "fresh", FIND)
    return folder


@pytest.fixture(scope="module", autouse=True)
def outputs(place) -> dict[str, str]:
    """What the commands of the page print."""
    found = {}
    for line in SHELL.splitlines():
        done = say(place / "assist", *shlex.split(line)[1:])
        assert done.returncode == 0, done.stdout + done.stderr
        found[line] = done.stdout
    return found


@pytest.fixture(scope="module")
def packaged(outputs, place) -> Path:
    (package,) = (place / "assist" / ".modelwright" / "objects" / "package").glob("*/package")
    return package


def test_the_page_answers_with_a_source(outputs):
    (found,) = [json.loads(text) for line, text in outputs.items() if "--json" in line]
    reply = found[0]["outputs"]["reply"] if isinstance(found, list) else found["outputs"]["reply"]
    assert reply["value"] == PASSAGES["card"]
    (source,) = reply["details"]["sources"]
    assert (source["id"], reply["details"]["act"]) == ("card", "answer")


def test_what_was_released_is_called_and_named(packaged, place):
    manifest = json.loads((packaged / "manifest.json").read_text())
    digest = Project(place / "find").versions().versions[0].package
    assert manifest["settings"]["functions"]["find"]["package"] == digest
    assert manifest["lineage"]["use.find"] == digest


def test_the_package_answers_alone(packaged, tmp_path):
    alone = shutil.copytree(packaged, tmp_path / "alone")
    assist = modelwright.load(alone)
    found = assist(messages=[{"role": "user", "content": "I lost my card"}])
    assert found.reply == PASSAGES["card"]


def test_nothing_runs_again_where_nothing_changed(packaged, place):
    again = Project(place / "assist").run(to="package")
    assert {one.status for one in again.stages} == {"cached"}


def project(place: Path, **changes: object) -> Project:
    return Project({**ASSIST, "use": {"find": "find"}, **changes}, folder=place)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"use": {"find": "nowhere"}}, "use.no-place"),
        ({"use": {"find": "find@9"}}, "use.no-version"),
        ({"use": {"find": "find@0123456789ab"}}, "use.no-version"),
        ({"use": {"fnd": "find"}}, "use.unknown-role"),
        ({"use": {"find": ""}}, "project.bad-value"),
        ({"model": {"learner": "generate"}}, "use.other-learner"),
        ({"use": {}}, "use.no-find"),
        ({"use": {"find": "assist"}}, "use.session"),
        ({"use": {"find": "fresh"}}, "use.not-released"),
        ({"use": {"find": "find", "policy": "find"}}, "use.unfit"),
        ({"use": {"find": "find", "reply": "find"}}, "use.unfit"),
        ({"use": {"find": "find", "entails": "find"}}, "use.unfit"),
        ({"use": {"find": "find", "entails": "find"}}, "use.no-reply"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_cannot_be_called(place, changes, problem):
    rows = {"data": {"source": "assist/rows.jsonl"}}
    with pytest.raises(ProjectError) as caught:
        project(place, **{**rows, **changes}).check()
    assert problem in {one.id for one in caught.value.problems}


def test_a_version_and_a_digest_name_what_is_called(place):
    rows = {"data": {"source": "assist/rows.jsonl"}}
    digest = Project(place / "find").versions().versions[0].package
    for name in ("find@1", f"find@{digest[:12]}"):
        project(place, **rows, use={"find": name}).check()


def test_functions_that_call_each_other_are_refused(place, tmp_path):
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / name).mkdir()
        write_project(tmp_path / name, {**ASSIST, "use": {"find": f"../{other}"}})
    shutil.copy(place / "assist" / "rows.jsonl", tmp_path / "one")
    with pytest.raises(ProjectError, match="circle") as caught:
        Project(tmp_path / "one").check()
    assert "one → two → one" in str(caught.value)


def test_messages_without_a_reply_show_when_to_refuse(place, tmp_path):
    lines = (place / "assist" / "rows.jsonl").read_text("utf-8").splitlines()
    asked = [f"when does the {what} {n}" for n in range(15) for what in ("museum", "shop", "pool", "zoo")]
    empty = [{"messages": [{"role": "user", "content": text}], "reply": None} for text in asked]
    rows = [*lines, *map(json.dumps, empty)]
    splits = {"train": rows[::3], "validation": rows[1::3], "test": rows[2::3]}
    for split, own in splits.items():
        (tmp_path / f"{split}.jsonl").write_text("\n".join(own), encoding="utf-8")
    stated = {"answered_rightly": ">= 0.1", "refused_rightly": ">= 0.1", "refused_wrongly": "<= 0.9"}
    content = {
        **ASSIST,
        "function": "assist(messages: dialogue) -> reply: text?",
        "requirements": stated,
        "use": {"find": str(place / "find")},
        "data": {split: f"{split}.jsonl" for split in splits},
        "model": {"learner": "session"},
    }
    result = Project(content, folder=tmp_path).run()
    assert not result.problems
    (note,) = [one for one in result.warnings if one.id == "session.refusal-learned"]
    assert note.count >= 5
    values = {row.requirement.split()[0]: row for row in result.requirements}
    assert values["refused_rightly"].n > 0
    assert values["refused_rightly"].value == 1.0
    assert values["refused_wrongly"].n > 0


def test_a_policy_decides(place, tmp_path):
    rows = [(0.9, 0, "answer"), (0.1, 0, "ask"), (0.1, 1, "hand_over")]
    acts = "".join(f"{sure + n / 1000},{times},{act}\n" for n in range(30) for sure, times, act in rows)
    (tmp_path / "acts.csv").write_text(f"confidence,follow_ups,act\n{acts}", encoding="utf-8")
    policy = Project(write_project(tmp_path, POLICY), settings=["learn.budget=1 s"])
    assert not policy.run(to="package").problems
    (package,) = (tmp_path / ".modelwright" / "objects" / "package").glob("*/package")
    assist = project(
        place / "assist", use={"find": "../find", "policy": str(package)}, store=str(tmp_path / "store")
    )
    assert not assist.run(to="package").problems
    (made,) = (tmp_path / "store" / "objects" / "package").glob("*/package")
    function = modelwright.load(made)
    turns = [{"role": "user", "content": "zzz"}]
    ask = function(messages=turns).reply
    assert ask == "Could you say a little more about what you would like to know?"
    turns += [{"role": "assistant", "content": ask}, {"role": "user", "content": "zzz"}]
    assert function(messages=turns).reply == "A colleague will answer you."


def test_a_reply_is_written_where_the_page_says_so(place, tmp_path):
    for name in ("find", "assist"):
        (tmp_path / name).symlink_to(place / name)
    # in the place of the pretrained weights of the page: the same function, of a tiny decoder
    assert WRITE["function"] == "reply(messages: dialogue) -> reply: text"
    package = tiny_writing.chat(tmp_path / "write", context=185)
    stated = {**ASSIST, "model": WRITTEN["model"], "requirements": {"supported": ">= 0"}}
    content = {**stated, "use": {"find": "../find", "reply": str(package)}, "store": str(tmp_path / "store")}
    written = Project(content, folder=tmp_path / "assist")
    result = written.run()
    assert not result.problems
    assert "session.passages-cut" in {one.id for one in result.warnings}
    (made,) = (tmp_path / "store" / "objects" / "package").glob("*/package")
    found = modelwright.load(made)(messages=[{"role": "user", "content": "I lost my card at the station"}])
    details = found.outputs["reply"].details
    assert (details["act"], details["sources"][0]["id"]) == ("answer", "card")
    assert details["passages_cut"] >= 1
    assert {"modelwright", "run", "--project", "../write"} <= set(shlex.split(WRITING))


def test_what_is_found_is_put_in_the_order_of_another_function(place, tmp_path):
    packages.write(same_body(), tmp_path / "same", lineage={}, versions={}, threads=1)
    rows = {"source": str(place / "find" / "questions.csv"), "corpus": str(place / "find" / "passages.csv")}
    # the project of the page, on rows of these tests; `same` stands ready as a package of the page's signature
    assert SAME["function"] == str(same_body().signature)
    bars = {"hit_at_1": ">= 0.1", "latency_p95": "<= 10 s"}
    use = {"find": str(place / "find"), "same": "same"}
    content = {**RERANK, "data": rows, "requirements": bars, "use": use, "release": FIND["release"]}
    result = Project(content, folder=tmp_path).run()
    assert not result.problems
    measured = {(row.subject, row.phase): row.value for row in result.requirements}
    assert measured["latency_p95", "package"] > 0
    (made,) = (tmp_path / ".modelwright" / "objects" / "package").glob("*/package")
    settings = json.loads((made / "manifest.json").read_text())["settings"]
    assert settings["candidates"] == 20  # more than there are passages: all of them are read
    found = modelwright.load(shutil.copytree(made, tmp_path / "alone"))(question="a card, a transfer, a fee")
    details = found.outputs["answer"].details
    assert details["evidence"].keys() == {"same", "lead", "words"}
    assert len(details["choices"]) == len(PASSAGES)
    # and a session calls it as it calls any function that finds
    other = project(place / "assist", use={"find": str(made)}, store=str(tmp_path / "store"))
    assert not other.run(to="package").problems


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"use": {"find": "find"}}, "use.no-find"),
        ({"use": {"find": "find", "same": "find"}}, "use.unfit"),
        ({"use": {"find": "find", "policy": "find"}}, "use.unknown-role"),
        ({"model": {"learner": "rerank", "candidates": 0}}, "plan.bad-option"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_cannot_be_put_in_another_order(place, changes, problem):
    rows = {"source": "find/questions.csv", "corpus": "find/passages.csv"}
    stated = {**FIND, "data": rows, "use": {"find": "find"}, "model": RERANK["model"]}
    with pytest.raises(ProjectError) as caught:
        Project({**stated, **changes}, folder=place).check()
    assert problem in {one.id for one in caught.value.problems}


def test_another_corpus_than_that_of_what_finds_is_refused(place, tmp_path):
    packages.write(same_body(), tmp_path / "same", lineage={}, versions={}, threads=1)
    text = (place / "find" / "passages.csv").read_text("utf-8")
    (tmp_path / "passages.csv").write_text(f"{text}more,A passage that find has not.\n", encoding="utf-8")
    rows = {"source": str(place / "find" / "questions.csv"), "corpus": "passages.csv"}
    use = {"find": str(place / "find"), "same": "same"}
    content = {**RERANK, "data": rows, "use": use}
    result = Project(content, folder=tmp_path).run(to="package")
    assert [one.id for one in result.problems] == ["use.other-corpus"]


def test_status_says_what_would_be_called_now(place):
    assert "calls another" not in say(place / "assist", "status").stdout
    said = say(place / "assist", "status", "--set", f"use.find={_packaged_again(place)}")
    assert "version 1 calls another `find` than" in said.stdout


def _packaged_again(place: Path) -> Path:
    settings = ["model.shown=2"]
    assert not Project(place / "find", settings).run(to="package").problems
    digest = Project(place / "find").versions().versions[0].package
    folders = (place / "find" / ".modelwright" / "objects" / "package").glob("*/package")
    return next(one for one in folders if packages.digest(one) != digest)


def test_works_of_others_in_what_is_called_are_credited(tmp_path):
    body = IndexSamples().body()
    made_of = {"minilm": "Apache-2.0"}
    packages.write(body, tmp_path / "find", lineage={}, versions={}, threads=1, credits=made_of)
    assert learners.bring("session").credits(tmp_path) == made_of
