"""The signature: a function's name, typed inputs and typed outputs."""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from modelwright.core.messages import Problem, ProjectError

RESERVED_FUNCTIONS = frozenset(
    {"v1", "v2", "metrics", "feedback", "admin", "docs", "healthz", "openapi"}
)  # paths of the gateway
RESERVED_FIELDS = frozenset(
    {"id"}
)  # names a row of the data, a request, and the answer that feedback is about
RESERVED_OUTPUTS = frozenset({"confidence", "version"})  # stand beside the outputs in an answer

_EXAMPLE = "route(question: text) -> domain: category"


@dataclass(frozen=True)
class Field:
    """One input or output: its name (a Unicode identifier, NFC), its kind, and whether it may be missing.

    A missing optional input is None; an optional output may abstain. range: the least and the largest value that
    an output can have, where that is declared.
    """

    name: str
    kind: str
    optional: bool = False
    range: tuple[float, float] | None = None

    def __str__(self) -> str:
        within = "" if self.range is None else f"[{'..'.join(map(_number, self.range))}]"
        return f"{self.name}: {self.kind}{within}{'?' if self.optional else ''}"


@dataclass(frozen=True)
class Signature:
    """`route(question: text) -> domain: category`.

    Without outputs, `read(question: text)`, it is that of an encoder: what learns it makes weights for other functions.
    """

    name: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]

    def __str__(self) -> str:
        inputs = ", ".join(map(str, self.inputs))
        outputs = ", ".join(map(str, self.outputs))
        return f"{self.name}({inputs}) -> {outputs}" if outputs else f"{self.name}({inputs})"

    @classmethod
    def parse(cls, text: str, *, encoder: bool = False) -> Self:
        """Read `name(input: kind, …) -> output: kind, …`; raises ProjectError with what is wrong where.

        `output: kind[0..500]` declares the range of an output. `(output: kind, …)` may stand in parentheses, too.
        Columns in messages count from 1, in the NFC text. encoder: `name(input: kind, …)` is a signature, too.
        """
        text = unicodedata.normalize("NFC", text)
        bare = re.fullmatch(r"\s*(?P<name>[^():,]*?)\s*\((?P<inputs>[^()]*)\)\s*", text, re.S)
        if encoder and bare is not None:
            return cls._checked(
                _Word(bare["name"], bare.start("name")),
                list(_split(bare["inputs"], bare.start("inputs"))),
                None,
            )
        shape = re.fullmatch(
            r"\s*(?P<name>[^():,]*?)\s*\((?P<inputs>[^()]*)\)\s*->(?P<outputs>.*)", text, re.S
        )
        if shape is None:
            raise ProjectError(_shapeless(text))
        outputs, start = shape["outputs"], shape.start("outputs")
        inside = re.fullmatch(r"\s*\((?P<fields>[^()]*)\)\s*", outputs)
        if inside:
            outputs, start = inside["fields"], start + inside.start("fields")
        return cls._checked(
            _Word(shape["name"], shape.start("name")),
            list(_split(shape["inputs"], shape.start("inputs"))),
            list(_split(outputs, start)),
        )

    @classmethod
    def build(cls, name: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> Self:
        """Make a signature from name → kind (`number?`: optional); raises ProjectError as `parse` does."""
        return cls._checked(
            _Word(_nfc(name)),
            [(_Word(_nfc(field)), _Word(_nfc(kind))) for field, kind in inputs.items()],
            [(_Word(_nfc(field)), _Word(_nfc(kind))) for field, kind in outputs.items()],
        )

    @classmethod
    def _checked(cls, name: _Word, inputs: list[_Pair], outputs: list[_Pair] | None) -> Self:
        problems = [*_function_problems(name), *_side_problems("input", inputs)]
        problems += _side_problems("output", outputs) if outputs is not None else ()
        outputs = outputs or []
        seen: set[str] = set()
        for word, _ in (*inputs, *outputs):
            if word.text and word.text in seen:
                problems.append(Problem("signature.duplicate-field", name=word.text, column=word.column))
            seen.add(word.text)
        if problems:
            raise ProjectError(problems)
        return cls(name.text, tuple(map(_field, inputs)), tuple(map(_field, outputs)))


@dataclass(frozen=True)
class _Word:
    """A piece of a signature and where it begins (from 0), where that is known."""

    text: str
    at: int | None = None

    @property
    def column(self) -> int | None:
        """Return the column where it begins (from 1), where that is known."""
        return None if self.at is None else self.at + 1


_Pair = tuple[_Word, _Word | None]  # a field's name and its kind (with `?`), None where no colon stands


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _trimmed(text: str, start: int) -> _Word:
    return _Word(text.strip(), start + len(text) - len(text.lstrip()))


def _split(text: str, start: int) -> Iterator[_Pair]:
    """Yield the fields between commas; nothing for blank text."""
    if not text.strip():
        return
    for piece in text.split(","):
        name, colon, kind = piece.partition(":")
        yield _trimmed(name, start), _trimmed(kind, start + len(name) + 1) if colon else None
        start += len(piece) + 1


def _field(pair: _Pair) -> Field:
    name, kind = pair
    assert kind is not None, "a field without a kind is a problem found before"
    read = _KIND.fullmatch(kind.text)
    assert read is not None, "what is no kind is a problem found before"
    within = None if read["low"] is None else (float(read["low"]), float(read["high"]))
    return Field(name.text, read["kind"], read["optional"] is not None, within)


_FLOAT = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_KIND = re.compile(
    rf"(?P<kind>[^\W\d]\w*)\s*(?:\[\s*(?P<low>{_FLOAT})\s*\.\.\s*(?P<high>{_FLOAT})\s*\]\s*)?(?P<optional>\?)?"
)


def _number(value: float) -> str:
    return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _shapeless(text: str) -> Problem:
    column = text.index("->") + 1 if "->" in text else None
    form = "empty" if not text.strip() else "fields"
    if text.strip() and column is None:
        form = "arrow"
    elif column is not None and "(" not in text.partition("->")[0]:
        form = "bracket"
    return Problem("signature.syntax", form=form, text=text.strip(), column=column, example=_EXAMPLE)


def _function_problems(name: _Word) -> Iterator[Problem]:
    yield from _name_problems("function", name)
    if name.text in RESERVED_FUNCTIONS or name.text == "openapi.json":
        reserved = sorted(RESERVED_FUNCTIONS)
        yield Problem("signature.reserved-function", name=name.text, column=name.column, reserved=reserved)


def _name_problems(what: str, name: _Word) -> Iterator[Problem]:
    if not name.text.isidentifier() or keyword.iskeyword(name.text) or name.text.startswith("_"):
        yield Problem("signature.name", what=what, name=name.text, column=name.column)


def _range_problems(side: str, name: _Word, read: re.Match[str]) -> Iterator[Problem]:
    if side == "input":
        yield Problem("signature.range", name=name.text, input=True, low=None, high=None)
    elif not -math.inf < float(read["low"]) < float(read["high"]) < math.inf:
        yield Problem("signature.range", name=name.text, input=False, low=read["low"], high=read["high"])


def _side_problems(side: str, fields: list[_Pair]) -> Iterator[Problem]:
    if not fields:
        yield Problem("signature.no-fields", side=side, example=_EXAMPLE)
    for name, kind in fields:
        yield from _name_problems(side, name)
        if name.text in RESERVED_FIELDS or (side == "output" and name.text in RESERVED_OUTPUTS):
            yield Problem("signature.reserved-field", side=side, name=name.text, column=name.column)
        read = None if kind is None else _KIND.fullmatch(kind.text)
        if read is not None and read["low"] is not None:
            yield from _range_problems(side, name, read)
        if read is None:
            yield Problem(
                "signature.kind",
                name=name.text,
                kind=kind.text if kind else None,
                column=(kind or name).column,
            )
