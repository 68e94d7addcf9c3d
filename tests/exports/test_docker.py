"""`export --target docker`: a context that linters of the field accept, and whose steps, done by hand, serve."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import httpx
import pytest
import yaml
from in_process import say
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelwright import exports
from modelwright.core.digests import of_folder
from modelwright.core.messages import UserError
from modelwright.exports.contract.target import Leaving
from modelwright.exports.docker import image, pins, serve_options
from modelwright.gateway.config import ServeConfig
from modelwright.package import packages as folders

SERVE = {"limits": {"rows": 50}, "unseen": "refuse", "record": {"private": ("height",)}}


def leaving(package: Path, **serve: object) -> Leaving:
    return Leaving(folders.read(package), package, 3, ServeConfig(**serve))


def words(dockerfile: str, instruction: str) -> list[str]:
    """Return the words of an instruction in exec form; that of the health check is indented."""
    return json.loads(re.findall(rf"^{instruction} (\[.*\])$", dockerfile, re.MULTILINE)[-1])


@pytest.fixture(scope="module")
def context(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("context")
    exports.get("docker").write(leaving(packages["linear"], **SERVE), folder)
    return folder


def test_the_package_is_the_one_that_was_evaluated(context: Path, packages: dict[str, Path]) -> None:
    digest = of_folder(packages["linear"])
    assert folders.verify(context / "package") == digest
    assert f'modelwright.package.digest="{digest}"' in (context / "Dockerfile").read_text()


def test_equal_packages_give_equal_bytes(context: Path, packages: dict[str, Path], tmp_path: Path) -> None:
    exports.get("docker").write(leaving(packages["linear"], **SERVE), tmp_path)
    assert of_folder(tmp_path) == of_folder(context)


def test_another_user_can_read_whatever_the_umask_was(packages: dict[str, Path], tmp_path: Path) -> None:
    hidden = shutil.copytree(packages["text"], tmp_path / "hidden")
    for path in (hidden, *hidden.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o400)
    (tmp_path / "out").mkdir()
    exports.get("docker").write(leaving(hidden), tmp_path / "out")
    copied = [tmp_path / "out" / "package", *(tmp_path / "out" / "package").rglob("*")]
    assert len(copied) > 3
    assert all(path.stat().st_mode & stat.S_IROTH for path in copied)
    assert all(path.stat().st_mode & stat.S_IXOTH for path in copied if path.is_dir())


def test_the_container_is_as_safe_as_it_can_be(context: Path) -> None:
    dockerfile, compose = (
        (context / "Dockerfile").read_text(),
        yaml.safe_load((context / "compose.yaml").read_text()),
    )
    assert f"USER {image.USER}:{image.USER}" in dockerfile
    service = compose["services"]["measure"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert "HEALTHCHECK" in dockerfile


def test_no_secret_is_copied(context: Path) -> None:
    left = (context / ".dockerignore").read_text().splitlines()
    wheel = next(context.glob("*.whl")).name
    assert left == ["*", "!package", "!requirements.txt", f"!{wheel}"]
    copied = re.findall(r"^COPY (?!--from)(.*)$", (context / "Dockerfile").read_text(), re.MULTILINE)
    assert " ".join(copied).split() == ["requirements.txt", wheel, "./", "package", "/srv/package"]


def test_what_serves_is_pinned(context: Path) -> None:
    lines = (context / "requirements.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.+!-]+", line) for line in lines)
    pinned = {line.partition("==")[0] for line in lines}
    assert {"onnxruntime", "uvicorn", "starlette", "numpy", "sqlalchemy"} <= pinned
    assert not pinned & {"torch", "modelwright", "pillow", "polars", "pytest"}


def test_the_pins_are_whole_and_agree(context: Path) -> None:
    """pip installs them without their dependencies, so that none may be missing, and looks at no bound."""
    lines = (context / "requirements.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines)
    with zipfile.ZipFile(next(context.glob("*.whl"))) as wheel:
        (name,) = (one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
        ours = Parser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist", [])
    wanted = {"modelwright": ours} | {one: importlib.metadata.requires(one) or [] for one in pinned}
    wrong = []
    for name, needs in wanted.items():
        extra = "serve" if name == "modelwright" else ""
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                version = pinned.get(canonicalize_name(need.name))
                if version is None or not need.specifier.contains(version, prereleases=True):
                    wrong.append((name, str(need), version))
    assert not wrong


def test_what_the_context_names_is_there(context: Path) -> None:
    lines = (context / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    stages: list[str] = []
    for line in lines:
        if line.startswith("FROM "):
            stages += re.findall(r" AS (\S+)$", line)
        if line.startswith("COPY --from="):
            assert re.findall(r"--from=(\S+)", line)[0] in stages
        elif line.startswith("COPY "):
            *sources, _ = line.split()[1:]
            assert all((context / source).exists() for source in sources), line
    instructions = {line.split()[0] for line in lines if re.match(r"\S", line) and not line.startswith("#")}
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER", "EXPOSE", "HEALTHCHECK"}
    assert instructions == {*known, "ENTRYPOINT", "CMD"}
    compose = yaml.safe_load((context / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert (context / service["build"] / "Dockerfile").is_file()
    assert set(service["networks"]) <= set(compose["networks"])
    assert set(service["secrets"]) <= set(compose["secrets"])
    assert service["environment"]["MODELWRIGHT_API_KEY_FILE"] in {
        f"/run/secrets/{one}" for one in service["secrets"]
    }
    assert f"EXPOSE {service['ports'][0].rpartition(':')[2]}" in lines


def test_a_kind_brings_what_it_reads_with(packages: dict[str, Path]) -> None:
    from modelwright.core.signature import Signature

    pictures = pins.requirements(Signature.parse("sort(photo: image) -> size: category"), "once")
    assert any(line.startswith("pillow==") for line in pictures)


def test_the_wheel_holds_the_code_and_no_examples(context: Path) -> None:
    with zipfile.ZipFile(next(context.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert "modelwright/gateway/server.py" in names
    assert "modelwright/core/messages/zh.toml" in names
    assert not [name for name in names if "/examples/" in name or "__pycache__" in name or "/." in name]


def test_the_lines_of_serve_go_along_and_what_is_of_the_machine_does_not() -> None:
    known = {"billing": {"role": "caller", "sha256": "8" * 64}}
    config = ServeConfig(
        port=9000, tls={"certificate": "a", "key": "b"}, audit="x", keys={"known": known}, **SERVE
    )
    goes, stays = serve_options.carried(config)
    assert set(goes) == {
        'serve.unseen="refuse"',
        "serve.limits.rows=50",
        'serve.record.private=["height"]',
        f"serve.keys.known={json.dumps(known)}",
    }
    assert set(stays) == {"serve.port", "serve.tls", "serve.audit"}
    from modelwright.project.declaration import project_file

    read = project_file.from_mapping(
        {"function": "f(height: number) -> a: category"}, goes, Path()
    ).file.serve
    assert (read.limits, read.unseen, read.record, read.keys) == (
        config.limits,
        config.unseen,
        config.record,
        config.keys,
    )


@pytest.mark.parametrize(
    ("name", "plain"), [("measure", "measure"), ("Route_Me", "route-me"), ("分派", "function"), ("été", "t")]
)
def test_names_that_images_may_have(name: str, plain: str) -> None:
    assert image._plain_name(name) == plain


def test_labels_keep_what_a_dockerfile_would_read() -> None:
    assert image._quoted('a "b" $c \\ d\ne') == '"a \\"b\\" \\$c \\\\ d e"'


def test_an_unknown_target_names_those_there_are() -> None:
    with pytest.raises(UserError, match="docker"):
        exports.get("dokcer")


def test_linters_of_the_field_accept_it(context: Path) -> None:
    folder = Path(sys.executable).parent
    if not (folder / "hadolint").exists() or not (folder / "check-jsonschema").exists():
        pytest.skip("hadolint and check-jsonschema are not installed")
    subprocess.run([folder / "hadolint", context / "Dockerfile"], check=True)
    schema = ("--builtin-schema", "vendor.compose-spec")
    subprocess.run([folder / "check-jsonschema", *schema, context / "compose.yaml"], check=True)


# -- the verb --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a version that was not released."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "modelwright.yaml").write_text(
        'function: "measure(height: number) -> size: category"\n'
        'requirements: {latency_p95: "<= 2 s"}\n'
        "data: {source: rows.csv}\nmodel: {learner: linear}\nevaluate: {latency_requests: 100}\n"
        "serve: {port: 9000}\n"
    )
    rows = [f"{i / 2},{'small' if i < 100 else 'large'}" for i in range(200)]
    (folder / "rows.csv").write_text("\n".join(["height,size", *rows]))
    done = say(folder, "run", "--to", "evaluate")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_verb_exports_what_is_in_production_and_overwrites_nothing(project: Path) -> None:
    before = say(project, "export", "--target", "docker")
    assert before.returncode == 1
    assert "no version is in production" in before.stderr
    named = say(project, "export", "--target", "docker", "--version", "1", "--out", "named")
    assert "version 1 is not in production" in named.stdout
    assert say(project, "release").returncode == 0
    done = say(project, "export", "--target", "docker", "--json")
    answer = json.loads(done.stdout)
    assert (answer["version"], answer["folder"]) == (1, "docker-v1")
    assert "`serve.port`" in "".join(answer["notes"])
    assert of_folder(project / "docker-v1" / "package") == answer["package"]
    again = say(project, "export", "--target", "docker")
    assert again.returncode == 1
    assert "overwrites nothing" in again.stderr
    (project / "file").write_text("mine")
    assert say(project, "export", "--target", "docker", "--out", "file").returncode == 1
    assert (project / "file").read_text() == "mine"
    assert say(project, "export", "--target", "docker", "--out", "file/below").returncode == 1
    wrong = say(project, "export", "--target", "dokcer")
    assert wrong.returncode == 1
    assert "did you mean `docker`" in wrong.stderr
    assert not [path for path in project.iterdir() if path.name.startswith((".docker", ".named", ".file"))]


def test_the_page_names_what_is_written_and_its_commands_go_with_it(project: Path) -> None:
    """The commands that need no Docker are run; of the others, what they name is there."""
    say(project, "release")
    shutil.rmtree(project / "docker-v1", ignore_errors=True)
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    export, enter, make_key, own_key, compose_up, ask = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[
        0
    ].splitlines()
    done = say(project, *shlex.split(export)[1:])
    assert done.returncode == 0, done.stderr
    folder = project / enter.removeprefix("cd ")
    named = {cell.strip("`/") for cell in re.findall(r"^\| (`[^`]+`) \|", page, re.MULTILINE)}
    written = {re.sub(r"^modelwright-.*whl$", "modelwright-….whl", one.name) for one in folder.iterdir()}
    assert named == written
    if shutil.which("openssl"):
        subprocess.run(["sh", "-c", make_key], cwd=folder, check=True, timeout=60)
        assert len((folder / "secrets" / "api-key").read_text().strip()) == 64
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    (secret,) = compose["secrets"].values()
    key = secret["file"].removeprefix("./")
    assert f"sudo chown {image.USER} {key} && sudo chmod 400 {key}" == own_key
    assert compose_up == "docker compose up --build --detach --wait"
    (service,) = compose["services"].values()
    assert "build" in service
    assert "HEALTHCHECK" in (folder / "Dockerfile").read_text()  # what `--wait` waits for
    assert f"http://127.0.0.1:{image.PORT}/" in ask
    assert f"sudo cat {key}" in ask


# -- the steps of the Dockerfile, by hand ----------------------------------------------------------------------


@pytest.fixture
def everyones() -> Iterator[Path]:
    """Return a folder that another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def base_image(folder: Path) -> Path:
    """Copy the interpreter to where another user may run it, as a base image has it; returns its folder."""
    base, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "bin").mkdir(parents=True)
    shutil.copy(base / "bin" / version, folder / "bin" / "python")
    left = shutil.ignore_patterns("site-packages", "test", "__pycache__")
    shutil.copytree(base / "lib" / version, folder / "lib" / version, ignore=left)
    for library in (base / "lib").glob("libpython*.so*"):  # where the interpreter is shared
        shutil.copy(library, folder / "lib" / library.name)
    return folder / "bin"


