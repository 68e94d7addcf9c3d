"""Files of rows to answer: every form that trains, the data's names, and what is said where rows are lacking."""

import subprocess
import sys

import pytest

from modelwright.core.messages import DataError
from modelwright.core.signature import Signature
from modelwright.project.declaration import project_file
from modelwright.project.input_file import input_columns, input_rows, read
from modelwright.stages.data.config import DataConfig
from modelwright.tables.plain import PlainTable

ASKED = Signature.parse("f(question: text, age: number?) -> domain: category")


def opened(inputs=None, **data):
    named = inputs or {"question": "text", "age": "number?"}
    function = {"name": "f", "inputs": named, "outputs": {"domain": "category"}}
    return project_file.from_mapping({"function": function, "data": data})


def rows_of(path, signature=ASKED, project=None):
    project = project or opened()
    return [(str(place), row) for place, row in input_rows(read(path, project.file.data), signature, project)]


def columns_of(header, signature=ASKED, project=None, separator=","):
    table = PlainTable("q.csv", dict.fromkeys(header, ("1",)), 1, separator=separator)
    return input_columns(table, signature, project or opened())


def only_problem(call, *arguments):
    with pytest.raises(DataError) as caught:
        call(*arguments)
    (problem,) = caught.value.problems
    return problem


# -- forms of files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_separator_that_trains(tmp_path, separator, mark):
    path = tmp_path / "q.csv"
    lines = [["age", "question", "id"], ["1", '"a, ""b""\nc; d"', "x"], ["", "e", "y"]]
    path.write_bytes((mark + "\r\n".join(separator.join(line) for line in lines)).encode())
    assert rows_of(path) == [
        ("q.csv, row 1", {"question": 'a, "b"\nc; d', "age": "1"}),
        ("q.csv, row 2", {"question": "e", "age": ""}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "stated"),
    [
        ("q.tsv", "question\tage\na,b\t1\n".encode("utf-16"), {}),
        ("q.csv", b"question:age\na,b:1\n", {"separator": ":"}),
        ("q.CSV", 'question,age\n"a,b",1\n'.encode("cp500"), {"encoding": "cp500"}),
        ("q.ndjson", b'\xef\xbb\xbf{"question": "a,b", "age": "1", "more": [2]}\n', {}),
    ],
)
def test_what_the_project_states_holds(tmp_path, name, content, stated):
    path = tmp_path / name
    path.write_bytes(content)
    assert rows_of(path, project=opened(**stated)) == [(f"{name}, row 1", {"question": "a,b", "age": "1"})]


def test_json_lines(tmp_path):
    path = tmp_path / "q.JSONL"
    path.write_text('{"question": "问题", "domain": "x"}\n\n{"n": null}\n', encoding="utf-8")
    assert rows_of(path) == [("q.JSONL, row 1", {"question": "问题"}), ("q.JSONL, row 2", {"question": None})]


def test_objects_may_lack_all_that_may_be_missing(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text("{}\n{}\n")
    optional = Signature.parse("f(age: number?) -> domain: category")
    assert [row for _, row in rows_of(path, optional)] == [{}, {}]


@pytest.mark.parametrize(
    ("name", "content", "id_", "where"),
    [
        ("q.txt", b"x", "predict.file-form", None),
        ("q.parquet", b"PAR1", "predict.file-form", None),
        ("none.csv", None, "predict.no-file", None),
        ("q.csv", b"", "data.empty-file", "q.csv"),
        ("q.csv", b"question,age\n\n", "predict.no-rows", "q.csv"),
        ("q.jsonl", b"\n", "predict.no-rows", "q.jsonl"),
        ("q.csv", b"a,b\n1,2,3\n", "data.row-width", "q.csv"),
        ("q.csv", b'a\n"x\n', "data.quoting", "q.csv, row 1 (line 2)"),
        ("q.jsonl", b"[1]\n", "data.json-shape", "q.jsonl, row 1 (line 1)"),
        ("q.jsonl", b'{"a": 1}\n{"a": \n', "data.json", "q.jsonl, row 2 (line 2)"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path, name, content, id_, where):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    problem = only_problem(read, path, DataConfig())
    assert problem.id == id_
    assert where is None or problem.where == where


def test_reading_needs_nothing_that_only_learning_has(tmp_path):
    """The extra `serve` has none of these libraries."""
    (tmp_path / "q.csv").write_text("question\nhello\n")
    code = """
import sys
sys.modules.update(dict.fromkeys(("polars", "charset_normalizer", "torch", "sklearn")))
from pathlib import Path
from modelwright.project.input_file import read
from modelwright.stages.data.config import DataConfig
print(read(Path(sys.argv[1]), DataConfig()).rows)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "q.csv")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


# -- names ---------------------------------------------------------------------------------------------------


def test_columns_have_the_names_of_the_data_or_of_the_signature():
    project = opened(columns={"question": "en", "domain": "label"})
    assert columns_of(["label", "en", "age"], project=project) == {"question": "en", "age": "age"}
    assert columns_of(["question", "age"], project=project) == {"question": "question", "age": "age"}
    both = columns_of(["question", "en", "age"], project=project)
    assert both["question"] == "en", "the data's name goes before"


def test_a_column_that_holds_something_else_in_the_data_is_not_taken():
    swapped = opened(columns={"question": "age", "age": "question"})
    assert columns_of(["age", "question"], project=swapped) == {"question": "age", "age": "question"}
    for other in ({"columns": {"question": "en", "domain": "question"}}, {"keep": ["question"]}):
        project = opened(**{"columns": {"question": "en"}, **other})
        problem = only_problem(columns_of, ["question", "age"], ASKED, project)
        assert problem.id == "predict.missing-column"
    shared = opened(columns={"question": "age"})
    assert columns_of(["age"], project=shared) == {"question": "age", "age": "age"}


def test_names_that_the_wildcard_made():
    made = Signature.parse("f(emp_var_rate: number, x1st: text, mine: text) -> domain: category")
    project = opened("*", columns={"mine": "theirs", "domain": "x 1"}, keep={"kept": "emp-var-rate"})
    header = ["domain", "emp-var-rate", "emp.var.rate", "1st", "theirs", "x 1"]
    assert columns_of(header, made, project) == {
        "emp_var_rate": "emp.var.rate",
        "x1st": "1st",
        "mine": "theirs",
    }
    own = [field.name for field in made.inputs]
    assert columns_of(own, made, project) == {name: name for name in own}
    clash = only_problem(columns_of, ["emp.var.rate", "emp var rate", "1st", "theirs"], made, project)
    assert (clash.id, clash.found) == (
        "predict.column-clash",
        "the columns `emp.var.rate`, `emp var rate` could all be the input `emp_var_rate`",
    )


def test_one_message_names_every_input_that_has_no_column():
    project = opened(columns={"question": "en"})
    problem = only_problem(columns_of, ["text", "years"], ASKED, project)
    assert problem.id == "predict.missing-column"
    assert problem.found == "there is no column for `en`, `age`; there are `text`, `years`"
    assert problem.next_step == "add `en`, `age` to the file"
    near = only_problem(columns_of, ["qestion", "age"])
    assert near.next_step == "did you mean `qestion`? Rename it in the file"


def test_a_header_names_what_may_be_missing_too():
    """A column whose name is mistyped would else be left out, and answered as if its cells were missing."""
    assert only_problem(columns_of, ["question", "aeg"]).found.startswith("there is no column for `age`")
    assert columns_of(["question"], separator=None) == {"question": "question"}, "an object may lack it"
