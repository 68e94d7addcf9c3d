"""The facet `value`: what a value of a kind is, and how it is read and written. Light: no tables, no arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, cast

from modelwright.core.digests import of_bytes
from modelwright.core.json_types import Json, JsonLike, JsonObject
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.shared.dates import DateCells
from modelwright.kinds.shared.numbers import NumberCells

V = TypeVar("V")  # the type of a canonical value
Comparable = str | float | bool | frozenset[str]
EQUALITY = frozenset({"==", "!=", "in"})  # what a slice may ask of a value
ORDER = frozenset({"<", "<=", ">", ">="})
MEMBERS = frozenset({"has"})


class Value(ABC, Generic[V]):
    """What a value is in Python (a canonical value; None: missing) and in JSON. Stateless.

    kind = kinds.value("number")
    kind.parse("3", lenient=True)        # 3.0
    kind.to_json(3.0)                    # 3.0
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one line for the reference page
    roles: ClassVar[frozenset[Role]]
    family: ClassVar[str | None] = None  # of its outcomes, for a kind that can be an output
    fixed_labels: ClassVar[tuple[str, ...]] = ()  # what `labels` can give, where the data has no say in it
    positive: ClassVar[str | None] = None  # of these, the one that a metric without a label means
    takes_costs: ClassVar[bool] = (
        False  # as an output, its errors may have costs (`Arrays.priced`, `by_costs`)
    )
    closed: ClassVar[bool] = (
        False  # training shows the set of its values; any other is unseen (`Arrays.unseen`)
    )
    spanned: ClassVar[bool] = False  # training shows how far its values go; one far outside is unseen, too
    synonyms: ClassVar[
        tuple[str, ...]
    ] = ()  # other words for it (`integer`), so that a message can name this one
    ranged: ClassVar[bool] = False  # a signature may declare the range of an output of the kind
    operators: ClassVar[frozenset[str]] = EQUALITY | ORDER  # what a slice may ask of its values
    in_text: ClassVar[bool] = (
        False  # a value is a place in a text input, whose characters are therefore kept as they are
    )
    steps_of: ClassVar[str | None] = None  # a value is a window over a column of this kind, one cell a step

    empty_cell: ClassVar[str | None] = (
        None  # how a cell says "there is nothing", where a blank says "it is not known" (`[]`)
    )
    unanswered: ClassVar[bool] = False  # a row of an optional output may have no value: nothing answers it
    takes_words: ClassVar[bool] = (
        False  # `NA`, `-` and the like are no values of the kind, so they are missing
    )
    holds_files: ClassVar[bool] = (
        False  # a cell of text is the path of a file; the kind sees the bytes of the file alone
    )

    @property
    def can_be_unseen(self) -> bool:
        """Tell whether training says which values of an input it never showed (`Arrays.unseen`)."""
        return self.closed or self.spanned

    @abstractmethod
    def schema(self) -> JsonObject:
        """Return the JSON Schema of one value as it stands in an answer."""

    def given_schema(self) -> JsonObject:
        """Return the JSON Schema of one value as it may stand in a request; mostly that of an answer."""
        return self.schema()

    @abstractmethod
    def parse(self, raw: object, *, lenient: bool = False) -> V | None:
        """Return the canonical value of `raw`, or None when it is missing; raises ValueProblem.

        Strict (a request): JSON types only, so that the text "3" is no number. Lenient (a table cell, a
        command line): text is read as the kind reads it ("3", "1e3", "yes"). A blank text is missing in both,
        where the kind takes texts at all.
        """

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> V | None:
        """Return the canonical value of one cell of a table (None: missing); raises ValueProblem.

        As `parse(cell, lenient=True)`, but that blanks, NaN and the words that stand for nothing are missing.
        """
        if options.is_missing(cell, words=self.takes_words):
            return None
        return self.parse(cell, lenient=True)

    def read_json(self, raw: object, options: CellOptions = DEFAULT_OPTIONS) -> V | None:
        """Return the canonical value of what a request gives (None: missing); raises ValueProblem.

        As `parse(raw)`, but that NaN, and numbers and words that stand for nothing in the column, are missing: a word
        is where a blank is one, for a kind that takes no texts refuses both.
        """
        if isinstance(raw, str):
            if raw.strip() and options.is_word(raw, words=self.takes_words) and self.takes_text:
                return None
        elif options.is_missing(raw, words=False):
            return None
        return self.parse(raw)

    @cached_property
    def takes_text(self) -> bool:
        """Tell whether a text may stand in a request for a value of the kind."""
        types = self.given_schema().get("type")
        return "string" in types if isinstance(types, list) else types == "string"

    def number_cells(self, cells: Iterable[object], options: CellOptions) -> NumberCells | None:
        """Return how the cells of a column read as numbers; None of a kind that holds none."""
        return None

    def date_cells(self, cells: Iterable[object], options: CellOptions) -> DateCells | None:
        """Return how the cells of a column read as dates that are no ISO 8601; None of a kind that holds none."""
        return None

    def to_json(self, value: V) -> Json:
        """Return a canonical value as JSON; `parse` of it, strict, gives the value back."""
        return cast("Json", value)

    def to_wire(self, value: V) -> JsonLike | bytes:
        """Return a canonical value as it crosses to another process: JSON, or bytes for what is large."""
        return self.to_json(value)

    def from_wire(self, wire: object) -> V | None:
        """Return the canonical value of what `to_wire` gave."""
        return self.parse(wire)

    @property
    def crosses_as_it_is(self) -> bool:
        """Tell whether a canonical value is JSON itself, so that nothing need be converted."""
        return type(self).to_json is Value.to_json and type(self).to_wire is Value.to_wire

    def to_record(self, value: V) -> JsonLike:
        """Return what the record of traffic keeps of a value: its JSON; of bytes their digest and size."""
        wire = self.to_wire(value)
        if isinstance(wire, bytes):
            return {"sha256": of_bytes(wire), "bytes": len(wire)}
        return self.to_json(value)

    def size(self, value: V) -> int:
        """Return what a value costs beside its row: characters, pixels; 0 where all values cost the same.

        Rows of like size share a batch, and a limit on requests adds sizes up.
        """
        return 0

    def labels(self, value: V) -> tuple[str, ...]:
        """Return the classes that a truth stands for; rows are counted by them. None of a kind without."""
        return ()

    @property
    def labelled(self) -> bool:
        """Tell whether truths of the kind stand for classes, so that `labels` returns them."""
        return type(self).labels is not Value.labels

    def passages(self, value: V) -> tuple[str, ...]:
        """Return the ids of the passages of a corpus that a truth names; none of a kind that needs no corpus."""
        return ()

    @property
    def of_corpus(self) -> bool:
        """Tell whether truths of the kind name passages of `data.corpus`, so that `passages` returns them."""
        return type(self).passages is not Value.passages

    def misplaced(self, value: V, text: str | None) -> ValueProblem | None:
        """Return why a value whose kind is `in_text` is no place in this text; None: it is one."""
        return None

    def comparable(self, value: V) -> Comparable:
        """Return what a slice compares: a text, a number, a truth value, or a set of texts."""
        return cast("Comparable", value)

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - as a slice has it
        """Return what a literal of a slice is compared as; raises ValueProblem where it is no value of the kind.

        operator: one of `operators`. What is written as a number and stands for a code (`branch != 2`) is read as
        a table's cell is, so that a slice means the same as the data beside it. A kind whose values compare as
        something else (★★★ as 3) also takes that.
        """
        try:
            return self.read_literal(written)
        except ValueProblem:
            if type(self).comparable is Value.comparable or isinstance(written, str):
                raise
            return written

    def read_literal(self, written: str | float | bool) -> Comparable:  # noqa: FBT001 - as a slice has it
        """Return what a literal is compared as where it is written as a cell; raises ValueProblem where it is none."""
        value = self.parse(written, lenient=True)
        if value is None:
            raise ValueProblem("slice.blank")
        return self.comparable(value)


AnyValue = Value[Any]
"""The facet of a kind that is known by its name alone."""
