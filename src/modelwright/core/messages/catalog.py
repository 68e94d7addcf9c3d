"""The catalogue: the texts of every message by id, one TOML file a language.

    ["data.missing-column"]
    found = "no column `{column}`; there are {columns:code}"      what was found, always there
    rule = "the data needs a column for `{name}`"                 where it helps
    next = [                                                      the next step; also of `found` and `rule`:
        "did you mean `{near}`?",                                 alternatives, of which the first holds that
        {when = "own", text = "name a column of `{table}`"},      has all its values (None is none), and whose
        {when = "count=1", text = "name it"},                     `when` names a value that is true, or equal
        "name the one that holds it",
    ]

A placeholder is `{name}`, `{name:FORMAT}` with Python's format specifications (`{count:,}`), `{name:code}` (in
backticks), `{name:yaml}` in a line of the project file that is proposed (quoted where YAML needs it; `{name:quoted}`
always), or `{name.part}` for a part of a message that is a value. A list is shown with commas. A brace is
doubled. Behind a 1 the words of `list.of-one` change: `{count:,} rows are` is said of one as `1 row is`. Values
are numbers, texts and names, the same in every language; a text that must be translated too is a message itself
(`Phrase`). Other distributions bring a catalogue of their own with `add`.

A catalogue is read when the first message is worded, and no earlier: a run with nothing to say costs nothing.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from modelwright.core.messages.visible import visible

DEFAULT = "en"
VARIABLES = ("MODELWRIGHT_LANG", "LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set decides
PARTS = ("found", "rule", "next")
COMMA = "list.comma"  # what stands between the items of a list
# The words that change behind a 1 (`rows/row`), those that may stand between (`test`), and those before a number
# that is a name (`version`).
OF_ONE = "list.of-one"
_FOLDER = Path(__file__).parent
_current = DEFAULT
_within: ContextVar[str | None] = ContextVar("language", default=None)  # a block that words things otherwise
_added: list[Path] = []
_NO_LETTER = re.compile(r"[^a-z]")
_SECTION = re.compile(r'(?m)^(?=\["[^"\n]+"\]\s*$)')  # where an entry begins; before the first stand comments


@dataclass(frozen=True)
class Alternative:
    """One wording of a part: `when` names a value that must be true, or `name=text` one that must be equal."""

    text: str
    when: str | None = None

    def holds(self, values: Mapping[str, object]) -> bool:
        """Return whether the values choose this wording and fill it."""
        if self.when is not None:
            name, equals, wanted = self.when.partition("=")
            value = values.get(name)
            if (str(value) != wanted) if equals else not value:
                return False
        return all(values.get(name) is not None for name in placeholders(self.text))


Entry = Mapping[str, tuple[Alternative, ...]]  # part (`found`, `rule`, `next`) → its wordings


def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def language() -> str:
    """Return the language in which messages are shown."""
    return _within.get() or _current


def use(name: str) -> None:
    """Show messages in this language from now on; one that has no catalogue is English."""
    global _current  # noqa: PLW0603 - one process speaks one language, chosen by its `main`
    _current = name if name == DEFAULT or name in languages() else DEFAULT


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Word messages in this language within the block: what is sealed has the same bits whoever ran it."""
    token = _within.set(name)
    try:
        yield
    finally:
        _within.reset(token)


def preferred(environment: Mapping[str, str]) -> str:
    """Return the language that the environment names: `zh` for `LANG=zh_CN.UTF-8`, if there is such a catalogue."""
    for variable in VARIABLES:
        if name := environment.get(variable):
            word = name.replace("-", "_").partition(".")[0].partition("_")[0].lower()
            return word if word != DEFAULT and word in languages() else DEFAULT
    return DEFAULT


def add(folder: Path) -> None:
    """Take the messages of another distribution in: `en.toml`, and whatever languages lie beside it."""
    if folder not in _added:
        _added.append(folder)
        entries.cache_clear()


@cache
def entries(name: str) -> Mapping[str, Entry]:
    """Return every message of a language by id."""
    paths = [folder / f"{name}.toml" for folder in (_FOLDER, *_added)]
    return _Entries([path.read_text("utf-8") for path in paths if path.is_file()])


