from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.engine import imports, libraries
from modelwright.engine.fingerprint import Fingerprint

LATER_NS = 1 << 62  # a clock so late that every file has settled

FILES = {
    "__init__.py": "__version__ = '1'\n",
    "core.py": "def add(a, b):\n    return a + b\n",
    "stage.py": "import yaml\nimport sklearn.svm\nfrom houseA.kinds import get\nfrom houseA import core\n\n"
    "def run():\n    from . import late\n    return late.x, core.add(1, 2), get\n",
    "late.py": "x = 1\n",
    "sibling.py": "y = 1\n",
    "kinds/__init__.py": "import importlib\nfrom houseA.kinds.base import Kind\n\n"
    "def get(name):\n    return importlib.import_module('houseA.kinds.' + name), Kind\n",
    "kinds/base.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import houseA.typed\n"
    "class Kind: ...\n",
    "kinds/text.py": "import numpy\nfrom houseA.kinds.base import Kind\n",
    "kinds/image.py": "import PIL.Image\n",
    "typed.py": "z = 1\n",
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "path" / "houseA"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(folder.parent))
    importlib.invalidate_caches()
    return folder


def fingerprint(cache: Path | None = None) -> Fingerprint:
    return Fingerprint(cache, package="houseA", now_ns=lambda: LATER_NS)


def code(*roots: str) -> dict[str, str]:
    return fingerprint().code(roots or ("houseA.stage",))


def test_the_closure_is_what_is_imported_by_a_statement(house: Path) -> None:
    assert list(code()) == [
        "houseA.core",
        "houseA.kinds",
        "houseA.kinds.base",
        "houseA.late",
        "houseA.stage",
    ]
    assert list(code("houseA.kinds.text")) == ["houseA.kinds", "houseA.kinds.base", "houseA.kinds.text"]
    assert set(code("houseA.stage", "houseA.kinds.text")) == {*code(), *code("houseA.kinds.text")}
    assert "houseA" not in sys.modules  # read, not imported


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("core.py", "return a + b", "return (a\n        + b)  # a comment"),
        ("core.py", "def add(a, b):\n", 'def add(a, b):\n    """Add."""\n'),
        ("core.py", "def add", '"""A module."""\n\n\n\n\ndef add'),
        ("kinds/base.py", "class Kind: ...", 'class Kind:\n    """A kind."""\n\n    pass'),
        ("kinds/base.py", "import houseA.typed", "from houseA import typed"),
        ("typed.py", "z = 1", "z = 2"),
        ("sibling.py", "y = 1", "y = 2"),
        ("kinds/text.py", "numpy", "torch"),
        ("__init__.py", "'1'", "'2'"),
    ],
)
def test_what_has_no_effect_changes_nothing(house: Path, name: str, old: str, new: str) -> None:
    before = code()
    text = (house / name).read_text()
    assert old in text
    (house / name).write_text(text.replace(old, new))
    assert code() == before


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("core.py", "a + b", "a - b", "houseA.core"),
        ("core.py", "add(a, b)", "add(a, b=1)", "houseA.core"),
        ("late.py", "x = 1", "x = True", "houseA.late"),
        ("kinds/__init__.py", "importlib.import_module", "importlib.reload", "houseA.kinds"),
        ("stage.py", "core.add(1, 2)", "core.add(2, 1)", "houseA.stage"),
    ],
)
def test_a_change_of_used_code_is_seen(house: Path, name: str, old: str, new: str, changed: str) -> None:
    before = code()
    (house / name).write_text((house / name).read_text().replace(old, new))
    after = code()
    assert {module for module in before if before[module] != after[module]} == {changed}


def test_a_new_import_brings_its_module(house: Path) -> None:
    (house / "core.py").write_text("from houseA.sibling import y\n" + FILES["core.py"])
    assert "houseA.sibling" in code()


def test_a_name_of_the_top_package_brings_it_and_what_it_looks_up_late(house: Path) -> None:
    (house / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from houseA.typed import z as z\n"
        "    from houseA.sibling import y as y\n"
    )
    (house / "core.py").write_text("from houseA import z\n")
    assert {"houseA", "houseA.typed"} <= set(code())
    assert "houseA.sibling" not in code()


def test_a_folder_without_init_is_a_package_too(house: Path) -> None:
    (house / "plain").mkdir()
    (house / "plain" / "inner.py").write_text("i = 1\n")
    (house / "core.py").write_text("from houseA.plain import inner\n")
    assert "houseA.plain.inner" in code()


def test_roots_of_another_package_are_followed_too(house: Path) -> None:
    (house.parent / "plugin_of_a.py").write_text("import houseA.sibling\n")
    assert list(code("plugin_of_a")) == ["houseA.sibling", "plugin_of_a"]


def test_libraries_are_those_that_can_change_a_result(house: Path) -> None:
    found = fingerprint().libraries(("houseA.stage", "houseA.kinds.text"))
    assert set(found) == {"python", "numpy", "scikit-learn"}
    assert found["numpy"] == importlib.import_module("importlib.metadata").version("numpy")
    assert libraries.versions(["no_such_library_x"])["no-such-library-x"] == "absent"
    assert libraries.versions(["_pytest"])["pytest"] == pytest.__version__  # under another name: the slow way


