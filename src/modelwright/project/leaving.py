"""Writes a version as another system takes it, into a folder that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import nullcontext
from pathlib import Path

from modelwright import exports
from modelwright.core.messages import MachineError, Phrase, Problem, StateError, UserError
from modelwright.engine.store import Store
from modelwright.exports.contract.target import Leaving
from modelwright.package import packages
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.context import Context
from modelwright.project.loop.stage_names import PACKAGE
from modelwright.project.results.machine_results import ExportReport
from modelwright.storage import disk
from modelwright.storage.out_files import require_place
from modelwright.storage.state.versions import Version


def export(
    context: Context, store: Store, target: str, out: Path | None, number: int | None, *, locks: bool
) -> ExportReport:
    """Write a version's package for `target` into `out` (by default docker-v3 or the like), absent or empty.

    number: by default the version in production; locks: whether a lock may be written, so that nobody frees the
    package while it is copied. Raises UserError, StateError, PackageError and MachineError; `out` is then as it was.
    """
    form = exports.get(target)
    version, released = _leaving_version(context, number)
    out = out or Path(f"{target}-v{version.number}")
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(Problem("export.folder-exists", path=str(out)))
    fresh = out.absolute().with_name(f".{out.absolute().name}-{secrets.token_hex(4)}")
    require_place(fresh)
    with store.lock(PACKAGE, version.package_key, shared=True) if locks else nullcontext():
        package = version_artifacts.package_folder(store, version)
        read = packages.read(package)
        version_artifacts.require_its_package(version, package, read.digest)
        try:
            with disk.guard(fresh):
                fresh.mkdir()
                written = form.write(Leaving(read, package, version.number, context.opened.file.serve), fresh)
                fresh.replace(out)  # an empty folder gives way; one that was filled meanwhile does not
        except OSError as error:
            raise MachineError(
                Problem("export.place", path=str(out), error=error.strerror or str(error))
            ) from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    notes = () if released else (str(Phrase("export.not-in-production", version=version.number)),)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return ExportReport(
        target=target,
        folder=str(out),
        version=version.number,
        package=version.package_digest,
        files=tuple(path.relative_to(out).as_posix() for path in files),
        size_bytes=sum(path.stat().st_size for path in files),
        notes=(*notes, *written.notes),
        next_steps=(f"cd {out}", *written.next_steps),
    )


def _leaving_version(context: Context, number: int | None) -> tuple[Version, bool]:
    """Return the version named, or the one in production, and whether it is in production; raises StateError."""
    production = context.state.production()
    if number is not None:
        return context.state.version(number), production is not None and production.number == number
    if production is None:  # the newest may break a requirement: who wants it names it
        version_artifacts.newest(context.state)
        raise StateError(Problem("export.none-in-production"))
    return production, True
