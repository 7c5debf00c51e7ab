"""What another system answers, named by what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.kernel.cause import Cause


@dataclass(frozen=True, slots=True)
class Done:
    """The object exists as wanted. `observed` is what the system showed of it."""

    external_id: str
    internal_id: str | None = None
    observed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The data is wrong in the system's eyes; sending it again as it is would not help."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The day is wrong: nothing was done. `retry_after` in seconds when the system said so; `throttled` for a 429.

    `of_target` False: it is the day of this one object only (others change it at the moment, or it may not be touched); the system itself is well.
    """

    reason: str
    retry_after: float | None = None
    throttled: bool = False
    of_target: bool = True


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Sent, and no answer: it may have been done. Look before sending again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Faulty(Ambiguous):
    """The adapter itself failed, before sending or after: a bug of ours, which no waiting mends. The runtime's own answer, no adapter's."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up found nothing."""


Answer = Done | Rejected | Unavailable | Ambiguous
Finding = Done | Absent | Unavailable


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response as kept for people; bodies are text with secrets masked, `status` None without a response."""

    request: str
    request_body: str = ""
    status: int | None = None
    response_body: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and the exchange that it was read from."""

    answer: Answer
    exchange: Exchange
