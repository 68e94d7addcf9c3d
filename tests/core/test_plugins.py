"""Members of a family of plug-ins, found by their folder."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from modelwright.core.messages import MachineError
from modelwright.core.plugins import Plugins, _group


class Colour(ABC):
    @abstractmethod
    def name(self) -> str: ...


def test_a_group_is_named_by_the_first_and_the_last_part_of_its_package():
    assert _group("modelwright.runtime.drivers") == "modelwright.drivers"
    assert _group("modelwright.kinds") == "modelwright.kinds"


class Shade:
    def depth(self) -> int:
        return 1


FACET = (
    "from test_plugins import Colour\nclass {name}(Colour):\n    def name(self):\n        return '{name}'\n"
)


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Plugins:
    """Return a family with the members red and blue, a folder of contracts, and one that is no member."""
    package = f"family_{request.node.name.strip('[]')}"
    for member in ("red", "blue", "contract", "shared"):
        folder = tmp_path / package / member
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        if member != "shared":
            (folder / "paint.py").write_text(FACET.format(name=member.title()))
    (tmp_path / package / "__init__.py").touch()
    (tmp_path / package / "red" / "shade.py").write_text("")
    (tmp_path / package / "blue" / "two.py").write_text(
        FACET.format(name="One") + FACET.format(name="Two").partition("\n")[2]
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "test_plugins", sys.modules[__name__])
    return Plugins(package, marker="paint")


def test_members_are_folders_with_the_marker(family: Plugins) -> None:
    assert family.names() == ("blue", "red")
    assert family.module("red") == f"{family.package}.red"
    assert family.modules("red", "paint", "shade", "other") == tuple(
        f"{family.package}.red.{facet}" for facet in ("paint", "shade")
    )
    with pytest.raises(KeyError):
        family.module("contract")


def test_a_facet_is_one_instance_and_nothing_else_is_imported(family: Plugins) -> None:
    made = family.instance("red", "paint", Colour)
    assert made.name() == "Red"
    assert family.instance("red", "paint", Colour) is made
    assert family.facet("red", "paint").Red is type(made)
    assert family.has("blue", "paint")
    assert f"{family.package}.blue" not in sys.modules


def test_a_contract_that_is_not_abstract_is_the_default_of_a_facet(family: Plugins) -> None:
    assert family.instance("blue", "shade", Shade).depth() == 1
    with pytest.raises(AssertionError, match="must hold one Shade"):
        family.instance("red", "shade", Shade)


def test_a_facet_holds_one_class(family: Plugins) -> None:
    with pytest.raises(AssertionError, match="must hold one Colour"):
        family.instance("blue", "two", Colour)
    with pytest.raises(ModuleNotFoundError):
        family.instance("red", "two", Colour)


def test_two_members_of_one_name_are_refused_with_both(
    family: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("red", "elsewhere.red", family.package)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    with pytest.raises(MachineError, match=r"a plug-in `red` .*`elsewhere.red`, `family_.*\.red`"):
        family.names()
