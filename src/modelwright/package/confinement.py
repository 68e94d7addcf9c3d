"""Keeps whoever opens a package from every file but those that it needs: Landlock of Linux, for one thread or process.

A graph is checked before it is opened. This is the second wall: should a check be wrong, what the graph asks for cannot
be read. Landlock takes rights away from the calling thread, and from the threads and processes that it starts, for
good; no privilege is needed. Source: Documentation/userspace-api/landlock.rst of Linux.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TypeVar

from modelwright.package import gpu

T = TypeVar("T")

_MACHINES = {"x86_64", "aarch64"}  # where the numbers of the three calls are known: the same on both
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_NO_NEW_PRIVILEGES = (
    38  # prctl: a thread that takes rights from itself must not get others by running a program
)
_CLONE_FS = 0x200  # unshare: a working folder of its own
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_IOCTL_DEVICE = 1 << 15  # from version 5 on; before, it was not restricted
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # by version, how many rights there are; 16 from version 5 on
_NEWEST_FILE_RIGHTS = 16
_TCP_RIGHTS = 0b11  # bind, connect; from version 4 on
_SCOPES = 0b11  # abstract sockets and signals to processes outside; from version 6 on
_WRITABLE = Path("/dev/null")
_HARMLESS = "/proc/self/fdinfo"
_LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")
# What libraries read beside Python's own files: shared libraries, the time zone, facts of the machine.
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/etc/localtime", "/dev/urandom", "/dev/zero"),
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/self/status", "/proc/self/cgroup"),
    *("/proc/self/mountinfo", "/sys/devices/system", "/sys/fs/cgroup"),
)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


@cache
def version() -> int | None:
    """Return the version of Landlock that this kernel has; None where it has none, or does not let us use it."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES:
        return None
    found = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    return int(found) if found > 0 else None


def confine(readable: Iterable[Path] = (), *, on_gpu: bool = False) -> bool:
    """Let this thread read nothing but these places and libraries; return whether the kernel sees to it.

    Nothing can be written or run, no TCP connection made. The working folder is empty afterwards, on any Linux.
    on_gpu: the device files of a GPU can be used as well, and nothing else.
    """
    places = [*libraries(), *readable, *(gpu.FACTS if on_gpu else ())]
    _leave_working_folder()
    return _restrict(places, gpu.device_files() if on_gpu else ())


def confined(work: Callable[[], T], *, on_gpu: bool = False) -> T:
    """Return what `work` returns, done by a thread of its own that can read libraries alone, and use a GPU if asked."""
    results: list[T] = []
    errors: list[BaseException] = []

    def done() -> None:
        try:
            confine(on_gpu=on_gpu)
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=done, name="confined")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


@cache
def libraries() -> tuple[Path, ...]:
    """Return where the interpreter and its libraries lie, and what these need to know of the machine."""
    paths = sysconfig.get_paths()
    found = [*map(Path, _SYSTEM), *(Path(paths[name]) for name in _LIBRARIES), Path(__file__).parent.parent]
    found += map(Path, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
    # A distribution's own Python has a prefix with far more below it than Python.
    found += (Path(one) for one in (sys.prefix, sys.base_prefix) if one not in {"/", "/usr", "/usr/local"})
    return tuple(dict.fromkeys(one for one in found if one.is_absolute()))


@cache
def modules() -> tuple[Path, ...]:
    """Return where modules may be imported from: the search path, and the folders of plug-ins.

    An editable install may leave a plug-in off the search path.
    """
    found = [Path(one).absolute() for one in sys.path if one]
    declared = importlib.metadata.entry_points()
    for group in sorted(name for name in declared.groups if name.startswith("modelwright.")):
        for point in declared.select(group=group):
            spec = importlib.util.find_spec(point.module.partition(".")[0])
            found += map(Path, (spec.submodule_search_locations or ()) if spec is not None else ())
    return tuple(dict.fromkeys(found))


def _leave_working_folder() -> None:
    if sys.platform != "linux" or _libc().unshare(_CLONE_FS) != 0:
        return  # without a folder of its own, the other threads would lose theirs
    try:
        with tempfile.TemporaryDirectory(prefix="modelwright-empty-") as empty:
            os.chdir(empty)  # it is gone in a moment, and nothing can be made in it
    except OSError:
        os.chdir(_HARMLESS)  # nothing can be written anywhere


def _restrict(places: Iterable[Path], devices: Iterable[Path] = ()) -> bool:
    has = version()
    if has is None:
        return False
    rights = (1 << _FILE_RIGHTS.get(has, _NEWEST_FILE_RIGHTS)) - 1
    rules = _Ruleset(rights, _TCP_RIGHTS, _SCOPES)
    size = 8 if has < 4 else 16 if has < 6 else 24
    call = _libc().syscall
    ruleset = call(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        for place in places:
            _allow(ruleset, place, _READ_FILE | _READ_DIR)
        _allow(ruleset, _WRITABLE, _READ_FILE | _WRITE_FILE)
        for device in devices:
            _allow(ruleset, device, rights & (_READ_FILE | _WRITE_FILE | _IOCTL_DEVICE))
        if _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            return False
        return bool(call(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)) == 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, place: Path, rights: int) -> None:
    try:
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is not there, and so nothing is read there
    try:
        if not place.is_dir():
            rights &= ~_READ_DIR
        rule = _Beneath(rights, opened)
        _libc().syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(opened)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
