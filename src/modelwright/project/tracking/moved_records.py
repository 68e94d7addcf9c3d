"""Experiment records name the folder of their files in full: after a move they name the new one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

# MLflow's tables with places of files, and the column of each
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)


def name_folder(root: Path, before: Path) -> None:
    """Let the records in a store name their files there, where they named them in the store `before`."""
    if not (root / "mlflow.db").is_file():
        return
    old, new = (before / "mlflow").as_uri(), (root / "mlflow").as_uri()
    with closing(sqlite3.connect(root / "mlflow.db")) as connection, connection:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        for table, column in _PLACES:
            if table in tables:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?)"  # noqa: S608 - our own names
                    f" WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                )
