"""What the facets of a kind share: roles, answers, the shapes of arrays, a state as it is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from modelwright.core.json_types import Json
from modelwright.core.units import Unit

Array = NDArray[Any]
State = TypeVar("State")
DECODED = "answer"
"""The array of an output whose answers the driver decodes: (n,) objects of Answer, None of a row not asked for one."""
LIKELIHOOD = "likelihood"
"""Beside it, where it is known: ln p of each truth and its tokens, (n, 2), NaN where there is none."""


class Role(StrEnum):
    """Names the side of the signature on which a field stands."""

    INPUT = "input"
    OUTPUT = "output"


class Form(StrEnum):
    """Names how arrays carry a value, so that a learner accepts forms and need not know kinds.

    Arrays are named `{field}.{array}`; n is the batch. Of an output, a body gives the *answers* and a loss
    compares them with the *truth*.

    | form   | as an input                               | answers             | truth                        |
    |--------|-------------------------------------------|---------------------|------------------------------|
    | tokens | `ids`, `mask` int64 (n, length)           |                     |                              |
    | terms  | `terms` int64, `weights` (n, length)      |                     |                              |
    | amount | `amount` float64 (n,), NaN missing        |                     |                              |
    | code   | `index` int64 (n,): 0 missing or unseen   | `logits` (n, C)     | `index` int64 (n,), -1 none  |
    | flag   |                                           | `logit` (n,)        | `index` int64 (n,), -1 none  |
    | scalar | `value`, `missing` (n,)                   | `value` (n,)        | `value` (n,), NaN none       |
    | set    | `members` (n, K), `missing` (n,)          | `logits` (n, K)     | `members` (n, K), NaN none   |
    | vector | `values` (n, d), `missing` (n,)           | `values` (n, d)     | `values` (n, d), NaN none    |
    | pixels | `pixels` uint8 (n, h, w, c), `missing`    |                     |                              |
    | frames | `frames` (n, t, d), `mask` int64 (n, t)   |                     |                              |
    | series | `series`, `present` (n, t, c)             | `quantiles` (n, h, q) | `steps` (n, h), NaN none   |
    | prompt | none: the canonical values themselves     |                     |                              |
    | written |                                          | none: the driver's own | the canonical values      |
    | choice |                                           | see below           | `right` int64 (n, m), -1 none |
    | located | none: the canonical values themselves    |                     |                              |
    | spans  |                                           | see below           | `spans` int64 (n, m, 3), -1 none |
    | span   |                                           | see below           | `spans` int64 (n, m, 2), -1 none |

    What has no type stated is float32. Pixels are scaled within the graph. Frames follow each other in time, and `mask`
    is 1 where there is one (a missing value has none). A series is one value a step and channel, 0 where `present` is
    0; as an answer h steps follow, each with q quantiles. A row of terms holds the places, from 1, of those that are
    in it, with the weight of each; place 0 with weight 0 fills it up.

    No array carries a prompt or what is written: the learner reads canonical values, and so does its driver
    (`Call.columns`), which decodes its answers itself (`Running.decoded`). A choice is a ranking of passages by their
    places in a corpus, -1 behind its end: `places` int64 and `scores` (n, k); beside it `lexical` int64 (n, k), what
    words alone find, and `evidence` (n, e), what speaks for the first. A located text is one of which places are
    answered: learner and driver read the text itself, as a prompt. Spans are start, end and label, in characters:
    `spans` int64 (n, k, 3), -1 behind the last, `scores` (n, k), how likely each is, and `sure` (n,), all of them. Of a
    span they are candidates without labels, (n, k, 2), the best first, and `scores` their log odds against no answer.
    """

    TOKENS = "tokens"
    TERMS = "terms"
    AMOUNT = "amount"
    CODE = "code"
    FLAG = "flag"
    SCALAR = "scalar"
    SET = "set"
    VECTOR = "vector"
    PIXELS = "pixels"
    FRAMES = "frames"
    SERIES = "series"
    PROMPT = "prompt"
    WRITTEN = "written"
    CHOICE = "choice"
    LOCATED = "located"
    SPANS = "spans"
    SPAN = "span"


FAR = 30.0
"""A scalar input is held within ± FAR (its middle values lie within about ± 1): there it is far from all usual ones."""


@dataclass(frozen=True)
class Cut:
    """How many of `rows` values are given in part alone: of the longest, which is `longest`, `kept` is kept.

    unit: of both; None: they count the tokens of a text.
    """

    count: int
    rows: int
    longest: float
    kept: float
    unit: Unit | None = None


@dataclass(frozen=True)
class WritingTimes:
    """When the tokens of a text came: seconds from the question to the first one, and from each to the next."""

    first_s: float
    gaps_s: tuple[float, ...]

    @property
    def tokens_per_second(self) -> float | None:
        """Return how fast it was written after its first token; None of a text of one token."""
        whole_s = sum(self.gaps_s)
        return len(self.gaps_s) / whole_s if whole_s > 0 else None


@dataclass(frozen=True)
class Answer:
    """One decoded output: its value (None: abstained) and, where there is one, its confidence in [0, 1].

    `probabilities`: of every label, where they were wanted and the kind has them. `interval`: of a kind whose answers
    have one, its ends `low` and `high`, and `share`: how often the truth is to lie within, as JSON. `details`: how the
    answer came about, of a driver that decodes it itself, as JSON (`finish`, `tokens`). `times`: of a text that was
    written token by token, once it is whole; they differ from one time to the next, and are no part of the answer.
    """

    value: Any
    confidence: float | None = None
    probabilities: Mapping[str, float] | None = None
    interval: Mapping[str, Json] | None = None
    details: Mapping[str, Json] | None = None
    times: WritingTimes | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ArraySpec:
    """The shape and type of one named array.

    dtype: `float32`, `float64`, `int64`, `uint8`; shape names axes (`batch`, `length`) or gives their size; codes: how
    many different values an array of codes can hold, those for missing and unseen included; mean, deviation: of each
    channel (the last axis) in the training rows, by which an encoder scales what is not scaled yet; levels: of
    quantiles (the last axis), which share of the truths lies below each; circles: of what comes round again, the
    column (the last axis) of a sine, behind which its cosine stands, with the seconds of a turn; ranks: of codes, the
    place of each in the order of what it stands for, -1 of those for missing and unseen.
    """

    dtype: str
    shape: tuple[str | int, ...]
    codes: int | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    levels: tuple[float, ...] = ()
    circles: tuple[tuple[int, float], ...] = ()
    ranks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Dumped:
    """A state as it is stored: JSON, and binary assets by file name (below `assets/{field}/`)."""

    data: Mapping[str, Any]
    assets: Mapping[str, bytes]


@dataclass(frozen=True)
class Move(Generic[State]):
    """One direction in which an operating point may be moved.

    `states` returns from a state the states along that direction, all else as it is; `abstains`: along it the
    output answers fewer rows, and no row otherwise.
    """

    states: Callable[[State], Sequence[State]]
    abstains: bool = False
