"""What differs between two configurations, in words: each side short, and never cut to where both read alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from modelwright.core import digests
from modelwright.core.messages import Phrase, visible

SHOWN = 3  # things of one sort that an explanation names before it counts the rest
_VALUE_CHARACTERS = 40
# Of a longer value whose sides begin alike: characters of its beginning, before the first that differs, and
# from that one on at least.
_HEAD, _BEFORE, _AFTER = 12, 16, 10
_ABSENT = object()


def config_changes(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Return one text a changed key, dotted: `config `learn.epochs` 3 → 4`; of a list, what came and what went."""
    return [str(Phrase("why.config", path=path, change=change)) for path, change in _changes(old, new, "")]


def counted(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - SHOWN
    return str(Phrase("why.counted", names=list(names[:SHOWN]), more=more if more > 0 else None))


def _changes(old: object, new: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield the paths below which something changed, each with what it was and is."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            inner = f"{path}.{name}" if path else str(name)
            yield from _changes(old.get(name, _ABSENT), new.get(name, _ABSENT), inner)
    elif _same(old, new):
        return
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
        yield from _list_changes(old, new, path)
    else:
        (before,), (after,) = _sides([old], [new])
        yield path, f"{before} → {after}"


def _list_changes(old: Sequence[object], new: Sequence[object], path: str) -> Iterator[tuple[str, str]]:
    went, came = _beyond(old, new), _beyond(new, old)
    befores, afters = [old[place] for place in went], [new[place] for place in came]
    if not went and not came:
        yield path, str(Phrase("why.other-order"))
    elif len(went) == len(came) and all(isinstance(one, Mapping) for one in (*befores, *afters)):
        for before, after, place in zip(befores, afters, came, strict=True):
            yield from _changes(before, after, f"{path}[{place}]")
    else:
        lost, gained = _sides(befores, afters)
        found = Phrase(
            "why.list",
            gained=counted(gained) if gained else None,
            lost=counted(lost) if lost else None,
        )
        yield path, str(found)


def _beyond(some: Sequence[object], others: Sequence[object]) -> list[int]:
    """Return the places of elements that `others` does not have, or not as often."""
    left = Counter(map(digests.canonical_json, others))
    places = []
    for place, element in enumerate(some):
        text = digests.canonical_json(element)
        if left[text]:
            left[text] -= 1
        else:
            places.append(place)
    return places


def _same(old: object, new: object) -> bool:
    if old is _ABSENT or new is _ABSENT:
        return old is new
    return digests.canonical_json(old) == digests.canonical_json(new)


def _sides(old: Sequence[object], new: Sequence[object]) -> tuple[list[str], list[str]]:
    """Return the values of both sides as short texts; none reads like one of the other side."""
    before, after = list(map(_text, old)), list(map(_text, new))
    if set(before) & set(after):  # `3` and `"3"`
        before, after = ([_text(one, quoted=True) for one in side] for side in (old, new))
    # visible first: a character that is written out is longer, and a side is cut once
    before, after = list(map(visible, before)), list(map(visible, after))
    return [_short(text, after) for text in before], [_short(text, before) for text in after]


def _text(value: object, *, quoted: bool = False) -> str:
    if value is _ABSENT:
        return str(Phrase("why.absent"))
    # Quoted also where a reader would not see it: a line break, an empty text.
    if isinstance(value, str) and value.isprintable() and value != "" and not quoted:
        return value
    return digests.canonical_json(value)


def _short(text: str, others: Collection[str]) -> str:
    """Return a text whole, or its beginning and the piece in which it differs from the others."""
    if len(text) <= _VALUE_CHARACTERS:
        return text
    shared = max((_shared(text, other) for other in others), default=0)
    alike = shared > _VALUE_CHARACTERS - _AFTER
    piece = f"{text[:_HEAD]}…{text[shared - _BEFORE :]}" if alike else text
    return piece if len(piece) <= _VALUE_CHARACTERS else f"{piece[: _VALUE_CHARACTERS - 1]}…"


def _shared(a: str, b: str) -> int:
    """Return how many characters two texts share from their beginning."""
    return next(
        (place for place, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
