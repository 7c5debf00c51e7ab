"""Full disks, and senders that mean no good."""

import os
import random
import socket
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from deploy.embedded.processes import SERVICES
from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Act, Fault
from tests.faults.parts import Part

_opener = build_opener(ProxyHandler({}))
FULL_S = 5.0
PAUSE_S, ANSWER_S, AT_ONCE_S = 0.5, 5.0, 1.0


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
    """Thirty senders that never end their request; the door answers others meanwhile. Raises AssertionError when it does not, lives on as the same
    process, and answers as soon as they are gone."""
    url, part, ops = rng.choice(_doors(arena))
    pid, answered, held_up = part.pid, 0, False
    place = urlsplit(url)
    senders = [socket.create_connection((place.hostname or "", place.port or 0), 5) for _ in range(30)]
    try:
        for beginning in (b"POST /hooks/docusign HTTP/1.1\r\n", *[b""] * 5):
            _send(senders, beginning + b"X: y\r\n")
            time.sleep(PAUSE_S)
            heard = _answers(url, ANSWER_S)
            answered += heard
            if held_up := not heard and _alone_is_silent(url, ops):
                break
    finally:
        for sender in senders:
            sender.close()
    assert not (held_up and _answers(url, ANSWER_S) and part.pid == pid), f"{part.name}'s door was held up by senders that never end, until they left"
    return int(answered > 0)


def _doors(arena: Arena) -> list[tuple[str, Part, str]]:
    """Each with its process, and where that answers beside it."""
    name, step = next(iter(SERVICES)), len(SERVICES)
    parts = [part for part in arena.services if part.name.partition("#")[0] == name]
    return list(zip(arena.doors(), parts, arena.ops_urls()[::step], strict=True))


def _send(senders: list[socket.socket], piece: bytes) -> None:
    for sender in senders:
        with suppress(OSError):
            sender.sendall(piece)


def _alone_is_silent(url: str, ops: str) -> bool:
    """Twice, while its process answers elsewhere at once: who is frozen, dead or busy does neither."""
    return _answers(f"{ops}/livez", AT_ONCE_S) and not _answers(url, ANSWER_S) and _answers(f"{ops}/livez", AT_ONCE_S)


def _answers(url: str, patience: float) -> bool:
    try:
        with _opener.open(url, timeout=patience) as answer:
            answer.read()
    except HTTPError as refused:
        refused.close()
    except (OSError, HTTPException):
        return False
    return True


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
