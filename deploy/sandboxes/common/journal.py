"""Where a sandbox remembers: append-only JSON lines, on disk before anything that depends on them is answered."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

JsonObject = dict[str, Any]

_FILES = ("objects", "requests")


class Journals:
    """The two journals of one sandbox, `objects.jsonl` and `requests.jsonl`, written by group commit.

    Objects reach the disk before the requests that made them, and one fsync serves every answer that waited for it.
    Raises BlockingIOError when another process holds the same folder.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.paths = {name: folder / f"{name}.jsonl" for name in _FILES}
        for path in self.paths.values():
            _cut_torn_tail(path)
        self._files = {name: path.open("ab") for name, path in self.paths.items()}
        self._pending: dict[str, list[bytes]] = {name: [] for name in _FILES}
        self._waiters: list[asyncio.Future[None]] = []
        self._flushing: asyncio.Task[None] | None = None

    def append(self, name: str, line: bytes) -> None:
        self._pending[name].append(line + b"\n")

    async def committed(self) -> None:
        """Returns once everything appended so far is on disk. Raises OSError when it cannot be written."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush(), name="journal-flush")
        await waiter

    async def _flush(self) -> None:
        while self._waiters:
            pending, self._pending = self._pending, {name: [] for name in _FILES}
            waiters, self._waiters = self._waiters, []
            try:
                await asyncio.to_thread(self._write, pending)
            except OSError as failure:
                _wake(waiters, failure)
            else:
                _wake(waiters, None)
        self._flushing = None

    def _write(self, pending: dict[str, list[bytes]]) -> None:
        for name, lines in pending.items():
            if lines:
                file = self._files[name]
                file.write(b"".join(lines))
                file.flush()
                os.fdatasync(file.fileno())

    def close(self) -> None:
        for file in (*self._files.values(), self._lock):
            file.close()


def replay(path: Path) -> Iterator[JsonObject]:
    """Every line of a journal, oldest first."""
    with path.open("rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line)


def _wake(waiters: list[asyncio.Future[None]], failure: OSError | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)


def _cut_torn_tail(path: Path) -> None:
    """A process killed while writing leaves half a line; nobody was answered on its strength, so it goes."""
    path.touch()
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        keep = size
        while keep:
            start = max(0, keep - 65536)
            file.seek(start)
            newline = file.read(keep - start).rfind(b"\n")
            if newline >= 0:
                keep = start + newline + 1
                break
            keep = start
        if keep != size:
            file.truncate(keep)
