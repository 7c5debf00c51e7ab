"""Lets the broker's JVM start in half the time: classes it has loaded before are mapped from an archive instead of parsed anew.

The first start makes an archive of Java's own classes, the first orderly stop one of Kafka's on top of it. The JVM checks both against
its version and the jars, and runs without them where they do not fit; so at worst a start is as slow as it would be anyway.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import jars


@dataclass(frozen=True, slots=True)
class Archive:
    """The archives for one JVM, one set of flags and one classpath, in a folder of the cache."""

    java: str
    flags: Sequence[str]
    classpath: str

    @property
    def folder(self) -> Path:
        version = Path(self.java).parent.parent / "release"
        known = version.read_text(encoding="utf-8") if version.exists() else self.java
        digest = hashlib.sha256("\0".join([known, *self.flags, self.classpath]).encode()).hexdigest()
        return jars.cache_folder().parent / "classes" / digest[:16]

    @property
    def base(self) -> Path:
        return self.folder / "java.jsa"

    @property
    def whole(self) -> Path:
        return self.folder / "kafka.jsa"

    def options(self) -> list[str]:
        """What to start the JVM with: the archive there is, or orders to leave one behind at its orderly end."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take_what_was_left()
        except OSError:
            return []
        if self.whole.exists():
            return [f"-XX:SharedArchiveFile={self.whole}"]
        if self.base.exists() or self._dump_base():
            return [f"-XX:SharedArchiveFile={self.base}", f"-XX:ArchiveClassesAtExit={self.folder / f'{os.getpid()}.left'}"]
        return []

    def _dump_base(self) -> bool:
        draft = self.folder / f"{os.getpid()}.draft"
        made = self._java("-Xshare:dump", f"-XX:SharedArchiveFile={draft}")
        if made:
            draft.replace(self.base)
        return made

    def _take_what_was_left(self) -> None:
        """A broker that was killed while it wrote leaves half an archive, which the JVM does not accept."""
        for left in self.folder.glob("*.left"):
            if not self.whole.exists() and self._java("-Xshare:on", f"-XX:SharedArchiveFile={left}", "-cp", self.classpath, "-version"):
                left.replace(self.whole)
            else:
                left.unlink(missing_ok=True)

    def _java(self, *arguments: str) -> bool:
        return subprocess.run([self.java, *self.flags, *arguments], capture_output=True, check=False).returncode == 0
