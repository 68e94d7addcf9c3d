"""Every verb of the command line, declared in the order in which `--help` lists them."""

from modelwright.cli.verbs import begin, run_stages, in_production, elsewhere, past_versions, this_machine  # isort: skip # noqa: F401 - importing declares
from modelwright.cli.typer_app import app

__all__ = ["app"]
