"""Reads rows of a signature's inputs: the same check for a call, a request and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelwright import kinds
from modelwright.core.messages import Problem, RequestError, ValueProblem, did_you_mean
from modelwright.core.signature import Field, Signature

_SHOWN_CHARACTERS = 60


class RowReader:
    """Turns what a caller gives into canonical values, in the order of the signature's inputs."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._names = {field.name for field in signature.inputs}
        self._fields = [(field, kinds.value(field.kind)) for field in signature.inputs]

    def read(self, row: object, *, lenient: bool = False, where: str | None = None) -> tuple[Any, ...]:
        """Return the row's values (None: missing); raises RequestError with what is wrong.

        Strict takes JSON types only; lenient also reads text ("3", "yes") and takes blanks as missing.
        """
        if not isinstance(row, Mapping):
            raise RequestError(self._not_an_object(row, where))
        if row.keys() != self._names:
            self._require_names(row, where)
        values = []
        for field, kind in self._fields:
            try:
                value = kind.parse(row.get(field.name), lenient=lenient)
            except ValueProblem as problem:
                raise RequestError(_wrong_value(field, problem, where)) from None
            if value is None and not field.optional:
                raise RequestError(self._missing([field.name], where))
            values.append(value)
        return tuple(values)

    def columns(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
        """Return the columns, by input name, of rows that `read` returned."""
        return {field.name: [row[i] for row in rows] for i, field in enumerate(self.signature.inputs)}

    def _require_names(self, row: Mapping[Any, object], where: str | None) -> None:
        unknown = [name for name in row if name not in self._names]
        if unknown:
            near = did_you_mean(str(unknown[0])[:200], sorted(self._names))
            raise RequestError(
                Problem(
                    "request.unknown-input",
                    f"the inputs are those of the signature: {', '.join(map(str, self.signature.inputs))}",
                    ", ".join(f"`{_short(name)}`" for name in unknown[:3]),
                    f"did you mean `{near}`?" if near else "leave it out",
                    where,
                )
            )
        missing = [f.name for f in self.signature.inputs if not f.optional and f.name not in row]
        if missing:
            raise RequestError(self._missing(missing, where))

    def _missing(self, names: Sequence[str], where: str | None) -> Problem:
        given = ", ".join(f"`{name}`" for name in names)
        return Problem(
            "request.missing-input",
            "every input without a question mark in the signature is given",
            f"no {given}",
            f"add {given}; the signature is {self.signature}",
            where,
        )

    def _not_an_object(self, row: object, where: str | None) -> Problem:
        example = ", ".join(f'"{field.name}": …' for field in self.signature.inputs)
        return Problem(
            "request.not-an-object",
            "a row is an object with one value for each input",
            f"a {_JSON_NAMES.get(type(row), type(row).__name__)}",
            f"give {{{example}}}",
            where,
        )


_JSON_NAMES = {
    str: "text",
    int: "number",
    float: "number",
    bool: "truth value",
    type(None): "null",
    list: "list",
}


def _wrong_value(field: Field, problem: ValueProblem, where: str | None) -> Problem:
    rule, _, found = str(problem).partition("; found ")
    return Problem(
        "request.wrong-value",
        f"input `{field.name}` ({field.kind}): {rule}",
        found or "another value",
        f"give `{field.name}` as the signature says; /docs shows each input",
        where,
    )


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
