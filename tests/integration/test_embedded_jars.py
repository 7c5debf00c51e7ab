"""Jars are run only with the bytes they are locked to; a broken one is fetched again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.embedded import jars
from deploy.embedded.errors import StackError


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The cache, as links to the real one, which is filled first."""
    for jar, path in zip(jars.locked(), jars.ensure(), strict=True):
        jar.path(tmp_path).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(path, jar.path(tmp_path))
    return tmp_path


@pytest.fixture
def broken(cache: Path) -> jars.Jar:
    """A small jar of which only the beginning came."""
    jar = next(jar for jar in jars.locked() if jar.artifact == "slf4j-simple")
    beginning = jar.path(cache).read_bytes()[:2000]
    jar.path(cache).unlink()
    jar.path(cache).write_bytes(beginning)
    return jar


def test_a_half_downloaded_jar_is_found_by_its_hash_and_fetched_again(cache: Path, broken: jars.Jar) -> None:
    assert not jars.is_whole(broken, broken.path(cache))
    seen: list[tuple[int, int]] = []
    jars.ensure(lambda done, total: seen.append((done, total)), cache)
    assert jars.is_whole(broken, broken.path(cache))
    assert seen == [(0, 1), (1, 1)]


def test_a_jar_that_stays_wrong_is_removed_and_named(cache: Path, broken: jars.Jar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "_download", lambda jar, cache: jar.path(cache).write_bytes(b"something else"))
    with pytest.raises(StackError, match=r"slf4j-simple-1\.7\.36\.jar does not have the SHA-256"):
        jars.ensure(cache=cache)
    assert not broken.path(cache).exists()


def test_a_cache_that_cannot_be_written_names_the_variable_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="XDG_CACHE_HOME"):
        jars.ensure(cache=tmp_path / "file")
