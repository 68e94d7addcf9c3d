"""The exported context with a real Docker: built, run as its Compose file has it, asked, and stopped.

MODELWRIGHT_TEST_DOCKER names the daemon, as DOCKER_HOST does (`unix:///var/run/docker.sock`). It must have the base
image that the Dockerfile names; what is installed into the image comes from the index that pip has in the base image.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from in_process import say

from modelwright import load
from modelwright.exports.docker import image

HOST = os.environ.get("MODELWRIGHT_TEST_DOCKER")
KEY = "secret-of-the-test"
QUESTIONS = ("a claim for the car", "dental cover of the plan", "a claim for dental")
GRACE_S = 20

pytestmark = pytest.mark.proof


def docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of Docker; the builder is the one that every version of it has."""
    environment = {**os.environ, "DOCKER_HOST": HOST or "", "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(
        ["docker", *words], env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert not check or done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-3000:])
    return done


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose version is in production."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "modelwright.yaml").write_text(
        'function: "route(question: text) -> team: category"\n'
        'requirements: {latency_p95: "<= 2 s"}\n'
        "data: {source: rows.csv, twins: ignore}\nmodel: {learner: linear}\nevaluate: {latency_requests: 100}\n"
        "serve: {limits: {rows: 50}}\n"
    )
    words = {"motor": ("car", "claim", "road"), "health": ("dental", "plan", "cover")}
    rows = [
        f"{first} {second} number {number},{team}"
        for team, ours in words.items()
        for first in ours
        for second in ours
        for number in range(20)
    ]
    (folder / "rows.csv").write_text("\n".join(["question,team", *rows]))
    done = say(folder, "run")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def context(project: Path) -> Path:
    """Return the exported context, with a key beside it that must not get into the image."""
    if HOST is None:
        pytest.skip("MODELWRIGHT_TEST_DOCKER names no daemon")
    if shutil.which("docker") is None or docker("version", check=False).returncode:
        pytest.skip(
            "docker is not installed, or the daemon that MODELWRIGHT_TEST_DOCKER names does not answer"
        )
    done = say(project, "export", "--target", "docker")
    assert done.returncode == 0, done.stderr
    folder = project / "docker-v1"
    (base,) = re.findall(r"^ARG PYTHON=(.*)$", (folder / "Dockerfile").read_text(), re.MULTILINE)
    if docker("image", "inspect", base, check=False).returncode:
        pytest.skip(f"the daemon has no image {base}, which the Dockerfile begins with")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", image.PORT)) == 0:
            pytest.skip(f"port {image.PORT} of this machine is in use")
    key = folder / image.KEY_FILE
    key.parent.mkdir()
    key.write_text(f"{KEY}\n")
    key.chmod(0o400)
    os.chown(key, image.USER, image.USER)
    return folder


@pytest.fixture(scope="module")
def built(context: Path) -> Iterator[str]:
    """Return the image, built as Compose would."""
    (service,) = yaml.safe_load((context / "compose.yaml").read_text())["services"].values()
    docker("build", "--network", "host", "--tag", service["image"], str(context))
    yield service["image"]
    docker("image", "rm", "--force", service["image"])


def inspected(what: str) -> Any:
    """Return what Docker holds of an image or a container."""
    (found,) = json.loads(docker("inspect", what).stdout)
    return found


def options(context: Path) -> list[str]:
    """Return the options of `docker run` that say what the Compose file says; memory is bounded beside."""
    (service,) = yaml.safe_load((context / "compose.yaml").read_text())["services"].values()
    assert service["read_only"]
    return [
        *("--network", "host", "--memory", "400m", "--read-only"),
        *(word for one in service["tmpfs"] for word in ("--tmpfs", one)),
        *(word for one in service["cap_drop"] for word in ("--cap-drop", one)),
        *(word for one in service["security_opt"] for word in ("--security-opt", one)),
    ]


def test_without_a_key_the_start_is_refused(context: Path, built: str) -> None:
    keyless = docker("run", "--rm", *options(context), built, check=False)
    assert keyless.returncode == 1
    assert "needs a key" in keyless.stderr
    assert "Traceback" not in keyless.stderr


def test_what_is_run_answers_as_the_package_does_and_ends_well(
    context: Path, project: Path, built: str
) -> None:
    key = ["-v", f"{context / image.KEY_FILE}:/run/secrets/api-key:ro"]
    variable = ["-e", "MODELWRIGHT_API_KEY_FILE=/run/secrets/api-key"]
    name = docker("run", "--detach", *options(context), *key, *variable, built).stdout.strip()
    try:
        end = time.monotonic() + 120
        while (state := inspected(name)["State"])["Health"]["Status"] != "healthy":
            assert state["Running"], docker("logs", name).stderr
            assert time.monotonic() < end, (state, docker("logs", name).stderr)
            time.sleep(0.2)
        url, bearer = f"http://127.0.0.1:{image.PORT}/route", {"authorization": f"Bearer {KEY}"}
        here = load(context / "package")
        for question in QUESTIONS:
            answer = httpx.post(url, json={"question": question}, headers=bearer).json()
            expected = here(question)
            (given,) = answer["outputs"].values()
            assert given["value"] == expected.team
            assert given["confidence"] == pytest.approx(expected.confidence, abs=1e-4)
        assert httpx.post(url, json={"question": "a"}).status_code == 401
        many = httpx.post(url, json=[{"question": "a"}] * 51, headers=bearer)
        assert many.status_code == 413  # serve.limits.rows went along
        assert docker("exec", name, "id", "-u").stdout.strip() == str(image.USER)
        for place in ("/srv/package/manifest.json", "/opt/modelwright/new", "/new", "/run/secrets/api-key"):
            assert docker("exec", name, "sh", "-c", f"echo x >> {place}", check=False).returncode, place
        found = docker("exec", name, "sh", "-c", f"grep -rl {KEY} /srv /opt /build /etc /home", check=False)
        assert found.stdout == ""
        begun = time.monotonic()
        docker("stop", "--time", str(GRACE_S), name)
        assert time.monotonic() - begun < GRACE_S
        state = inspected(name)["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
        assert "Traceback" not in docker("logs", name).stderr
    finally:
        docker("rm", "--force", name)


def test_the_label_is_the_digest_of_what_was_evaluated(context: Path, project: Path, built: str) -> None:
    labels = inspected(built)["Config"]["Labels"]
    versions = json.loads(say(project, "versions", "--json").stdout)["versions"]
    assert labels["modelwright.package.digest"].startswith(versions[0]["package"][:12])
