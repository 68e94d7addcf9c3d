"""What the tests of this folder share: packages, and a server that answers from one."""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tiny_serving import (
    TYPICAL,
    Releases,
    linear_body,
    picky_body,
    running,
    sealed,
    slow_body,
    table_body,
    text_body,
)

from modelwright.core import plugins
from modelwright.gateway.server import Server


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folders of packages by name; `shifted` is another version, `table` has an input of each kind."""
    base = tmp_path_factory.mktemp("packages")
    bodies = {
        "linear": linear_body(),
        "shifted": linear_body(shift=3.0),
        "slow": slow_body(),
        "picky": picky_body(),
        "text": text_body(),
        "table": table_body(),
    }
    typical = {"table": TYPICAL}
    return {name: sealed(body, base / name, typical.get(name)) for name, body in bodies.items()}


@pytest.fixture(scope="module")
def linear(packages: dict[str, Path]) -> Iterator[Server]:
    """Run one server of the linear package for a module's tests."""
    with running(Releases(packages["linear"])) as server:
        yield server


@pytest.fixture(scope="module")
def client(linear: Server) -> Iterator[httpx.Client]:
    """Return an HTTP client of that server."""
    with httpx.Client(base_url=linear.url) as client:
        yield client


@pytest.fixture
def spell(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Install the distribution with the driver `spell` for a test and its child processes; returns its name."""
    site = str(Path(__file__).parent / "distributions" / "spell")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([site, *filter(None, [os.environ.get("PYTHONPATH")])]))
    plugins._members.cache_clear()
    yield "spell"
    plugins._members.cache_clear()


@pytest.fixture(scope="session")
def triton_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python with `tritonclient[http]`: that which MODELWRIGHT_TRITON_PYTHON names, or one made here.

    Not ours: this client asks for an older ml_dtypes than the newest onnx has. Skips where no index gives it.
    """
    return _python_with("tritonclient[http]>=2.60", "TRITON", tmp_path_factory)


@pytest.fixture(scope="session")
def langchain_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python with `langchain-openai`: that which MODELWRIGHT_LANGCHAIN_PYTHON names, or one made here.

    Not ours: it brings some 30 packages. Skips where no index gives it.
    """
    return _python_with("langchain-openai>=1.0", "LANGCHAIN", tmp_path_factory)


def _python_with(package: str, name: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    named = os.environ.get(f"MODELWRIGHT_{name}_PYTHON")
    if named is not None:
        return named
    folder = tmp_path_factory.mktemp(name.lower())
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    words = ["install", "--quiet", "--disable-pip-version-check", package]
    made = subprocess.run(
        [python, "-m", "pip", *words], capture_output=True, text=True, check=False, timeout=600
    )
    if made.returncode:
        pytest.skip(f"{package} cannot be installed: {made.stderr[-200:]}")
    return python
