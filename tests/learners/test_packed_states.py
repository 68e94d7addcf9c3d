"""What `plan` takes the states of a package for: of thousands of columns they are most of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.core.signature import Field, Signature
from modelwright.learners import kind_states
from modelwright.storage.formats.examples import Examples

ROWS = 60


def _table(kind: str, columns: int) -> tuple[Signature, Examples]:
    fields = tuple(Field(f"x{n}", kind) for n in range(columns))
    signature = Signature("f", fields, (Field("y", "number"),))
    cells = [float(n) / 7 if kind == "number" else f"class {n}" for n in range(ROWS)]
    columns_of = {field.name: cells for field in fields} | {"y": [float(n) for n in range(ROWS)]}
    return signature, Examples([str(n) for n in range(ROWS)], columns_of)


@pytest.mark.parametrize(("kind", "columns"), [("number", 500), ("category", 50), ("number", 3)])
def test_the_bytes_of_states_are_about_those_that_are_written(
    kind: str, columns: int, tmp_path: Path
) -> None:
    signature, rows = _table(kind, columns)
    states = kind_states.fit(signature, rows)
    kind_states.write(tmp_path, signature, states)
    written = (tmp_path / kind_states.FILE).stat().st_size
    # beside the states, each input has typical values and arrays in the graph
    assert 0.8 * written <= kind_states.packed_bytes(signature, states) <= 2.5 * written
