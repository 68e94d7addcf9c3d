"""Texts, then instructions, then preferences: three projects, each of which begins where the one before it ended."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from in_process import say

PAGE = (Path(__file__).parents[3] / "docs" / "writing.md").read_text("utf-8")
SCRATCH = "{tokenizer: characters, layers: 1, width: 32, heads: 2}"


def declare(folder: Path, function: str, source: str, **model: str) -> Path:
    folder.mkdir()
    given = "".join(f"  {key}: {value}\n" for key, value in {"learner": "generate", **model}.items())
    (folder / "modelwright.yaml").write_text(
        f"function: '{function}'\ndata: {{source: ../{source}, piece: 20}}\nmodel:\n{given}"
        "learn: {epochs: 2, precision: float32}\nevaluate: {generate: 0, latency_requests: 100}\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("row")
    chat = "chat(messages: dialogue) -> reply: text"
    declare(
        root / "base", "write(start: text?) -> text: text", "all.txt",
        pretrained="none", scratch=SCRATCH, context="160",
    )  # fmt: skip
    declare(root / "instructed", chat, "alpaca.json", pretrained="../base", train="full")
    declare(
        root / "preferred", chat, "pairs.json", pretrained="../instructed", train="full", prefer="{beta: 0.1}"
    )
    numbers = range(40)
    (root / "all.txt").write_text("\n\n".join(f"Of {n} comes {2 * n}." for n in numbers), encoding="utf-8")
    alpaca = [{"instruction": f"Double {n}", "input": "", "output": f"It is {2 * n}."} for n in numbers]
    pairs = [{"prompt": f"Double {n}", "chosen": f"It is {2 * n}.", "rejected": "No."} for n in numbers]
    (root / "alpaca.json").write_text(json.dumps(alpaca), encoding="utf-8")
    (root / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
    return root


def test_one_project_begins_where_another_ended(projects: Path) -> None:
    before = say(projects, "run", "--project", "instructed", "--to", "plan")
    assert before.returncode == 1
    assert "has learned nothing yet" in before.stdout + before.stderr
    done = say(projects, "run", "--project", "base", "--to", "learn")
    assert done.returncode == 0, done.stdout + done.stderr
    done = say(projects, "run", "--project", "instructed", "--to", "plan")
    assert done.returncode == 0, done.stdout + done.stderr
    learned, brought = (
        next((projects / name / ".modelwright").rglob(where)).read_bytes()
        for name, where in (("base", "learned/tokenizer.json"), ("instructed", "brought/tokenizer.json"))
    )
    assert learned == brought
    choice = next((projects / "instructed" / ".modelwright").rglob("choice/choice.json")).read_text("utf-8")
    assert str(projects) not in choice


@pytest.mark.proof
def test_the_commands_of_the_page_work(projects: Path) -> None:
    commands = re.findall(r"^modelwright (run --project .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    for line in commands:
        done = say(projects, *line.split())
        assert done.returncode == 0, done.stdout + done.stderr
    assert "preferred more than before" in done.stdout + done.stderr


@pytest.mark.proof
def test_the_project_of_the_page_that_begins_from_nothing_works(tmp_path: Path) -> None:
    text = next(one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "pretrained: none" in one)
    evaluate = ("{generate: 5}", "{generate: 1, latency_requests: 100}")
    for shown, here in (("5 min", "8 s"), ("<= 4", "<= 20"), ("piece: 500", "piece: 60"), evaluate):
        assert text.count(shown) == 1
        text = text.replace(shown, here)
    (tmp_path / "modelwright.yaml").write_text(text, encoding="utf-8")
    poems = [f"Roses of {n} are red,\nviolets of {2 * n} are blue,\nand {n} is true." for n in range(300)]
    (tmp_path / "poems.txt").write_text("\n\n".join(poems), encoding="utf-8")
    done = say(tmp_path, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bits_per_character" in done.stdout
