"""What every kind must hold, whatever it is. Each check takes the kind's name and raises AssertionError.

The values come from the kind's facet `samples`, since no schema says which bytes are a picture.
"""

from __future__ import annotations

from collections.abc import Callable

from modelwright.testing.kinds.column_checks import (
    check_a_column_is_inferred,
    check_a_column_reads_as_its_cells_do,
    check_is_profiled,
)
from modelwright.testing.kinds.explain_checks import check_parts_can_be_left_out
from modelwright.testing.kinds.input_checks import (
    check_a_row_alone_encodes_as_in_a_batch,
    check_a_state_survives_its_dump,
    check_encodes_as_its_form_says,
    check_encodes_what_training_never_showed,
)
from modelwright.testing.kinds.output_checks import (
    check_answers_are_values_of_the_kind,
    check_calibration_changes_confidence_and_no_answer,
    check_every_operating_point_answers_as_its_outcomes_count,
    check_outcomes_are_the_answers_that_decode_gives,
    check_truths_are_as_its_form_says,
)
from modelwright.testing.kinds.sealed_checks import (
    check_a_state_that_is_absurd_is_refused,
    check_the_example_of_a_state_is_a_value,
)
from modelwright.testing.kinds.value_checks import (
    check_a_blank_is_missing,
    check_anything_is_read_or_refused,
    check_reads_its_samples,
    check_refuses_with_what_was_found,
    check_says_what_it_is,
    check_values_are_frozen_and_written_and_shown,
)

Check = Callable[[str], None]

CHECKS: tuple[Check, ...] = (
    check_says_what_it_is,
    check_reads_its_samples,
    check_refuses_with_what_was_found,
    check_a_blank_is_missing,
    check_anything_is_read_or_refused,
    check_values_are_frozen_and_written_and_shown,
    check_a_column_reads_as_its_cells_do,
    check_a_column_is_inferred,
    check_is_profiled,
    check_a_state_survives_its_dump,
    check_encodes_as_its_form_says,
    check_a_row_alone_encodes_as_in_a_batch,
    check_encodes_what_training_never_showed,
    check_truths_are_as_its_form_says,
    check_answers_are_values_of_the_kind,
    check_outcomes_are_the_answers_that_decode_gives,
    check_calibration_changes_confidence_and_no_answer,
    check_every_operating_point_answers_as_its_outcomes_count,
    check_a_state_that_is_absurd_is_refused,
    check_the_example_of_a_state_is_a_value,
    check_parts_can_be_left_out,
)


def title(check: Check) -> str:
    """Return what a check is called in the list of tests."""
    return check.__name__.removeprefix("check_").replace("_", " ")
