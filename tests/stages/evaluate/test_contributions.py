"""How far each input moves the answers, by the packaged function on validation rows."""

from __future__ import annotations

import math

import pytest
from test_importance import READ, columns
from tiny_serving import sealed, table_body

from modelwright.core.signature import Signature
from modelwright.package import packages
from modelwright.runtime import explaining
from modelwright.runtime.function import Function
from modelwright.stages.evaluate.contributions import LEAST_ROWS, ROWS, contributions


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return packages.read(sealed(table_body(), tmp_path_factory.mktemp("package") / "made"))


def test_what_the_graph_reads_moves_the_answers_and_nothing_else(package):
    found = contributions(package, package.body.signature, columns(package, 300), 100_000)["size"]
    assert found.chance
    assert found.rows == ROWS
    assert set(found.by_input) == {field.name for field in package.body.signature.inputs}
    assert set([*found.by_input][:2]) == READ, "the most comes first"
    for name, moved in found.by_input.items():
        assert (moved > 0.01) == (name in READ)
        assert moved <= 1


@pytest.mark.parametrize("most_exact", [6, 1])
def test_it_is_what_explain_gives_for_a_row(package, most_exact):
    """Exact, or from orders that are drawn: of a function of two inputs every order is one of two."""
    made, function = columns(package, 8), Function(package)
    for place in range(8):
        row = {field.name: made[field.name][place] for field in package.body.signature.inputs}
        (explained,) = (one for one in explaining.explain(function, row).outputs if one.output == "size")
        shares = explaining.contributions(function, row, most_exact=most_exact, orders=10)["size"]
        for one in explained.inputs:
            assert math.isclose(
                shares.by_input[one.name], one.share, abs_tol=0.05 if most_exact == 1 else 1e-9
            )
        assert math.isclose(sum(shares.by_input.values()), explained.score - explained.base, abs_tol=1e-6)


@pytest.mark.parametrize("most", [3_000, 64 * LEAST_ROWS, 64 * LEAST_ROWS - 1])
def test_the_cost_is_bounded(package, most, monkeypatch):
    asked = []
    honest = Function.answer
    monkeypatch.setattr(
        Function,
        "answer",
        lambda self, given, **how: asked.append(len(given["colour"])) or honest(self, given, **how),
    )
    found = contributions(package, package.body.signature, columns(package, 300), most)
    assert sum(asked) <= most
    assert ("size" in found) == (most >= 64 * LEAST_ROWS)


def test_one_input_or_few_rows_have_nothing_to_tell(package):
    signature = package.body.signature
    assert contributions(package, signature, columns(package, LEAST_ROWS - 2), 9_000) == {}
    assert contributions(package, signature, {name: [] for name in columns(package, 2)}, 9_000) == {}
    alone = Signature("one", signature.inputs[:1], signature.outputs)
    assert contributions(package, alone, columns(package, 40), 9_000) == {}
