"""Every export target holds the contract, also one of another distribution; one that breaks it is found out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelwright import exports
from modelwright.exports.contract.target import ExportNotes, ExportTarget, Leaving
from modelwright.testing import exports as contract


@pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
@pytest.mark.parametrize("name", exports.names())
def test_a_target_holds_the_contract(name: str, check: contract.Check) -> None:
    check(name)


class _Careless(ExportTarget):
    """Writes a key and something that is new each time, changes the package, and says nothing."""

    def write(self, leaving: Leaving, folder: Path) -> ExportNotes:
        (folder / "key").write_text(os.environ.get("MODELWRIGHT_API_KEY", ""))
        (folder / "time").write_bytes(os.urandom(8))
        manifest = leaving.folder / "manifest.json"
        manifest.chmod(0o644)
        manifest.write_text("{}")
        return ExportNotes()


@pytest.mark.parametrize("check", contract.CHECKS[1:], ids=contract.title)
def test_a_target_that_breaks_it_is_found_out(check: contract.Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "get", lambda name: _Careless())
    with pytest.raises(AssertionError):
        check("careless")
