"""Makes a body of the driver `session` of the packages that it calls."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.session.refusal import Refusal
from modelwright.learners.session.spec import SessionOptions
from modelwright.package import packages
from modelwright.package.body import Body
from modelwright.package.packages import Package
from modelwright.runtime.drivers.session.nested_functions import joined
from modelwright.runtime.drivers.session.session_settings import DRIVER, SessionSettings, SessionTexts
from modelwright.storage.formats.plan import BROUGHT

FUNCTIONS, OPTIONS, REFUSAL = "functions", "options.json", "refusal.json"


def keep(setup: Setup, out: Path) -> None:
    """Keep the packages and the options in a folder, for the export."""
    shutil.copytree(setup.pretrained[BROUGHT], out / FUNCTIONS)
    (out / OPTIONS).write_text(setup.options.model_dump_json(indent=1) + "\n", encoding="utf-8")


def functions_in(folder: Path) -> dict[str, Package]:
    """Return the packages in a folder, by their roles; raises PackageError."""
    return {one.name: packages.read(one) for one in sorted(folder.iterdir())}


def credits_in(folder: Path) -> Mapping[str, str]:
    """Return works of others that the packages in a folder hold, each with its licence."""
    found: dict[str, str] = {}
    for one in functions_in(folder).values():
        found |= one.credits
    return found


def body(
    signature: Signature,
    states: Mapping[str, object],
    functions: Mapping[str, Package],
    options: SessionOptions,
    refusal: Refusal,
) -> Body:
    """Return the body; states: of the kinds of its own signature."""
    entries, graphs, files = joined(functions)
    settings = SessionSettings(
        functions=entries,
        answer_from=refusal.answer_from,
        sureness=refusal.sureness,
        sentences=options.sentences,
        passages=options.passages,
        instruct=options.instruct,
        texts=SessionTexts(refuse=options.refuse, ask=options.ask, hand_over=options.hand_over),
    )
    return Body(signature, DRIVER, graphs, states, files, settings.model_dump(mode="json"))