@pytest.mark.proof
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_image_built_by_hand_serves_as_another_user(context: Path, everyones: Path) -> None:
    dockerfile = (context / "Dockerfile").read_text()
    inside = {"/opt/modelwright": str(everyones / "venv"), "/srv/package": str(everyones / "package")}

    def here(text: str) -> str:
        for place, real in inside.items():
            text = text.replace(place, real)
        return text

    (run,) = re.findall(r"^RUN ((?:.*\\\n)*.*)$", dockerfile, re.MULTILINE)
    python = shlex.quote(str(base_image(everyones / "base")))
    built = subprocess.run(
        ["sh", "-c", f"PATH={python}:$PATH; {here(run)}"],
        cwd=context,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        check=False,
    )
    if "No matching distribution" in built.stderr:
        pytest.skip("the package registry cannot be reached")
    assert built.returncode == 0, built.stderr
    shutil.copytree(context / "package", everyones / "package")
    key = everyones / "key"
    key.write_text("secret-of-the-test\n")
    key.chmod(0o400)
    os.chown(key, image.USER, image.USER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [
        port if word == str(image.PORT) else here(word)
        for word in (*words(dockerfile, "ENTRYPOINT"), *words(dockerfile, "CMD"))
    ]
    environment = {
        "PATH": f"{everyones / 'venv' / 'bin'}:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_LIBRARY_PATH": str(everyones / "base" / "lib"),
    }
    who = {"user": image.USER, "group": image.USER, "extra_groups": [], "cwd": "/"}
    keyless = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False, **who
    )
    assert keyless.returncode == 1
    assert "needs a key" in keyless.stderr
    process = subprocess.Popen(command, env={**environment, "MODELWRIGHT_API_KEY_FILE": str(key)}, **who)
    try:
        check = [word.replace(f" {image.PORT},", f" {port},") for word in words(dockerfile, "  CMD")]
        end = time.monotonic() + 60
        while subprocess.run(check, env=environment, capture_output=True, check=False, **who).returncode:
            assert process.poll() is None
            assert time.monotonic() < end, "it is not healthy"
        bearer = {"authorization": "Bearer secret-of-the-test"}
        url = f"http://127.0.0.1:{port}/measure"
        assert (
            httpx.post(url, json={"height": 1}, headers=bearer).json()["outputs"]["size"]["value"] == "small"
        )
        assert httpx.post(url, json={"height": 1}).status_code == 401
        many = httpx.post(url, json=[{"height": 1}] * 51, headers=bearer)
        assert many.status_code == 413  # serve.limits.rows went along
    finally:
        process.terminate()
        assert process.wait(60) == 0
    written = [path for path in everyones.rglob("*") if path.stat().st_uid == image.USER]
    assert written == [key]
