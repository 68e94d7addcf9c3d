"""People judge pairs of answers: in the terminal, again after a kill, several at once, and what cannot be judged."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import tiny_judge
import yaml
from in_process import Said, say
from tiny_passages import PASSAGES, QUESTIONS

from modelwright.core.messages import DataError
from modelwright.project import Project
from modelwright.storage.formats import judgements
from modelwright.storage.formats.judgements import Judgement

FIND = {
    "function": "answer(question: text) -> answer: choice",
    "data": {"source": "questions.csv", "corpus": "passages.csv"},
    "model": {"learner": "lexical"},
    "release": {"allow_inconclusive": True},
}
ASSIST = {
    "function": "assist(messages: dialogue) -> reply: text",
    "use": {"find": "../find"},
    "data": {
        "source": "rows.jsonl",
        "keep": {"clerk": "clerk"},
        "split": {"train": 20, "validation": 20, "test": 60},
    },
    "model": {"learner": "session", "sentences": 1},
    "evaluate": {"latency_requests": 100},
    "release": {"allow_inconclusive": True},
}
SECOND = {**ASSIST, "model": {"learner": "session", "sentences": 2}}


def write(folder: Path, content: dict) -> None:
    (folder / "modelwright.yaml").write_text(json.dumps(content), encoding="utf-8")


def ran(folder: Path, *words: str) -> Said:
    done = say(folder, "run", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose version 1 replies with one sentence and serves, and whose version 2 replies with two."""
    place = tmp_path_factory.mktemp("judge")
    for name in ("find", "assist"):
        (place / name).mkdir()
    rows = [
        (f"{text} {n}", one) for text, one in QUESTIONS.items() for n in ("please", "now", "thanks", "today")
    ]
    passages = "".join(f'{one},"{text}"\n' for one, text in PASSAGES.items())
    (place / "find" / "passages.csv").write_text(f"id,passage\n{passages}", encoding="utf-8")
    table = "".join(f"{text},{one}\n" for text, one in rows)
    (place / "find" / "questions.csv").write_text(f"question,answer\n{table}", encoding="utf-8")
    lines = [
        {"messages": [{"role": "user", "content": text}], "reply": PASSAGES[one], "clerk": f"See {one}."}
        for text, one in rows
    ]
    (place / "assist" / "rows.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    write(place / "find", FIND)
    ran(place / "find")
    write(place / "assist", ASSIST)
    ran(place / "assist")
    write(place / "assist", SECOND)
    ran(place / "assist", "--to", "evaluate")
    return place


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A copy of the project, which no other test has judged."""
    shutil.copytree(made / "find", tmp_path / "find")
    return shutil.copytree(made / "assist", tmp_path / "assist")


@pytest.fixture
def judge(project: Path, monkeypatch: pytest.MonkeyPatch):
    """Return what answers `judge` with lines of a pipe."""

    def answered(lines: str, *words: str) -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        return say(project, "judge", *words)

    return answered


def kept(project: Path) -> list[dict]:
    return [json.loads(one) for one in (project / "judgements.jsonl").read_text("utf-8").splitlines()]


def test_what_is_said_is_kept_at_once_and_the_same_command_goes_on(judge, project: Path) -> None:
    first = judge("l\nr\n", "--judge", "anna", "--json")  # the pipe ends, and so does the judge
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert (report["version"], report["against"], report["judged"]) == (2, "champion", 2)
    assert report["left"] == report["rows"] - 2 > 0
    asked = first.stderr.count("Which is better?")
    assert asked == 3
    again = judge("t\n" * 100, "--judge", "anna", "--json")
    assert json.loads(again.stdout)["left"] == 0
    lines = kept(project)
    assert len({one["row"] for one in lines}) == len(lines) == report["rows"]
    assert {one["judge"] for one in lines} == {"anna"}
    assert len({(one["package"], one["against"]) for one in lines}) == 1
    done = judge("", "--judge", "anna")
    assert done.returncode == 0
    assert "none is left" in done.stdout
    assert "Which" not in done.stdout


def test_it_is_blind_and_a_side_is_no_version(judge, project: Path) -> None:
    done = judge("l\n" * 100, "--judge", "anna")
    shown = done.stdout.split("version 2 against")[0]
    assert not any(word in shown for word in ("champion", "version", "candidate", "reply"))
    verdicts = [(one["first"], one["verdict"]) for one in kept(project)]
    # left won every time: on whichever side the version stood, which the seed draws
    assert {*verdicts} == {("answer", "better"), ("other", "worse")}


def test_two_judges_see_the_same_rows_and_other_sides(judge, project: Path) -> None:
    for name in ("anna", "ben"):
        judge("l\n" * 3, "--judge", name, "--rows", "3")
    lines = kept(project)
    rows = {name: [one["row"] for one in lines if one["judge"] == name] for name in ("anna", "ben")}
    assert rows["anna"] == rows["ben"]
    assert len(rows["anna"]) == 3
    assert "others have judged: ben: 3" in judge("", "--judge", "anna", "--rows", "3").stdout


def test_skipped_rows_are_not_asked_again_and_other_words_are(judge, project: Path) -> None:
    done = judge("what\ns\n", "--judge", "anna", "--json", "--rows", "1")
    assert "`what` is none of" in done.stderr
    report = json.loads(done.stdout)
    assert (report["judged"], report["skipped"], report["left"]) == (0, 1, 0)


def test_answers_are_judged_against_a_column_and_equal_ones_are_ties(judge, project: Path) -> None:
    done = judge("", "--judge", "anna", "--against", "reply", "--json")
    report = json.loads(done.stdout)  # two sentences of a passage of two are the passage
    assert (report["judged"], report["left"]) == (0, 0)
    assert report["equal"] == report["rows"]
    assert f"{report['rows']} rows have two equal answers" in report["notes"][0]
    assert {(one["verdict"], one["first"]) for one in kept(project)} == {("tie", None)}
    other = judge("l\n", "--judge", "anna", "--against", "clerk", "--rows", "1")
    assert "See " in other.stdout


def test_another_version_is_asked_where_its_answers_are_not_recorded(judge, project: Path) -> None:
    done = judge("l\n", "--judge", "anna", "--version", "1", "--against", "2", "--rows", "1")
    assert "version 1 against 2" in done.stdout
    with Project(project).blind_comparison(judge="anna") as comparison:
        shown = comparison.upcoming()
        assert shown is not None
        assert comparison.pairs.ask(shown.pair.row) == shown.pair.other


def test_answers_are_judged_against_a_file_that_has_the_inputs(judge, project: Path) -> None:
    rows = [json.loads(one) for one in (project / "rows.jsonl").read_text("utf-8").splitlines()]
    lines = [{"messages": one["messages"], "reply": f"File: {one['clerk']}"} for one in rows]
    file = project / "clerks.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in lines[::2]), "utf-8")
    done = judge("l\n", "--judge", "anna", "--against", "clerks.jsonl", "--rows", "1", "--json")
    report = json.loads(done.stdout)
    assert report["judged"] == 1
    assert report["without"] > 0
    assert "lack the other text" in report["notes"][0]
    assert kept(project)[0]["other"].startswith("File: See ")
    file.write_text("".join(f"{json.dumps(one)}\n" for one in [*lines, {**lines[0], "reply": "x"}]), "utf-8")
    assert "has another answer" in judge("", "--against", "clerks.jsonl").stderr
    file.write_text("".join(f"{json.dumps({'messages': one['messages']})}\n" for one in lines), "utf-8")
    assert "no column `reply` with answers" in judge("", "--against", "clerks.jsonl").stderr
    assert "no file of answers" in judge("", "--against", "nowhere.csv").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--against", "2"), "version 2 is held against itself"),
        (("--against", "clerc"), "write `clerk`"),
        (("--against", "9"), "version 9"),
        (("--version", "1"), "no other version in production"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_one_message(judge, words, said: str) -> None:
    done = judge("", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("next:") == 1


def test_rows_of_another_test_set_and_rows_without_answers_are_refused(judge, project: Path) -> None:
    write(project, {**SECOND, "evaluate": {"latency_requests": 100, "generate": 0}})
    ran(project, "--to", "evaluate")
    assert "no answer was written to a test row" in judge("", "--judge", "anna").stderr
    rows = (project / "rows.jsonl").read_text("utf-8")
    (project / "rows.jsonl").write_text(rows.replace("please", "kindly"), encoding="utf-8")
    ran(project, "--to", "data")
    done = judge("", "--judge", "anna")
    assert done.returncode == 1
    assert "are not those of the data by now" in done.stderr


def test_a_function_that_writes_nothing_is_refused(project: Path) -> None:
    done = say(project.parent / "find", "judge")
    assert done.returncode == 1
    assert "does not answer by writing a text" in done.stderr


# -- the file --------------------------------------------------------------------------------------------


def line(row: str = "r1", judge: str = "anna", **changed: object) -> Judgement:
    given = {"package": "p", "against": "a", "answer": "x", "other": "y", "verdict": "tie", "at": "now"}
    return Judgement(**{"row": row, "judge": judge, **given, **changed})  # type: ignore[arg-type]


def test_a_line_that_is_no_verdict_is_named(judge, project: Path) -> None:
    file = project / "judgements.jsonl"
    judge("l\nl\n", "--judge", "anna")
    good = file.read_text("utf-8").splitlines()
    changed = good[0].replace("better", "best").replace("worse", "best")
    file.write_text("\n".join([good[0], changed, "", "{", good[1].replace('"row"', '"raw"'), ""]), "utf-8")
    done = judge("", "--judge", "anna")
    assert done.returncode == 1
    assert [f"judgements.jsonl:{n}" in done.stderr for n in range(1, 6)] == [False, True, False, True, True]
    assert "`verdict`" in done.stderr
    file.write_text("\n".join(good), "utf-8")  # no end of the last line: it is one all the same
    assert judge("l\n", "--judge", "ben").returncode == 0
    assert len(kept(project)) == 3


def test_what_a_kill_left_of_a_line_is_removed_by_the_next(tmp_path: Path) -> None:
    file, lock = tmp_path / "judgements.jsonl", tmp_path / "lock"
    judgements.append(file, lock, line("r1"))
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:40])
    assert [one.row for one in judgements.read(file)] == ["r1"]
    judgements.append(file, lock, line("r2"))
    assert [one.row for one in judgements.read(file)] == ["r1", "r2"]
    file.write_bytes(whole + whole[:40] + b"\n")
    with pytest.raises(DataError) as caught:
        judgements.read(file)
    assert [one.id for one in caught.value.problems] == ["judge.not-a-verdict"]


WRITER = """
import sys
from pathlib import Path
from modelwright.storage.formats.judgements import Judgement, append
folder, name = Path(sys.argv[1]), sys.argv[2]
for n in range(40):
    append(folder / "judgements.jsonl", folder / "lock",
           Judgement(str(n), "p", "a", "x" * 2000, "y", "tie", name, "now"))
    print(n, flush=True)
"""


def test_two_judges_at_once_lose_nothing_and_a_kill_no_row_that_was_said(tmp_path: Path) -> None:
    start = [sys.executable, "-c", WRITER, str(tmp_path)]
    processes = [
        subprocess.Popen([*start, name], stdout=subprocess.PIPE, text=True, env={**os.environ})
        for name in ("anna", "ben", "killed")
    ]
    streams = [one.stdout for one in processes]
    assert all(stream is not None for stream in streams)
    for _ in range(5):
        streams[2].readline()
    processes[2].kill()
    said = 5 + len(streams[2].read().splitlines())
    for one in processes:
        one.communicate()
    found = judgements.read(tmp_path / "judgements.jsonl")
    counts = {name: sum(one.judge == name for one in found) for name in ("anna", "ben", "killed")}
    assert counts["anna"] == counts["ben"] == 40
    assert counts["killed"] in {said, said + 1}


def test_of_one_judge_and_row_the_last_counts() -> None:
    every = [line(verdict="better"), line(verdict="worse"), line(judge="ben"), line(package="q")]
    found = judgements.of_pair(every, "p", "a")
    assert [(one.judge, one.points) for one in found] == [("anna", 0.0), ("ben", 0.5)]


def test_the_commands_of_the_page_work(judge, project: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "judging.md").read_text("utf-8")
    (shell,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    (yaml_text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    write(project, {**SECOND, **yaml.safe_load(yaml_text)})
    verbs = []
    for line in shell.splitlines():
        command, verb, *words = line.split()
        assert command == "modelwright"
        done = judge("t\n" * 100, *words) if verb == "judge" else say(project, verb, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        verbs.append(verb)
    assert verbs == ["run", "judge", "run"]
    assert "0.500" in done.stdout  # ties alone


def test_the_same_is_judged_on_a_page(project: Path) -> None:
    words = ["judge", "--browser", "--judge", "anna", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "modelwright", *words],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MODELWRIGHT_LANG": "en"},
    ) as judging:
        assert judging.stderr is not None
        (url,) = re.findall(r"http://\S+", judging.stderr.readline())
        base, _, token = url.partition("?token=")
        page = httpx.get(url).text
        (row,) = re.findall(r'name="row" value="(\w+)"', page)
        assert httpx.post(base, data={"token": token, "row": row, "choice": "right"}).status_code == 303
        assert httpx.post(base, data={"token": token, "choice": "finish"}).status_code == 200
        out, err = judging.communicate(timeout=60)
        assert judging.returncode == 0, err
    assert json.loads(out)["judged"] == 1
    assert [one["row"] for one in kept(project)] == [row]
    shown = page.split("<main>")[1]
    assert not any(word in shown for word in ("champion", "version", "package"))


# -- win_rate --------------------------------------------------------------------------------------------


BARRED = {**SECOND, "requirements": {"win_rate": ">= 0.5"}, "release": {}}


def result_of(*words: str, folder: Path) -> tuple[dict, dict]:
    """Return what a run answers, and its requirement on the win rate."""
    done = say(folder, "run", *words, "--json")
    result = json.loads(done.stdout)
    (found,) = [one for one in result["requirements"] if "win_rate" in one["requirement"]]
    return {**result, "code": done.returncode}, found


def judged(project: Path) -> dict:
    """Return what the last evaluation sealed of what people said."""
    newest = max(
        (project / ".modelwright").glob("objects/evaluate/*/report"), key=lambda one: one.stat().st_mtime
    )
    (output,) = json.loads((newest / "details.json").read_text("utf-8"))["outputs"]
    return {**output["judged"], "page": (newest / "report.html").read_text("utf-8")}


def say_all(project: Path, judge: str, better: Callable[[int], str]) -> None:
    """Judge every row; better: the place of a row → `answer`, `other` or `tie`."""
    with Project(project).blind_comparison(judge=judge) as comparison:
        place = 0
        while (shown := comparison.upcoming()) is not None:
            preferred = better(place)
            side = "tie" if preferred == "tie" else "left" if shown.first == preferred else "right"
            comparison.take(shown, side)
            place += 1


def test_win_rate_is_measured_from_verdicts_on_exactly_these_two(project: Path) -> None:
    write(project, BARRED)
    result, found = result_of(folder=project)
    assert result["code"] == 3  # nothing to measure on is never met, and holds a release back
    assert (found["verdict"], found["n"]) == ("inconclusive", 0)
    assert [one["id"] for one in result["warnings"]] == ["evaluate.no-verdicts"]

    say_all(project, "anna", lambda place: "answer" if place % 2 else "tie")
    say_all(project, "ben", lambda place: "answer" if place % 2 else "other")
    lines = kept(project)
    extra = [
        {**lines[0], "judge": "cy", "row": "gone"},
        {**lines[1], "judge": "cy", "answer": "what no package wrote"},
        {**lines[2], "judge": "cy", "verdict": "skip"},
        {**lines[3], "judge": "cy", "package": "another"},
    ]
    file = project / "judgements.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in [*lines, *extra]), "utf-8")
    result, found = result_of(folder=project)
    rows = len(lines) // 2
    won, tied = rows // 2, rows - rows // 2
    assert found["n"] == rows
    assert found["value"] == pytest.approx((won + 0.25 * tied) / rows)
    assert found["low"] < found["value"] < found["high"]
    counts = {one["id"]: one["count"] for one in result["warnings"]}
    assert counts == {"evaluate.verdicts-gone": 1, "evaluate.verdicts-changed": 1}
    seen = judged(project)
    assert (seen["better"], seen["tied"], seen["worse"], seen["skipped"]) == (won, 0, tied, 1)
    assert seen["judges"] == {"anna": rows, "ben": rows}
    (both,) = seen["agreements"]
    assert both["judges"] == ["anna", "ben"]
    assert both["found"]["share"] == pytest.approx(won / rows)
    assert "Judged by people against champion" in seen["page"]
    assert "<mark>" in seen["page"]
    assert "How far judges agree" in seen["page"]


def test_a_bar_that_verdicts_meet_releases_and_stays_met(project: Path) -> None:
    write(project, BARRED)
    result_of("--to", "evaluate", folder=project)
    say_all(project, "anna", lambda place: "answer")
    result, found = result_of(folder=project)
    assert (result["code"], found["verdict"], found["value"]) == (0, "met", 1.0)
    again, found = result_of(folder=project)  # it serves now, and is held against what served before
    assert (again["code"], found["verdict"]) == (0, "met")
    assert {one["status"] for one in again["stages"]} == {"cached"}
    assert json.loads(say(project, "judge", "--judge", "anna", "--json").stdout)["left"] == 0


def test_what_win_rate_is_against_is_said_in_the_file(judge, project: Path) -> None:
    done = judge("l\n", "--judge", "anna", "--against", "clerk", "--rows", "1", "--json")
    assert "set evaluate.against to clerk" in json.loads(done.stdout)["next_steps"][0]
    against = {**BARRED, "evaluate": {"latency_requests": 100, "against": "clerk"}}
    write(project, against)
    _, found = result_of(folder=project)
    assert found["n"] == 1
    write(project, {**against, "evaluate": {"against": 9}})
    assert "there is no version 9" in say(project, "check").stderr
    write(project, {**against, "evaluate": {"against": "clerc"}})
    refused = say(project, "check")
    assert refused.returncode == 1
    assert "`clerc` is no version, no column" in refused.stderr
    assert "modelwright.yaml:1" in refused.stderr
    write(project, against)
    (project / "judgements.jsonl").write_text("{\n")
    assert "[judge.not-a-verdict]" in say(project, "run").stderr


# -- a function that judges ------------------------------------------------------------------------------


JUDGED = {
    **SECOND,
    "requirements": {"judge_win_rate": ">= 0.5"},
    "use": {"find": "../find", "judge": "../longer"},
}


def test_a_function_judges_in_both_orders_and_its_agreement_with_people_stands_beside(project: Path) -> None:
    tiny_judge.longer(project.parent / "longer")
    write(project, JUDGED)
    result, found = result_of("--to", "evaluate", folder=project)
    assert {one["name"]: one["status"] for one in result["stages"]}["learn"] == "cached"
    assert (found["value"], found["verdict"]) == (1.0, "met")  # two sentences are longer than one
    assert [one["id"] for one in result["warnings"]] == ["evaluate.judge-unchecked"]
    page = judged(project)["page"]
    assert "how far it agrees with people is not known" in page
    assert "Texts of rows that were lost and won" in page

    say_all(project, "anna", lambda place: ("answer", "other", "tie")[place % 3])
    result, found = result_of("--to", "evaluate", folder=project)
    assert result["warnings"] == []
    function = judged(project)["function"]
    assert (function["better"], function["tied"], function["worse"]) == (found["n"], 0, 0)
    assert (function["apart"], function["refused"]) == (0, 0)
    with_people = function["agreement"]
    assert with_people["n"] == found["n"]
    assert with_people["share"] == pytest.approx(-(-found["n"] // 3) / found["n"])
    assert with_people["low"] < with_people["share"] < with_people["high"]
    assert "Judged by the function ../longer" in judged(project)["page"]
    again, _ = result_of("--to", "evaluate", folder=project)
    assert {one["status"] for one in again["stages"]} == {"cached"}


def test_a_judge_that_has_learned_from_rows_is_held_against_people(project: Path) -> None:
    prefer = project.parent / "prefer"
    prefer.mkdir()
    lines = ["question,first,second,better\n"]
    for number, text in enumerate(PASSAGES.values()):
        one, two = text.split(". ")[0] + ".", text  # a passage is better than its first sentence
        for ask in range(20):
            pair, better = ((one, two), "second") if ask % 2 else ((two, one), "first")
            lines.append(f'ask {number} {ask},"{pair[0]}","{pair[1]}",{better}\n')
    (prefer / "pairs.csv").write_text("".join(lines), encoding="utf-8")
    function = "prefer(question: text, first: text, second: text) -> better: category"
    learned = {"function": function, "data": {"source": "pairs.csv"}, "model": {"learner": "linear"}}
    write(prefer, {**learned, "release": {"allow_inconclusive": True}})
    ran(prefer)

    write(project, {**JUDGED, "use": {"find": "../find", "judge": "../prefer"}})
    say_all(project, "anna", lambda place: "answer")
    result, found = result_of("--to", "evaluate", folder=project)
    assert found["value"] > 0.5, "two sentences are preferred to one, as in its rows"
    function = judged(project)["function"]
    assert function["agreement"]["n"] == found["n"]
    assert function["agreement"]["share"] == pytest.approx(function["better"] / found["n"])
    assert "evaluate.judge-unchecked" not in [one["id"] for one in result["warnings"]]


def test_of_a_judge_that_prefers_a_place_every_row_is_a_tie_and_that_is_said(project: Path) -> None:
    tiny_judge.longer(project.parent / "longer", shift=1000.0)
    write(project, {**JUDGED, "evaluate": {"latency_requests": 100, "against": "clerk"}})
    result, found = result_of("--to", "evaluate", folder=project)
    assert found["value"] == 0.5
    function = judged(project)["function"]
    assert function["apart"] == function["first"] == function["tied"] == found["n"]
    assert "evaluate.judge-apart" in [one["id"] for one in result["warnings"]]


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("../longer", "the judge answers left, right, tie"),
        ("../find", "cannot judge these answers"),
        ("../nowhere", "no project and no package"),
    ],
)
def test_what_cannot_judge_is_refused_before_anything_is_learned(project: Path, role: str, why: str) -> None:
    tiny_judge.longer(project.parent / "longer", classes=("left", "right", "tie"))
    write(project, {**JUDGED, "use": {"find": "../find", "judge": role}})
    done = say(project, "check")
    assert done.returncode == 1
    assert why in done.stderr
    assert "modelwright.yaml:1" in done.stderr


def test_a_judge_alone_needs_no_learner_that_calls_functions(tmp_path: Path) -> None:
    content = {"function": "reply(message: text) -> answer: text", "data": {"source": "rows.csv"}}
    for use, refused in (({"judge": "../longer"}, False), ({"find": "../find"}, True)):
        write(tmp_path, {**content, "use": use, "model": {"learner": "generate"}})
        assert ("[use.other-learner]" in say(tmp_path, "check").stderr) is refused
