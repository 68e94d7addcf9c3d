"""Every verb of the command line, declared in the order in which `--help` lists them."""

from modelwright.cli.verbs import begin as start, loop, serving, history  # isort: skip # noqa: F401 - importing declares
from modelwright.cli.app import app

__all__ = ["app"]
