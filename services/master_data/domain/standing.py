"""Where a contract stands: what is desired, what it waits for, and what was last said of it."""

from dataclasses import dataclass
from datetime import datetime

from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWait:
    """A missing key, whose queue supplies it, and since when this contract waits for it."""

    key: str
    queue: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One contract.

    `revision` is the newest one heard of; `desired` the newest approved one, with its number: a change order under approval
    does not stop the revision before it. `told` is the hash of what was last published, `said` how often something was.
    `engagement` is the last one found: a contract that is closed is closed where it was set up.
    """

    event_id: str
    revision: int
    desired: Contract | None = None
    desired_revision: int = 0
    waits: tuple[OpenWait, ...] = ()
    engagement: Engagement | None = None
    told: str | None = None
    said: int = 0
