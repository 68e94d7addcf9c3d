"""The forms of rows that have a name, and by which columns each is recognised."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from itertools import product


class RowForm(StrEnum):
    """Names how rows of texts are written."""

    COLUMNS = "columns"
    ALPACA = "alpaca"
    SHAREGPT = "sharegpt"
    OPENAI = "openai"
    PREFERENCE = "preference"
    VERDICT = "verdict"
    COMPLETION = "completion"
    IOB = "iob"
    TEXT = "text"


MARKS = ("label", "kto_tag")  # whether the answer of a row was liked
# Form → alternatives, each the columns that must be there; an earlier form goes first.
_NEEDED: Mapping[RowForm, tuple[tuple[str, ...], ...]] = {
    RowForm.PREFERENCE: (("chosen", "rejected"), ("chosen_messages", "rejected_messages")),
    RowForm.VERDICT: tuple(
        (*given, mark)
        for mark in MARKS
        for given in (
            ("messages",),
            ("conversations",),
            ("instruction", "output"),
            *product(("prompt", "question"), ("completion", "answer", "response")),
        )
    ),
    RowForm.ALPACA: (("instruction", "output"), ("instruction", "response")),
    # before the next: beside messages, a column `conversation` says to which dialogue a row belongs
    RowForm.OPENAI: (("messages",),),
    RowForm.SHAREGPT: (("conversations",), ("conversation",)),
    RowForm.COMPLETION: tuple(product(("prompt", "question", "query"), ("completion", "response", "answer"))),
    RowForm.IOB: tuple(
        (tokens, tags) for tokens in ("tokens", "words") for tags in ("ner_tags", "tags", "labels", "ner")
    ),
    RowForm.TEXT: (("text",), ("content",)),
}
FORMS = tuple(_NEEDED)


def columns_of(form: RowForm, columns: Collection[str]) -> tuple[str, ...] | None:
    """Return which columns of a table make it one of a form, None where they are not there."""
    return next((one for one in _NEEDED[form] if set(one) <= set(columns)), None)


def examples_of(form: RowForm) -> list[str]:
    """Return what a table of a form has, for messages."""
    return [", ".join(one) for one in _NEEDED[form]]


def recognised(columns: Collection[str]) -> RowForm | None:
    """Return the form of a table by its columns."""
    return next((form for form in FORMS if columns_of(form, columns) is not None), None)
