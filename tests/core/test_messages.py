"""Messages: how they are worded, how they cross a wire, and catalogues that are well formed in every language."""

import pickle
import string
import tomllib

import pytest

from modelwright.core.messages import DataError, Notice, Phrase, Problem, ValueProblem, catalog

BLANK_ENDS = {
    catalog.COMMA,
    "list.colon",
    "list.semicolon",
    "problem.next",
    "problem.rule",
    "problem.where",
}  # joined


@pytest.fixture
def catalogue(monkeypatch):
    """Stand a catalogue of the test's own in for a language: `catalogue(en={…}, zh={…})`."""

    def given(**texts):
        made = {
            name: {id_: catalog._entry(parts) for id_, parts in entries.items()}
            for name, entries in texts.items()
        }
        monkeypatch.setattr(catalog, "entries", lambda name: made.get(name, {}))

    yield given
    catalog.use("en")


@pytest.mark.parametrize("language", catalog.languages())
def test_a_catalogue_is_well_formed(language):
    ids = list(catalog.entries(language))
    assert ids == sorted(ids), "entries are sorted by id"
    for id_, entry in catalog.entries(language).items():
        assert "found" in entry, id_
        assert set(entry) <= set(catalog.PARTS), id_
        for part, wordings in entry.items():
            named = all("=" in (one.when or "") for one in wordings)
            assert wordings[-1].when is None or named, f"{id_}.{part}: no wording where none before holds"
        for wording in (one for wordings in entry.values() for one in wordings):
            assert wording.text == wording.text.strip() or id_ in BLANK_ENDS, f"{id_}: white space at an end"
            for _, name, spec, conversion in string.Formatter().parse(wording.text):
                assert name is None or name, f"{id_}: a placeholder without a name"
                assert conversion is None or conversion in "rs", id_
                assert spec is None or "{" not in spec, id_


@pytest.mark.parametrize("language", [name for name in catalog.languages() if name != "en"])
def test_another_language_has_the_same_entries_with_the_same_values(language):
    english, other = catalog.entries("en"), catalog.entries(language)
    assert sorted(english) == sorted(other)
    for id_, entry in english.items():
        assert set(entry) == set(other[id_]), id_
        extra = catalog.parameters(other[id_]) - catalog.parameters(entry)
        assert not extra, f"{id_}: {sorted(extra)} is no value of it"


@pytest.mark.parametrize(
    ("pattern", "one", "two"),
    [
        ("{n:,} rows", "1 row", "2 rows"),
        ("{n} test rows are equal: of {n} classes", "1 test row is equal: of 1 class", None),
        ("{n:,} steps, {n} ids", "1 step, 1 id", "2 steps, 2 ids"),
        ("{n} more such lines have", "1 more such line has", "2 more such lines have"),
        ("step {n} of rows", "step 1 of rows", "step 2 of rows"),
        ("{n}rows {n}", "1rows 1", "2rows 2"),
        ("{n:.1f} rows", "1.0 rows", "2.0 rows"),
    ],
)
def test_of_one_a_message_speaks_as_of_one(pattern, one, two):
    assert catalog._worded(pattern, {"n": 1}) == one
    assert two is None or catalog._worded(pattern, {"n": 2}) == two
    for name in ("version", "trial", "step", "line"):  # a number that is a name counts nothing
        assert catalog._worded(name + " {n} answers", {"n": 1}) == f"{name} 1 answers"
    with catalog.speaking("zh"):
        assert catalog._worded(pattern, {"n": 1}).replace("1.0", "1") == pattern.format(n=1).replace(
            "1.0", "1"
        )


def test_the_first_wording_that_holds_is_taken(catalogue):
    catalogue(
        en={
            "a.b": {
                "found": [
                    "did you mean {near}?",
                    {"when": "own", "text": "your own"},
                    {"when": "count=1", "text": "one"},
                    "{count:,} of them",
                ]
            }
        }
    )
    assert Phrase("a.b", near="x", count=1).found == "did you mean x?"
    assert Phrase("a.b", near=None, own=True, count=1).found == "your own"
    assert Phrase("a.b", near=None, own=False, count=1).found == "one"
    assert Phrase("a.b", near=None, count=1234).found == "1,234 of them"
    with pytest.raises(AssertionError, match=r"a\.b"):
        _ = Phrase("a.b", count=None).found


