"""What is said about a project file that is wrong: one gold message for each way to be wrong."""

import codecs
from pathlib import Path

import pytest

from modelwright.cli.problems import worded
from modelwright.core.messages import ProjectError
from modelwright.project.declaration import file

GOLD = Path(__file__).parents[1] / "gold" / "project"
GOOD = 'function: "route(question: text) -> domain: category"\ndata: {source: x.csv}\n'


@pytest.mark.parametrize("case", sorted(path.stem for path in GOLD.glob("*.yaml")))
def test_a_wrong_file_is_told_in_plain_words(case, gold, tmp_path):
    path = tmp_path / "modelwright.yaml"
    path.write_bytes((GOLD / f"{case}.yaml").read_bytes())
    with pytest.raises(ProjectError) as caught:
        file.read(path)
    problems = caught.value.problems
    gold(f"project/{case}.txt", "".join(f"{worded(problem)}\n\n" for problem in problems))
    for problem in problems:
        assert problem.where is not None
        assert problem.where.startswith("modelwright.yaml")
        assert "pydantic" not in str(problem)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (codecs.BOM_UTF16_LE + GOOD.encode("utf-16-le"), "UTF-16 text"),
        (b"\x7fELF\x02\x00", "binary data (a zero byte at position 5)"),
        (GOOD.encode() + "purpose: 保险".encode("gb18030"), "the byte 0xb1 on line 3"),
        (b"#" * ((1 << 20) + 1), "1,048,577 bytes (at most 1,048,576)"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, found):
    path = tmp_path / "modelwright.yaml"
    path.write_bytes(content)
    with pytest.raises(ProjectError) as caught:
        file.read(path)
    (problem,) = caught.value.problems
    assert problem.id == "project.unreadable"
    assert problem.found == found
    assert problem.where == str(path)


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    for path, found in ((tmp_path, "a folder without one"), (tmp_path / "no.yaml", "nothing there")):
        with pytest.raises(ProjectError) as caught:
            file.read(path)
        assert caught.value.problems[0].found == found


def test_a_mapping_gives_the_same_problems_with_keys_as_places():
    with pytest.raises(ProjectError) as caught:
        file.from_mapping(
            {
                "function": "route(question: text) -> domain: category",
                "data": {"sorce": "x.csv"},
                "requirements": {"acuracy": ">= 0.9"},
            }
        )
    assert [(p.id, p.where) for p in caught.value.problems] == [
        ("project.unknown-key", "data.sorce"),
        ("requirement.unknown-metric", "requirements.acuracy"),
    ]


def test_a_problem_of_an_override_names_the_override(tmp_path):
    path = tmp_path / "modelwright.yaml"
    path.write_text(GOOD)
    with pytest.raises(ProjectError) as caught:
        file.read(path, ["learn.sede=1", "learn.epochs=0", "requirements.accuracy=> 2"])
    assert {(p.id, p.where) for p in caught.value.problems} == {
        ("project.unknown-key", "--set learn.sede"),
        ("project.bad-value", "--set learn.epochs"),
        ("requirement.range", "--set requirements.accuracy"),
    }
