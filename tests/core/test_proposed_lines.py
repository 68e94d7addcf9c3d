"""A line of the project file that a message proposes is YAML, whatever the names in it hold, and reads back as them."""

import re
import string

import pytest
import yaml

from modelwright.core.messages import Problem, catalog, yaml_text

NAMES = [
    "plain", "two words", "a: b", "a, b", "x#y", " #c", "{a}", "[a]", "a]", "it's", 'say "hi"', "back\\slash",
    "new\nline", "tab\t", "-dash", "- item", "? q", "*", "&a", "!t", "%d", "@x", "`c`", "|", ">", "yes", "no", "On",
    "true", "null", "~", "", " ", " lead", "trail ", "1", "1.0", "1e5", "0x1F", "0o7", ".inf", ".NaN", "1_000",
    "12:30", "2024-01-01", "=", "<<", "日本", "é", "\u200b", "\u2028", "\x1b[31m", "a" * 300, "key:", ":v", "a:b",
]  # fmt: skip
NUMBERS = re.compile(r",?(\.\d+)?[dgf%]|,|\.\d+g")
OURS = {"section", "kind", "by", "learner", "budget", "objective"}  # words of our own


@pytest.mark.parametrize("name", NAMES)
def test_a_name_reads_back(name):
    for line in (
        f"data.columns: {{{yaml_text.scalar(name)}: {yaml_text.scalar(name)}}}",
        f"data: {{drop: [{yaml_text.scalar(name)}, {yaml_text.quoted(name)}]}}",
        f"{yaml_text.scalar(name)}: {yaml_text.scalar(name)}",
    ):
        assert "\n" not in line
        read = yaml.safe_load(line)
        inner = (
            read.get("data.columns", read) if "data" not in read or name == "data" else read["data"]["drop"]
        )
        assert inner in ({name: name}, [name, name])


def test_a_name_reads_back_by_the_reader_of_the_project_file():
    from modelwright.project.declaration.yaml_lines import read_document

    for name in NAMES:
        line = f"data: {{drop: [{yaml_text.scalar(name)}, {yaml_text.quoted(name)}]}}"
        assert read_document(line, "modelwright.yaml").value == {"data": {"drop": [name, name]}}


def proposals():
    """Yield every text in backticks that is a line of YAML with names in it: id, language, the line."""
    for language in catalog.languages():
        for id_, entry in catalog.entries(language).items():
            for wording in (one for wordings in entry.values() for one in wordings):
                for line in re.findall(r"`([^`]*)`", wording.text):
                    names = [name for _, name, _, _ in string.Formatter().parse(line) if name]
                    if names and re.search(r"[\w\"'}\])]: ", line) and not line.startswith("modelwright "):
                        yield pytest.param(line, id=f"{language} {id_}")


@pytest.mark.parametrize("line", list(proposals()))
def test_a_proposed_line_is_yaml_whatever_the_names_hold(line):
    parts = list(string.Formatter().parse(line))
    fields = {name.split(".")[0]: spec for _, name, spec, _ in parts if name}
    bare = [name for name, spec in fields.items() if not spec and name not in OURS | {"test"}]
    assert not [name for name in bare if not re.search(rf"other_\{{{name}\}}|\[\{{{name}\}}\]", line)], (
        "write `{name:yaml}` in a line of YAML"
    )
    for hostile in NAMES:
        values = {
            name: hostile if spec in {"yaml", "quoted"} else 7 if NUMBERS.fullmatch(spec) else "word"
            for name, spec in fields.items()
        }
        text = catalog._worded(line, values)
        read = yaml.safe_load(text)
        assert isinstance(read, dict)
        if any(spec in {"yaml", "quoted"} for spec in fields.values()):
            assert hostile in list(scalars(read)), text


def scalars(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner)
    else:
        yield value


@pytest.mark.parametrize("hint", ["quotes", "colon"])
def test_what_is_put_in_quotes_reads_back(hint):
    rest = 'say "hi": \\ there'
    problem = Problem("project.yaml-syntax", problem="", line="", hint=hint, key="purpose", rest=rest)
    assert yaml.safe_load(problem.next_step[problem.next_step.index("purpose") :]) == {"purpose": rest}
