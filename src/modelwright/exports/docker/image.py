"""The texts of a context: Dockerfile, .dockerignore and compose.yaml."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import re
from collections.abc import Sequence

import yaml

from modelwright.exports.contract.target import Leaving

PACKAGE, REQUIREMENTS, SECRETS = "package", "requirements.txt", "secrets"
KEY_FILE = f"{SECRETS}/api-key"
USER = 10001  # no user of the host has this number, so that who leaves the container is nobody
PORT = 8080
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - within the container
_SECONDS_OF_GRACE = 10  # beyond serve.drain_s, until the process has ended
_READY = (
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', {port}, timeout=4); "
    "c.request('GET', '/v2/health/ready'); raise SystemExit(c.getresponse().status != 200)"
)
_DOCKERFILE = """\
# {function}, version {version}. Made by `modelwright export --target docker`; the package's digest is in a label.
# To fix the base image's bytes too, build with its digest: --build-arg PYTHON=python@sha256:...
ARG PYTHON=python:{python}-slim

FROM ${{PYTHON}} AS build
WORKDIR /build
COPY {requirements} {wheel} ./
RUN python -m venv /opt/modelwright \\
 && /opt/modelwright/bin/pip install --no-cache-dir --no-deps --requirement {requirements} ./{wheel}

FROM ${{PYTHON}}
LABEL {labels}
ENV PATH=/opt/modelwright/bin:$PATH \\
    PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1
COPY --from=build /opt/modelwright /opt/modelwright
# The files stay root's: the user that serves can read them, and change none.
COPY {package} /srv/{package}
USER {user}:{user}
EXPOSE {port}
HEALTHCHECK --interval=5s --timeout=5s --start-period={start}s --retries=3 \\
  CMD {check}
# An address that other machines reach needs a key: without MODELWRIGHT_API_KEY_FILE the start is refused.
ENTRYPOINT {entrypoint}
CMD {options}
"""


def dockerfile(leaving: Leaving, wheel: str, options: Sequence[str]) -> str:
    """Return the Dockerfile; options: of the section `serve`, which the container's command hands on."""
    signature = leaving.package.body.signature
    labels = {
        "org.opencontainers.image.title": signature.name,
        "org.opencontainers.image.version": str(leaving.version),
        "modelwright.package.digest": leaving.package.digest,
        "modelwright.signature": str(signature),
        "modelwright.version": importlib.metadata.version("modelwright"),
    }
    command = ["modelwright", "serve", "--package", f"/srv/{PACKAGE}", "--host", _EVERY_ADDRESS]
    return _DOCKERFILE.format(
        function=signature.name,
        version=leaving.version,
        python=platform.python_version(),
        requirements=REQUIREMENTS,
        wheel=wheel,
        labels=" \\\n      ".join(f"{name}={_quoted(value)}" for name, value in labels.items()),
        package=PACKAGE,
        user=USER,
        port=PORT,
        start=math.ceil(leaving.serve.start_timeout_s),
        check=_words(["python", "-c", _READY.format(port=PORT)]),
        entrypoint=_words([*command, "--port", str(PORT)]),
        options=_words([word for option in options for word in ("--set", option)]),
    )


def dockerignore(wheel: str) -> str:
    """Return the list of what does not go to the builder: all but what the Dockerfile copies, so no key ever does."""
    return "".join(f"{line}\n" for line in ("*", f"!{PACKAGE}", f"!{REQUIREMENTS}", f"!{wheel}"))


def compose(leaving: Leaving) -> str:
    """Return compose.yaml; its network has a name, by which monitoring joins from a file of its own."""
    name = _plain_name(leaving.package.body.signature.name)
    service = {
        "build": ".",
        "image": f"modelwright/{name}:v{leaving.version}-{leaving.package.digest[:12]}",
        "environment": {"MODELWRIGHT_API_KEY_FILE": "/run/secrets/api-key"},
        "secrets": ["api-key"],
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
        "networks": ["modelwright"],
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - the container's own
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "stop_grace_period": f"{math.ceil(leaving.serve.drain_s) + _SECONDS_OF_GRACE}s",
    }
    content = {
        "name": f"modelwright-{name}",
        "services": {name: service},
        "networks": {"modelwright": {"name": "modelwright"}},
        "secrets": {"api-key": {"file": f"./{KEY_FILE}"}},
    }
    head = (
        f"# {KEY_FILE} holds the key that clients send; it is mounted, and stands in no image.\n"
        f"# Prometheus joins the network `modelwright`, with a key of the role `viewer`: http://{name}:{PORT}/metrics\n"
    )
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _words(words: Sequence[str]) -> str:
    """Return the exec form, which no shell reads."""
    return json.dumps(list(words), ensure_ascii=False)


def _quoted(value: str) -> str:
    """Return a value of a label; `$` would be a variable in it, and a line's end would end it."""
    escaped = re.sub(r'(["\\$])', r"\\\1", " ".join(value.split()))
    return f'"{escaped}"'


def _plain_name(name: str) -> str:
    """Return a name that images and services may have: of another script than Latin, nothing may stay."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain or "function"
