"""A worker reads its package and what Python needs; it reads nothing else, writes nothing and connects to nobody."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_serving import Releases, linear_body, running, sealed

from modelwright.package import confinement
from modelwright.project.results import doctor
from modelwright.runtime.worker.channel import start

landlock = pytest.mark.skipif(confinement.version() is None, reason="this kernel has no Landlock")


def readable(path: str | Path) -> bool:
    """Return whether a file can be read from here."""
    try:
        Path(path).read_bytes()
    except OSError:
        return False
    return True


@landlock
def test_a_confined_thread_reads_libraries_alone_and_takes_nothing_from_the_others(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("password", "utf-8")
    places = [secret, "/etc/passwd", "/proc/self/environ", Path.home(), Path(os.__file__), "/proc/cpuinfo"]
    found = confinement.confined(lambda: [readable(one) for one in places])
    assert found == [False, False, False, False, True, True]
    assert readable(secret)
    assert readable("/etc/passwd")


def test_a_confined_thread_stands_in_an_empty_folder_and_the_others_where_they_stood(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("password", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert not confinement.confined(lambda: readable("secret"))
    assert readable("secret")
    assert Path.cwd() == tmp_path


def test_what_a_confined_thread_raises_is_raised():
    def fails():
        raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        confinement.confined(fails)


@landlock
def test_a_worker_is_confined(spell, tmp_path, capfd):
    (tmp_path / "secret").write_text("password", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        tries = {
            "secret": {"read": str(tmp_path / "secret")},
            "accounts": {"read": "/etc/passwd"},
            "environment": {"read": "/proc/self/environ"},
            "package": {"read": str(tmp_path / "package" / "manifest.json")},
            "beside": {"write": str(tmp_path / "new")},
            "inside": {"write": str(tmp_path / "package" / "new")},
            "network": {"connect": server.getsockname()[1]},
        }
        body = replace(linear_body(), driver=spell, graphs={}, settings={"tries": tries})
        package = sealed(body, tmp_path / "package")

        async def ask() -> bool:
            worker = await start(package, threads=None, max_batch=4, max_wait_s=0.0, timeout_s=60)
            await worker.close()
            return worker.confined

        assert asyncio.run(ask())
    said = next(line for line in capfd.readouterr().err.splitlines() if line.startswith("{"))
    found = json.loads(said)
    assert '"format": 3' in found.pop("package")
    refused = dict.fromkeys(("secret", "accounts", "environment", "beside", "inside"), "PermissionError")
    assert {**found, "network": None} == {**refused, "network": None}
    assert (
        found["network"] == "PermissionError" or confinement.version() < 4
    )  # the first that knows of networks


def test_a_package_is_named_from_the_folder_where_the_gateway_stands(packages, monkeypatch):
    monkeypatch.chdir(packages["linear"].parent)

    async def ask() -> bool:
        worker = await start(Path("linear"), threads=None, max_batch=4, max_wait_s=0.0, timeout_s=60)
        answered = (await worker.ask([[9.0, None]])).answers is not None
        await worker.close()
        return answered

    assert asyncio.run(ask())


def test_a_gateway_says_where_it_cannot_confine(packages, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "modelwright")
    monkeypatch.setenv("MODELWRIGHT_LANG", "en")
    with running(Releases(packages["linear"])):
        assert ("not confined" in caplog.text) == (confinement.version() is None)


@pytest.mark.parametrize(("has", "state", "said"), [(7, "ok", "Landlock 7"), (None, "note", "Landlock")])
def test_doctor_says_whether_packages_are_confined(monkeypatch, tmp_path, has, state, said):
    monkeypatch.setattr(confinement, "version", lambda: has)
    (row,) = (one for one in doctor.doctor(tmp_path).rows if said in f"{one.found}")
    assert row.state == state
    assert bool(row.next_step) == (has is None)
