"""Who answers the console's questions."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from services.visibility.ports import views


class NotFound(LookupError):
    """Nothing under that name; the message says what was looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which contracts. `state` is a stage, a condition, or `not-in-erp` (approved, and nothing to bill from yet); all in lower case."""

    state: str | None = None
    unit: str | None = None
    queue: str | None = None
    q: str | None = None
    after: str | None = None
    limit: int = 50


class Reader(Protocol):
    """Answers from the projection. Raises NotFound; ValueError for a cursor or state that is none."""

    async def beats(self) -> int: ...
    async def health(self) -> views.Health: ...
    async def summary(self) -> views.Summary: ...
    async def report(self) -> views.Report: ...
    async def contracts(self, wanted: Wanted) -> views.ContractPage: ...
    async def units_and_queues(self) -> tuple[list[str], list[str]]: ...
    async def contract(self, contract_id: str) -> views.ContractDetail: ...
    async def waits(self) -> list[views.WaitLine]: ...
    async def wait(self, key: str, after: str | None = None, limit: int = 100) -> views.WaitDetail: ...
    async def causes(self) -> list[views.CauseLine]: ...
    async def letters(self, fingerprint: str | None = None, limit: int = 100) -> list[views.LetterLine]: ...
    async def letter(self, topic: str, partition: int, offset: int) -> views.LetterLine: ...
    async def kpis(self, unit: str | None = None, limit: int = 200) -> views.Kpis: ...


class Neighbours(Protocol):
    """How the other services are, as they say themselves."""

    async def platform(self) -> views.Platform: ...


class Tail(Protocol):
    """The newest statuses as JSON text, as they are published; None is a heartbeat."""

    def follow(self) -> AsyncIterator[str | None]: ...
