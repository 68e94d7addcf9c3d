"""Where graphs run: on a GPU where there is one that answers as the CPU does, else on the CPU, and it is said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tiny_serving import Releases, linear_body, running, sealed

from modelwright.core.messages import MachineError, PackageError
from modelwright.package import confinement, gpu
from modelwright.package.ort import onnxruntime
from modelwright.package.packages import read
from modelwright.project.results import doctor
from modelwright.runtime.function import Function
from modelwright.runtime.worker import gpu_opening, timed_opening
from modelwright.runtime.worker.channel import start
from modelwright.runtime.worker_layout import WorkerLayout

LACKS = gpu.lack(onnxruntime.get_available_providers())
on_gpu = pytest.mark.skipif(LACKS is not None, reason="no GPU")
on_cpu = pytest.mark.skipif(LACKS is None, reason="there is a GPU")
CUDA = [gpu.PROVIDER, "CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("files", "providers", "expected"),
    [
        (["nvidia0", "nvidiactl", "nvidia-uvm"], CUDA, None),
        (["nvidia0"], CUDA[1:], "runtime"),
        (["nvidiactl", "nvidia-uvm", "nvidia-caps"], CUDA, "device"),  # the driver without a board
        ([], CUDA, "device"),
    ],
)
def test_a_gpu_is_a_board_and_a_runtime_that_was_built_for_it(
    tmp_path: Path, files: list[str], providers: list[str], expected: str | None
) -> None:
    (tmp_path / "dev").mkdir()
    for name in files:
        (tmp_path / "dev" / name).touch()
    assert gpu.lack(providers, tmp_path) == expected
    assert [one.name for one in gpu.device_files(tmp_path)] == sorted(set(files) - {"nvidia-caps"})
    assert gpu.lack(CUDA, tmp_path / "nowhere") == "device"


@pytest.mark.skipif(confinement.version() is None, reason="this kernel has no Landlock")
def test_device_files_can_be_used_where_graphs_run_on_a_gpu_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, beside = tmp_path / "nvidia0", tmp_path / "beside"
    board.write_bytes(b"")
    beside.write_bytes(b"")
    monkeypatch.setattr(gpu, "device_files", lambda: (board,))

    def used() -> list[bool]:
        return [_is_used(one) for one in (board, beside)]

    assert confinement.confined(used) == [False, False]
    assert confinement.confined(used, on_gpu=True) == [True, False]


def _is_used(path: Path) -> bool:
    try:
        with path.open("r+b") as file:
            return file.write(b"1") == 1
    except OSError:
        return False


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed(linear_body(), tmp_path_factory.mktemp("devices") / "linear")


def test_answers_that_differ_are_found(linear: Path, tmp_path: Path) -> None:
    function = Function(read(linear), 1)
    assert gpu_opening.first_unlike(function, Function(read(linear), 1)) is None
    near = Function(read(sealed(linear_body(1e-4), tmp_path / "near")), 1)
    assert gpu_opening.first_unlike(function, near) is None
    far = Function(read(sealed(linear_body(1e-1), tmp_path / "far")), 1)
    assert gpu_opening.first_unlike(function, far) == "size.logits"


@pytest.fixture
def another_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one that leaves everything to the CPU stand for the GPU."""
    names: Mapping[str, str] = {}
    if "AzureExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has no second provider")
    monkeypatch.setattr(gpu, "PROVIDER", "AzureExecutionProvider")
    monkeypatch.setattr(gpu, "OPTIONS", names)


