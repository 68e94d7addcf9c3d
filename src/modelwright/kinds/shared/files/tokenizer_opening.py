"""Opens a `tokenizer.json` that somebody else wrote: what the library raises, and where it panics, is a ValueError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tokenizers import Tokenizer

# Letters, digits and signs of several scripts: some settings make the library panic at the first text, not before.
_PROBE = "One a1, \u00e9\u0301 \u4f60 \U0001f600"


def opened(tokenizer: bytes | str) -> Tokenizer:
    """Return a tokenizer without padding and cutting, that makes of a text the same tokens each time.

    Raises ValueError for what the library cannot read, or panics of.
    """
    with readable():
        built = Tokenizer.from_str(tokenizer if isinstance(tokenizer, str) else tokenizer.decode())
        built.no_padding()
        built.no_truncation()
        if getattr(built.model, "dropout", None):  # merges left out by chance, as some train with
            built.model.dropout = None
    with readable(panics_alone=True):  # a word that a closed vocabulary lacks is no fault of it
        for special in (True, False):
            built.encode(_PROBE, add_special_tokens=special)
    return built


@contextmanager
def readable(*, panics_alone: bool = False) -> Iterator[None]:
    """Raise ValueError for what the library raises; panics_alone: and go on behind anything but a panic."""
    try:
        yield
    except BaseException as error:
        # it raises bare Exception; what panics in it comes as a class that is none
        is_panic = type(error).__name__ == "PanicException"
        if not is_panic and not isinstance(error, Exception):
            raise
        if is_panic or not panics_alone:
            raise ValueError(str(error)) from None
