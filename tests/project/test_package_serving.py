"""A package served alone, by the command as a unit file has it: no project, nothing written, on a read-only root."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from modelwright.engine import gc
from modelwright.engine.lineage import MadeFrom
from modelwright.engine.store import Store
from modelwright.runtime.function import load
from modelwright.storage.traffic.record import LiveRecord

COMMAND = (sys.executable, "-m", "modelwright", "serve", "--port", "0", "--package")
ROW = {"colour": "red", "height": 9.0}


@contextmanager
def serving(package: Path, *options: str, around: Sequence[str] = ()) -> Iterator[str]:
    """Run the command until the block ends; gives the address once a request would be answered."""
    process = subprocess.Popen(
        [*around, *COMMAND, str(package), *options], stderr=subprocess.PIPE, text=True, cwd="/"
    )
    try:
        assert process.stderr is not None
        address = ""
        while not address:
            line = process.stderr.readline()
            assert line, "it ended"
            address = "".join(re.findall(r"https?://[\d.:]+", line)[:1])
        end = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{address}/v2/health/ready").json()["ready"]:
                    break
            except httpx.HTTPError:
                pass
            assert time.monotonic() < end, "it is not ready"
            time.sleep(0.05)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_a_package_answers_alone_and_writes_nothing(packages: dict[str, Path], tmp_path: Path) -> None:
    before = sorted(str(path) for path in packages["table"].parent.rglob("*"))
    with serving(packages["table"], "--set", "serve.unseen=refuse") as address:
        answer = httpx.post(f"{address}/measure", json=ROW).json()
        refused = httpx.post(f"{address}/measure", json={**ROW, "colour": "new"})
        front = httpx.get(f"{address}/", follow_redirects=True)
        figures = httpx.get(f"{address}/metrics").text
    assert answer["outputs"] == load(packages["table"])(**ROW).as_json()
    assert refused.json()["error"]["id"] == "request.unseen-value"
    assert "<form" in front.text
    assert 'modelwright_requests_total{code="200"' in figures
    assert sorted(str(path) for path in packages["table"].parent.rglob("*")) == before


def test_traffic_is_recorded_where_a_folder_is_given(packages: dict[str, Path], tmp_path: Path) -> None:
    with serving(packages["table"], "--record", str(tmp_path)) as address:
        answer = httpx.post(f"{address}/measure", json=ROW).json()
    (row,) = LiveRecord.open(tmp_path / "live.db").rows(0)
    assert row.id == answer["id"]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="only root can make a root of its own read-only",
)
def test_gc_does_not_take_the_package_of_a_store_while_it_is_served(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    store, made_from = Store(tmp_path / ".modelwright"), MadeFrom(config={}, inputs={})
    key = made_from.key("package")
    with store.lock("package", key):
        out = store.fresh("package", key)
        shutil.copytree(packages["table"], out / "package")
        package = store.seal(out, "package", key, made_from, {}).path / "package"
    (tmp_path / "link").symlink_to(package)
    with serving(tmp_path / "link") as address:
        freed = gc.collect(store, set())
        assert (freed.removed, freed.in_use) == (0, 1)
        assert httpx.post(f"{address}/measure", json=ROW).status_code == 200
    assert gc.collect(store, set()).removed == 1
    assert not package.exists()


def test_it_answers_on_a_read_only_root(packages: dict[str, Path]) -> None:
    read_only = (
        'mount -o remount,ro,bind / 2>/dev/null || mount --bind / / && mount -o remount,ro,bind /; exec "$@"'
    )
    around = ("unshare", "-m", "sh", "-c", read_only, "sh")
    probe = subprocess.run([*around, "sh", "-c", "touch /read-only-probe"], capture_output=True, check=False)
    if probe.returncode == 0 or b"ead-only" not in probe.stderr:
        pytest.skip("this machine makes no read-only root")
    with serving(packages["table"], around=around) as address:
        assert httpx.post(f"{address}/measure", json=ROW).status_code == 200
        assert httpx.get(f"{address}/metrics").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--package", "{none}"), 1, "is no package"),
        (("--package", "{whole}", "--set", "serve.prot=1"), 1, "did you mean"),
        (("--package", "{whole}", "--host", "0.0.0.0"), 1, "MODELWRIGHT_API_KEY"),
        (("--package", "{whole}", "--project", "x"), 2, "--package or --project"),
        (("--record", "{none}"), 2, "--record goes with --package"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    packages: dict[str, Path], tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    places = {"none": str(tmp_path), "whole": str(packages["table"])}
    command = [*COMMAND[:-1], *(one.format(**places) for one in arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "MODELWRIGHT_API_KEY"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == code, done.stderr
    assert says in " ".join(done.stderr.replace("│", " ").split())


PAGE = Path(__file__).parents[2] / "docs" / "serving.md"


def test_the_commands_of_the_page_work(packages: dict[str, Path], tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    asked = [line for line in lines if line.startswith("curl ")]
    plain = [
        line for line in asked if "-F " not in line
    ]  # a form sends a picture, which this function does not take
    assert (len(asked), len(plain)) == (6, 5)
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    environment = {**os.environ, "MODELWRIGHT_API_KEY": "a-key"}
    with serving(packages["table"]) as address:
        for line in plain:
            here = line.replace("http://127.0.0.1:8080", address).replace("/route", "/measure")
            here = here.replace('"question": "Does my plan cover dental?"', '"colour": "red", "height": 9')
            done = subprocess.run(
                ["sh", "-c", here], env=environment, capture_output=True, check=True, text=True
            )
            if "-d" in line:
                assert '"outputs"' in done.stdout


def test_the_unit_of_the_page_is_one_that_systemd_reads(tmp_path: Path) -> None:
    (unit,) = re.findall(r"```ini\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    start = re.search(r"^ExecStart=\S+/modelwright (.*)$", unit, re.MULTILINE)
    assert start is not None
    verb, *options = start[1].split()
    help_text = subprocess.run(
        [sys.executable, "-m", "modelwright", verb, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(option in help_text for option in options if option.startswith("--"))
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze on this machine")
    path = tmp_path / "route.service"
    path.write_text(unit.replace("/opt/route/venv/bin/modelwright", sys.executable))
    done = subprocess.run([analyze, "verify", str(path)], capture_output=True, text=True, check=False)
    assert "Unknown" not in done.stderr
