"""What the door needs of the world: a place where accepted reports are kept for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.messages.base import Message


class OutletAway(Exception):
    """The broker or its registry gave no answer: nothing can be accepted now, the sender has to try again."""


class Unsendable(ValueError):
    """The report does not fit its schema, such as an amount with too many digits; the message says which part."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One report on its way: `key` decides its order, `event_id` its trace."""

    topic: str
    key: str
    event_id: str
    message: Message


class Outlet(Protocol):
    async def check(self, parcel: Parcel) -> None:
        """Raises Unsendable when this parcel can never be sent, OutletAway when that cannot be said now."""

    async def send(self, parcels: Sequence[Parcel]) -> None:
        """Every parcel is kept on all replicas on return, in order for each key. Raises OutletAway; some may have been sent then."""
