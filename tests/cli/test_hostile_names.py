"""No name of a class, a column, a folder or a cell acts on the terminal of whoever runs a verb, nor in a page."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from in_process import say

from modelwright.cli.main import answer

RED, HIDDEN, TURNED = "a\x1b[31m\x07b", "zero\u200bwidth", "gp\u202ecod"
CLASSES = [RED, HIDDEN, TURNED, "[bold]loud[/bold]", "[/]", "line\u2028end"]
ACTING = ["\x07", "\u202e", "\u2028", "\u200b", "\x1b[31m", "\r"]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Return a project with such names that has run."""
    folder = tmp_path_factory.mktemp("hostile") / "pro\x1b[31mject"
    folder.mkdir()
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "free\x1b[31m\u202ecolumn", "label"])
        for row in range(600):
            writer.writerow([row % 60, f"w{row % 7}", CLASSES[(row % 60) // 10]])
    (folder / "modelwright.yaml").write_text(
        'function: "sort(x: number, other: category) -> label: category"\n'
        "data:\n  source: data.csv\n"
        '  columns: {other: "free\\e[31m\\u202ecolumn"}\n'
        "model: {learner: trees, bags: 1, most_rounds: 5}\nlearn: {budget: 5 s}\nevaluate: {latency_requests: 100}\n",
        "utf-8",
    )
    second = ["--set", "learn.seed=1", "--set", 'data.missing=["no\\e[31m\\u202ecell"]']
    for more in ([], second):
        done = say(folder, "run", *more)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr, done
    return folder


VERBS = [
    ["check"],
    ["plan"],
    ["run"],
    ["status"],
    ["versions"],
    ["show", "report"],
    ["show", "card"],
    ["show", "data"],
    ["show", "evaluate"],
    ["predict", "x=1", "other=w1"],
    ["predict", "x=1", "other=\x1b[31m\u202e"],
    ["predict", "x\u202e\x1b[31m=1"],
    ["explain", "x=1", "other=w1"],
    ["explain", "x=1", "other=\x1b[31m\u202e", "--out", "no\x1b[31m\u202e.png"],
    ["predict", "--file", "no\x1b[31m\u202esuch.csv"],
    ["check", "--set", "data.\x1b[31m\u202e=1"],
    ["new", "na\x1b[31m\u202eme"],
    ["doctor"],
    ["diff", "1", "2"],
    ["diff", "1\x1b[31m\u202e", "2"],
    ["release", "--version", "2"],
    ["release", "--strategy", "no\x1b[31m\u202ename"],
    ["rollback"],
    ["rollback", "--to", "1"],
    ["gc", "--keep", "1", "--dry-run"],
    ["gc"],
]


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["read", "json"])
@pytest.mark.parametrize(
    "words", VERBS, ids=[" ".join(words).encode("unicode_escape").decode() for words in VERBS]
)
def test_no_verb_lets_a_name_act(
    project: Path, words: list[str], form: list[str], monkeypatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    answer([*words, *form])
    done = capfd.readouterr()
    assert done.out + done.err
    assert not [one.encode() for one in ACTING if one in done.out + done.err], done


def test_markup_in_a_name_is_shown_as_it_is(project: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(project)
    answer(["predict", "x=35", "other=w1"])
    assert "[bold]loud[/bold]" in capfd.readouterr().out


def test_no_page_lets_a_name_act(project: Path) -> None:
    pages = [*(project / ".modelwright").rglob("*.html"), *(project / ".modelwright").rglob("CARD.md")]
    assert pages
    for page in pages:
        text = page.read_text("utf-8")
        assert not [one.encode() for one in ACTING if one in text], page
        assert r"gp\u202ecod" in text.replace("\\\\", "\\")
