"""Kafka's jars: fetched by their Maven coordinates, held to the SHA-256 sums of `jars.lock` before any of them is run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.embedded.errors import StackError

LOCK = Path(__file__).with_name("jars.lock")
VERSION = "4.2.1"  # of Kafka; 4.3.0 to 4.4.0 lose the markers of transactions: docs/decisions/0011
ROOTS = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-simple:1.7.36")
"""What is asked for; everything else in the lock file follows from these (`python -m deploy.embedded.jars` resolves it anew)."""

DOWNLOADS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar: Maven coordinates and the SHA-256 (hex) its bytes must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def path(self, cache: Path) -> Path:
        """Where a Maven-shaped cache keeps this jar."""
        return cache.joinpath(*self.group.split("."), self.artifact, self.version, self.name)

    def line(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version} sha256:{self.sha256}"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/throughline/jars`, or `~/.cache/throughline/jars`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "throughline" / "jars"


def parse_lock(text: str) -> tuple[Jar, ...]:
    """The jars of a lock file, `group:artifact:version sha256:HEX` a line; `#` starts a comment."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return tuple(_parse_line(line) for line in lines if line)


def _parse_line(line: str) -> Jar:
    coordinates, _, digest = line.partition(" sha256:")
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, digest.strip())


def locked() -> tuple[Jar, ...]:
    return parse_lock(LOCK.read_text(encoding="utf-8"))


def is_whole(jar: Jar, path: Path) -> bool:
    """Whether the file is there with exactly the locked bytes; a half-downloaded or altered jar is not."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except OSError:
        return False


def ensure(progress: Callable[[int, int], None] = lambda done, total: None, cache: Path | None = None) -> list[Path]:
    """The classpath: every locked jar, present and checked. Missing or broken ones are fetched again first.

    `progress(done, total)` is called as downloads end. Raises StackError when a jar cannot be had or is not the locked one.
    """
    jars, cache = locked(), cache or cache_folder()
    if missing := [jar for jar in jars if not is_whole(jar, jar.path(cache))]:
        with _only_one_downloads(cache):
            _fetch_all(missing, cache, progress)
    return [jar.path(cache) for jar in jars]


@contextmanager
def _only_one_downloads(cache: Path) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / ".lock").open("w")
    except OSError as error:
        reason = f"Cannot keep Kafka's jars in {cache}: {error.strerror}."
        raise StackError(f"{reason} Set XDG_CACHE_HOME to a folder you can write to.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_all(jars: list[Jar], cache: Path, progress: Callable[[int, int], None]) -> None:
    progress(0, len(jars))
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        for done, _ in enumerate(pool.map(lambda jar: _fetch(jar, cache), jars), start=1):
            progress(done, len(jars))


def _fetch(jar: Jar, cache: Path) -> None:
    path = jar.path(cache)
    if is_whole(jar, path):  # another `up` fetched it while this one waited for the lock
        return
    path.unlink(missing_ok=True)
    _download(jar, cache)
    if not is_whole(jar, path):
        path.unlink(missing_ok=True)
        raise StackError(
            f"The jar {jar.name} does not have the SHA-256 that {LOCK.name} asks for, so it was removed. "
            "Run the command again; if that repeats, the Maven repository or a proxy serves something else under that name."
        )


def _download(jar: Jar, cache: Path) -> None:
    try:
        artifact = _maven(cache).project(jar.group, jar.artifact).at_version(jar.version).artifact()
        artifact.context.resolver.download(artifact)
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo says "not found" with a RuntimeError
        again = "Check the network and run the command again; what was fetched is kept."
        raise StackError(f"Cannot fetch the jar {jar.name}: {error}. {again}") from error


def _maven(cache: Path) -> Any:
    # jgo takes a third of a second to import and is needed only where something is to be fetched.
    from jgo.maven import MavenContext, PythonResolver

    return MavenContext(repo_cache=cache, resolver=PythonResolver(), timeout=60)


def resolve(cache: Path) -> list[Jar]:
    """The jars the roots need today, with the sums of what the repository serves: the content of a new lock file."""
    from jgo.maven import Dependency

    maven = _maven(cache)
    wanted = []
    for root in ROOTS:
        group, artifact, version = root.split(":")
        wanted.append(Dependency(maven.project(group, artifact).at_version(version).artifact()))
    roots, others = maven.resolver.resolve(wanted)
    return sorted((_lock(dependency) for dependency in [*roots, *others]), key=Jar.line)


def _lock(dependency: Any) -> Jar:
    with dependency.artifact.resolve().open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Jar(dependency.groupId, dependency.artifactId, dependency.version, digest)


def main() -> None:
    header = "# Kafka's jars and the SHA-256 each must have. Written by `make lock`, checked before every start.\n"
    jars = resolve(cache_folder())
    LOCK.write_text(header + "".join(jar.line() + "\n" for jar in jars), encoding="utf-8")
    print(f"{len(jars)} jars locked in {LOCK.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
