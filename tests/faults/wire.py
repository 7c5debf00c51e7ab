"""What is told from the bytes between a service and its peers: the moments at which a fault strikes, found on the wire."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

END_TXN, PRODUCE = 26, 0  # api keys of Kafka's protocol
WRITES = (b"PUT ", b"PATCH ", b"POST ")


class Act(StrEnum):
    """What happens at the moment. KILL_BEFORE: the request is not sent; KILL_AFTER: it was carried out, its answer is not heard.
    KILL_PEER: as KILL_AFTER, and it is who carried it out that dies."""

    KILL_BEFORE = "kill before"
    KILL_AFTER = "kill after"
    KILL_PEER = "kill the peer"
    FREEZE_AFTER = "freeze after"
    DROP_ANSWER = "drop the answer"
    FALSE_ANSWER = "answer 500"
    HOLD = "hold"


@dataclass(slots=True)
class Trap:
    """Strikes `left` times at requests that `at` knows. `seconds` for HOLD and FREEZE_AFTER; `whose` narrows it to one process's name."""

    at: Callable[[bytes], bool]
    act: Act
    left: int = 1
    seconds: float = 0.0
    whose: str | None = None
    struck: list[str] = field(default_factory=list)


def begins(request: bytes) -> bool:
    return b"BEGIN" in request[:40]


def commits(request: bytes) -> bool:
    """A simple query of PostgreSQL's protocol: Q, its length, its text."""
    return request.startswith(b"Q") and b"COMMIT" in request[:40]


def ends_transaction(request: bytes) -> bool:
    """A frame of Kafka's protocol: four bytes of length, two of the api key."""
    return len(request) > 6 and int.from_bytes(request[4:6], "big") == END_TXN


def writes(request: bytes) -> bool:
    """A write of a record at a vendor; a sign-in is none."""
    line = request[:300].split(b"\r\n", 1)[0]
    return request.startswith(WRITES) and b"/token" not in line and b"/_sandbox/" not in line


class Frames:
    """Cuts a stream into Kafka's frames; everything else passes as it comes."""

    def __init__(self, framed: bool) -> None:
        self.framed, self.rest = framed, bytearray()

    def cut(self, chunk: bytes) -> list[bytes]:
        if not self.framed:
            return [chunk]
        self.rest += chunk
        frames = []
        while len(self.rest) >= 4 and len(self.rest) >= (size := 4 + int.from_bytes(self.rest[:4], "big")):
            frames.append(bytes(self.rest[:size]))
            del self.rest[:size]
        return frames
