"""Full disks, and senders that mean no good."""

import os
import random
import socket
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Act, Fault

_opener = build_opener(ProxyHandler({}))
FULL_S = 5.0


def disk_filled(which: str) -> Act:
    def act(arena: Arena, rng: random.Random) -> int:
        folder = next(mount for mount in arena.mounts if mount.name == which)
        filler = folder / "filler"
        try:
            _fill(filler)
            time.sleep(FULL_S)
        finally:
            filler.unlink(missing_ok=True)
        return 1

    return act


def _fill(filler: Path) -> None:
    room = os.statvfs(filler.parent)
    with filler.open("wb") as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(1, room.f_bavail * room.f_frsize - (64 << 10)))


def slow_loris(arena: Arena, rng: random.Random) -> int:
    """Thirty senders that never end their request; the door answers others meanwhile."""
    url = urlsplit(rng.choice(arena.doors()))
    senders = [socket.create_connection((url.hostname or "", url.port or 0), 5) for _ in range(30)]
    try:
        for beginning in (b"POST /hooks/docusign HTTP/1.1\r\n", *[b""] * 5):
            for sender in senders:
                with suppress(OSError):
                    sender.sendall(beginning + b"X: y\r\n")
            time.sleep(0.5)
            with _opener.open(url.geturl(), timeout=5) as answer:
                answer.read()
    finally:
        for sender in senders:
            sender.close()
    return 1


def forged(arena: Arena, rng: random.Random) -> int:
    """Deliveries without a proof, and intake without a token: each must be turned away with 401."""
    for path in ("hooks/docusign", "hooks/ironclad", "intake/clm"):
        body = b'{"event":"envelope-completed","contract_id":"FORGED"}'
        request = Request(f"{rng.choice(arena.doors())}/{path}", body, {"X-DocuSign-Signature-1": "AAAA"}, method="POST")
        try:
            with _opener.open(request, timeout=5):
                raise AssertionError(f"{path} took a forged delivery")
        except HTTPError as refused:
            if refused.code != 401:
                raise AssertionError(f"{path} answered a forged delivery with {refused.code}") from refused
    return 1


FAULTS = (
    Fault("Kafka's disk full", 13, disk_filled("node-0"), nodes=3, disk=True),
    Fault("PostgreSQL's disk full", 14, disk_filled("data"), disk=True),
    Fault("slow-loris webhooks", 37, slow_loris),
    Fault("forged webhooks", None, forged),
)