def test_the_cache_answers_without_reading_and_its_damage_is_harmless(house: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "code.json"
    first = fingerprint(cache).code(("houseA.stage",))
    data = json.loads(cache.read_text())
    for entry in data["modules"].values():
        entry["digest"] = "remembered"
    cache.write_text(json.dumps(data))
    assert set(fingerprint(cache).code(("houseA.stage",)).values()) == {"remembered"}
    os.utime(house / "core.py", ns=(1, 1))
    assert fingerprint(cache).code(("houseA.stage",))["houseA.core"] == first["houseA.core"]
    for damaged in ("", "{", '{"format": 1}', '{"format": 1, "modules": {"x": 3}}', "[]", '{"format": 9}'):
        cache.write_text(damaged)
        assert fingerprint(cache).code(("houseA.stage",)) == first
    cache.write_text(
        json.dumps({"format": 1, "modules": {str(house / "core.py"): {"module": "houseA.core"}}})
    )
    assert fingerprint(cache).code(("houseA.stage",)) == first


def test_the_cache_forgets_what_was_stored_first_and_is_not_read_any_more(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "code.json"
    read = fingerprint(cache).code(("houseA.stage",))
    stored = json.loads(cache.read_text())["modules"]
    others = {f"/gone/{n}.py": {**next(iter(stored.values()))} for n in range(9)}
    cache.write_text(json.dumps({"format": 1, "modules": {**others, **stored}}))
    monkeypatch.setattr("modelwright.engine.fingerprint._MOST_MODULES", len(stored) + 2)
    os.utime(house / "core.py", ns=(1, 1))
    assert fingerprint(cache).code(("houseA.stage",)) == read
    kept = json.loads(cache.read_text())["modules"]
    assert list(kept) == ["/gone/7.py", "/gone/8.py", *stored]


def test_a_file_that_has_just_changed_is_not_remembered(house: Path, tmp_path: Path) -> None:
    cache = tmp_path / "code.json"
    path = house / "core.py"
    before = Fingerprint(cache, package="houseA").code(("houseA.stage",))
    times = path.stat()
    path.write_text(FILES["core.py"].replace("+", "-"))  # as long as before, and within the same tick:
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = Fingerprint(cache, package="houseA").code(("houseA.stage",))
    assert before["houseA.core"] != after["houseA.core"]
    assert not cache.exists()


@pytest.mark.parametrize("module", [imports, ast, json, libraries, pytest])
def test_a_source_written_by_another_hand_has_the_same_digest(module: ModuleType) -> None:
    source = Path(module.__file__).read_bytes()
    again = ast.unparse(ast.parse(source)).encode()
    a, b = (imports.read(text, "m", is_package=False) for text in (source, again))
    assert source != again
    assert a == b


@given(st.integers() | st.text() | st.binary() | st.booleans() | st.none() | st.floats(), st.integers())
def test_other_constants_are_other_digests(a: object, b: object) -> None:
    def read(value: object) -> str:
        return imports.read(f"x = {value!r}".encode("utf-8", "surrogatepass"), "m", is_package=False).digest

    if str(a) in {"nan", "inf", "-inf"}:
        return
    assert (read(a) == read(b)) is (repr(a) == repr(b))


@pytest.mark.parametrize(
    ("statement", "module", "names"),
    [
        ("import a.b", "a.b", ()),
        ("from a import b, c", "a", ("b", "c")),
        ("from . import b", "p.q", ("b",)),
        ("from .r import b", "p.q.r", ("b",)),
        ("from ..r import b", "p.r", ("b",)),
    ],
)
def test_imports_are_made_absolute(statement: str, module: str, names: tuple[str, ...]) -> None:
    assert imports.read(statement.encode(), "p.q.m", is_package=False).imports == (
        imports.Import(module, names),
    )
    assert imports.read(statement.encode(), "p.q", is_package=True).imports == (
        imports.Import(module, names),
    )


# -- plug-ins of other distributions -------------------------------------------------------------------------

PLUGIN = {
    "shop-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n",
    "shop-1.0.dist-info/entry_points.txt": "[modelwright.kinds]\nrating = shop.rating\n",
    "shop/__init__.py": "",
    "shop/scale.py": "STARS = 5\n",
    "shop/rating/__init__.py": "",
    "shop/rating/value.py": "from shop.scale import STARS\n",
    "shop/rating/show.py": "WIDE = True\n",
}
ASK = """
import json
from pathlib import Path
from modelwright import kinds
from modelwright.engine.fingerprint import Fingerprint
roots = kinds.modules("rating", "value", "arrays")
found = Fingerprint()
print(json.dumps([roots, found.code(roots), [str(place) for place in found.places(roots)]]))
"""


def test_a_kind_of_another_distribution_is_followed_into(tmp_path: Path) -> None:
    for name, text in PLUGIN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def ask() -> tuple[list[str], dict[str, str], list[str]]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
        done = subprocess.run(
            [sys.executable, "-c", ASK], check=True, capture_output=True, text=True, env=environment
        )
        return tuple(json.loads(done.stdout))

    roots, before, places = ask()
    assert roots == ["shop.rating.value"], "the facets that it has"
    assert {"shop.rating", "shop.rating.value", "shop.scale"} <= before.keys()
    assert "shop.rating.show" not in before, "a facet that is not used does not count"
    assert str(tmp_path / "shop") in places, "the stamp watches its folder"
    (tmp_path / "shop" / "scale.py").write_text("STARS = 6\n")
    after = ask()[1]
    assert {name for name in before if before[name] != after[name]} == {"shop.scale"}