@pytest.mark.usefixtures("another_provider")
@pytest.mark.parametrize(
    ("device", "gpu_s", "expected"),
    [
        ("auto", 1.0, WorkerLayout(1, 4, on_gpu=True)),
        ("auto", 3.0, WorkerLayout(1, 1)),
        ("cuda", 3.0, WorkerLayout(1, 4, on_gpu=True)),
        ("cpu", 1.0, WorkerLayout(1, 1)),
    ],
)
def test_a_gpu_is_taken_where_it_is_quicker_or_wanted(
    linear: Path, monkeypatch: pytest.MonkeyPatch, device: str, gpu_s: float, expected: WorkerLayout
) -> None:
    monkeypatch.setattr(gpu_opening, "_least_s", lambda one: gpu_s if one.on_gpu else 2.0)
    function, layout = timed_opening.opened(read(linear), None, 4, device)  # type: ignore[arg-type]
    assert layout == expected
    assert (function.on_gpu, layout.device) == (layout.on_gpu, "cuda" if layout.on_gpu else "cpu")


@pytest.mark.usefixtures("another_provider")
def test_a_gpu_that_answers_otherwise_is_not_taken(
    linear: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gpu_opening, "first_unlike", lambda ours, theirs: "size.logits")
    assert timed_opening.opened(read(linear), 2, 4, "cuda")[1] == WorkerLayout(2, 2)
    assert "`size.logits` is another answer" in caplog.text


def test_a_driver_that_stays_on_the_cpu_is_named(
    spell: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = replace(linear_body(), driver=spell, graphs={}, settings={})
    assert gpu_opening.opened_on_gpu(read(sealed(body, tmp_path / "spell")), 1, must=True) is None
    assert f"`{spell}` cannot run them on a GPU" in caplog.text


@on_cpu
def test_a_gpu_that_cannot_be_opened_leaves_the_cpu(linear: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.warns(UserWarning, match="not in available provider names"):
        function, layout = timed_opening.opened(read(linear), None, 4, "cuda")
    assert (function.on_gpu, layout) == (False, WorkerLayout(1, 1))
    assert f"{gpu.PROVIDER} could not be opened" in caplog.text


@on_cpu
def test_without_a_gpu_cuda_is_refused_before_anything_is_loaded(
    linear: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWRIGHT_LANG", "en")
    with (
        pytest.raises(MachineError, match="is `cuda`"),
        running(Releases(linear), device="cuda"),
    ):
        pass

    async def ask() -> None:
        await start(linear, threads=1, max_batch=1, max_wait_s=0.0, timeout_s=60, device="cuda")

    with pytest.raises(PackageError, match="is `cuda`"):
        asyncio.run(ask())


@pytest.mark.parametrize("device", ["auto", pytest.param("cuda", marks=on_gpu)])
def test_a_gateway_says_where_graphs_run(
    linear: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, device: str
) -> None:
    caplog.set_level(logging.INFO, "modelwright")
    monkeypatch.setenv("MODELWRIGHT_LANG", "en")
    with running(Releases(linear), device=device) as server:
        (version,) = httpx.get(f"{server.url}/admin/traffic").json()["versions"]
        if LACKS is not None or device == "cuda":
            assert version["device"] == ("cpu" if LACKS is not None else "cuda")
        assert f", on {version['device']};" in caplog.text
        assert httpx.post(f"{server.url}/measure", json={"height": 9.0}).status_code == 200


@pytest.mark.parametrize(
    ("files", "providers", "state", "said"),
    [
        ([], CUDA, None, ""),
        (["nvidia0"], CUDA, "ok", "CUDA"),
        (["nvidia0"], CUDA[1:], "note", "has no CUDA"),
        (["nvidiactl"], CUDA, "note", "no GPU"),
    ],
)
def test_doctor_says_whether_a_gpu_that_is_here_answers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: list[str],
    providers: list[str],
    state: str | None,
    said: str,
) -> None:
    monkeypatch.setenv("MODELWRIGHT_LANG", "en")
    (tmp_path / "dev").mkdir()
    for name in files:
        (tmp_path / "dev" / name).touch()
    found = gpu.device_files(tmp_path)
    monkeypatch.setattr(gpu, "device_files", lambda *_: found)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    rows = [one for one in doctor.doctor(tmp_path).rows if one.name == "a GPU that answers"]
    assert [one.state for one in rows] == ([] if state is None else [state])
    assert all(said in one.found for one in rows)
