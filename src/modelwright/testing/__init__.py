"""The contract tests that plug-ins must pass, importable by whoever writes one. Needs the extra `testing`.

A package with a kind of its own tests it so:

    import pytest
    from modelwright.testing import kinds as contract

    @pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
    def test_rating_is_a_kind(check):
        check("rating")
"""
