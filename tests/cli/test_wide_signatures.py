"""What is printed of a function of thousands of inputs: their number, as in the report."""

from modelwright.cli.run_screen import signature_line
from modelwright.core.signature import Field, Signature


def _signature(inputs: int) -> str:
    return str(
        Signature("f", tuple(Field(f"x{n}", "number") for n in range(inputs)), (Field("y", "number"),))
    )


def test_a_signature_of_thousands_of_inputs_is_a_line() -> None:
    assert str(signature_line(_signature(2000))) == "f(2000 inputs) → y: number"


def test_a_signature_that_fits_a_screen_is_printed_whole() -> None:
    assert signature_line(_signature(40)) == _signature(40)
