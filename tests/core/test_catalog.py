"""The catalogue: which language speaks, how entries are found and joined by those of other distributions."""

from __future__ import annotations

import pytest

from modelwright.core.messages import catalog
from modelwright.core.messages.catalog import Alternative

EXAMPLE = """# a comment before the first entry
["one.plain"]
found = "it is \\"so\\"]"

["one.rich"]
found = ["near {near}", {when = "count=1", text = "one"}, {when = "own", text = "own {table.name}"}, "else {rest[0]}"]
next = "do it"
"""


@pytest.fixture(autouse=True)
def english():
    yield
    catalog.use("en")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the catalogue of another distribution, forgotten again afterwards."""
    monkeypatch.setattr(catalog, "_added", [])
    (tmp_path / "en.toml").write_text(EXAMPLE, "utf-8")
    (tmp_path / "zh.toml").write_text('["one.plain"]\nfound = "就是这样"\n', "utf-8")
    catalog.entries.cache_clear()
    yield tmp_path
    catalog.entries.cache_clear()


def test_languages_are_those_of_the_files():
    assert catalog.languages() == ("en", "zh")


@pytest.mark.parametrize(("name", "spoken"), [("zh", "zh"), ("en", "en"), ("xx", "en"), ("", "en")])
def test_a_language_is_spoken_from_now_on(name, spoken):
    catalog.use("zh")
    catalog.use(name)
    assert catalog.language() == spoken


def test_a_block_speaks_another_language_and_only_the_block():
    catalog.use("zh")
    with catalog.speaking("en"):
        assert catalog.language() == "en"
        with pytest.raises(ZeroDivisionError), catalog.speaking("zh"):
            assert catalog.language() == "zh"
            raise ZeroDivisionError
        assert catalog.language() == "en"
    assert catalog.language() == "zh"


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh.UTF-8"}, "zh"),
        ({"LANG": "zh-Hans-CN"}, "zh"),
        ({"LANG": "ZH_cn"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"MODELWRIGHT_LANG": "en", "LC_ALL": "zh_CN"}, "en"),
        ({"MODELWRIGHT_LANG": "", "LC_ALL": "zh_CN", "LANG": "en_US"}, "zh"),
        ({"LC_MESSAGES": "zh_CN", "LANG": "en_US"}, "zh"),
        ({"LC_ALL": "fr_FR", "LANG": "zh_CN"}, "en"),
    ],
)
def test_the_first_variable_that_is_set_names_the_language(environment, name):
    assert catalog.preferred(environment) == name


def test_another_distribution_adds_its_entries(folder):
    ours = len(catalog.entries("en"))
    assert "one.plain" not in catalog.entries("en")
    catalog.add(folder)
    catalog.add(folder)  # once
    both = catalog.entries("en")
    assert len(both) == ours + 2
    assert list(both)[-2:] == ["one.plain", "one.rich"]
    assert catalog.text("one.plain", "found", {}) == 'it is "so"]'
    assert catalog.text("verdict.on-the-bar", "found", {}) == "the value lies on the bar"
    catalog.use("zh")
    assert catalog.text("one.plain", "found", {}) == "就是这样"
    assert catalog.text("one.rich", "next", {}) == "do it"  # what a language lacks is English
    catalog.use("xx")


def test_an_entry_is_parsed_once(folder):
    catalog.add(folder)
    assert catalog.entries("en")["one.rich"] is catalog.entries("en")["one.rich"]
    assert catalog.entries("en") is catalog.entries("en")
    with pytest.raises(KeyError):
        catalog.entries("en")["no.such"]


def test_an_entry_names_all_that_it_stands_on(folder):
    catalog.add(folder)
    entry = catalog.entries("en")["one.rich"]
    assert catalog.parameters(entry) == {"near", "count", "own", "table", "rest"}
    assert entry["next"] == (Alternative("do it"),)
    assert entry["found"][1] == Alternative("one", "count=1")
    assert list(catalog.placeholders("{a} {{b}} {c.d} {e[0]} {f:,}")) == ["a", "c", "e", "f"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"near": "x", "count": 1}, "near x"),
        ({"near": None, "count": 1}, "one"),
        ({"near": None, "count": "1"}, "one"),
        ({"near": "", "count": 1}, "near "),  # an empty text is a text
        ({"count": 2, "own": True, "table": range, "rest": ["r"]}, "else r"),
        ({"own": True, "table": type}, "own type"),
        ({"own": 0, "table": type, "rest": ["r"]}, "else r"),
    ],
)
def test_the_first_wording_that_holds(folder, values, text):
    catalog.add(folder)
    if "table" in values and values["table"] is type:
        values = {**values, "table": type("type", (), {"name": "type"})}
    elif "table" in values:
        values = {**values, "table": None}
    assert catalog.text("one.rich", "found", values) == text


def test_what_no_catalogue_says_is_our_own_fault(folder):
    catalog.add(folder)
    with pytest.raises(AssertionError, match=r"no message 'no\.such' in the catalogue"):
        catalog.text("no.such", "found", {})
    with pytest.raises(
        AssertionError, match=r"no alternative of one.rich.found fits the values \['b', 'own'\]"
    ):
        catalog.text("one.rich", "found", {"own": False, "b": 1})
    assert catalog.text("one.plain", "rule", {}) == ""


@pytest.mark.parametrize(
    ("pattern", "value", "text"),
    [
        ("{v}", ["a", 1, None], "a, 1, None"),
        ("{v}", ("a",), "a"),
        ("{v}", "a\u202eb", "a\\u202eb"),
        ("{v:code}", "a b", "`a b`"),
        ("{v:code}", ["a", 2], "`a`, `2`"),
        ("{v:code}", "a\x1b", "`a\\x1b`"),
        ("{v:,}", 12345, "12,345"),
        ("{v:.1f}", [1.25, 2.0], "1.2, 2.0"),
        ("{v:yaml}", "a: b", '"a: b"'),
        ("{v:yaml}", ["a", "b: c", 3, True], 'a, "b: c", 3, true'),
        ("{v:yaml}", 2.5, "2.5"),
        ("{v:quoted}", "a", '"a"'),
        ("{v:quoted}", ("a", "b"), '"a", "b"'),
    ],
)
def test_how_values_are_written(pattern, value, text):
    assert catalog._worded(pattern, {"v": value}) == text
