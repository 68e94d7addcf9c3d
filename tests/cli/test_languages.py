"""One project in two languages: the same sealed results, worded in the language that each command asks for."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import in_process
import pytest

from modelwright.cli import problem_texts
from modelwright.core.messages import Problem, catalog

PAGE = Path(__file__).parents[2] / "docs" / "languages.md"
HAN = re.compile("[\u4e00-\u9fff]")
PROJECT = """
function: "grade(income: number, job: category, owner: boolean) -> risk: category"
requirements: {accuracy: ">= 0.8", "recall[bad]": ">= 0.999", latency_p95: "<= 500 ms", failure_rate: "<= 1 %"}
data: {source: loans.csv, invalid: drop}
model: {learner: trees, bags: 1}
learn: {budget: 2 s}
evaluate: {latency_requests: 100}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a project whose first run was Chinese; row 8 has an income that is no number."""
    folder, chance = tmp_path_factory.mktemp("loans"), random.Random(7)
    rows = ["income,job,owner,risk"]
    for number in range(400):
        income, job = round(chance.gauss(50, 15), 2), chance.choice(["clerk", "nurse"])
        shown = "much" if number == 7 else str(income)
        rows.append(f"{shown},{job},{chance.choice(['yes', 'no'])},{'bad' if income < 40 else 'good'}")
    (folder / "loans.csv").write_text("\n".join(rows))
    (folder / "modelwright.yaml").write_text(PROJECT)
    folder.joinpath("first.txt").write_text(say(folder, "run", MODELWRIGHT_LANG="zh").stdout, "utf-8")
    return folder


def say(folder, *words, **environment):
    """Run a command line as a user does; the environment names no language beside what is given.

    `in_process.say` does the same in this process.
    """
    bare = {name: value for name, value in os.environ.items() if name not in catalog.VARIABLES}
    return subprocess.run(
        [sys.executable, "-m", "modelwright", *words],
        cwd=folder,
        env={**bare, "PYTHONUTF8": "1", "COLUMNS": "200", **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )


def figures(text):
    """Return what no language changes, sorted: names and numbers of the requirement table, warnings and predictions."""
    names = r"accuracy|recall\[bad\]|latency_p95|failure_rate|`risk`|modelwright \w+"
    return sorted(re.findall(rf"\d[\d.,]*\d|{names}", text))


def table(text):
    """Return the lines of the requirement table and what follows; the table of stages tells of its own run."""
    return text[text.index("accuracy", text.index("release")) :]


def test_a_run_is_worded_in_the_language_asked_for_from_the_same_results(folder):
    chinese = folder.joinpath("first.txt").read_text("utf-8")
    english = in_process.say(folder, "run", MODELWRIGHT_LANG="en")
    again = in_process.say(folder, "run", "--from", "release", MODELWRIGHT_LANG="zh")
    assert "met" in english.stdout
    assert not HAN.search(english.stdout), english.stdout
    for word in ("需求", "门槛", "置信区间", "结论", "达标", "待定", "未发布，原因是"):
        assert word in chinese, chinese
        assert word in again.stdout
    assert english.returncode == again.returncode == 3
    assert figures(table(english.stdout)) == figures(table(again.stdout)) != []
    for stage in ("data", "plan", "learn", "package", "evaluate"):
        assert re.search(rf"(?m)^{stage} +cached", english.stdout), "another language makes nothing anew"


def test_notices_that_were_sealed_in_chinese_are_read_in_english(folder):
    rows = {
        name: json.loads(in_process.say(folder, "run", "--json", MODELWRIGHT_LANG=name).stdout)
        for name in ("en", "zh")
    }
    english, chinese = rows["en"]["warnings"], rows["zh"]["warnings"]
    assert [{**one, "text": "", "fix": ""} for one in english] == [
        {**one, "text": "", "fix": ""} for one in chinese
    ]
    assert "data.refused-rows" in {one["id"] for one in english}
    assert not any(HAN.search(one["text"]) for one in english)
    assert all(HAN.search(one["text"]) for one in chinese)
    assert keys(rows["en"]) == keys(rows["zh"])
    english, chinese = rows["en"]["requirements"], rows["zh"]["requirements"]
    assert [{**one, "note": ""} for one in english] == [{**one, "note": ""} for one in chinese]
    assert any(one["note"] for one in english)
    assert not any(HAN.search(one["note"]) for one in english), (
        "worded when it is read, not when it was sealed"
    )
    assert all(HAN.search(one["note"]) for one in chinese if one["note"])


def keys(value):
    """Return JSON with its keys and the sorts of its values alone."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in value.items()}
    return [keys(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_a_run_with_nothing_to_do_answers_in_the_language_asked_for(folder):
    for name, word in (("zh", "所依据的内容都没有变化"), ("en", "nothing that it rests on has changed")):
        in_process.say(folder, "run", MODELWRIGHT_LANG=name)
        stamped = in_process.say(folder, "run", MODELWRIGHT_LANG=name).stdout
        assert word in stamped
        assert bool(HAN.search(stamped)) == (name == "zh")


def test_what_is_sealed_has_the_same_bits_in_every_language(folder):
    digest = json.loads(in_process.say(folder, "show", "data", "--json", MODELWRIGHT_LANG="en").stdout)
    in_process.say(folder, "data", "--force", MODELWRIGHT_LANG="en")
    assert (
        json.loads(in_process.say(folder, "show", "data", "--json", MODELWRIGHT_LANG="en").stdout)["facts"]
        == digest["facts"]
    )


@pytest.mark.parametrize(
    ("words", "chinese"),
    [
        (("check",), "可以证明"),
        (("status",), "尚未发布"),
        (("versions",), "未发布"),
        (("show", "1"), "grade 的版本 1"),
        (("doctor",), "可用磁盘空间"),
        (("predict", "income=30", "job=clerk", "owner=yes"), "置信度"),
    ],
)
def test_every_screen_is_in_the_language_of_the_locale(folder, words, chinese):
    assert chinese in in_process.say(folder, *words, LANG="zh_CN.UTF-8").stdout
    assert not HAN.search(in_process.say(folder, *words, LANG="en_GB.UTF-8").stdout)


def test_a_problem_is_in_the_language_of_the_locale_and_its_id_stays(folder):
    done = in_process.say(
        folder, "predict", "income=abc", "job=clerk", "owner=yes", "--json", LANG="zh_CN.UTF-8"
    )
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem["id"] == "request.wrong-value"
    assert problem["found"] == "`income` 是文本 'abc'"
    assert set(problem) == {"id", "rule", "found", "next", "where"}
    assert "  规则：必须是数字" in done.stderr


def test_a_language_without_a_catalogue_is_english(folder):
    shown = in_process.say(folder, "versions", MODELWRIGHT_LANG="tlh", LANG="zh_CN.UTF-8").stdout
    assert "not released" in shown
    assert not HAN.search(shown)


def test_the_commands_of_the_page_show_what_it_says(folder):
    examples = re.findall(r"(?m)^\$ (.+)\n((?:[^$`\n].*\n)+)", PAGE.read_text("utf-8"))
    assert len(examples) >= 2
    for command, shown in examples:
        name, _, verb = command.partition(" modelwright ")
        done = say(folder, *verb.split(), **dict([name.split("=")]))
        assert shown.strip() == done.stderr.strip(), command


def test_a_long_line_of_chinese_breaks_between_characters_and_never_before_a_comma():
    catalog.use("zh")
    try:
        lines = problem_texts.worded(
            Problem("machine.public-address", host="0.0.0.0", variable="KEY"), 30
        ).split("\n")
    finally:
        catalog.use("en")
    assert all(problem_texts._columns(line) <= 31 for line in lines)
    assert not any(line.lstrip()[:1] in "，。；：" for line in lines)
    assert "".join(line.strip() for line in lines[:2]) == "其他机器可以访问 0.0.0.0，但没有设置 KEY".replace(
        " KEY", " KEY"
    )


def test_a_block_speaks_a_language_of_its_own():
    catalog.use("zh")
    try:
        with catalog.speaking("en"):
            assert Problem("data.no-rows").found == "the file has no rows"
        assert Problem("data.no-rows").found == "文件中没有数据行"
    finally:
        catalog.use("en")
