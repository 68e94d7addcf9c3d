"""Checks of the facets `value` and `show`."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.digests import canonical_json
from modelwright.core.messages import Problem, ValueProblem
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.show import Show
from modelwright.testing.kinds.tried import (
    ANYTHING,
    assert_same,
    assert_whole_value,
    present_values,
    quick,
    raw_values,
    samples_of,
)

MOST_HIGH = 96  # pixels of a picture beside others in a table


def check_says_what_it_is(name: str) -> None:
    """A kind has a name, a side of the signature, a line for the reference, and a JSON Schema."""
    value = kinds.value(name)
    assert value.name == name
    assert value.summary
    assert "\n" not in value.summary
    assert value.roles
    assert {"type", "oneOf", "anyOf"} & value.schema().keys()
    canonical_json(value.schema())
    assert (value.family is not None) == (Role.OUTPUT in value.roles)
    arrays = kinds.arrays(name)
    assert (arrays.input_form is not None) == (Role.INPUT in value.roles)
    assert (arrays.output_form is not None) == (Role.OUTPUT in value.roles)


def check_reads_its_samples(name: str) -> None:
    """The samples read as the samples say, and what is read strictly is read so leniently."""
    value, samples = kinds.value(name), samples_of(name)
    for raw, expected in samples.strict():
        assert expected is not None
        assert_same(value.parse(raw), expected)
        assert_same(value.parse(raw, lenient=True), expected)
    for raw, expected in samples.lenient():
        assert_same(value.parse(raw, lenient=True), expected)
    assert len({expected for _, expected in samples.strict()}) >= 2


def check_refuses_with_what_was_found(name: str) -> None:
    """A value that is refused is refused with a message of the catalogue."""
    value, samples = kinds.value(name), samples_of(name)
    for raw in samples.refused():
        assert _refusal(value.parse, raw, lenient=True).found
        assert _refusal(value.parse, raw).found
    for raw in samples.refused_strictly():
        assert _refusal(value.parse, raw).found
    assert samples.refused()


def check_a_blank_is_missing(name: str) -> None:
    """Nothing is missing in both readings; a blank text too, or it is refused where only other types are taken."""
    value = kinds.value(name)
    assert value.parse(None) is None
    for blank in (None, "", " \t", "\u3000\n"):
        assert value.parse(blank, lenient=True) is None
        with suppress(ValueProblem):
            assert value.parse(blank) is None


def check_anything_is_read_or_refused(name: str) -> None:
    """Whatever JSON comes in, it is read or refused; a canonical value, as JSON, reads as itself."""
    value = kinds.value(name)

    @given(raw=ANYTHING | st.sampled_from(raw_values(name)), lenient=st.booleans())
    @quick
    def check(raw: object, lenient: bool) -> None:  # noqa: FBT001
        try:
            read = value.parse(raw, lenient=lenient)
        except ValueProblem:
            return
        if read is not None:
            assert_whole_value(name, read)

    check()


def check_values_are_frozen_and_written_and_shown(name: str) -> None:
    """A canonical value can be a key, goes through JSON and back, is sized, compared, labelled and shown."""
    for value in present_values(name):
        assert_whole_value(name, value)
    show = kinds.facet(name, Show)
    assert show.text(None) == ""
    for value in present_values(name):
        picture = show.picture(value)
        assert picture == show.picture(value), "the same value gives the same picture"
        if picture is not None:
            assert 0 < picture.height <= MOST_HIGH
            assert picture.uri.endswith(picture.data)
            if picture.media == "image/svg+xml":
                assert ElementTree.fromstring(b64decode(picture.data)).tag.endswith("svg")  # noqa: S314 - our own


def _refusal(parse: Callable[..., object], raw: object, *, lenient: bool = False) -> Problem:
    try:
        read = parse(raw, lenient=lenient)
    except ValueProblem as problem:
        return problem.message
    raise AssertionError(f"{raw!r} is read as {read!r}")
