from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelwright.learners.training import gpus
from modelwright.runtime import machine as runtime_machine
from modelwright.stages.plan.resources import machine

X86 = "processor\t: 0\nflags\t\t: fpu sse2 avx avx2 fma{}\nprocessor\t: 1\nflags\t\t: fpu\n"
AVX512 = " avx512f avx512bw avx512dq avx512vl"


def system(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_this_machine_offers_something() -> None:
    found = machine()
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert 10**8 < found.memory_bytes <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found.instruction_set
    assert found == machine()


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (X86.format(""), "avx2"),
        (X86.format(AVX512), "avx512"),
        (X86.format(" avx512f"), "avx2"),
        ("processor\t: 0\nFeatures\t: fp asimd evtstrm\n", "neon"),
    ],
)
def test_instruction_set_follows_from_the_flags(tmp_path: Path, cpuinfo: str, name: str) -> None:
    assert machine(system(tmp_path, {"proc/cpuinfo": cpuinfo})).instruction_set == name


@pytest.mark.parametrize(
    ("more", "is_exact"),
    [
        ("", False),
        (AVX512, False),
        (f"{AVX512} avx512_vnni", True),
        (" avx512_vnni", False),
        (" avx_vnni", True),
    ],
)
def test_signed_bytes_are_multiplied_where_sums_do_not_saturate(
    tmp_path: Path, more: str, is_exact: bool
) -> None:
    root = system(tmp_path, {"proc/cpuinfo": X86.format(more)})
    assert runtime_machine.multiplies_signed_bytes(root) is is_exact
    assert not runtime_machine.multiplies_signed_bytes(tmp_path / "nowhere")


def test_gpus_are_asked_for_where_a_driver_has_made_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(gpus, "names", lambda: asked.append(1) or ("A100",))
    assert machine(system(tmp_path / "none", {"dev/null": "", "dev/nvidiactl": ""})).gpus == ()
    assert not asked
    assert machine(system(tmp_path / "one", {"dev/nvidia0": ""})).gpus == ("A100",)
    assert runtime_machine.gpus(tmp_path / "nowhere") == ()


def test_limits_of_a_container_count_in_both_versions_of_control_groups(tmp_path: Path) -> None:
    nested = system(
        tmp_path / "two",
        {
            "proc/self/cgroup": "0::/box/inner\n",
            "sys/fs/cgroup/box/memory.max": "50000000\n",
            "sys/fs/cgroup/box/inner/memory.max": "max\n",
            "sys/fs/cgroup/box/cpu.max": "max 100000\n",
            "sys/fs/cgroup/box/inner/cpu.max": "50000 100000\n",
        },
    )
    assert machine(nested).memory_bytes == 50_000_000
    assert machine(nested).cores == 1
    older = system(
        tmp_path / "one",
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/\n4:memory:/box\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "60000000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "90000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert machine(older).memory_bytes == 60_000_000
    assert machine(older).cores == 1


def test_without_limits_the_machine_is_whole(tmp_path: Path) -> None:
    free = system(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "max\n",
            "sys/fs/cgroup/cpu.max": "max 100000\n",
        },
    )
    assert machine(free).memory_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert machine(free).cores == len(os.sched_getaffinity(0))
