"""What the package exports is what docs/python.md lists, and importing it loads nothing heavy."""

import re
import subprocess
import sys
from pathlib import Path

import modelwright

DOCUMENTED = Path(__file__).parents[1] / "docs" / "python.md"


def test_exports_are_the_documented_list():
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENTED.read_text("utf-8"), re.MULTILINE)
    assert sorted(documented) == dir(modelwright)


def test_every_export_can_be_had():
    for name in dir(modelwright):
        assert getattr(modelwright, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(modelwright, "Projekt")


def test_import_loads_nothing_heavy():
    heavy = "numpy pydantic torch polars sqlalchemy onnxruntime"
    code = f"import sys, modelwright; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_a_package_needs_no_torch():
    code = "import sys, modelwright; modelwright.load; print('torch' in sys.modules, 'polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