def test_a_list_a_name_and_a_part_are_formatted(catalogue):
    catalogue(
        en={
            "list.comma": {"found": ", "},
            "v": {"found": "'abc'", "rule": "must be a number"},
            "p": {"found": "{value.found}: {value.rule}; there are {names:code}, {name:code} ({{}})"},
        }
    )
    value = ValueProblem("v").message
    said = Problem("p", value=value, names=["a", "b"], name="c").found
    assert said == "'abc': must be a number; there are `a`, `b`, `c` ({})"


def test_a_language_that_lacks_a_message_shows_it_in_english(catalogue):
    catalogue(en={"a": {"found": "one"}, "b": {"found": "two"}}, zh={"a": {"found": "一"}})
    catalog._current = "zh"
    assert (Phrase("a").found, Phrase("b").found) == ("一", "two")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "de_DE", "MODELWRIGHT_LANG": "zh"}, "zh"),
        ({"MODELWRIGHT_LANG": "zh-Hans"}, "zh"),
        ({"MODELWRIGHT_LANG": "", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"MODELWRIGHT_LANG": "xx"}, "en"),
    ],
)
def test_the_environment_names_the_language(environment, name, monkeypatch):
    monkeypatch.setattr(catalog, "languages", lambda: ("en", "zh"))
    assert catalog.preferred(environment) == name


def test_a_message_crosses_a_wire_and_is_worded_there(catalogue):
    catalogue(
        en={"list.comma": {"found": ", "}, "p": {"found": "{inner}, {n}, {names}"}, "q": {"found": "in {a}"}}
    )
    sent = Problem("p", where="a.csv", inner=Phrase("q", a=1), n=2.5, names=("x", "y"))
    read = Problem.from_wire(sent.to_wire())
    assert str(read) == str(sent) == "a.csv: in 1, 2.5, x, y"
    assert read.at("b.csv").where == "b.csv"


def test_a_message_reads_place_finding_rule_next_step(catalogue):
    catalogue(en={"p": {"found": "f {x}", "rule": "r", "next": "n"}, "q": {"found": "f"}})
    assert str(Problem("p", where="w", x=1)) == "w: f 1 (r): n"
    assert str(ValueProblem("q")) == "f"
    assert Problem("p", where="w", x=1).as_json() == {
        "id": "p", "rule": "r", "found": "f 1", "next": "n", "where": "w",
    }  # fmt: skip


def test_a_notice_is_read_by_programs(catalogue):
    catalogue(en={"n": {"found": "{count} in {column}", "next": "look"}, "m": {"found": "so"}})
    assert Notice("n", column="age", count=3).as_json() == {
        "id": "n", "column": "age", "count": 3, "text": "3 in age", "fix": "look",
    }  # fmt: skip
    assert Notice("m").as_json() == {"id": "m", "column": None, "count": None, "text": "so", "fix": None}


def test_an_error_is_worded_when_it_is_read_and_crosses_processes(catalogue):
    error = DataError([Problem("late", x=1), Problem("late", x=2)])
    catalogue(en={"late": {"found": "found {x}"}})
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "found 1\nfound 2"


def test_nothing_is_read_before_something_is_said():
    import subprocess
    import sys

    code = (
        "import modelwright.core.messages as m; from modelwright.core.messages import catalog;"
        "e = m.DataError(m.Problem('list.comma')); print(catalog.entries.cache_info().currsize); str(e);"
        "print(catalog.entries.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]


@pytest.mark.parametrize("language", catalog.languages())
def test_entries_that_are_parsed_one_by_one_are_those_of_the_whole_file(language):
    whole = tomllib.loads((catalog._FOLDER / f"{language}.toml").read_text("utf-8"))
    found = catalog.entries(language)
    assert list(found) == list(whole)
    assert dict(found) == {id_: catalog._entry(given) for id_, given in whole.items()}
