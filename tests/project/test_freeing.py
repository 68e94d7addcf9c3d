"""Freeing space: which versions stay, which go, and what is said of both."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelwright.core.messages import ProjectError
from modelwright.engine.lineage import MadeFrom
from modelwright.engine.store import Store
from modelwright.project import freeing
from modelwright.storage.state.database import State


class History:
    """A store and a database of versions whose sealed results are a few bytes."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.state = State.open(root / "state.db", lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def seal(self, stage, config, inputs=()):
        made_from = MadeFrom(config=config, inputs=dict(inputs))
        key = made_from.key(stage)
        with self.store.lock(stage, key):
            out = self.store.fresh(stage, key)
            part = {"package": "package", "evaluate": "evidence", "data": "test"}[stage]
            (out / part).mkdir()
            (out / part / "x.txt").write_text(f"{config}" * 100)
            artifact = self.store.seal(out, stage, key, made_from, {})
            self.store.record_latest(artifact)
        return artifact

    def version(self, seed):
        data = self.seal("data", {"rows": seed})
        package = self.seal("package", {"seed": seed}, {"train": data.digest})
        evidence = self.seal("evaluate", {"seed": seed}, {"package": package.part("package").digest})
        return self.state.register_version(
            package_digest=package.part("package").digest,
            evidence_digest=evidence.part("evidence").digest,
            champion_digest=None,
            package_key=package.key,
            evidence_key=evidence.key,
        )

    def there(self):
        """Return the versions whose package, evidence and data all lie in the store."""
        found = []
        for one in self.state.versions():
            package = self.store.find("package", one.package_key)
            if package is None or self.store.find("evaluate", one.evidence_key) is None:
                continue
            data = {artifact.digest for artifact in self.store.artifacts() if artifact.stage == "data"}
            if package.made_from.inputs["train"] in data:
                found.append(one.number)
        return found


@pytest.fixture
def past(tmp_path):
    """Return a history of seven versions; 1 and 3 were released, 4 was and failed; 7 is of the latest run."""
    history = History(tmp_path / ".modelwright")
    for seed in range(7):
        history.version(seed)
    history.state.request_release(1, "direct", "test")
    failed = history.state.request_release(4, "direct", "test")
    history.state.mark(failed.id, "failed", "no room")
    history.state.request_release(3, "direct", "test")
    return history


@pytest.mark.parametrize(
    ("keep", "stay"),
    [
        (None, [1, 2, 3, 4, 5, 6, 7]),
        (0, [1, 3, 4, 7]),
        (1, [1, 3, 4, 7]),
        (2, [1, 3, 4, 6, 7]),
        (9, [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_what_was_ever_released_and_the_newest_stay(past, keep, stay):
    before = sum(path.stat().st_size for path in past.store.root.glob("objects/**/*") if path.is_file())
    dry = freeing.collect(past.state, past.store, keep, dry_run=True)
    assert past.there() == [1, 2, 3, 4, 5, 6, 7], "a dry run removes nothing"
    report = freeing.collect(past.state, past.store, keep)
    after = sum(path.stat().st_size for path in past.store.root.glob("objects/**/*") if path.is_file())
    gone = [number for number in range(1, 8) if number not in stay]
    assert past.there() == stay
    assert report.freed_versions == dry.freed_versions == tuple(gone)
    assert (
        (report.removed, report.freed_bytes)
        == (dry.removed, dry.freed_bytes)
        == (3 * len(gone), before - after)
    )
    assert [one.version for one in report.kept_versions] == stay
    assert {one.version for one in report.kept_versions if one.why == freeing.RELEASED} == {1, 3, 4}
    assert (report.dry_run, dry.dry_run) == (False, True)
    assert [one.action for one in past.state.audit()].count("versions.freed") == bool(gone)


def test_what_was_freed_is_not_freed_again(past):
    freeing.collect(past.state, past.store, 0)
    again = freeing.collect(past.state, past.store, 0)
    assert (again.removed, again.freed_bytes, again.freed_versions) == (0, 0, ())


def test_what_a_running_process_holds_stays(past):
    version = past.state.version(2)
    with past.store.lock("package", version.package_key, shared=True):
        report = freeing.collect(past.state, past.store, 0)
        assert past.store.find("package", version.package_key) is not None
    assert report.in_use == 1
    assert any("running process" in note for note in report.notes)
    assert freeing.collect(past.state, past.store, 0).freed_versions == (2,)


def test_the_newest_version_answers_and_stays_also_after_a_run_of_earlier_settings(tmp_path):
    history = History(tmp_path / ".modelwright")
    for seed in (0, 1, 2):
        history.version(seed)
    history.version(0)  # the same bits again: the latest run is that of version 1
    report = freeing.collect(history.state, history.store, 0)
    assert {one.version: one.why for one in report.kept_versions} == {1: "latest-run", 3: "answers"}
    assert history.there() == [1, 3]


def test_the_notes_name_every_version_with_its_reason(past):
    notes = "\n".join(freeing.collect(past.state, past.store, 1, dry_run=True).notes)
    assert "would free the versions, never released: 2, 5, 6" in notes
    assert "released at some time: 1, 3, 4" in notes
    assert "the newest that were never released: 7" in notes
    assert "dry run" in notes
    assert "--keep" in "\n".join(freeing.collect(past.state, past.store).notes)


def test_a_negative_number_is_refused(past):
    with pytest.raises(ProjectError) as caught:
        freeing.collect(past.state, past.store, -1)
    assert caught.value.problems[0].id == "gc.keep"
    assert past.there() == [1, 2, 3, 4, 5, 6, 7]
