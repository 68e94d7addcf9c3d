"""A kind that another distribution brings: the example of docs/adding-a-kind.md, installed as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import modelwright

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-kind.md"
FILE = re.compile(r"^\*\*`([\w./]+)`\*\*[^\n]*\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAM = """
import json, sys
from pathlib import Path

import numpy as np
from modelwright import kinds
from modelwright.core.messages import RequestError
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.gateway.http.pages.docs_page import docs
from modelwright.gateway.http.pages.openapi import openapi
from modelwright.kinds.contract.show import Show
from modelwright.runtime.row_reader import RowReader
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data

folder = Path(sys.argv[1])
colours = ["#ff8800", "#00FF00", "#0000ff"]
lines = [f"{colours[n % 3]},{n},{'warm' if n % 3 == 0 else 'cold'}" for n in range(300)]
(folder / "paint.csv").write_text("\\n".join(["shade,n,feeling", *lines, "orange,1,warm"]))
(folder / "out").mkdir()
summary = data(
    Signature("feel", (), (Field("feeling", "category"),)),
    DataConfig(source="paint.csv", invalid="drop"), folder, folder / "out", Silent(), open_inputs=True,
)
signature = Signature("feel", (Field("shade", "colour"),), (Field("feeling", "category"),))
try:
    RowReader(signature).read({"shade": "orange"})
except RequestError as error:
    refused = str(error.problems[0])
arrays = kinds.arrays("colour")
profile = json.loads((folder / "out" / "profile" / "profile.json").read_text())
print(json.dumps({
    "names": kinds.names(),
    "signature": summary["signature"],
    "profile": profile["inputs"]["shade"],
    "rejected": sum(one["rejected"] for one in summary["splits"].values()),
    "read": RowReader(signature).read({"shade": "#FF8800"}),
    "refused": refused,
    "encoded": arrays.encode(["#ff8800", None], arrays.fit([]))["values"].tolist(),
    "shown": kinds.facet("colour", Show).text("#ff8800"),
    "page": "#ff8800" in docs(signature, 1, {})[0],
    "openapi": openapi(signature, 1, 1000)["components"]["schemas"]["Row"]["properties"]["shade"],
    "torch": "torch" in sys.modules,
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as pip leaves it: the package of the page, and its metadata with the entry point."""
    folder = tmp_path_factory.mktemp("site")
    files = dict(FILE.findall(PAGE.read_text("utf-8")))
    project = tomllib.loads(files["pyproject.toml"])["project"]
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    (folder / "mw_colours" / "__init__.py").touch()
    metadata = folder / "mw_colours-1.0.dist-info"
    metadata.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(about)
    points = project["entry-points"]["modelwright.kinds"]
    lines = [f"{name} = {target}" for name, target in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[modelwright.kinds]", *lines]))
    return folder


def python(installed: Path, *arguments: str) -> str:
    path = os.pathsep.join([str(installed), str(Path(modelwright.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_found_inferred_profiled_read_encoded_and_shown(installed: Path, tmp_path: Path) -> None:
    found = json.loads(python(installed, "-c", PROGRAM, str(tmp_path)).splitlines()[-1])
    assert {"colour", "text"} <= set(found["names"])
    assert found["signature"] == "feel(shade: colour, n: number) -> feeling: category"
    assert found["rejected"] == 1
    profile = found["profile"]
    figures = profile.get("figures", profile)
    assert profile["kind"] == "colour"
    assert set(figures["classes"]) == {"#ff8800", "#00ff00", "#0000ff"}
    assert found["read"] == ["#ff8800"]
    assert "the text 'orange'" in found["refused"]
    assert "must be a colour such as #ff8800" in found["refused"]
    assert found["encoded"][0] == pytest.approx([1, 136 / 127.5 - 1, -1])
    assert found["encoded"][1] == [0, 0, 0]
    assert found["shown"] == "rgb(255, 136, 0)"
    assert found["page"]
    assert found["openapi"] == {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"}
    assert not found["torch"]


def test_it_passes_the_contract_test_of_the_page(installed: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(installed)]
    done = python(installed, "-m", "pytest", *options, str(installed / "test_colour.py"))
    assert re.search(r"2\d passed", done), done
