"""The class archive makes the broker's start faster and is never in its way."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.embedded import kafka
from deploy.embedded.archive import Archive


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Archive(kafka.java(), ("-XX:+UseSerialGC",), "")


def test_the_first_start_archives_javas_own_classes_and_asks_for_the_rest(archive: Archive) -> None:
    base, rest = archive.options()
    assert base == f"-XX:SharedArchiveFile={archive.base}"
    assert rest.startswith("-XX:ArchiveClassesAtExit=")
    assert archive.base.stat().st_size > 1_000_000


def test_half_an_archive_is_thrown_away(archive: Archive) -> None:
    archive.folder.mkdir(parents=True)
    archive.base.touch()
    left = archive.folder / "1.left"
    left.write_bytes(b"half")
    archive.options()
    assert not left.exists()
    assert not archive.whole.exists()


def test_an_archive_that_does_not_fit_does_not_stop_the_jvm(archive: Archive) -> None:
    archive.folder.mkdir(parents=True)
    archive.whole.write_bytes(b"of another version")
    done = subprocess.run([archive.java, *archive.flags, *archive.options(), "-version"], capture_output=True, check=False)
    assert done.returncode == 0


def test_a_cache_that_cannot_be_written_only_costs_the_gain(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "throughline").touch()
    assert archive.options() == []
