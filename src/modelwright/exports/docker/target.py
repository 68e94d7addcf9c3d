"""The target `docker`: a context to build an image from, and a Compose file that runs it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import final

from modelwright.core.messages import Phrase
from modelwright.exports.contract.target import ExportNotes, ExportTarget, Leaving
from modelwright.exports.docker import image, pins, serve_options, source_wheel


@final
class Docker(ExportTarget):
    """Writes a Dockerfile, compose.yaml, the package, the wheel of this Modelwright, and pinned requirements."""

    def write(self, leaving: Leaving, folder: Path) -> ExportNotes:
        """Write the context."""
        signature = leaving.package.body.signature
        shutil.copytree(leaving.folder, folder / image.PACKAGE)
        for path in (folder / image.PACKAGE, *(folder / image.PACKAGE).rglob("*")):
            # Modes go into the image: the user there is another one, and must read what this user's umask hides.
            path.chmod(0o755 if path.is_dir() else 0o644)
        wheel = source_wheel.write(folder)
        pinned = pins.requirements(signature, leaving.package.body.driver)
        (folder / image.REQUIREMENTS).write_text("".join(f"{line}\n" for line in pinned), "utf-8")
        options, left_out = serve_options.carried(leaving.serve)
        files = {
            "Dockerfile": image.dockerfile(leaving, wheel.name, options),
            ".dockerignore": image.dockerignore(wheel.name),
            "compose.yaml": image.compose(leaving),
        }
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
        notes = [str(Phrase("export.alone", version=leaving.version))]
        if left_out:
            notes.append(str(Phrase("export.left-out", keys=list(left_out))))
        return ExportNotes(
            notes=tuple(notes),
            next_steps=(
                f"mkdir -p {image.SECRETS} && openssl rand -hex 32 > {image.KEY_FILE}",
                str(Phrase("export.readable", file=image.KEY_FILE, user=image.USER)),
                "docker compose up --build --detach --wait",
            ),
        )