class _Entries(Mapping[str, Entry]):
    """The messages of a catalogue, each parsed when it is first worded: all take 0.1 s, and a screen says ten."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._sections = {
            section.partition('"]')[0].removeprefix('["'): section
            for text_ in texts
            for section in _SECTION.split(text_)[1:]
        }
        self._parsed: dict[str, Entry] = {}

    def __getitem__(self, id_: str) -> Entry:
        if id_ not in self._parsed:
            import tomllib  # only where a text is needed

            self._parsed[id_] = _entry(tomllib.loads(self._sections[id_])[id_])
        return self._parsed[id_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)


def _entry(given: Mapping[str, str | list[str | Mapping[str, str]]]) -> Entry:
    return {
        part: tuple(
            Alternative(one) if isinstance(one, str) else Alternative(one["text"], one.get("when"))
            for one in ([wordings] if isinstance(wordings, str) else wordings)
        )
        for part, wordings in given.items()
    }


def text(message: str, part: str, values: Mapping[str, object]) -> str:
    """Return one part of a message (`found`, `rule`, `next`) in the current language; empty where it has none.

    A message that the language lacks is shown in English. That every id is known and every placeholder has a
    value is our own business, hence asserted; a test compares the calls with the catalogue.
    """
    entry = entries(language()).get(message) or entries(DEFAULT).get(message)
    assert entry is not None, f"no message {message!r} in the catalogue"
    if part not in entry:
        return ""
    for alternative in entry[part]:
        if alternative.holds(values):
            return _worded(alternative.text, values)
    raise AssertionError(f"no alternative of {message}.{part} fits the values {sorted(values)}")


_YAML = ("yaml", "quoted")
_Conversion = Literal["r", "s", "a"] | None


def _worded(pattern: str, values: Mapping[str, object]) -> str:
    """Return a text with its values in their places."""
    shown, is_one = [], False
    for literal, name, form, conversion in _pieces(pattern):
        shown.append(_of_one(literal) if is_one else literal)
        if name is not None:
            value = values[name] if name in values else _READER.get_field(name, (), values)[0]
            shown.append(_shown(_READER.convert_field(value, conversion), form))
            is_one = form in ("", ",") and type(value) is int and value == 1 and not _names(literal)
    return "".join(shown)


def _names(before: str) -> bool:
    """Tell whether a number behind this text is a name, and counts nothing: `version 1 answers`, `trial 1 steps`."""
    word = before.rstrip(" ").rpartition(" ")[2]
    return before.endswith(" ") and word in _words_of_one(language()).named


def _of_one(behind: str) -> str:
    """Return what stands behind a 1 as it is said of one: ` rows are equal` as ` row is equal`."""
    known, words = _words_of_one(language()), behind.split(" ")
    place = 1
    while place < len(words) and words[place] in known.between:
        place += 1
    for at in (place, place + 1):  # the noun, and its verb
        word = _NO_LETTER.split(words[at], 1)[0] if words[0] == "" and at < len(words) else ""
        if word not in known.changing:
            break
        words[at] = known.changing[word] + words[at][len(word) :]
    return " ".join(words)


@dataclass(frozen=True)
class _WordsOfOne:
    """The words of a language that change behind a 1, those that may stand between, those whose number is a name."""

    changing: Mapping[str, str]
    between: frozenset[str]
    named: frozenset[str]


@cache
def _words_of_one(name: str) -> _WordsOfOne:
    entry = entries(name).get(OF_ONE, {})
    found, rule, following = ("".join(one.text for one in entry.get(part, ())).split() for part in PARTS)
    pairs = (one.partition("/") for one in found)
    return _WordsOfOne({many: one for many, _, one in pairs}, frozenset(rule), frozenset(following))


def _shown(value: object, form: str) -> str:
    """Return a value in its form: a list with commas, `code` in backticks, `yaml` and `quoted` as YAML."""
    if form in _YAML:
        from modelwright.core.messages import yaml_text  # only where a line is proposed

        write = yaml_text.scalar if form == "yaml" else yaml_text.quoted
        return ", ".join(map(write, value if isinstance(value, list | tuple) else (value,)))
    if isinstance(value, str):
        shown = visible(value if form == "code" else format(value, form))
    elif isinstance(value, Sequence):
        return text(COMMA, "found", {}).join(_shown(one, form) for one in value)
    else:
        shown = str(value) if form == "code" else format(value, form)
    return f"`{shown}`" if form == "code" else shown


_READER = string.Formatter()


@cache
def _pieces(pattern: str) -> tuple[tuple[str, str | None, str, _Conversion], ...]:
    """Return a text as pieces: what stands as it is; of the value that follows, its name, form and conversion."""
    found = []
    for literal, name, form, conversion in _READER.parse(pattern):
        assert "{" not in (form or ""), f"no form has a placeholder of its own in {pattern!r}"
        found.append((literal, name, form or "", cast("_Conversion", conversion)))
    return tuple(found)


@cache
def placeholders(pattern: str) -> tuple[str, ...]:
    """Return the names that a text stands on: `value` of `{value.found}`."""
    return tuple(
        name.partition(".")[0].partition("[")[0] for _, name, _, _ in _pieces(pattern) if name is not None
    )


def parameters(entry: Entry) -> frozenset[str]:
    """Return every name that an entry uses, in texts and as `when`."""
    names: set[str] = set()
    for alternative in (one for wordings in entry.values() for one in wordings):
        names.update(placeholders(alternative.text))
        if alternative.when is not None:
            names.add(alternative.when.partition("=")[0])
    return frozenset(names)
