"""The registry's memory: one line of JSON for each change, on the disk before the change is answered."""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.embedded.errors import StackError

Change = dict[str, Any]


class Journal:
    """An append-only file under `folder`. A line that a crash left unfinished is dropped: nobody was told of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "journal.jsonl"
        self._file = self.path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            self._file.close()
            raise StackError(f"another schema registry uses {folder}; stop it, or choose another --home") from problem
        _sync_folder(folder)

    def replay(self) -> Iterator[Change]:
        """Every change so far, oldest first. Call it once, before `append`. Raises StackError on a damaged line."""
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                yield json.loads(line)
            except ValueError as problem:
                raise StackError(f"line {number} of {self.path} is damaged ({problem}); restore the file from a copy") from problem

    def append(self, change: Change) -> None:
        """Returns once the change is on the disk. Raises StackError when it cannot be written; the journal is then as before."""
        line = json.dumps(change, separators=(",", ":")).encode() + b"\n"
        before = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as problem:
            self._file.truncate(before)
            raise StackError(f"{self.path} cannot be written ({problem.strerror}); free some space and try again") from problem

    def close(self) -> None:
        self._file.close()


def _sync_folder(folder: Path) -> None:
    """A new file is found again after a crash only when its folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
