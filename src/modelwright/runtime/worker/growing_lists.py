"""Lists that grow from part to part of an answer, such as what is known of each token: each item crosses once.

A part holds an answer so far. Of a list among its details whose beginning stood in the part before, only what is new is
sent, with where that begins; the other end puts it behind what it has. All parts of a list of n items then take n items
on the way, and not n² / 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

from modelwright.runtime.worker.values import RowAnswer

_DETAILS, _BEGINS = 4, 5  # places in an answer; the beginnings of its lists stand in those that are shortened


def shortened(now: RowAnswer, before: RowAnswer | None) -> RowAnswer:
    """Return the answers to a row as they are sent behind those before."""
    if before is None:
        return now
    return [_shortened(one, _details(earlier)) for one, earlier in zip(now, before, strict=True)]


def restored(sent: RowAnswer, before: RowAnswer | None) -> RowAnswer:
    """Return the answers to a row that were sent behind those before."""
    if before is None or all(len(one) <= _BEGINS for one in sent):
        return sent
    return [_restored(one, _details(earlier)) for one, earlier in zip(sent, before, strict=True)]


def _shortened(one: Sequence[object], before: Mapping[str, Any]) -> Sequence[object]:
    found = _details(one)
    begins = {name: len(before[name]) for name, value in found.items() if _goes_on(value, before.get(name))}
    if not begins:
        return one
    new = {name: found[name][begin:] for name, begin in begins.items()}
    return [*one[:_DETAILS], {**found, **new}, begins]


def _goes_on(value: object, before: object) -> bool:
    """Tell whether a list begins with what it was before: the same objects, since comparing them would take longer."""
    if not isinstance(value, list) or not isinstance(before, list):
        return False
    return 0 < len(before) <= len(value) and all(map(is_, before, value))


def _restored(one: Sequence[object], before: Mapping[str, Any]) -> Sequence[object]:
    if len(one) <= _BEGINS:
        return one
    found, begins = _details(one), one[_BEGINS]
    assert isinstance(begins, dict)
    # lists of their own: who has an earlier part keeps what stood there
    whole = {name: [*before[name][:begin], *found[name]] for name, begin in begins.items()}
    return [*one[:_DETAILS], {**found, **whole}]


def _details(one: Sequence[object]) -> Mapping[str, Any]:
    found = one[_DETAILS] if len(one) > _DETAILS else None
    return found if isinstance(found, dict) else {}
