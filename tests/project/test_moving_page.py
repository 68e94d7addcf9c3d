"""docs/moving.md: its commands take a store that a run has made to another folder and back, and no work is lost."""

import json
import random
import re
import shlex
from pathlib import Path

from in_process import say

PAGE = (Path(__file__).parents[2] / "docs" / "moving.md").read_text("utf-8")


def test_the_commands_of_the_page_move_a_project_that_has_run_and_bring_it_back(tmp_path: Path) -> None:
    rng = random.Random(0)
    heights = [round(rng.uniform(0, 100), 2) for _ in range(300)]
    rows = "".join(f"{one},{'small' if one < 50 else 'large'}\n" for one in heights)
    (tmp_path / "rows.csv").write_text("height,size\n" + rows)
    (tmp_path / "modelwright.yaml").write_text(
        'function: "f(height: number) -> size: category"\nrequirements: {accuracy: ">= 0.5"}\n'
        "data: {source: rows.csv}\nmodel: {learner: linear}\nevaluate: {latency_requests: 100}\n"
    )
    assert say(tmp_path, "run").returncode == 0
    before = say(tmp_path, "versions", "--json").stdout
    commands = [
        line.replace("/mnt/team", str(tmp_path / "disk"))
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) == 3
    for number, command in enumerate(commands):
        _, *words = shlex.split(command)
        done = say(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        if number == 0:
            assert str(tmp_path / "disk" / "route") in (tmp_path / "modelwright.yaml").read_text()
            assert say(tmp_path, "versions", "--json").stdout == before
            answer = say(tmp_path, "predict", "height=3", "--json")
            assert json.loads(answer.stdout)["outputs"]["size"]["value"] == "small"
            stages = json.loads(say(tmp_path, "run", "--json").stdout)["stages"]
            assert {one["status"] for one in stages} <= {"cached", "done"}
            assert [one["name"] for one in stages if one["status"] == "done"] in ([], ["release"])
    assert (tmp_path / "modelwright.yaml").read_text().endswith("store: .modelwright\n")
    assert say(tmp_path, "versions", "--json").stdout == before


def test_a_place_that_is_none_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "modelwright.yaml").write_text('function: "f(height: number) -> size: category"\n')
    for words, expected in (
        (("--store", "s3://team/route"), "no folder"),
        (("--store", "away"), "no store here yet"),
    ):
        said = say(tmp_path, "move", *words)
        assert said.returncode == 1
        assert expected in said.stderr
        assert "Traceback" not in said.stderr
    assert not (tmp_path / "away").exists()
